//! The cost of records: the log off, async and strict, for hits (no record) and misses (one record each).

use anyhow::Result;

use super::{FIFTY, all, authorize};
use crate::generator::Shape;
use crate::measure::{Plan, interleaved};
use crate::questions::authorize::{self as asked, NEW, SEEN};
use crate::report::{Goal, Report};
use crate::systems::{Log, Systems, Transport};

const MODES: [(Log, &str); 3] = [
    (Log::Off, "off"),
    (Log::Async, "async"),
    (Log::Strict, "strict"),
];

pub async fn run(systems: &Systems, plan: Plan, report: &mut Report) -> Result<()> {
    let mut servers = Vec::new();
    for (log, name) in MODES {
        let running = systems.crosstrust(log, Transport::Tcp)?;
        let name = format!("hit, log {name}");
        servers.push(authorize(&name, &running, asked::hits(FIFTY), SEEN));
    }
    for (log, name) in MODES {
        let running = systems.crosstrust(log, Transport::Tcp)?;
        let name = format!("miss, log {name}");
        servers.push(authorize(&name, &running, asked::misses(FIFTY)?, NEW));
    }
    let candidates = all(servers, Shape::DEFAULT).await?;
    let measured = interleaved(&candidates, plan).await?;
    let [hit, hit_async, hit_strict, miss, miss_async, miss_strict] = &measured[..] else {
        anyhow::bail!("rows are missing");
    };
    report.goals.extend([
        Goal::cpu("hit, log async ÷ log off", Some(1.02), hit_async, hit),
        Goal::cpu("hit, log strict ÷ log off", Some(1.02), hit_strict, hit),
        Goal::cpu("miss, log async ÷ log off", None, miss_async, miss),
        Goal::cpu("miss, log strict ÷ log off", None, miss_strict, miss),
    ]);
    report.table("Records, 50 groups", &measured);
    Ok(())
}
