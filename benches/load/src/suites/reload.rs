//! Hits at 70 % of the server's maximum, without and with a policy file that changes every two seconds: the effect on p99,
//! and gaps without answers. Both run on the same process, interleaved.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use crosstrust::rpc::proto::AuthorizeResponse;
use prost::Message;

use super::{FIFTY, authorize};
use crate::generator::{self, GAP, Load, Shape};
use crate::measure::{self, Candidate, Measured, Plan, Round};
use crate::questions::authorize::{self as asked, Expected, SEEN};
use crate::report::{Goal, Report};
use crate::server::Server;
use crate::systems::{Log, Running, Systems, Transport};

/// Interval of the changes.
const EVERY: Duration = Duration::from_secs(2);
/// Fraction of the maximum.
const FRACTION: f64 = 0.7;
/// Changes in one measurement, the first after half of [`EVERY`].
const CHANGES: u32 = 3;

pub async fn run(systems: &Systems, plan: Plan, report: &mut Report) -> Result<()> {
    let running = systems.crosstrust(Log::Off, Transport::Tcp)?;
    let any = Expected {
        cached: None,
        ..SEEN
    };
    let server = authorize("without reloads", &running, asked::hits(FIFTY), any);
    let changing = server.with_requests(
        "with a reload every 2 s",
        std::rc::Rc::clone(&server.questions),
        std::rc::Rc::clone(&server.verify),
    );
    let still = Candidate::prepare(server, Shape::DEFAULT).await?;
    let changing = Candidate::prepare(changing, Shape::DEFAULT).await?;
    let rate = FRACTION * measure::most(&still, plan).await?;

    let policy = Policy::of(&running);
    let changes = if plan.rounds > 1 { CHANGES } else { 1 };
    let (mut without, mut with) = (Measured::empty(&still), Measured::empty(&changing));
    for round in 0..=plan.rounds {
        let one = at_rate(&still.server, rate, changes, None).await?;
        let other = at_rate(&changing.server, rate, changes, Some(&policy)).await?;
        if round > 0 {
            without.rounds.push(one);
            with.rounds.push(other);
        }
    }
    tell(report, without, with, rate);
    Ok(())
}

fn tell(report: &mut Report, without: Measured, with: Measured, rate: f64) {
    let p99 = |round: &Round| round.load.percentile_us(99.0);
    let what = "p99 at 70 % of the maximum, with a reload every 2 s ÷ without";
    let goal = Goal::ratio(what, Some(1.2), (&with, p99), (&without, p99));
    // Without reloads the server has its core to itself.
    report.goals.push(goal.where_quiet(&without));
    let gaps = |one: &Measured| one.rounds.iter().map(|round| round.load.gaps).sum::<u64>();
    let longest = |one: &Measured| {
        let all = one.rounds.iter().map(|round| round.load.longest_gap);
        all.max().unwrap_or_default().as_secs_f64() * 1000.0
    };
    report.goals.push(Goal::informational(
        &format!(
            "gaps over {} ms in {} rounds, with ÷ without",
            GAP.as_millis(),
            with.rounds.len()
        ),
        format!(
            "{} ÷ {}; longest {:.1} ÷ {:.1} ms",
            gaps(&with),
            gaps(&without),
            longest(&with),
            longest(&without)
        ),
    ));
    let title = format!("Reloads under {rate:.0} calls/s, 50 groups");
    report.table(&title, &[without, with]);
}

/// A measurement at this rate, during which the policy, if given, changes.
async fn at_rate(
    server: &Server,
    rate: f64,
    changes: u32,
    policy: Option<&Policy>,
) -> Result<Round> {
    let time = EVERY * changes;
    let version = version(server).await?;
    let before = server.spent()?;
    let load = generator::open(server, Shape::DEFAULT, rate, time);
    let load: Load = match policy {
        None => load.await?,
        Some(policy) => {
            let changing = policy.change_every(EVERY, changes);
            let (load, changed) = tokio::join!(load, changing);
            changed?;
            load?
        }
    };
    let spent = server.spent()?.since(before);
    let reloads = self::version(server).await?.saturating_sub(version);
    let expected = if policy.is_some() {
        u64::from(changes)
    } else {
        0
    };
    ensure!(
        reloads == expected,
        "{}: expected {expected} reloads, found {reloads}",
        server.name
    );
    measure::round(server, load, spent)
}

/// The snapshot version of an answer.
async fn version(server: &Server) -> Result<u64> {
    let answer = generator::one_answer(server).await?;
    let snapshot = AuthorizeResponse::decode(answer)?.snapshot;
    Ok(snapshot.context("the answer has no snapshot")?.version)
}

/// A policy file of the server, with two contents that both allow the requests.
struct Policy {
    path: PathBuf,
    /// A temporary file beside the policies, on the same disk.
    fresh: PathBuf,
}

const TRUSTED: &str = r#""isCompliantDeviceAccepted": true"#;
const NOT_TRUSTED: &str = r#""isCompliantDeviceAccepted": false"#;

impl Policy {
    fn of(running: &Running) -> Policy {
        let path = "policies/contoso/partners/fabrikam.json";
        Policy {
            path: running.folder.path().join(path),
            fresh: running.folder.path().join("fresh"),
        }
    }

    /// Changes the file this many times by rename, like an editor.
    async fn change_every(&self, every: Duration, times: u32) -> Result<()> {
        tokio::time::sleep(every / 2).await;
        for time in 0..times {
            if time > 0 {
                tokio::time::sleep(every).await;
            }
            self.change().context("cannot change a policy")?;
        }
        Ok(())
    }

    fn change(&self) -> Result<()> {
        let text = fs::read_to_string(&self.path)?;
        let other = if text.contains(TRUSTED) {
            text.replace(TRUSTED, NOT_TRUSTED)
        } else {
            text.replace(NOT_TRUSTED, TRUSTED)
        };
        ensure!(
            text != other,
            "nothing to change in {}",
            self.path.display()
        );
        fs::write(&self.fresh, other)?;
        Ok(fs::rename(&self.fresh, &self.path)?)
    }
}
