//! Connections and streams: a server that batches answers into one write gains with the number of streams.

use anyhow::Result;

use super::{FIFTY, authorize, constant, with_its_answer};
use crate::generator::Shape;
use crate::measure::{Candidate, Plan, interleaved};
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
    let mut candidates = Vec::new();
    for shape in SHAPES {
        let hit = authorize("crosstrust, hit", &running, asked::hits(FIFTY), SEEN);
        let prost = constant("constant, prost", &prost, asked::hits(FIFTY), &answer);
        candidates.push(Candidate::prepare(hit, shape).await?);
        candidates.push(Candidate::prepare(prost, shape).await?);
    }
    let measured = interleaved(&candidates, plan).await?;
    report.table("Shapes (connections × streams), 50 groups", &measured);
    Ok(())
}
