//! A cache changes how fast an answer comes, and nothing else about it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crosstrust::cache::CacheBytes;
use crosstrust::clock::{Clock, ManualClock};
use crosstrust::decision::Reason;
use crosstrust::engine::{Answer, Engine, EngineOptions};
use crosstrust::id::{
    Aaguid, AppId, CustomControlId, GroupId, RoleId, TenantId, TermsOfUseId, UserId,
};
use crosstrust::request::{AccessType, ChannelId, Request};
use crosstrust::revocation::Revocation;
use crosstrust::time::Timestamp;
use crosstrust::vocabulary::{AuthenticationMethod, Cloud, UserType, WordSet};
use proptest::prelude::*;

use super::small_world::{self, CONTOSO, FABRIKAM, WOODGROVE, files, snapshot_of};

const NOON: Timestamp = Timestamp::from_seconds(1_800_000_000);
const MINUTE: Duration = Duration::from_secs(60);

struct World {
    engine: Engine,
    clock: Arc<ManualClock>,
}

impl World {
    fn with(cache: Option<CacheBytes>) -> Self {
        let clock = ManualClock::at(NOON);
        let engine = Engine::new(EngineOptions {
            cache,
            clock: Clock::Manual(Arc::clone(&clock)),
        });
        World { engine, clock }
    }

    /// Contoso lets everybody in.
    fn new() -> Self {
        let world = World::with(Some(CacheBytes::default()));
        world.activate("allowed");
        world
    }

    fn activate(&self, contosos_access: &str) {
        self.engine
            .activate(snapshot_of(&files(contosos_access)), "a test");
    }

    fn ask(&self, request: &Request) -> Answer {
        self.engine.authorize(request)
    }

    fn is_cached(&self, request: &Request) -> bool {
        self.ask(request).cached
    }
}

/// Good for half an hour.
fn request() -> Request {
    small_world::request(NOON.plus(30 * MINUTE))
}

#[test]
fn the_same_question_is_answered_again_with_the_same_decision_id() {
    let world = World::new();
    let first = world.ask(&request());
    let second = world.ask(&request());
    assert!(first.decision.is_allow() && !first.cached && second.cached);
    assert_eq!(first.decision, second.decision);
    assert_eq!(first.decision_id, second.decision_id);
    let counters = world.engine.counters();
    assert_eq!((counters.hits, counters.misses), (1, 1));
}

#[test]
fn a_denial_is_kept_as_long_as_an_allow() {
    let world = World::new();
    world.activate("blocked");
    assert!(!world.ask(&request()).cached);
    let again = world.ask(&request());
    assert!(again.cached);
    assert_eq!(again.decision.denial().unwrap().reason, Reason::InboundUser);
}

#[test]
fn what_a_request_is_called_and_how_its_lists_are_ordered_makes_no_other_question() {
    let world = World::new();
    let mut first = request();
    first.roles = vec![RoleId(1), RoleId(2)];
    first.claims.authentication_contexts = vec![String::from("c1"), String::from("c2")];
    world.ask(&first);

    let mut second = first.clone();
    second.request_id = String::from("another");
    second.roles = vec![RoleId(2), RoleId(1), RoleId(2)];
    second.claims.authentication_contexts.reverse();
    // No rule names these groups.
    second.groups = vec![GroupId(7)];
    second.resource_groups = vec![GroupId(8)];
    assert!(world.is_cached(&second));
}

type Change = fn(&mut Request);

