//! `AuthorizeBatch` of 32 hits: the cost of a decision, compared with a single call.

use std::rc::Rc;

use anyhow::Result;

use super::{FIFTY, all, authorize};
use crate::generator::Shape;
use crate::measure::{Plan, Round, interleaved};
use crate::questions::authorize::{self as asked, AUTHORIZE_BATCH, Groups, SEEN};
use crate::report::{Goal, Report};
use crate::server::Server;
use crate::systems::{Log, Running, Systems, Transport};

/// Batches of `size` requests whose decisions are cached.
pub(super) fn hits(running: &Running, size: u32, groups: Groups) -> Server {
    let name = format!("batch of {size}, hits");
    Server {
        method: AUTHORIZE_BATCH,
        questions: Rc::new(asked::batches(groups, size)),
        verify: Rc::new(move |answer| asked::verify_batch(answer, size, SEEN)),
        quick_check: Rc::new(asked::quick_check_batch),
        decisions: size,
        ..authorize(&name, running, asked::hits(groups), SEEN)
    }
}

const BATCH: u32 = 32;

pub async fn run(systems: &Systems, plan: Plan, report: &mut Report) -> Result<()> {
    let running = systems.crosstrust(Log::Off, Transport::Tcp)?;
    let single = authorize("single call, hit", &running, asked::hits(FIFTY), SEEN);
    let batch = hits(&running, BATCH, FIFTY);
    let candidates = all(vec![single, batch], Shape::DEFAULT).await?;
    let measured = interleaved(&candidates, plan).await?;
    let [single, batch] = &measured[..] else {
        anyhow::bail!("rows are missing");
    };
    let decision = |round: &Round| round.cpu_us / f64::from(BATCH);
    let what = "one decision of a batch of 32 ÷ a single call";
    let goal = Goal::ratio(what, Some(0.25), (batch, decision), (single, Round::cpu));
    report.goals.push(goal);
    report.table("Batch, 50 groups", &measured);
    Ok(())
}
