//! Checks that all give the same answers, before anything is timed.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use crosstrust::decision::{Decision, Stage};
use crosstrust::time::Timestamp;

use super::engine::Engine;
use super::world::World;

/// The answers of crosstrust to all requests.
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

    /// Checks that the requests are not too easy: many denials, at each covered stage.
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

    /// A summary of the counts.
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

    /// Fails with the first request to which this peer answers differently.
    pub fn compare(&self, world: &World, peer: &str, answers: &[bool]) -> Result<()> {
        let pairs = self.allows.iter().zip(answers).zip(&world.requests);
        let differing: Vec<_> = pairs.filter(|((ours, theirs), _)| ours != theirs).collect();
        let word = |allows: bool| if allows { "allow" } else { "deny" };
        if let Some(((ours, theirs), request)) = differing.first() {
            let (ours, theirs) = (word(**ours), word(**theirs));
            let number = differing.len();
            ensure!(
                false,
                "{number} answers differ; crosstrust returns {ours}, {peer} returns {theirs} for {request:#?}"
            );
        }
        ensure!(
            answers.len() == self.allows.len(),
            "{peer} returned {} answers",
            answers.len()
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::peers::Case;

    #[test]
    fn a_different_answer_is_reported_with_its_request() {
        let case = Case::of(4).unwrap();
        let mut answers = case.answers.allows.clone();
        let compare = |answers: &[bool]| case.answers.compare(&case.world, "a peer", answers);
        assert!(compare(&answers).is_ok());
        assert!(compare(&answers[1..]).is_err());
        answers[7] = !answers[7];
        let error = compare(&answers).unwrap_err().to_string();
        let request = format!("{:#?}", case.world.requests[7]);
        assert!(error.starts_with("1 answers differ"), "{error}");
        assert!(
            error.contains("a peer returns") && error.ends_with(&request),
            "{error}"
        );
    }
}
