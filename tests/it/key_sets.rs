//! Issuers' keys are followed: fetched, refreshed, watched, and never from anywhere but where the operator said.
//!
//! Each test changes what an issuer serves or a file holds, and waits for the end of the look that follows. The next
//! regular look is an hour away where a test is about something else.

mod files;
mod https;

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crosstrust::cache::protocol::Epoch;
use crosstrust::clock::ManualClock;
use crosstrust::engine::Engine;
use crosstrust::identity::follow::{FollowHandle, FollowOptions, IssuerStatus, KeySetFollower};
use crosstrust::identity::{Algorithm, IssuerIndex, KeySource, Preset, TokenError, TokenVerifier};
use futures_util::future::join_all;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};

use super::support::key_server::{KeyServer, Page};
use super::support::tokens::{Signer, claims, identity, issuer, jwks, with};

/// Far more than any machine needs.
const PATIENCE: Duration = Duration::from_secs(20);
const FAR_AWAY: Duration = Duration::from_secs(3600);
const ISS: &str = "https://idp.example/tenant";

struct Followed {
    identity: Arc<TokenVerifier>,
    engine: Arc<Engine>,
    clock: Arc<ManualClock>,
    handle: FollowHandle,
}

/// Nothing happens by itself, and the servers of the tests may be fetched from.
fn options(servers: &[&KeyServer]) -> FollowOptions {
    FollowOptions {
        refresh: FAR_AWAY,
        unknown_key_pause: FAR_AWAY,
        timeout: PATIENCE,
        rescan: FAR_AWAY,
        origins: servers.iter().map(|server| server.origin()).collect(),
        ..FollowOptions::default()
    }
}

fn try_to_follow(keys: KeySource, options: FollowOptions) -> io::Result<Followed> {
    let mut issuer = issuer(ISS, Preset::EntraV2);
    issuer.keys = keys;
    let (identity, engine, clock) = identity(vec![issuer]);
    let handle = KeySetFollower::start(Arc::clone(&identity), options)?;
    Ok(Followed {
        identity,
        engine,
        clock,
        handle,
    })
}

fn follow(keys: KeySource, options: FollowOptions) -> Followed {
    try_to_follow(keys, options).unwrap()
}

/// Follows `/keys` of this server.
fn follow_keys(server: &KeyServer) -> Followed {
    follow(key_set_at(server), options(&[server]))
}

fn key_set_at(server: &KeyServer) -> KeySource {
    KeySource::Url(server.url("/keys").parse().unwrap())
}

fn discovery_at(server: &KeyServer) -> KeySource {
    KeySource::Discovery(server.url(DISCOVERY).parse().unwrap())
}

const DISCOVERY: &str = "/.well-known/openid-configuration";

fn signer(kid: &str) -> Signer {
    Signer::new(Algorithm::Es256, kid)
}

fn keys(signers: &[&Signer]) -> Page {
    Page::Json(jwks(signers))
}

fn json_page(document: &Value) -> Page {
    Page::Json(document.to_string().into_bytes())
}

fn run<F: Future>(test: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(test)
}

impl Followed {
    fn status(&self) -> IssuerStatus {
        self.handle.status().remove(0)
    }

    fn error(&self) -> String {
        self.status().last_error.expect("an error")
    }

    fn verifies(&self, signer: &Signer) -> bool {
        match self.identity.verify_now(&signer.sign(&claims(ISS))) {
            Ok(_) => true,
            Err(TokenError::UnknownKey { .. }) => false,
            Err(other) => panic!("{other}"),
        }
    }

    fn epoch(&self) -> Epoch {
        self.engine.view().keys()
    }

    fn wait_until(&self, holds: impl Fn(&IssuerStatus) -> bool) -> IssuerStatus {
        let mut statuses = self.handle.statuses();
        run(async {
            let wait = statuses.wait_for(|all| holds(&all[0]));
            let found = tokio::time::timeout(PATIENCE, wait).await;
            found
                .unwrap_or_else(|_| panic!("{:?}", self.status()))
                .unwrap()[0]
                .clone()
        })
    }

