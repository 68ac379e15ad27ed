//! A cache changes the latency of an answer and nothing else.

mod capacity;

use std::sync::Arc;
use std::time::Duration;

use crosstrust::cache::CacheBytes;
use crosstrust::clock::{Clock, ManualClock};
use crosstrust::decision::Reason;
use crosstrust::engine::{Answer, Engine, EngineOptions};
use crosstrust::id::{
    Aaguid, AppId, CustomControlId, GroupId, RoleId, TenantId, TermsOfUseId, UserId,
};
use crosstrust::request::{AccessType, ChannelId, LocatedCountry, Request};
use crosstrust::revocation::Revocation;
use crosstrust::time::Timestamp;
use crosstrust::vocabulary::{
    AuthenticationMethod, Cloud, CountrySource, Platform, UserType, WordSet,
};
use serde_json::json;

use super::small_world::{self, CONTOSO, FABRIKAM, WOODGROVE, files, snapshot_of};
use crate::support::build::{block, contoso_with, direct, guest, require, when, with};
use crate::support::product;

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

    /// Contoso allows all inbound access.
    fn new() -> Self {
        let world = World::with(Some(CacheBytes::default()));
        world.activate("allowed");
        world
    }

    fn activate(&self, contosos_access: &str) {
        self.engine
            .activate(snapshot_of(&files(contosos_access)), "a test");
    }

    fn authorize(&self, request: &Request) -> Answer {
        self.engine.authorize(request)
    }

    fn is_cached(&self, request: &Request) -> bool {
        self.authorize(request).cached
    }
}

/// A token that is valid for half an hour.
fn request() -> Request {
    small_world::request(NOON.plus(30 * MINUTE))
}

#[test]
fn a_repeated_request_gets_the_same_decision_id() {
    let world = World::new();
    let first = world.authorize(&request());
    let second = world.authorize(&request());
    assert!(first.decision.is_allow() && !first.cached && second.cached);
    assert_eq!(first.decision, second.decision);
    assert_eq!(first.decision_id, second.decision_id);
    let counters = world.engine.counters();
    assert_eq!((counters.hits, counters.misses), (1, 1));
}

#[test]
fn a_denial_is_cached_as_long_as_an_allow() {
    let world = World::new();
    world.activate("blocked");
    assert!(!world.authorize(&request()).cached);
    let again = world.authorize(&request());
    assert!(again.cached);
    assert_eq!(again.decision.denial().unwrap().reason, Reason::InboundUser);
}

