//! Two engines that differ only in having a cache give the same answers, over generated policies and
//! requests, across reloads, revocations and clocks that are set forward and back.
//!
//! Requests come in families that differ in one field, which finds a cache key that omits a field.

use std::sync::Arc;
use std::time::Duration;

use crosstrust::cache::CacheBytes;
use crosstrust::clock::{Clock, ManualClock};
use crosstrust::engine::{Answer, Engine, EngineOptions};
use crosstrust::request::Request;
use crosstrust::time::Timestamp;

use crate::reference::World;
use crate::support::random::Rng;
use crate::support::universe::NOW;
use crate::support::{generate, mutate, product};

/// Copies one field from another request.
type Splice = fn(&mut Request, &Request);

macro_rules! splices {
    ($($($field:ident).+;)*) => {
        &[$(|into: &mut Request, from: &Request| into.$($field).+ = from.$($field).+.clone(),)*]
    };
}

/// Every field that may differ without making the request contradict itself.
const SPLICES: &[Splice] = splices! {
    groups; resource_groups; app; client_app; channel; roles; home_cloud; restricting_tenant;
    claims.expires_at; claims.issued_at; claims.auth_time; claims.mfa; claims.resource_mfa;
    claims.compliant_device; claims.hybrid_joined_device; claims.authentication_methods;
    claims.resource_authentication_methods; claims.authentication_contexts; claims.device_id;
    claims.session_id; claims.groups_incomplete; claims.roles_incomplete;
    claims.accepted_terms_of_use; claims.accepted_custom_controls; claims.authenticator_aaguid;
    claims.certificate_issuer_skis; claims.certificate_policy_oids;
    context.ip_address; context.country; context.platform; context.client_app_type;
    context.sign_in_risk; context.user_risk; context.insider_risk; context.device;
    context.app_attributes; context.approved_application; context.app_protection;
    context.password_changed; context.risk_remediated; context.user_action;
    context.authentication_context; context.authentication_flow; context.client_capabilities;
};

struct Pair {
    cached: Engine,
    fresh: Engine,
    clock: Arc<ManualClock>,
    hits: usize,
}

impl Pair {
    fn new() -> Self {
        let clock = ManualClock::at(NOW);
        let engine = |cache| {
            let clock = Clock::Manual(Arc::clone(&clock));
            Engine::new(EngineOptions { cache, clock })
        };
        Pair {
            cached: engine(Some(CacheBytes::default())),
            fresh: engine(None),
            clock,
            hits: 0,
        }
    }

    fn activate(&self, world: &World) {
        for engine in [&self.cached, &self.fresh] {
            engine.activate(product::snapshot(world), "a test");
        }
    }

    fn authorize_both(&mut self, request: &Request) {
        let (left, right) = (
            self.cached.authorize(request),
            self.fresh.authorize(request),
        );
        let comparable = |answer: &Answer| {
            let decision = answer.decision.clone();
            let version = answer.active.as_ref().map(|active| active.version);
            (
                decision.verdict,
                decision.applied,
                decision.obligations,
                version,
            )
        };
        assert_eq!(
            comparable(&left),
            comparable(&right),
            "cached: {}, {request:#?}",
            left.cached
        );
        if left.cached {
            // A cached answer keeps its expiry, which is not later than that of a fresh answer.
            assert!(left.decision.expires_at <= right.decision.expires_at);
            assert!(left.decision.expires_at > self.clock.now().wall);
            self.hits += 1;
        } else {
            assert_eq!(left.decision, right.decision);
        }
    }

    /// Applies one event to both engines.
    fn step(&mut self, worlds: &[World], requests: &[Request], rng: &mut Rng) {
        match rng.below(20) {
            0 => self.activate(rng.pick(worlds)),
            1 => {
                let revocations = generate::revocations(rng.pick(worlds), rng);
                for engine in [&self.cached, &self.fresh] {
                    engine.set_revocations(revocations.iter().cloned().collect());
                }
            }
            2 => self.clock.set_wall(some_time(rng)),
            3 | 4 => self.clock.advance(Duration::from_secs(rng.next() % 600)),
            _ => self.authorize_both(rng.pick(requests)),
        }
    }
}

/// Within an hour and a half; most of that is within the lifetime of the generated tokens.
fn some_time(rng: &mut Rng) -> Timestamp {
    NOW.plus(Duration::from_secs(rng.next() % 5400))
}

/// Requests that differ in one field, or in nothing that matters.
fn family(world: &World, rng: &mut Rng) -> Vec<Request> {
    let (first, _) = generate::request(world, rng);
    let mut requests = vec![mutate::shuffle_and_repeat_groups(&first, rng)];
    for splice in SPLICES {
        let (other, _) = generate::request(world, rng);
        let mut member = first.clone();
        splice(&mut member, &other);
        requests.push(member);
    }
    requests.push(first);
    requests
}

#[test]
fn cached_answers_equal_fresh_answers() {
    let (mut hits, mut lookups) = (0, 0);
    for seed in 0..60 {
        let mut rng = Rng::new(seed);
        let world = generate::world(seed);
        let worlds = [
            mutate::add_blocking_policy(&world, &mut rng),
            mutate::restrict_direct_connect(&world, &mut rng),
            world,
        ];
        let requests: Vec<Request> = (0..3).flat_map(|_| family(&worlds[2], &mut rng)).collect();
        let mut pair = Pair::new();
        pair.activate(&worlds[2]);
        // Each request twice under one snapshot, then a random event.
        requests
            .iter()
            .for_each(|request| pair.authorize_both(request));
        requests
            .iter()
            .for_each(|request| pair.authorize_both(request));
        for _ in 0..600 {
            pair.step(&worlds, &requests, &mut rng);
        }
        hits += pair.hits;
        lookups += pair.cached.counters().hits + pair.cached.counters().misses;
    }
    assert!(
        hits * 5 > usize::try_from(lookups).unwrap(),
        "{hits} of {lookups} from the cache"
    );
}
