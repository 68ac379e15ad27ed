//! `Authorize` with the log off, against constant servers: hits, misses, denials, a mix, and 5, 50 and 200 groups.
//! Hits and misses have separate processes, so that new users evict none of the users that the hits need.

use std::rc::Rc;

use anyhow::Result;

use super::{FIFTY, all, authorize, constant, with_its_answer};
use crate::generator::Shape;
use crate::measure::{Plan, interleaved};
use crate::questions::authorize::{self as asked, Groups, NEW, REFUSED, SEEN};
use crate::report::{Goal, Report};
use crate::server::Server;
use crate::systems::{Constant, Log, Systems, Transport};

pub async fn run(systems: &Systems, plan: Plan, report: &mut Report) -> Result<()> {
    let (seen, answer) = with_its_answer(systems).await?;
    let new = systems.crosstrust(Log::Off, Transport::Tcp)?;
    let before = new.process.peak_kib()?;
    let prost = systems.constant(Constant::Prost, &answer)?;
    let skip = systems.constant(Constant::Skip, &answer)?;
    let (few, many) = (Groups(5), Groups(200));
    let mixed = Server {
        verify: Rc::new(asked::verify_mixed),
        quick_check: Rc::new(asked::quick_check_mixed),
        ..authorize("crosstrust, mixed", &new, asked::mixed(FIFTY)?, NEW)
    };
    let servers = vec![
        constant(
            "constant, prost, 50 groups",
            &prost,
            asked::hits(FIFTY),
            &answer,
        ),
        authorize(
            "crosstrust, hit, 50 groups",
            &seen,
            asked::hits(FIFTY),
            SEEN,
        ),
        authorize(
            "crosstrust, miss, 50 groups",
            &new,
            asked::misses(FIFTY)?,
            NEW,
        ),
        constant(
            "constant, skip, 50 groups",
            &skip,
            asked::hits(FIFTY),
            &answer,
        ),
        authorize(
            "crosstrust, hit, 200 groups",
            &seen,
            asked::hits(many),
            SEEN,
        ),
        constant(
            "constant, skip, 200 groups",
            &skip,
            asked::hits(many),
            &answer,
        ),
        constant(
            "constant, prost, 200 groups",
            &prost,
            asked::hits(many),
            &answer,
        ),
        authorize("crosstrust, hit, 5 groups", &seen, asked::hits(few), SEEN),
        constant(
            "constant, prost, 5 groups",
            &prost,
            asked::hits(few),
            &answer,
        ),
        authorize(
            "crosstrust, denied, 50 groups",
            &seen,
            asked::denials(FIFTY),
            REFUSED,
        ),
        mixed,
    ];
    let candidates = all(servers, Shape::DEFAULT).await?;
    let measured = interleaved(&candidates, plan).await?;
    let peak = seen.process.peak_kib()?.max(new.process.peak_kib()?);
    let [prost, hit, miss, skip, hit_many, skip_many, ..] = &measured[..] else {
        anyhow::bail!("rows are missing");
    };
    report.goals.extend([
        Goal::cpu(
            "Authorize, 50 groups, hit ÷ constant prost",
            Some(0.80),
            hit,
            prost,
        ),
        Goal::cpu(
            "Authorize, 50 groups, miss ÷ constant prost",
            Some(1.00),
            miss,
            prost,
        ),
        Goal::cpu(
            "Authorize, 50 groups, hit ÷ constant skip",
            Some(1.10),
            hit,
            skip,
        ),
        Goal::cpu(
            "Authorize, 200 groups, hit ÷ constant skip",
            Some(1.35),
            hit_many,
            skip_many,
        ),
        Goal::memory(peak, before),
    ]);
    report.table("Authorize, log off", &measured);
    Ok(())
}
