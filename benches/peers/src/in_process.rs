//! Everybody in this process: answers, and what a decision costs.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::Result;
use crosstrust::request::Request;
use crosstrust::time::Timestamp;

use crate::cedar::Cedar;
use crate::engine::Engine;
use crate::facts::Facts;
use crate::regorus::Regorus;

/// Somebody who can be asked, by the number of the request.
pub struct Peer<'a> {
    pub name: String,
    pub ask: Box<dyn FnMut(usize) -> Result<bool> + 'a>,
}

/// The engines, each with its questions in its own types.
pub struct Engines<'a> {
    pub crosstrust: &'a Engine,
    pub requests: &'a [Request],
    pub now: Timestamp,
    cedar: Cedar,
    regorus: Regorus,
}

impl<'a> Engines<'a> {
    pub fn of(
        crosstrust: &'a Engine,
        facts: &Facts,
        requests: &'a [Request],
        now: Timestamp,
    ) -> Result<Self> {
        Ok(Engines {
            crosstrust,
            requests,
            now,
            cedar: Cedar::of(facts, requests, now)?,
            regorus: Regorus::of(facts, requests)?,
        })
    }

    /// crosstrust, and those whose names have this in them.
    pub fn peers(&mut self, only: &str) -> Vec<Peer<'_>> {
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
        let version = |name| format!("{name} {}", crate::tools::locked(name));
        let mut peers = vec![
            Peer {
                name: "crosstrust".into(),
                ask: Box::new(|number| Ok(crosstrust.decide(&requests[number], *now).is_allow())),
            },
            Peer {
                name: version("cedar-policy"),
                ask: Box::new(|number| Ok(cedar.allows(number))),
            },
            Peer {
                name: format!("{}, virtual machine", version("regorus")),
                ask: Box::new(|number| machine.allows(number)),
            },
            Peer {
                name: format!("{}, interpreter", version("regorus")),
                ask: Box::new(|number| interpreter.allows(number)),
            },
        ];
        let mut number = 0;
        peers.retain(|peer| {
            number += 1;
            number == 1 || peer.name.contains(only)
        });
        peers
    }
}

/// What one decision takes, in nanoseconds, over all requests in their order, as often as fills `least`.
pub fn time(peer: &mut Peer<'_>, requests: usize, least: Duration) -> Result<f64> {
    let began = Instant::now();
    let mut decisions = 0;
    while began.elapsed() < least {
        for number in 0..requests {
            black_box((peer.ask)(black_box(number))?);
        }
        decisions += requests;
    }
    Ok(began.elapsed().as_nanos() as f64 / decisions as f64)
}