    /// Has the keys looked at, and waits for the end of that.
    fn look_again(&self) -> IssuerStatus {
        let before = self.status().attempts;
        self.handle.hint();
        self.wait_until(|status| status.attempts > before)
    }

    /// Tokens of keys that nobody has, all at the same time.
    fn flood(&self, requests: usize) {
        let invented = signer("invented");
        run(join_all((0..requests).map(|number| {
            let header =
                json!({ "typ": "JWT", "alg": "ES256", "kid": format!("invented-{number}") });
            let token = invented.sign_text(header.to_string(), claims(ISS).to_string());
            async move { assert!(self.identity.verify(&token, PATIENCE).await.is_err()) }
        })));
    }
}

#[test]
fn the_first_requests_find_keys() {
    let (server, key) = (KeyServer::start(), signer("a"));
    server.set("/keys", keys(&[&key]));
    let followed = follow_keys(&server);
    assert!(followed.verifies(&key));
    let status = followed.status();
    assert_eq!((status.keys, status.attempts), (1, 1));
    assert_eq!(status.last_error, None);
    assert_eq!(status.source, server.url("/keys"));
    assert!(status.good_until.is_some() && status.last_success.is_some());
}

#[test]
fn discovery_leads_to_keys() {
    let (server, key) = (KeyServer::start(), signer("a"));
    let document = json!({ "issuer": ISS, "jwks_uri": server.url("/keys"), "more": [1] });
    server.set(DISCOVERY, json_page(&document));
    server.set("/keys", keys(&[&key]));
    let followed = follow(discovery_at(&server), options(&[&server]));
    assert!(followed.verifies(&key), "{:?}", followed.status());
}

#[test]
fn another_issuers_discovery_document_leads_nowhere() {
    let (server, key) = (KeyServer::start(), signer("a"));
    let document =
        json!({ "issuer": "https://idp.example/other", "jwks_uri": server.url("/keys") });
    server.set(DISCOVERY, json_page(&document));
    server.set("/keys", keys(&[&key]));
    let followed = follow(discovery_at(&server), options(&[&server]));
    assert!(!followed.verifies(&key));
    assert!(
        followed.error().contains("issuer: found"),
        "{}",
        followed.error()
    );
    assert!(server.requests("/keys").is_empty());
}

#[test]
fn discovery_leads_to_another_origin_only_if_that_is_listed() {
    let (server, other, key) = (KeyServer::start(), KeyServer::start(), signer("a"));
    let document = json!({ "issuer": ISS, "jwks_uri": other.url("/keys") });
    server.set(DISCOVERY, json_page(&document));
    other.set("/keys", keys(&[&key]));

    let followed = follow(discovery_at(&server), options(&[&server]));
    assert!(
        followed.error().contains("or one listed in keys.origins"),
        "{}",
        followed.error()
    );
    assert!(other.requests("/keys").is_empty());

    let followed = follow(discovery_at(&server), options(&[&server, &other]));
    assert!(followed.verifies(&key));
}

#[test]
fn http_is_refused_at_the_start_unless_its_origin_is_listed() {
    let server = KeyServer::start();
    for keys in [key_set_at(&server), discovery_at(&server)] {
        let error = try_to_follow(keys, options(&[])).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("expected https"), "{error}");
    }
    let no_origin = FollowOptions {
        origins: vec![server.url("/keys")],
        ..options(&[])
    };
    assert!(try_to_follow(key_set_at(&server), no_origin).is_err());
}

#[test]
fn a_redirect_is_not_followed() {
    let (server, key) = (KeyServer::start(), signer("a"));
    server.set("/keys", Page::Redirect(server.url("/elsewhere")));
    server.set("/elsewhere", keys(&[&key]));
    let followed = follow_keys(&server);
    assert!(!followed.verifies(&key));
    assert!(followed.error().ends_with("found status 302, expected 200"));
    assert!(server.requests("/elsewhere").is_empty());
}

#[test]
fn an_answer_without_an_end_is_not_read_to_its_end() {
    let server = KeyServer::start();
    server.set("/keys", Page::Endless);
    let followed = follow_keys(&server);
    assert!(
        followed.error().contains("more than 262144 bytes"),
        "{}",
        followed.error()
    );
    // The rest are buffers of the system.
    assert!(server.sent() < 16 << 20, "{}", server.sent());
}

