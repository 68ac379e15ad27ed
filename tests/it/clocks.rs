//! Clocks that jump and machines that sleep: whatever the clocks show, no answer relies on a token past its end on
//! either of them, no record is lost, and everything works again once the wall clock is right.
//!
//! Seeded random histories over the engine with its cache, the verified tokens and the journal, all on one clock that
//! the test moves. A machine that sleeps is a boot clock that goes on while no call comes.

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

/// The beginning of 1970, the end of 32 bits, and 2232: a kernel lets a wall clock be set no earlier and no later
/// (timekeeping.c, `timespec64_valid_settod`).
const EXTREMES: [Timestamp; 3] = [
    Timestamp::from_seconds(0),
    Timestamp::from_seconds(1 << 31),
    Timestamp::from_seconds(8_277_292_036),
];

/// A token that an issuer with a right clock has made.
struct Token {
    text: String,
    expires_at: Timestamp,
}

struct World {
    seed: u64,
    rng: Rng,
    clock: Arc<ManualClock>,
    /// What a wall clock that nobody sets shows.
    right: Timestamp,
    engine: Arc<Engine>,
    /// The same without a cache, to compare with.
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

    /// The wall clock is set: some time ahead or back, or to an instant at which arithmetic could go wrong.
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

    /// Time passes on both clocks; sometimes the wall clock stands, as one does that is set back meanwhile.
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

    /// Keys or policies are published: what was verified or decided before is looked at anew.
    fn publish(&mut self) {
        let other = Signer::new(Algorithm::EdDsa, "other");
        if self.rng.chance(50) {
            let keys = key_set(&[&self.signer, &other]);
            self.identity.publish(IssuerIndex(0), Some(keys), None);
        } else {
            self.activate("allowed");
        }
    }

    /// Policies that were confirmed for an hour count for an hour on the boot clock.
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

    /// A token counts exactly if the reference says so, and then an allow ends no later than the token.
    fn present(&mut self, index: usize) {
        let Token { text, expires_at } = &self.tokens[index];
        let (now, expires_at) = (self.clock.now(), *expires_at);
        let hits = self.identity.counters().hits;
        let verified = self.identity.verify_now(text);
        let recalled = self.identity.counters().hits > hits;
        let has_ended = self.known.has_ended(text, expires_at, now.wall, now.boot);
        let where_ = format!("seed {}, token {index}: {verified:?}", self.seed);
        let verified = match verified {
            Ok(verified) => verified,
            Err(TokenError::Expired(_)) => return assert!(expires_at <= now.wall, "{where_}"),
            Err(TokenError::ExpiredOnBootClock(_)) => {
                return assert!(has_ended && expires_at > now.wall, "{where_}");
            }
            Err(TokenError::NotYetValid(_)) => {
                return assert!(self.right > now.wall && !has_ended, "{where_}");
            }
            Err(error) => panic!("{where_}: {error}"),
        };
        assert!(!has_ended, "{where_}");
        if !recalled {
            self.known.verified(text, expires_at, now.wall, now.boot);
        }
        let asked = RequestedAccess {
            resource: tenant(OTHER_TENANT),
            app: AppId(5),
            access: None,
            channel: None,
            restricting_tenant: None,
            home_cloud: None,
            context: Context::default(),
            request_id: String::new(),
        };
        self.ask(&verified.to_request(asked).unwrap());
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
        self.ask(&request);
        self.ask(&request);
    }

    /// The cached answer is the one that a decision at this moment gives, and goes on record.
    fn ask(&mut self, request: &Request) {
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

    /// Its record, of the moment that the wall clock shows; on disk before the next step.
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

    /// A process that ends and starts while the clocks stand as they do.
    fn restart_the_journal(&mut self) {
        if let Some(journal) = self.journal.take() {
            journal.close();
        }
        let options = JournalOptions {
            // Retention by age is another question.
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
        // The wall clock is set right: new tokens count, and are answered.
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

/// A hundred histories in `cargo test`; `CROSSTRUST_CASES` runs another number.
fn histories() -> u64 {
    let given = std::env::var("CROSSTRUST_CASES").ok();
    given.map_or(100, |text| {
        let cases: u64 = text.parse().expect("CROSSTRUST_CASES is a number");
        (cases / 20).clamp(20, 5000)
    })
}

#[test]
fn whatever_the_clocks_do_no_token_counts_past_its_end_and_no_record_is_lost() {
    for seed in 0..histories() {
        World::new(seed, Signer::new(Algorithm::EdDsa, "key")).live(60);
    }
}