/// One change for each field that is always part of the question.
const CHANGES: &[(&str, Change)] = &[
    ("home", |r| r.home = WOODGROVE),
    ("resource", |r| r.resource = WOODGROVE),
    ("user", |r| r.user = Some(UserId(99))),
    ("no user", |r| r.user = None),
    ("app", |r| r.app = AppId(99)),
    ("client_app", |r| r.client_app = Some(AppId(2))),
    ("access", |r| r.access = AccessType::Collaboration),
    ("channel", |r| {
        r.channel = Some(ChannelId(String::from("19:x")))
    }),
    ("roles", |r| r.roles = vec![RoleId(1)]),
    ("external_user_type", |r| {
        r.external_user_type = Some(UserType::DirectConnectUser)
    }),
    ("resource_user", |r| r.resource_user = Some(UserId(1))),
    ("home_cloud", |r| r.home_cloud = Some(Cloud::Commercial)),
    ("restricting_tenant", |r| {
        r.restricting_tenant = Some(CONTOSO)
    }),
    ("expires_at", |r| {
        r.claims.expires_at = NOON.plus(29 * MINUTE)
    }),
    ("issued_at", |r| r.claims.issued_at = Some(NOON)),
    ("auth_time", |r| r.claims.auth_time = Some(NOON)),
    ("mfa", |r| r.claims.mfa = true),
    ("resource_mfa", |r| r.claims.resource_mfa = true),
    ("compliant_device", |r| r.claims.compliant_device = true),
    ("hybrid_joined_device", |r| {
        r.claims.hybrid_joined_device = true
    }),
    ("authentication_methods", |r| {
        r.claims.authentication_methods = WordSet::EMPTY.with(AuthenticationMethod::Sms);
    }),
    ("resource_authentication_methods", |r| {
        r.claims.resource_authentication_methods = WordSet::EMPTY.with(AuthenticationMethod::Sms);
    }),
    ("authentication_contexts", |r| {
        r.claims.authentication_contexts = vec![String::from("c1")]
    }),
    ("device_id", |r| {
        r.claims.device_id = Some(String::from("d"))
    }),
    ("session_id", |r| {
        r.claims.session_id = Some(String::from("d"))
    }),
    ("groups_incomplete", |r| r.claims.groups_incomplete = true),
    ("roles_incomplete", |r| r.claims.roles_incomplete = true),
    ("accepted_terms_of_use", |r| {
        r.claims.accepted_terms_of_use = vec![TermsOfUseId(1)]
    }),
    ("accepted_custom_controls", |r| {
        r.claims.accepted_custom_controls = vec![CustomControlId(1)];
    }),
    ("authenticator_aaguid", |r| {
        r.claims.authenticator_aaguid = Some(Aaguid(1))
    }),
    ("certificate_issuer_skis", |r| {
        r.claims.certificate_issuer_skis = vec![String::from("ab")]
    }),
    ("certificate_policy_oids", |r| {
        r.claims.certificate_policy_oids = vec![String::from("ab")]
    }),
    ("client_capabilities", |r| {
        r.context.client_capabilities = vec![String::from("cp1")]
    }),
];

#[test]
fn any_other_field_makes_another_question() {
    for (i, (name, change)) in CHANGES.iter().enumerate() {
        let world = World::new();
        world.ask(&request());
        let mut changed = request();
        change(&mut changed);
        assert!(!world.is_cached(&changed), "{name} is not in the key");
        // And no two changes look alike, whatever field they are in.
        for (other_name, other) in CHANGES.iter().skip(i + 1) {
            let mut other_changed = request();
            other(&mut other_changed);
            assert!(
                !world.is_cached(&other_changed),
                "{name} looks like {other_name}"
            );
            world.activate("allowed");
            world.ask(&changed);
        }
    }
}

#[test]
fn nothing_is_answered_from_before_an_activation_or_a_revocation() {
    let world = World::new();
    world.ask(&request());
    world.activate("blocked");
    let answer = world.ask(&request());
    assert!(!answer.cached && !answer.decision.is_allow());
    // Nor after the same policies have come back.
    world.activate("allowed");
    assert!(!world.is_cached(&request()));

    world.ask(&request());
    let everything = Revocation::Tenant {
        tenant: FABRIKAM,
        before: NOON,
    };
    world
        .engine
        .set_revocations([everything].into_iter().collect());
    let answer = world.ask(&request());
    assert!(!answer.cached);
    assert_eq!(
        answer.decision.denial().unwrap().reason,
        Reason::SessionRevoked
    );
    // The activation keeps the revocations.
    world.activate("allowed");
    assert!(!world.ask(&request()).decision.is_allow());
}

