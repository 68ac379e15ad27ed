//! Connections and streams: what batches answers into one write looks better with many streams than with one.

use anyhow::Result;

use super::{FIFTY, authorize, constant, with_its_answer};
use crate::generator::Shape;
use crate::measure::{Contestant, Plan, in_turns};
use crate::questions::authorize::{self as asked, SEEN};
use crate::report::Report;
use crate::systems::{Constant, Systems};

const SHAPES: [Shape; 4] = [
    Shape {
        connections: 1,
        streams: 1,
    },
    Shape {
        connections: 8,
        streams: 1,
    },
    Shape::DEFAULT,
    Shape {
        connections: 64,
        streams: 1,
    },
];

pub async fn run(systems: &Systems, plan: Plan, report: &mut Report) -> Result<()> {
    let (running, answer) = with_its_answer(systems).await?;
    let prost = systems.constant(Constant::Prost, &answer)?;
    let mut contestants = Vec::new();
    for shape in SHAPES {
        let hit = authorize("crosstrust, hit", &running, asked::hits(FIFTY), SEEN);
        let prost = constant("constant, prost", &prost, asked::hits(FIFTY), &answer);
        contestants.push(Contestant::prepare(hit, shape).await?);
        contestants.push(Contestant::prepare(prost, shape).await?);
    }
    let measured = in_turns(&contestants, plan).await?;
    report.table("Shapes (connections × streams), 50 groups", &measured);
    Ok(())
}
