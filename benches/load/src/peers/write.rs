//! Writes the input of each peer as files, to read and to try with the peers' own tools.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::facts::Facts;
use super::world::World;
use super::{cedar, cerbos, rego};

/// The number of requests that are written.
const QUESTIONS: usize = 20;

/// `graph/` is the source; the others are derived from it.
pub fn write(root: &Path, seed: u64) -> Result<()> {
    let world = World::of(seed);
    let facts = &Facts::of(&world)?;
    world.write_to(&root.join("graph"))?;
    rego::write_bundle(&root.join("opa"), facts, rego::PLAIN)?;
    cerbos::write_policies(&root.join("cerbos"), facts)?;
    fs::create_dir_all(root.join("questions"))?;
    fs::write(root.join("policies.cedar"), cedar::policies(facts))?;
    for (number, request) in world.requests.iter().take(QUESTIONS).enumerate() {
        let question = root.join(format!("questions/{number:02}.json"));
        fs::write(question, rego::input(request).to_string())?;
    }
    Ok(())
}