#[test]
fn an_answer_ends_with_the_token_on_the_wall_clock() {
    let world = World::new();
    world.ask(&request());
    world.clock.pass(30 * MINUTE - Duration::from_nanos(1));
    assert!(world.is_cached(&request()));
    world.clock.pass(Duration::from_nanos(1));
    let answer = world.ask(&request());
    assert!(!answer.cached);
    assert_eq!(
        answer.decision.denial().unwrap().reason,
        Reason::TokenExpired
    );
}

#[test]
fn a_wall_clock_that_is_set_back_revives_nothing() {
    let world = World::new();
    world.ask(&request());
    world.clock.pass(20 * MINUTE);
    world.clock.set_wall(NOON.plus(MINUTE));
    assert!(
        world.is_cached(&request()),
        "ten minutes are left on both clocks"
    );
    world.clock.pass(10 * MINUTE);
    assert!(
        !world.is_cached(&request()),
        "half an hour has passed, whatever the wall clock shows"
    );
}

#[test]
fn a_wall_clock_that_jumps_ahead_ends_what_it_ends() {
    let world = World::new();
    world.ask(&request());
    world.clock.set_wall(NOON.plus(31 * MINUTE));
    assert_eq!(
        world.ask(&request()).decision.denial().unwrap().reason,
        Reason::TokenExpired
    );
    world.clock.set_wall(NOON.plus(MINUTE));
    assert!(world.ask(&request()).decision.is_allow());
}

#[test]
fn before_an_answer_was_made_it_is_not_given() {
    let world = World::new();
    let mut early = request();
    early.claims.issued_at = Some(NOON);
    assert!(world.ask(&early).decision.is_allow());
    // Set back so far that the token is not yet valid.
    world.clock.set_wall(NOON.minus(10 * MINUTE));
    let answer = world.ask(&early);
    assert_eq!(
        answer.decision.denial().unwrap().reason,
        Reason::TokenNotYetValid
    );
}

#[test]
fn an_answer_is_good_for_an_hour_at_most() {
    let world = World::new();
    let long = small_world::request(NOON.plus(300 * MINUTE));
    world.ask(&long);
    world.clock.pass(60 * MINUTE - Duration::from_nanos(1));
    assert!(world.is_cached(&long));
    world.clock.pass(Duration::from_nanos(1));
    assert!(!world.is_cached(&long));
    assert!(world.is_cached(&long), "and then anew");
}

#[test]
fn without_policies_every_answer_is_a_new_denial() {
    let world = World::with(Some(CacheBytes::default()));
    let answers = [world.ask(&request()), world.ask(&request())];
    for answer in &answers {
        assert!(!answer.cached && answer.active.is_none());
        assert_eq!(answer.decision.denial().unwrap().reason, Reason::NoSnapshot);
    }
    assert_ne!(answers[0].decision_id, answers[1].decision_id);
    assert!(world.engine.explain(&request()).is_none());
}

#[test]
fn without_a_cache_every_answer_is_new() {
    let world = World::with(None);
    world.activate("allowed");
    assert!(!world.is_cached(&request()) && !world.is_cached(&request()));
    assert_eq!(world.engine.counters(), Default::default());
}

#[test]
fn a_batch_is_answered_under_one_snapshot_in_its_order() {
    let world = World::new();
    let mut other = request();
    other.resource = TenantId(77);
    let answers = world.engine.authorize_batch(&[request(), other, request()]);
    let active = world.engine.active().unwrap();
    assert!(
        answers
            .iter()
            .all(|answer| Arc::ptr_eq(answer.active.as_ref().unwrap(), &active))
    );
    let verdicts: Vec<_> = answers
        .iter()
        .map(|answer| (answer.decision.is_allow(), answer.cached))
        .collect();
    assert_eq!(verdicts, [(true, false), (false, false), (true, true)]);
}

