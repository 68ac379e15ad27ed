//! Everybody in this process: answers, and what a decision costs.

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

/// Somebody who can be asked, by the number of the request.
pub struct Asked<'a> {
    pub name: String,
    ask: Box<dyn FnMut(usize) -> Result<bool> + 'a>,
}

/// The engines, each with its questions in its own types.
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
    pub fn all(&mut self) -> [Asked<'_>; 4] {
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
            Asked {
                name: "crosstrust".into(),
                ask: Box::new(|number| Ok(crosstrust.decide(&requests[number], *now).is_allow())),
            },
            Asked {
                name: with_version("cedar-policy"),
                ask: Box::new(|number| Ok(cedar.allows(number))),
            },
            Asked {
                name: format!("{}, virtual machine", with_version("regorus")),
                ask: Box::new(|number| machine.allows(number)),
            },
            Asked {
                name: format!("{}, interpreter", with_version("regorus")),
                ask: Box::new(|number| interpreter.allows(number)),
            },
        ]
    }
}

impl Asked<'_> {
    /// Puts every question, and fails with the first that is answered otherwise than by crosstrust.
    pub fn agrees(&mut self, case: &Case) -> Result<()> {
        let said = (0..case.world.requests.len()).map(&mut self.ask);
        let said: Vec<bool> = said
            .collect::<Result<_>>()
            .with_context(|| self.name.clone())?;
        case.answers.compare(&case.world, &self.name, &said)
    }
}

/// What one decision takes, in nanoseconds, over all requests in their order, as often as fills `least`.
pub fn time(asked: &mut Asked<'_>, requests: usize, least: Duration) -> Result<f64> {
    let began = Instant::now();
    let mut decisions = 0;
    while began.elapsed() < least {
        for number in 0..requests {
            black_box((asked.ask)(black_box(number))?);
        }
        decisions += requests;
    }
    Ok(began.elapsed().as_nanos() as f64 / decisions as f64)
}
