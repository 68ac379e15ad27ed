//! Heap allocations of a decision. The benches measure time.

use crosstrust::decision::Stage;
use crosstrust::evaluate;
use crosstrust::revocation::Revocations;

use crate::support::random::Rng;
use crate::support::{generate, product};

/// A plain decision is not a Conditional Access denial, has no subject in its message, and has no more applied
/// policies and obligations than fit inline.
#[test]
fn a_plain_decision_allocates_nothing() {
    let none = Revocations::default();
    let mut counted = 0;
    for seed in 0..200 {
        let world = generate::world(seed);
        let snapshot = product::snapshot(&world);
        let mut rng = Rng::new(seed);
        for _ in 0..20 {
            let (mut request, now) = generate::request(&world, &mut rng);
            // Filters compare texts without case, which may allocate.
            request.context.device = None;
            request.context.app_attributes.clear();
            let mut decision = None;
            let counts = allocation_counter::measure(|| {
                decision = Some(evaluate::decide(&snapshot, &none, &request, now));
            });
            let decision = decision.unwrap();
            let stage = decision.denial().and_then(|denial| denial.stage);
            let is_plain = stage != Some(Stage::ConditionalAccess)
                && decision
                    .denial()
                    .is_none_or(|denial| denial.subject.is_none())
                && decision.applied.len() <= 4
                && decision.obligations.len() <= 2;
            if is_plain {
                assert_eq!(counts.count_total, 0, "{decision:#?} {request:#?}");
                counted += 1;
            }
        }
    }
    assert!(counted > 1000, "{counted}");
}
