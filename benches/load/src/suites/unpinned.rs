//! As it comes: neither the servers nor the generator are kept to a core, and crosstrust has as many request threads as
//! it takes by itself. All other suites tell what a core does; this one, what the machine does with the generator on it.

use anyhow::Result;

use super::{FIFTY, all, authorize, constant, with_its_answer};
use crate::cores;
use crate::generator::Shape;
use crate::measure::{Plan, in_turns};
use crate::questions::authorize::{self as asked, NEW, SEEN};
use crate::report::{Goal, Report};
use crate::systems::{Constant, Systems};

pub async fn run(systems: &Systems, plan: Plan, report: &mut Report) -> Result<()> {
    let (_, answer) = with_its_answer(systems).await?;
    cores::roam()?;
    let roaming = roaming(systems, plan, report, &answer).await;
    cores::stay_on(cores::GENERATOR)?;
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
    let contestants = all(servers, Shape::DEFAULT).await?;
    let measured = in_turns(&contestants, plan).await?;
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
