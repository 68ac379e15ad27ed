//! Clocks that jump and machines that sleep: no answer relies on a token that has expired on either clock, no record
//! is lost, and everything works again once the wall clock is right.
//!
//! Seeded random histories over the engine with its cache, the verified tokens and the journal, all on one clock that
//! the test sets. Sleep is modelled as a boot clock that advances while no call arrives.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crosstrust::cache::CacheBytes;
use crosstrust::clock::{Clock, ManualClock};
use crosstrust::decision::Reason;
use crosstrust::engine::{Answer, Engine, EngineOptions};
use crosstrust::id::{AppId, UserId};
use crosstrust::identity::{
    Algorithm, IssuerIndex, Preset, RequestedAccess, TokenError, TokenLimits, TokenVerifier,
    TrustedIssuers,
};
use crosstrust::log::journal::disk::Disk;
use crosstrust::log::journal::{EventKind, Journal, JournalEntry, JournalOptions, RecordSource};
use crosstrust::request::{Context, Request};
use crosstrust::time::Timestamp;
use serde_json::json;

use super::journal::fault_disk::FaultDisk;
use super::journal::world as journals;
use super::small_world::{default_settings, organization, snapshot_of};
use crate::reference::KnownTokens;
use crate::support::random::Rng;
use crate::support::tokens::{
    NOW, OTHER_TENANT, Signer, TENANT, claims, issuer, key_set, tenant, with,
};

const ISS: &str = "https://login.example/v2.0";
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// How far the wall clock jumps, and how long a machine sleeps.
const SPANS: [Duration; 9] = [
    Duration::from_nanos(1),
    SECOND,
    Duration::from_secs(60),
    Duration::from_secs(600),
    HOUR,
    DAY,
    Duration::from_secs(30 * 24 * 3600),
    YEAR,
    Duration::from_secs(10 * 365 * 24 * 3600),
];

/// The start of 1970, the end of 32-bit time, and 2232. The kernel accepts no earlier and no later wall clock
/// (timekeeping.c, `timespec64_valid_settod`).
const EXTREMES: [Timestamp; 3] = [
    Timestamp::from_seconds(0),
    Timestamp::from_seconds(1 << 31),
    Timestamp::from_seconds(8_277_292_036),
];

/// A token of an issuer whose clock is right.
struct Token {
    text: String,
    expires_at: Timestamp,
}

struct World {
    seed: u64,
    rng: Rng,
    clock: Arc<ManualClock>,
    /// The time of a wall clock that is never set.
    right: Timestamp,
    engine: Arc<Engine>,
    /// The same engine without a cache, for comparison.
    fresh: Engine,
    identity: TokenVerifier,
    signer: Signer,
    tokens: Vec<Token>,
    known: KnownTokens,
    disk: Arc<dyn Disk>,
    journal: Option<Journal>,
    written: Vec<String>,
}

impl World {
    fn new(seed: u64, signer: Signer) -> World {
        let right = Timestamp::from_seconds(NOW);
        let clock = ManualClock::at(right);
        let engine = |cache| {
            Engine::new(EngineOptions {
                cache,
                clock: Clock::Manual(Arc::clone(&clock)),
            })
        };
        let (cached, fresh) = (Arc::new(engine(Some(CacheBytes::default()))), engine(None));
        let trust = TrustedIssuers {
            issuers: vec![issuer(ISS, Preset::EntraV2)],
        };
        let identity = TokenVerifier::new(trust, Arc::clone(&cached), TokenLimits::default());
        identity.publish(IssuerIndex(0), Some(key_set(&[&signer])), None);
        let world = World {
            seed,
            rng: Rng::new(seed),
            clock,
            right,
            engine: cached,
            fresh,
            identity,
            signer,
            tokens: Vec::new(),
            known: KnownTokens::default(),
            disk: Arc::new(FaultDisk::new(Rng::new(seed))),
            journal: None,
            written: Vec::new(),
        };
        world.activate("allowed");
        world
    }

    fn activate(&self, access: &str) {
        let files = [
            (
                "home/organization.json",
                organization(tenant(TENANT), "Home"),
            ),
            ("home/default.json", default_settings("allowed")),
            (
                "resource/organization.json",
                organization(tenant(OTHER_TENANT), "Resource"),
            ),
            ("resource/default.json", default_settings(access)),
        ];
        self.engine.activate(snapshot_of(&files), "a test");
        self.fresh.activate(snapshot_of(&files), "a test");
    }

