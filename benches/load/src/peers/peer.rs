//! A server with the generated requests, and the check that it answers like crosstrust's core.

use std::rc::Rc;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;

use super::Case;
use crate::generator::{self, Shape};
use crate::measure::Candidate;
use crate::questions::{Frame, Questions};
use crate::server::{Protocol, QuickCheck, Server};
use crate::systems::Running;

pub struct Peer {
    pub server: Server,
    /// The corresponding API of crosstrust.
    pub interface: Interface,
    allows: Allows,
}

/// The API: the server's own, or Envoy's Check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interface {
    Own,
    Check,
}

/// Decodes the message of an answer.
pub type Allows = fn(&[u8]) -> Result<bool>;

/// The encoding of requests and answers.
pub struct Wire {
    pub interface: Interface,
    pub method: &'static str,
    pub protocol: Protocol,
    /// In the order of the world's requests.
    pub questions: Vec<Frame>,
    pub allows: Allows,
    pub quick_check: QuickCheck,
}

impl Peer {
    pub fn of(name: &str, running: &Running, wire: Wire) -> Peer {
        let allows = wire.allows;
        Peer {
            interface: wire.interface,
            allows,
            server: Server {
                name: name.to_owned(),
                processes: vec![Rc::clone(&running.process)],
                address: running.address.clone(),
                method: wire.method,
                protocol: wire.protocol,
                questions: Rc::new(Questions::of(wire.questions)),
                verify: Rc::new(move |answer| allows(answer).map(drop)),
                quick_check: wire.quick_check,
                decisions: 1,
                keep: Rc::clone(&running.folder) as Rc<dyn std::any::Any>,
            },
        }
    }

    /// Sends every request, and fails with the first answer that differs from crosstrust's core.
    pub async fn agrees(&self, case: &Case) -> Result<()> {
        let name = &self.server.name;
        let answers = self.answers().await?;
        let answered = answers.iter().map(|answer| (self.allows)(answer));
        let answered: Vec<bool> = answered
            .collect::<Result<_>>()
            .with_context(|| format!("reading an answer of {name}"))?;
        case.answers.compare(&case.world, name, &answered)?;
        ensure!(
            answers
                .iter()
                .all(|answer| (self.server.quick_check)(answer)),
            "{name}: the quick check rejects a correct answer"
        );
        Ok(())
    }

    /// The answers to all requests, in order.
    pub async fn answers(&self) -> Result<Vec<Bytes>> {
        let answers = generator::all_answers(&self.server).await;
        answers.with_context(|| self.server.name.clone())
    }

    /// A candidate for the load. All requests have already been sent.
    pub fn candidate(self) -> Candidate {
        Candidate {
            server: self.server,
            shape: Shape::DEFAULT,
        }
    }
}
