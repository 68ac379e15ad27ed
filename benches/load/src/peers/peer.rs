//! A server that is asked the world's questions, and whether it answers them as crosstrust's core does.

use std::rc::Rc;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;

use super::Case;
use crate::generator::{self, Shape};
use crate::measure::Contestant;
use crate::questions::{Frame, Questions};
use crate::server::{Glance, Manner, Server};
use crate::systems::Running;

pub struct Peer {
    pub server: Server,
    /// To which of crosstrust's ways to be asked its own is alike.
    pub interface: Interface,
    allows: Allows,
}

/// What it is asked: a message of its own, or Envoy's Check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interface {
    Own,
    Check,
}

/// Reads the message of an answer.
pub type Allows = fn(&[u8]) -> Result<bool>;

/// How it is asked and what it says.
pub struct Wire {
    pub interface: Interface,
    pub method: &'static str,
    pub manner: Manner,
    /// In the order of the world's requests.
    pub questions: Vec<Frame>,
    pub allows: Allows,
    pub glance: Glance,
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
                manner: wire.manner,
                questions: Rc::new(Questions::of(wire.questions)),
                verify: Rc::new(move |answer| allows(answer).map(drop)),
                glance: wire.glance,
                decisions: 1,
                keep: Rc::clone(&running.folder) as Rc<dyn std::any::Any>,
            },
        }
    }

    /// Puts every question, and fails with the first that is answered otherwise than by crosstrust's core.
    pub async fn agrees(&self, case: &Case) -> Result<()> {
        let name = &self.server.name;
        let answers = self.answers().await?;
        let said = answers.iter().map(|answer| (self.allows)(answer));
        let said: Vec<bool> = said
            .collect::<Result<_>>()
            .with_context(|| format!("reading an answer of {name}"))?;
        case.answers.compare(&case.world, name, &said)?;
        ensure!(
            answers.iter().all(|answer| (self.server.glance)(answer)),
            "{name}: a glance misjudges a right answer"
        );
        Ok(())
    }

    /// The answers to all questions, in their order.
    pub async fn answers(&self) -> Result<Vec<Bytes>> {
        let answers = generator::all_answers(&self.server).await;
        answers.with_context(|| self.server.name.clone())
    }

    /// To be put under load as it is: it has been asked everything.
    pub fn contestant(self) -> Contestant {
        Contestant {
            server: self.server,
            shape: Shape::DEFAULT,
        }
    }
}