#[test]
fn explaining_neither_asks_nor_feeds_the_cache() {
    let world = World::new();
    let (active, explanation) = world.engine.explain(&request()).unwrap();
    assert!(explanation.decision.is_allow());
    assert_eq!(active.version, 1);
    assert!(!world.is_cached(&request()));
    assert_eq!(world.engine.counters().hits, 0);
}

#[test]
fn the_cache_stays_within_its_weight_and_forgets_nobody_who_fits() {
    let bytes = 200_000;
    let world = World::with(Some(CacheBytes(bytes)));
    world.activate("allowed");
    let of_user = |user: u128| Request {
        user: Some(UserId(user)),
        ..request()
    };
    (0..100).for_each(|user| drop(world.ask(&of_user(user))));
    world.engine.reap();
    let counters = world.engine.counters();
    assert_eq!(counters.entries, 100);
    // A key of some 200 bytes, a decision, and what moka keeps.
    assert!(
        (400 * 100..1200 * 100).contains(&counters.weight_bytes),
        "{counters:?}"
    );
    assert!((0..100).all(|user| world.is_cached(&of_user(user))));

    (0..5000).for_each(|user| drop(world.ask(&of_user(user))));
    world.engine.reap();
    let counters = world.engine.counters();
    assert!(
        counters.weight_bytes <= bytes && counters.entries > 100,
        "{counters:?}"
    );
}

#[test]
fn a_request_that_says_too_much_is_decided_each_time() {
    let world = World::new();
    let with_session = |bytes| {
        let mut request = request();
        request.claims.session_id = Some("x".repeat(bytes));
        request
    };
    let long = with_session(9000);
    assert!(!world.is_cached(&long) && !world.is_cached(&long));
    let short = with_session(7000);
    assert!(!world.is_cached(&short) && world.is_cached(&short));
}

#[test]
fn versions_count_activations_and_a_replaced_snapshot_is_dropped_when_nobody_holds_it() {
    let world = World::new();
    let held = world.ask(&request());
    let first = Arc::downgrade(held.active.as_ref().unwrap());
    world.activate("blocked");
    assert_eq!(world.engine.active().unwrap().version, 2);
    assert_eq!(world.engine.reap(), 1, "somebody holds the first one");
    drop(held);
    assert!(
        first.upgrade().is_some(),
        "whoever answered last does not drop it"
    );
    assert_eq!(world.engine.reap(), 0);
    assert!(first.upgrade().is_none());
}

/// What happens to two engines that differ only in having a cache.
#[derive(Debug, Clone)]
pub enum Step {
    /// A request comes.
    Ask(Box<Request>),
    /// These policies (by number) are activated.
    Activate(usize),
    /// Time passes.
    Pass(Duration),
    /// Somebody sets the wall clock.
    SetWall(Timestamp),
    /// These revocations, and no others, are in force.
    Revoke(Vec<Revocation>),
}

