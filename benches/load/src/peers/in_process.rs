//! The engines in this process: their answers, and the time of a decision.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use crosstrust::request::Request;
use crosstrust::time::Timestamp;

use super::Case;
use super::cedar::Cedar;
use super::engine::Engine;
use super::regorus::Regorus;
use crate::report::machine::version;

/// An engine that decides the request with a given index.
pub struct InProcessEngine<'a> {
    pub name: String,
    decide: Box<dyn FnMut(usize) -> Result<bool> + 'a>,
}

/// The engines, each with its requests in its own types.
pub struct Engines<'a> {
    crosstrust: &'a Engine,
    requests: &'a [Request],
    now: Timestamp,
    cedar: Cedar,
    regorus: Regorus,
}

impl<'a> Engines<'a> {
    pub fn of(case: &'a Case) -> Result<Self> {
        let requests = &case.world.requests;
        Ok(Engines {
            crosstrust: &case.engine,
            requests,
            now: case.now,
            cedar: Cedar::of(&case.facts, requests, case.now)?,
            regorus: Regorus::of(&case.facts, requests)?,
        })
    }

    /// crosstrust first.
    pub fn all(&mut self) -> [InProcessEngine<'_>; 4] {
        let Engines {
            crosstrust,
            requests,
            now,
            cedar,
            regorus,
        } = self;
        let Regorus {
            interpreter,
            machine,
        } = regorus;
        let with_version = |name| format!("{name} {}", version(name));
        [
            InProcessEngine {
                name: "crosstrust".into(),
                decide: Box::new(|number| {
                    Ok(crosstrust.decide(&requests[number], *now).is_allow())
                }),
            },
            InProcessEngine {
                name: with_version("cedar-policy"),
                decide: Box::new(|number| Ok(cedar.allows(number))),
            },
            InProcessEngine {
                name: format!("{}, virtual machine", with_version("regorus")),
                decide: Box::new(|number| machine.allows(number)),
            },
            InProcessEngine {
                name: format!("{}, interpreter", with_version("regorus")),
                decide: Box::new(|number| interpreter.allows(number)),
            },
        ]
    }
}

impl InProcessEngine<'_> {
    /// Decides every request, and fails with the first answer that differs from crosstrust's.
    pub fn agrees(&mut self, case: &Case) -> Result<()> {
        let answered = (0..case.world.requests.len()).map(&mut self.decide);
        let answered: Vec<bool> = answered
            .collect::<Result<_>>()
            .with_context(|| self.name.clone())?;
        case.answers.compare(&case.world, &self.name, &answered)
    }
}

/// The time of a decision in nanoseconds, over all requests in order, repeated for at least `least`.
pub fn time(engine: &mut InProcessEngine<'_>, requests: usize, least: Duration) -> Result<f64> {
    let began = Instant::now();
    let mut decisions = 0;
    while began.elapsed() < least {
        for number in 0..requests {
            black_box((engine.decide)(black_box(number))?);
        }
        decisions += requests;
    }
    Ok(began.elapsed().as_nanos() as f64 / decisions as f64)
}