#[test]
fn request_id_and_list_order_are_not_part_of_the_cache_key() {
    let world = World::new();
    let mut first = request();
    first.roles = vec![RoleId(1), RoleId(2)];
    first.claims.authentication_contexts = vec![String::from("c1"), String::from("c2")];
    world.authorize(&first);

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

/// One change for each field that is always part of the cache key.
const CHANGES: &[(&str, Change)] = &[
    ("home", |r| r.home = WOODGROVE.into()),
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
fn every_other_field_is_part_of_the_cache_key() {
    for (i, (name, change)) in CHANGES.iter().enumerate() {
        let world = World::new();
        world.authorize(&request());
        let mut changed = request();
        change(&mut changed);
        assert!(!world.is_cached(&changed), "{name} is not in the key");
        // No two changes give the same key, even in different fields.
        for (other_name, other) in CHANGES.iter().skip(i + 1) {
            let mut other_changed = request();
            other(&mut other_changed);
            assert!(
                !world.is_cached(&other_changed),
                "{name} has the key of {other_name}"
            );
            world.activate("allowed");
            world.authorize(&changed);
        }
    }
}

#[test]
fn an_activation_or_a_revocation_invalidates_cached_answers() {
    let world = World::new();
    world.authorize(&request());
    world.activate("blocked");
    let answer = world.authorize(&request());
    assert!(!answer.cached && !answer.decision.is_allow());
    // Also after the same policies are activated again.
    world.activate("allowed");
    assert!(!world.is_cached(&request()));

    world.authorize(&request());
    let everything = Revocation::Tenant {
        tenant: FABRIKAM,
        before: NOON,
    };
    world
        .engine
        .set_revocations([everything].into_iter().collect());
    let answer = world.authorize(&request());
    assert!(!answer.cached);
    assert_eq!(
        answer.decision.denial().unwrap().reason,
        Reason::SessionRevoked
    );
    // The activation keeps the revocations.
    world.activate("allowed");
    assert!(!world.authorize(&request()).decision.is_allow());
}

#[test]
fn an_answer_expires_with_the_token_on_the_wall_clock() {
    let world = World::new();
    world.authorize(&request());
    world.clock.advance(30 * MINUTE - Duration::from_nanos(1));
    assert!(world.is_cached(&request()));
    world.clock.advance(Duration::from_nanos(1));
    let answer = world.authorize(&request());
    assert!(!answer.cached);
    assert_eq!(
        answer.decision.denial().unwrap().reason,
        Reason::TokenExpired
    );
}

#[test]
fn setting_the_wall_clock_back_revives_no_expired_answer() {
    let world = World::new();
    world.authorize(&request());
    world.clock.advance(20 * MINUTE);
    world.clock.set_wall(NOON.plus(MINUTE));
    assert!(
        world.is_cached(&request()),
        "ten minutes are left on both clocks"
    );
    world.clock.advance(10 * MINUTE);
    assert!(
        !world.is_cached(&request()),
        "half an hour has passed on the boot clock"
    );
}

#[test]
fn a_forward_jump_of_the_wall_clock_expires_answers() {
    let world = World::new();
    world.authorize(&request());
    world.clock.set_wall(NOON.plus(31 * MINUTE));
    assert_eq!(
        world
            .authorize(&request())
            .decision
            .denial()
            .unwrap()
            .reason,
        Reason::TokenExpired
    );
    world.clock.set_wall(NOON.plus(MINUTE));
    assert!(world.authorize(&request()).decision.is_allow());
}

#[test]
fn an_answer_is_not_used_before_the_time_it_was_made() {
    let world = World::new();
    let mut early = request();
    early.claims.issued_at = Some(NOON);
    assert!(world.authorize(&early).decision.is_allow());
    // Set back so far that the token is not yet valid.
    world.clock.set_wall(NOON.minus(10 * MINUTE));
    let answer = world.authorize(&early);
    assert_eq!(
        answer.decision.denial().unwrap().reason,
        Reason::TokenNotYetValid
    );
}

#[test]
fn an_answer_is_cached_for_at_most_an_hour() {
    let world = World::new();
    let long = small_world::request(NOON.plus(300 * MINUTE));
    world.authorize(&long);
    world.clock.advance(60 * MINUTE - Duration::from_nanos(1));
    assert!(world.is_cached(&long));
    world.clock.advance(Duration::from_nanos(1));
    assert!(!world.is_cached(&long));
    assert!(world.is_cached(&long), "after an hour it is decided again");
}

#[test]
fn without_policies_every_answer_is_a_new_denial() {
    let world = World::with(Some(CacheBytes::default()));
    let answers = [world.authorize(&request()), world.authorize(&request())];
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
fn a_batch_is_answered_in_order_under_one_snapshot() {
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
fn explain_neither_reads_nor_fills_the_cache() {
    let world = World::new();
    let (active, explanation) = world.engine.explain(&request()).unwrap();
    assert!(explanation.decision.is_allow());
    assert_eq!(active.version, 1);
    assert!(!world.is_cached(&request()));
    assert_eq!(world.engine.counters().hits, 0);
}

#[test]
fn an_oversized_request_is_not_cached() {
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
fn versions_count_activations_and_a_replaced_snapshot_is_dropped_with_its_last_user() {
    let world = World::new();
    let answer = world.authorize(&request());
    let first = Arc::downgrade(answer.active.as_ref().unwrap());
    world.activate("blocked");
    assert_eq!(world.engine.active().unwrap().version, 2);
    assert_eq!(
        world.engine.reap(),
        1,
        "an answer still holds the first snapshot"
    );
    drop(answer);
    assert!(
        first.upgrade().is_some(),
        "the last answer does not drop the snapshot"
    );
    assert_eq!(world.engine.reap(), 0);
    assert!(first.upgrade().is_none());
}

#[test]
fn only_facts_that_a_policy_reads_are_part_of_the_cache_key() {
    let policy = when(
        require(&["mfa"]),
        "platforms",
        json!({"includePlatforms": ["android"]}),
    );
    let world = World::with(Some(CacheBytes::default()));
    world
        .engine
        .activate(product::snapshot(&contoso_with(&[policy])), "a test");
    let plain = with(direct(), |r| r.context.platform = Some(Platform::Linux));
    assert!(world.authorize(&plain).decision.is_allow());
    let elsewhere = with(plain.clone(), |r| {
        r.context.country = Some(LocatedCountry {
            country: "DE".parse().expect("a country"),
            source: CountrySource::ClientIpAddress,
        });
    });
    assert!(world.is_cached(&elsewhere), "no policy reads the country");
    let android = with(plain.clone(), |r| {
        r.context.platform = Some(Platform::Android)
    });
    let answer = world.authorize(&android);
    assert!(!answer.cached && !answer.decision.is_allow());
    let without_platform = with(plain, |r| r.context.platform = None);
    assert!(!world.authorize(&without_platform).cached);
}

#[test]
fn only_groups_that_a_rule_names_are_part_of_the_cache_key() {
    let policy = when(
        block(),
        "users",
        json!({"includeUsers": ["All"], "excludeGroups": [GroupId(5).to_string()]}),
    );
    let world = World::with(Some(CacheBytes::default()));
    world
        .engine
        .activate(product::snapshot(&contoso_with(&[policy])), "a test");
    let member = with(guest(), |r| {
        r.resource_groups = vec![GroupId(6), GroupId(5)]
    });
    assert!(world.authorize(&member).decision.is_allow());
    let stranger = with(guest(), |r| r.resource_groups = vec![GroupId(6)]);
    let answer = world.authorize(&stranger);
    assert!(!answer.cached);
    assert_eq!(answer.decision.denial().unwrap().reason, Reason::CaBlocked);
    let same_member = with(guest(), |r| {
        r.resource_groups = vec![GroupId(5), GroupId(5)]
    });
    assert!(world.is_cached(&same_member));
}