/// Text files of one policies folder.
pub type Policies = Vec<(&'static str, String)>;

/// Runs the steps on an engine with a cache and on one without, and compares every answer. Returns how
/// many came from the cache.
pub fn compare_with_and_without(
    policies: &[Policies],
    steps: &[Step],
) -> Result<usize, TestCaseError> {
    let clock = ManualClock::at(NOON);
    let engine = |cache| {
        Engine::new(EngineOptions {
            cache,
            clock: Clock::Manual(Arc::clone(&clock)),
        })
    };
    let (cached, fresh) = (engine(Some(CacheBytes::default())), engine(None));
    let mut recalled = 0;
    for step in steps {
        match step {
            Step::Ask(request) => {
                let (left, right) = (cached.authorize(request), fresh.authorize(request));
                prop_assert_eq!(&left.decision.verdict, &right.decision.verdict);
                prop_assert_eq!(&left.decision.applied, &right.decision.applied);
                prop_assert_eq!(&left.decision.obligations, &right.decision.obligations);
                let version = |answer: &Answer| answer.active.as_ref().map(|active| active.version);
                prop_assert_eq!(version(&left), version(&right));
                if left.cached {
                    recalled += 1;
                    prop_assert!(left.decision.expires_at <= right.decision.expires_at);
                    prop_assert!(left.decision.expires_at > clock.now().wall);
                } else {
                    prop_assert_eq!(&left.decision, &right.decision);
                }
            }
            Step::Activate(number) => {
                for engine in [&cached, &fresh] {
                    engine.activate(snapshot_of(&policies[number % policies.len()]), "a test");
                }
            }
            Step::Pass(span) => clock.pass(*span),
            Step::SetWall(wall) => clock.set_wall(*wall),
            Step::Revoke(revocations) => {
                for engine in [&cached, &fresh] {
                    engine.set_revocations(revocations.iter().cloned().collect());
                }
            }
        }
    }
    Ok(recalled)
}

fn some_request() -> impl Strategy<Value = Request> {
    let tenant = || prop::sample::select(vec![CONTOSO, FABRIKAM, WOODGROVE]);
    let minutes =
        |range| prop::option::of(range).prop_map(|at: Option<i64>| at.map(minutes_after_noon));
    (
        (tenant(), tenant(), 1..3u128, 1..3u128),
        (5..90i64, minutes(-20..20i64), any::<bool>()),
        prop::collection::vec(1..4u128, 0..3),
        prop::option::of(Just(String::from("session"))),
    )
        .prop_map(
            |((home, resource, user, app), (expires, issued_at, mfa), groups, session_id)| {
                let mut request = Request::new(
                    home,
                    resource,
                    UserId(user),
                    AppId(app),
                    minutes_after_noon(expires),
                );
                request.groups = groups.into_iter().map(GroupId).collect();
                request.claims.issued_at = issued_at;
                request.claims.mfa = mfa;
                request.claims.session_id = session_id;
                request
            },
        )
}

fn minutes_after_noon(minutes: i64) -> Timestamp {
    Timestamp::from_nanos(NOON.as_nanos() + minutes * 60_000_000_000)
}

fn some_steps() -> impl Strategy<Value = Vec<Step>> {
    let revocation = prop_oneof![
        Just(Revocation::Session(String::from("session"))),
        (-20..20i64).prop_map(|at| Revocation::Tenant {
            tenant: FABRIKAM,
            before: minutes_after_noon(at),
        }),
    ];
    prop::collection::vec(some_request(), 1..4).prop_flat_map(move |requests| {
        let step = prop_oneof![
            // Few requests, many times: the cache has something to do.
            12 => prop::sample::select(requests).prop_map(|request| Step::Ask(Box::new(request))),
            1 => (0..2usize).prop_map(Step::Activate),
            2 => (1..600u64).prop_map(|seconds| Step::Pass(Duration::from_secs(seconds))),
            1 => (-30..60i64).prop_map(|at| Step::SetWall(minutes_after_noon(at))),
            1 => prop::collection::vec(revocation.clone(), 0..2).prop_map(Step::Revoke),
        ];
        prop::collection::vec(step, 1..80)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn with_a_cache_every_answer_is_the_one_without(steps in some_steps()) {
        compare_with_and_without(&[files("allowed"), files("blocked")], &steps)?;
    }
}

#[test]
fn the_property_is_tested_on_answers_that_do_come_from_the_cache() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut versions = HashSet::new();
    let mut recalled = 0;
    for _ in 0..50 {
        let mut steps = some_steps().new_tree(&mut runner).unwrap().current();
        steps.insert(0, Step::Activate(0));
        recalled +=
            compare_with_and_without(&[files("allowed"), files("blocked")], &steps).unwrap();
        versions.insert(steps.len());
    }
    assert!(recalled > 300, "{recalled}");
}
