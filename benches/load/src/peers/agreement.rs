//! The same answers to the same questions, before anything is timed.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use crosstrust::decision::{Decision, Stage};
use crosstrust::time::Timestamp;

use super::engine::Engine;
use super::world::World;

/// What crosstrust says to every request.
pub struct Answers {
    pub allows: Vec<bool>,
    denials: BTreeMap<Stage, usize>,
}

impl Answers {
    pub fn of(engine: &Engine, world: &World, now: Timestamp) -> Self {
        let requests = world.requests.iter();
        let decisions: Vec<Decision> = requests
            .map(|request| engine.decide(request, now))
            .collect();
        let mut denials = BTreeMap::new();
        for stage in decisions
            .iter()
            .filter_map(|decision| decision.denial()?.stage)
        {
            *denials.entry(stage).or_default() += 1;
        }
        Answers {
            allows: decisions.iter().map(Decision::is_allow).collect(),
            denials,
        }
    }

    /// No peer is asked an easy question: many denials, and at each of the stages that the world is about.
    pub fn check_mix(&self) -> Result<()> {
        let denied: usize = self.denials.values().sum();
        ensure!(
            denied * 100 >= self.allows.len() * 30,
            "only {denied} denials"
        );
        for stage in [Stage::Outbound, Stage::Inbound, Stage::ConditionalAccess] {
            let share = self.denials.get(&stage).copied().unwrap_or_default();
            ensure!(
                share * 100 >= self.allows.len() * 4,
                "only {share} denials at {stage:?}"
            );
        }
        Ok(())
    }

    /// For people: how many of each.
    pub fn mix(&self) -> String {
        let allowed = self.allows.iter().filter(|allows| **allows).count();
        let denials = self.denials.iter();
        let denials: Vec<String> = denials
            .map(|(stage, number)| format!("{number} denied at {stage:?}"))
            .collect();
        format!(
            "{} requests: {allowed} allowed, {}",
            self.allows.len(),
            denials.join(", ")
        )
    }

    /// Fails with the first request to which this peer says something else.
    pub fn compare(&self, world: &World, peer: &str, answers: &[bool]) -> Result<()> {
        let pairs = self.allows.iter().zip(answers).zip(&world.requests);
        let differing: Vec<_> = pairs.filter(|((ours, theirs), _)| ours != theirs).collect();
        let word = |allows: bool| if allows { "allow" } else { "deny" };
        if let Some(((ours, theirs), request)) = differing.first() {
            let (ours, theirs) = (word(**ours), word(**theirs));
            let number = differing.len();
            ensure!(
                false,
                "{number} differ; crosstrust says {ours}, {peer} says {theirs} to {request:#?}"
            );
        }
        ensure!(
            answers.len() == self.allows.len(),
            "{peer} gave {} answers",
            answers.len()
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::peers::Case;

    #[test]
    fn one_answer_that_differs_is_told_with_its_request() {
        let case = Case::of(4).unwrap();
        let mut said = case.answers.allows.clone();
        let compare = |said: &[bool]| case.answers.compare(&case.world, "somebody", said);
        assert!(compare(&said).is_ok());
        assert!(compare(&said[1..]).is_err());
        said[7] = !said[7];
        let told = compare(&said).unwrap_err().to_string();
        let request = format!("{:#?}", case.world.requests[7]);
        assert!(told.starts_with("1 differ"), "{told}");
        assert!(
            told.contains("somebody says") && told.ends_with(&request),
            "{told}"
        );
    }
}
