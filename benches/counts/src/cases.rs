//! The kinds of calls by which builds of the program are compared.

use crosstrust_counts::issuer::Issuer;

use crate::questions::Questions;

pub struct Case {
    pub name: &'static str,
    /// Calls in one round.
    pub calls: u64,
    /// The requests of a round; users of misses are new in each round.
    pub questions: fn(round: u128, issuer: &Issuer) -> Questions,
}

pub const CASES: [Case; 7] = [
    Case {
        name: "hit, 5 groups",
        calls: 20_000,
        questions: |_, _| Questions::allowed(0..1000, 5),
    },
    Case {
        name: "hit, 50 groups",
        calls: 20_000,
        questions: |_, _| Questions::allowed(0..1000, 50),
    },
    Case {
        name: "hit, 200 groups",
        calls: 10_000,
        questions: |_, _| Questions::allowed(0..1000, 200),
    },
    Case {
        name: "miss, 50 groups",
        calls: 10_000,
        questions: |round, _| {
            let first = (round + 1) << 24;
            Questions::allowed(first..first + 10_000, 50)
        },
    },
    Case {
        name: "denied, 50 groups",
        calls: 20_000,
        questions: |_, _| Questions::denied(0..1000, 50),
    },
    Case {
        name: "batch of 32, 50 groups",
        calls: 1000,
        questions: |_, _| Questions::batches(0..30, 50),
    },
    Case {
        name: "Check, seen token",
        calls: 10_000,
        questions: |_, issuer| Questions::checks(0..200, issuer),
    },
];