#[test]
fn a_key_set_may_be_of_256_kib_and_no_byte_more() {
    let (server, key) = (KeyServer::start(), signer("a"));
    let mut document = jwks(&[&key]);
    document.resize(256 << 10, b' ');
    server.set("/keys", Page::Json(document.clone()));
    let followed = follow_keys(&server);
    assert!(followed.verifies(&key));
    document.push(b' ');
    server.set("/keys", Page::Json(document));
    assert!(
        followed
            .look_again()
            .last_error
            .unwrap()
            .contains("more than 262144 bytes")
    );
}

#[test]
fn an_answer_that_comes_in_drips_is_given_up_and_a_start_does_not_wait_for_it() {
    let server = KeyServer::start();
    server.set("/keys", Page::Drip);
    let timeout = Duration::from_millis(100);
    let slow = FollowOptions {
        timeout,
        ..options(&[&server])
    };
    let followed = follow(key_set_at(&server), slow);
    let status = followed.wait_until(|status| status.attempts > 0);
    assert_eq!(status.last_error.unwrap(), "found no response within 100ms");
}

#[test]
fn an_issuer_that_cannot_be_reached_at_the_start_is_asked_again() {
    let (server, key) = (KeyServer::start(), signer("a"));
    server.set("/keys", Page::Status(503));
    let soon = FollowOptions {
        refresh: Duration::from_millis(20),
        ..options(&[&server])
    };
    let followed = follow(key_set_at(&server), soon);
    assert!(!followed.verifies(&key));
    server.set("/keys", keys(&[&key]));
    followed.wait_until(|status| status.keys == 1 && status.last_error.is_none());
    assert!(followed.verifies(&key));
}

#[test]
fn a_new_key_is_found_by_the_first_token_that_names_it() {
    let (server, old, new) = (KeyServer::start(), signer("old"), signer("new"));
    server.set("/keys", keys(&[&old]));
    let followed = follow_keys(&server);
    server.set("/keys", keys(&[&old, &new]));
    assert!(!followed.verifies(&new));
    let token = new.sign(&claims(ISS));
    let verified = run(followed.identity.verify(&token, PATIENCE));
    assert_eq!(verified.unwrap().issuer, IssuerIndex(0));
    assert!(followed.verifies(&old));
    assert_eq!(server.requests("/keys").len(), 2);
}

#[test]
fn however_many_invented_key_ids_come_the_issuer_is_asked_once_a_pause() {
    let (server, key) = (KeyServer::start(), signer("a"));
    server.set("/keys", keys(&[&key]));
    let followed = follow_keys(&server);
    for _ in 0..3 {
        followed.flood(200);
    }
    assert_eq!(
        server.requests("/keys").len(),
        2,
        "at the start, and for all of them"
    );
    assert!(followed.verifies(&key));
}

/// A key of the same id and algorithm.
#[test]
fn a_key_that_was_replaced_under_its_id_is_found_by_the_first_token_of_the_new_one() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let (server, old) = (KeyServer::start(), signer("key"));
        let new = Signer::new(algorithm, "key");
        server.set("/keys", keys(&[&old]));
        let followed = follow_keys(&server);
        assert!(followed.verifies(&old));
        server.set("/keys", keys(&[&new]));
        let verified = run(followed.identity.verify(&new.sign(&claims(ISS)), PATIENCE));
        assert!(verified.is_ok(), "{algorithm:?}: {verified:?}");
        assert!(
            followed
                .identity
                .verify_now(&old.sign(&claims(ISS)))
                .is_err()
        );
        assert_eq!(server.requests("/keys").len(), 2);
    }
}

