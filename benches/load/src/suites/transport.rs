//! The same hits over TCP, a Unix socket, and TLS.

use anyhow::Result;

use super::{FIFTY, all, authorize};
use crate::generator::Shape;
use crate::measure::{Plan, interleaved};
use crate::questions::authorize::{self as asked, SEEN};
use crate::report::Report;
use crate::systems::{Log, Systems, Transport};

pub async fn run(systems: &Systems, plan: Plan, report: &mut Report) -> Result<()> {
    let mut servers = Vec::new();
    for (transport, name) in [
        (Transport::Tcp, "hit over TCP"),
        (Transport::Unix, "hit over a Unix socket"),
        (Transport::Tls, "hit over TLS"),
    ] {
        let running = systems.crosstrust(Log::Off, transport)?;
        servers.push(authorize(name, &running, asked::hits(FIFTY), SEEN));
    }
    let candidates = all(servers, Shape::DEFAULT).await?;
    let measured = interleaved(&candidates, plan).await?;
    report.table("Transports, 50 groups", &measured);
    Ok(())
}