    fn step(&mut self) {
        match self.rng.below(20) {
            0..4 => self.jump(),
            4 => self.clock.set_wall(self.right),
            5..8 => self.sleep(0..6),
            8 => self.sleep(0..9),
            9 => self.issue(),
            10 => self.publish(),
            11 => self.restart_the_journal(),
            12 => {
                self.identity.sweep();
                self.engine.reap();
            }
            13 => self.expire_policies(),
            14..18 => self.present_each_token(),
            _ => self.state_claims(),
        }
    }

    /// Sets the wall clock ahead, back, or to an instant at which arithmetic could overflow.
    fn jump(&mut self) {
        if self.rng.chance(10) {
            return self.clock.set_wall(self.rng.one(&EXTREMES));
        }
        let span = self.rng.one(&SPANS);
        let wall = self.clock.now().wall;
        let wall = if self.rng.chance(50) {
            wall.plus(span)
        } else {
            wall.minus(span)
        };
        let (first, last) = (self.right.minus(YEAR * 15), self.right.plus(YEAR * 15));
        self.clock.set_wall(wall.clamp(first, last));
    }

    /// Advances both clocks; sometimes the wall clock stands still, as if it was set back meanwhile.
    fn sleep(&mut self, spans: Range<usize>) {
        let span = self.rng.one(&SPANS[spans]).min(YEAR);
        let wall = self.clock.now().wall;
        self.clock.advance(span);
        self.right = self.right.plus(span);
        if self.rng.chance(25) {
            self.clock.set_wall(wall);
        }
    }

    fn issue(&mut self) {
        let lifetime = self.rng.one(&[60, 600, 3600, 2 * 3600, 24 * 3600]);
        let (issued, _) = self.right.as_parts();
        let times = json!({
            "iat": issued,
            "nbf": issued,
            "exp": issued + lifetime,
            "jti": self.rng.next().to_string(),
        });
        self.tokens.push(Token {
            text: self.signer.sign(&with(claims(ISS), times)),
            expires_at: Timestamp::from_seconds(issued + lifetime),
        });
    }

    /// Publishes keys or policies, which invalidates verified tokens and cached decisions.
    fn publish(&mut self) {
        let other = Signer::new(Algorithm::EdDsa, "other");
        if self.rng.chance(50) {
            let keys = key_set(&[&self.signer, &other]);
            self.identity.publish(IssuerIndex(0), Some(keys), None);
        } else {
            self.activate("allowed");
        }
    }

    /// Policies confirmed for an hour are valid for an hour on the boot clock.
    fn expire_policies(&mut self) {
        self.engine.confirm(HOUR);
        self.clock.advance(HOUR - Duration::from_nanos(1));
        self.right = self.right.plus(HOUR - Duration::from_nanos(1));
        self.jump();
        assert!(self.engine.has_policies(), "{}", self.seed);
        self.clock.advance(Duration::from_nanos(1));
        self.right = self.right.plus(Duration::from_nanos(1));
        assert!(!self.engine.has_policies(), "{}", self.seed);
        self.engine.confirm(YEAR * 100);
    }

    fn present_each_token(&mut self) {
        for index in 0..self.tokens.len() {
            self.present(index);
        }
    }

    /// A token is accepted exactly if the reference accepts it, and an allow then expires no later than the token.
    fn present(&mut self, index: usize) {
        let Token { text, expires_at } = &self.tokens[index];
        let (now, expires_at) = (self.clock.now(), *expires_at);
        let hits = self.identity.counters().hits;
        let verified = self.identity.verify_now(text);
        let is_cached = self.identity.counters().hits > hits;
        let has_ended = self.known.has_ended(text, expires_at, now.wall, now.boot);
        let context = format!("seed {}, token {index}: {verified:?}", self.seed);
        let verified = match verified {
            Ok(verified) => verified,
            Err(TokenError::Expired(_)) => return assert!(expires_at <= now.wall, "{context}"),
            Err(TokenError::ExpiredOnBootClock(_)) => {
                return assert!(has_ended && expires_at > now.wall, "{context}");
            }
            Err(TokenError::NotYetValid(_)) => {
                return assert!(self.right > now.wall && !has_ended, "{context}");
            }
            Err(error) => panic!("{context}: {error}"),
        };
        assert!(!has_ended, "{context}");
        if !is_cached {
            self.known.verified(text, expires_at, now.wall, now.boot);
        }
        let access = RequestedAccess {
            resource: tenant(OTHER_TENANT),
            app: AppId(5),
            access: None,
            channel: None,
            restricting_tenant: None,
            home_cloud: None,
            context: Context::default(),
            request_id: String::new(),
        };
        self.authorize(&verified.to_request(access).unwrap());
    }