#[test]
fn however_many_forged_signatures_come_the_issuer_is_asked_once_a_pause() {
    let (server, key, forger) = (KeyServer::start(), signer("a"), signer("a"));
    let other_kind = Signer::new(Algorithm::EdDsa, "a");
    server.set("/keys", keys(&[&key]));
    let followed = follow_keys(&server);
    for forger in [&forger, &other_kind, &forger] {
        run(join_all((0..200).map(|number| {
            let forged = with(claims(ISS), json!({ "uti": number }));
            let token = forger.sign(&forged);
            let identity = &followed.identity;
            async move { assert!(identity.verify(&token, PATIENCE).await.is_err()) }
        })));
    }
    let looks = || server.requests("/keys").len();
    assert_eq!(looks(), 2, "at the start, and for all of them");
    followed.flood(200);
    assert_eq!(looks(), 2, "unknown ids have the same pause");
    assert!(followed.verifies(&key));
}

#[test]
fn keys_that_cannot_be_used_are_counted_and_the_others_are_in_force() {
    let (server, key) = (KeyServer::start(), signer("a"));
    let mut padded = signer("b").jwk();
    padded["x"] = json!(format!("{}=", padded["x"].as_str().unwrap()));
    let unknown = json!({ "kty": "AKP", "alg": "ML-DSA-44", "kid": "c", "pub": "AAAA" });
    let document = json!({ "keys": [padded, key.jwk(), unknown, 7] });
    server.set("/keys", json_page(&document));
    let followed = follow_keys(&server);
    assert!(followed.verifies(&key));
    let status = followed.status();
    assert_eq!((status.keys, status.skipped.len()), (1, 3));
    assert_eq!(status.last_error, None);
    server.set("/keys", keys(&[&key]));
    let status = followed.look_again();
    assert_eq!((status.keys, status.skipped.len()), (1, 0));
}

#[test]
fn the_pause_is_kept_also_where_the_look_failed_and_then_is_over() {
    let pause = Duration::from_millis(300);
    let (server, key) = (KeyServer::start(), signer("a"));
    server.set("/keys", keys(&[&key]));
    let short = FollowOptions {
        unknown_key_pause: pause,
        ..options(&[&server])
    };
    let followed = follow(key_set_at(&server), short);
    server.set("/keys", Page::Status(500));
    let start = Instant::now();
    while server.requests("/keys").len() < 3 {
        assert!(start.elapsed() < PATIENCE);
        followed.flood(20);
    }
    let requests = server.requests("/keys");
    assert!(requests[2].duration_since(start) >= pause);
    assert!(followed.verifies(&key));
}

#[test]
fn in_an_outage_known_keys_stay_until_they_are_too_old() {
    let max_stale = Duration::from_secs(600);
    let (server, key) = (KeyServer::start(), signer("a"));
    server.set("/keys", keys(&[&key]));
    let stale = FollowOptions {
        max_stale,
        ..options(&[&server])
    };
    let followed = follow(key_set_at(&server), stale);
    server.set("/keys", Page::Status(500));
    let status = followed.look_again();
    assert!(
        status
            .last_error
            .unwrap()
            .ends_with("found status 500, expected 200")
    );
    assert_eq!(status.keys, 1);
    followed.clock.advance(max_stale - Duration::from_millis(1));
    assert!(followed.verifies(&key));

    let epoch = followed.epoch();
    followed.clock.advance(Duration::from_millis(1));
    assert!(
        !followed.verifies(&key),
        "whether or not the follower has noticed"
    );
    followed.look_again();
    followed.wait_until(|status| status.keys == 0 && status.good_until.is_none());
    assert_ne!(
        followed.epoch(),
        epoch,
        "and what was decided by them counts no more"
    );

    server.set("/keys", keys(&[&key]));
    assert_eq!(followed.look_again().keys, 1);
    assert!(followed.verifies(&key));
}

#[test]
fn keys_end_though_nobody_looks() {
    let (server, key) = (KeyServer::start(), signer("a"));
    server.set("/keys", keys(&[&key]));
    let stale = FollowOptions {
        max_stale: Duration::from_millis(10),
        ..options(&[&server])
    };
    let followed = follow(key_set_at(&server), stale);
    followed.clock.advance(Duration::from_millis(10));
    followed.wait_until(|status| status.keys == 0);
    assert_eq!(followed.status().attempts, 1);
}

