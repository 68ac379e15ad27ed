//! `AuthorizeBatch` of 32 hits: what one decision costs there, against a call of its own.

use std::rc::Rc;

use anyhow::Result;

use super::{FIFTY, all, authorize};
use crate::generator::Shape;
use crate::measure::{Plan, Round, in_turns};
use crate::questions::authorize::{self as asked, AUTHORIZE_BATCH, BATCH, SEEN};
use crate::report::{Goal, Report};
use crate::server::Server;
use crate::systems::{Log, Running, Systems, Transport};

/// Batches of 32 questions whose decisions are cached.
pub(super) fn hits(running: &Running) -> Server {
    Server {
        method: AUTHORIZE_BATCH,
        questions: Rc::new(asked::batches(FIFTY)),
        verify: Rc::new(|answer| asked::verify_batch(answer, SEEN)),
        glance: Rc::new(asked::glance_batch),
        decisions: BATCH,
        ..authorize("batch of 32, hits", running, asked::hits(FIFTY), SEEN)
    }
}

pub async fn run(systems: &Systems, plan: Plan, report: &mut Report) -> Result<()> {
    let running = systems.crosstrust(Log::Off, Transport::Tcp)?;
    let single = authorize("single call, hit", &running, asked::hits(FIFTY), SEEN);
    let batch = hits(&running);
    let contestants = all(vec![single, batch], Shape::DEFAULT).await?;
    let measured = in_turns(&contestants, plan).await?;
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
