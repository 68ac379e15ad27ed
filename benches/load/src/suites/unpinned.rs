//! No CPU pinning for servers and generator, and crosstrust's default number of request threads. The other suites measure
//! one core; this one measures the machine, with the generator on it.

use anyhow::Result;

use super::{FIFTY, all, authorize, constant, with_its_answer};
use crate::cores;
use crate::generator::Shape;
use crate::measure::{Plan, interleaved};
use crate::questions::authorize::{self as asked, NEW, SEEN};
use crate::report::{Goal, Report};
use crate::systems::{Constant, Systems};

pub async fn run(systems: &Systems, plan: Plan, report: &mut Report) -> Result<()> {
    let (_, answer) = with_its_answer(systems).await?;
    cores::unpin()?;
    let roaming = roaming(systems, plan, report, &answer).await;
    cores::pin_to(cores::GENERATOR)?;
    roaming
}

async fn roaming(
    systems: &Systems,
    plan: Plan,
    report: &mut Report,
    answer: &bytes::Bytes,
) -> Result<()> {
    let prost = systems.constant(Constant::Prost, answer)?;
    let seen = systems.crosstrust_with_all_threads()?;
    let new = systems.crosstrust_with_all_threads()?;
    let servers = vec![
        constant(
            "constant, prost, one thread",
            &prost,
            asked::hits(FIFTY),
            answer,
        ),
        authorize("crosstrust, hit", &seen, asked::hits(FIFTY), SEEN),
        authorize("crosstrust, miss", &new, asked::misses(FIFTY)?, NEW),
    ];
    let candidates = all(servers, Shape::DEFAULT).await?;
    let measured = interleaved(&candidates, plan).await?;
    let [prost, hit, _] = &measured[..] else {
        anyhow::bail!("rows are missing");
    };
    let what = "no CPU pinning: Authorize, 50 groups, hit ÷ constant prost";
    report.goals.push(Goal::cpu(what, None, hit, prost));
    let note = "No CPU pinning for servers and generator. crosstrust has its default number of request threads, one per \
                core; the constant server and the generator have one thread each.";
    report.noted("Unpinned, 50 groups", note, &measured);
    Ok(())
}