#[test]
fn what_is_no_key_set_takes_no_known_key_away() {
    let (server, key) = (KeyServer::start(), signer("a"));
    server.set("/keys", keys(&[&key]));
    let followed = follow_keys(&server);
    let epoch = followed.epoch();
    let mut secret = key.jwk();
    secret["d"] = json!("AAAA");
    for garbage in [
        json!({}),
        json!({ "keys": [] }),
        json!({ "keys": [{ "kty": "EC", "crv": "P-521", "kid": "b" }] }),
        json!({ "keys": [secret] }),
        json!({ "keys": [key.jwk(), secret] }),
        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "a", "x": "AA==" }] }),
        json!("<html>"),
    ] {
        server.set("/keys", json_page(&garbage));
        let status = followed.look_again();
        assert!(status.last_error.is_some(), "{garbage}");
        assert_eq!((status.keys, followed.epoch()), (1, epoch), "{garbage}");
        assert!(followed.verifies(&key));
    }
}

#[test]
fn a_key_that_the_issuer_takes_away_verifies_nothing_any_more() {
    let (server, old, new) = (KeyServer::start(), signer("old"), signer("new"));
    server.set("/keys", keys(&[&old, &new]));
    let followed = follow_keys(&server);
    assert!(followed.verifies(&old));
    let epoch = followed.epoch();
    server.set("/keys", keys(&[&new, &old]));
    followed.look_again();
    assert_eq!(followed.epoch(), epoch, "the order of keys is no change");

    server.set("/keys", keys(&[&new]));
    assert_eq!(followed.look_again().keys, 1);
    assert_ne!(followed.epoch(), epoch);
    assert!(!followed.verifies(&old) && followed.verifies(&new));
}

#[test]
fn a_key_set_is_fetched_again_and_again() {
    let (server, old, new) = (KeyServer::start(), signer("old"), signer("new"));
    server.set("/keys", keys(&[&old]));
    let often = FollowOptions {
        refresh: Duration::from_millis(20),
        ..options(&[&server])
    };
    let followed = follow(key_set_at(&server), often);
    followed.wait_until(|status| status.attempts > 2);
    server.set("/keys", keys(&[&old, &new]));
    followed.wait_until(|status| status.keys == 2);
    assert!(followed.verifies(&new));
}

#[test]
fn one_issuers_outage_is_not_anothers() {
    let (server, key) = (KeyServer::start(), signer("a"));
    server.set("/keys", keys(&[&key]));
    let mut good = issuer(ISS, Preset::EntraV2);
    good.keys = key_set_at(&server);
    let mut bad = issuer("https://other.example", Preset::EntraV2);
    bad.keys = KeySource::Url(server.url("/none").parse().unwrap());
    let (identity, _, _) = identity(vec![bad, good]);
    let handle = KeySetFollower::start(Arc::clone(&identity), options(&[&server])).unwrap();
    assert!(identity.verify_now(&key.sign(&claims(ISS))).is_ok());
    let status = handle.status();
    assert_eq!(status[0].issuer, IssuerIndex(0));
    assert!(status[0].last_error.is_some() && status[1].last_error.is_none());
}

#[test]
fn with_the_last_handle_the_following_ends_and_nobody_waits_for_it() {
    let (server, key) = (KeyServer::start(), signer("a"));
    server.set("/keys", keys(&[&key]));
    let Followed {
        identity, handle, ..
    } = follow_keys(&server);
    let mut statuses = handle.statuses();
    let other = handle.clone();
    drop(handle);
    assert!(identity.refresh_requests().request(IssuerIndex(0)));
    drop(other);
    run(async { while statuses.changed().await.is_ok() {} });
    assert!(!identity.refresh_requests().request(IssuerIndex(0)));
    assert!(
        identity.verify_now(&key.sign(&claims(ISS))).is_ok(),
        "keys stay in force"
    );
}

#[test]
fn stopping_waits_for_the_thread() {
    let server = KeyServer::start();
    server.set("/keys", Page::Drip);
    let slow = FollowOptions {
        timeout: Duration::from_millis(1),
        ..options(&[&server])
    };
    let followed = follow(key_set_at(&server), slow);
    followed.handle.stop();
    followed.handle.stop();
    assert!(!followed.identity.refresh_requests().request(IssuerIndex(0)));
}