    fn state_claims(&mut self) {
        let span = self.rng.one(&SPANS);
        let mut request = Request::new(
            tenant(TENANT),
            tenant(OTHER_TENANT),
            UserId(u128::from(self.rng.next() % 3)),
            AppId(2),
            self.right.plus(span),
        );
        request.claims.issued_at = self.rng.maybe(50, self.right);
        self.authorize(&request);
        self.authorize(&request);
    }

    /// Asserts that the cached answer equals a fresh decision, and records it.
    fn authorize(&mut self, request: &Request) {
        let now = self.clock.now();
        let answer = self.engine.authorize(request);
        let fresh = self.fresh.authorize(request).decision;
        let (seed, claims) = (self.seed, &request.claims);
        assert_eq!(answer.decision.denial(), fresh.denial(), "seed {seed}");
        let is_early = |issued| issued > now.wall.plus(Duration::from_secs(300));
        let reason = answer.decision.denial().map(|denial| denial.reason);
        let expected = if claims.expires_at <= now.wall {
            Some(Reason::TokenExpired)
        } else if claims.issued_at.is_some_and(is_early) {
            Some(Reason::TokenNotYetValid)
        } else {
            None
        };
        assert_eq!(reason, expected, "seed {seed}");
        assert!(
            answer.decision.expires_at <= fresh.expires_at,
            "seed {seed}"
        );
        if reason.is_none() {
            assert!(answer.decision.expires_at > now.wall, "seed {seed}");
        }
        self.record(&answer);
    }

    /// Writes a record with the time of the wall clock, and waits until it is on disk.
    fn record(&mut self, answer: &Answer) {
        let id = format!("{}-{}", self.written.len(), answer.decision_id.0);
        let entry = JournalEntry {
            kind: EventKind::SignIn,
            time: answer.at,
            body: format!(r#"{{"id":"{id}"}}"#).into_bytes(),
            is_awaited: true,
            source: RecordSource::PROCESS,
            when_durable: None,
        };
        let journal = self.journal.as_ref().unwrap();
        journal.append(entry).unwrap().wait().unwrap();
        self.written.push(id);
    }

    /// Ends the process and starts another without changing the clocks.
    fn restart_the_journal(&mut self) {
        if let Some(journal) = self.journal.take() {
            journal.close();
        }
        let options = JournalOptions {
            // Retention by age is not tested here.
            retention: Duration::MAX,
            ..journals::options(20_000)
        };
        let clock = Clock::Manual(Arc::clone(&self.clock));
        let (journal, _) = Journal::open(options, Arc::clone(&self.disk), clock).unwrap();
        self.journal = Some(journal);
        let faults = journals::faults(&self.disk);
        assert_eq!(faults, Vec::<String>::new(), "seed {}", self.seed);
    }

    fn live(mut self, steps: usize) {
        self.restart_the_journal();
        self.issue();
        for _ in 0..steps {
            self.step();
        }
        // The wall clock is corrected: new tokens are accepted.
        self.clock.set_wall(self.right);
        self.issue();
        let before = self.written.len();
        self.present(self.tokens.len() - 1);
        assert_eq!(self.written.len(), before + 1, "seed {}", self.seed);
        self.restart_the_journal();
        self.journal.take().unwrap().close();
        let recorded = journals::ids(&journals::records(&self.disk));
        assert_eq!(recorded, self.written, "seed {}", self.seed);
    }
}

/// A hundred histories by default; `CROSSTRUST_CASES` sets another number.
fn histories() -> u64 {
    let given = std::env::var("CROSSTRUST_CASES").ok();
    given.map_or(100, |text| {
        let cases: u64 = text.parse().expect("CROSSTRUST_CASES is a number");
        (cases / 20).clamp(20, 5000)
    })
}

#[test]
fn whatever_the_clocks_do_no_expired_token_is_accepted_and_no_record_is_lost() {
    for seed in 0..histories() {
        World::new(seed, Signer::new(Algorithm::EdDsa, "key")).live(60);
    }
}
