//! The policies, the peers' view of them, and the answers of crosstrust's core to all requests.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use crosstrust::time::Timestamp;

use super::agreement::Answers;
use super::engine::Engine;
use super::facts::Facts;
use super::world::World;

pub struct Case {
    pub world: World,
    pub facts: Facts,
    pub engine: Engine,
    pub now: Timestamp,
    pub answers: Answers,
}

impl Case {
    /// The case of this seed; fails if its requests are too easy.
    pub fn of(seed: u64) -> Result<Case> {
        let world = World::of(seed);
        let facts = Facts::of(&world)?;
        let engine = Engine::of(&world)?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let now = Timestamp::from_seconds(i64::try_from(since.as_secs())?);
        let answers = Answers::of(&engine, &world, now);
        answers.check_mix()?;
        Ok(Case {
            world,
            facts,
            engine,
            now,
            answers,
        })
    }
}
