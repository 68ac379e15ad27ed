//! Key sets of issuers: fetching, refreshing and file watching, only from the configured sources.
//!
//! Each test changes the response of an issuer or the contents of a file, and waits for the end of the next attempt. The
//! refresh interval is an hour unless the test is about it.

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

/// The longest wait in a test.
const TEST_TIMEOUT: Duration = Duration::from_secs(20);
const NEVER: Duration = Duration::from_secs(3600);
const ISS: &str = "https://idp.example/tenant";

struct FollowedIssuer {
    identity: Arc<TokenVerifier>,
    engine: Arc<Engine>,
    clock: Arc<ManualClock>,
    handle: FollowHandle,
}

/// No periodic refresh; the test servers are allowed origins.
fn options(servers: &[&KeyServer]) -> FollowOptions {
    FollowOptions {
        refresh: NEVER,
        unknown_key_pause: NEVER,
        timeout: TEST_TIMEOUT,
        rescan: NEVER,
        origins: servers.iter().map(|server| server.origin()).collect(),
        ..FollowOptions::default()
    }
}

fn try_to_follow(keys: KeySource, options: FollowOptions) -> io::Result<FollowedIssuer> {
    let mut issuer = issuer(ISS, Preset::EntraV2);
    issuer.keys = keys;
    let (identity, engine, clock) = identity(vec![issuer]);
    let handle = KeySetFollower::start(Arc::clone(&identity), options)?;
    Ok(FollowedIssuer {
        identity,
        engine,
        clock,
        handle,
    })
}

fn follow(keys: KeySource, options: FollowOptions) -> FollowedIssuer {
    try_to_follow(keys, options).unwrap()
}

/// Follows `/keys` of this server.
fn follow_keys(server: &KeyServer) -> FollowedIssuer {
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

impl FollowedIssuer {
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
            let found = tokio::time::timeout(TEST_TIMEOUT, wait).await;
            found
                .unwrap_or_else(|_| panic!("{:?}", self.status()))
                .unwrap()[0]
                .clone()
        })
    }

    /// Triggers an attempt and waits for its end.
    fn refresh(&self) -> IssuerStatus {
        let before = self.status().attempts;
        self.handle.hint();
        self.wait_until(|status| status.attempts > before)
    }

    /// Verifies tokens with unknown key ids concurrently.
    fn flood(&self, requests: usize) {
        let unknown = signer("unknown");
        run(join_all((0..requests).map(|number| {
            let header =
                json!({ "typ": "JWT", "alg": "ES256", "kid": format!("unknown-{number}") });
            let token = unknown.sign_text(header.to_string(), claims(ISS).to_string());
            async move { assert!(self.identity.verify(&token, TEST_TIMEOUT).await.is_err()) }
        })));
    }
}

#[test]
fn keys_are_available_for_the_first_request() {
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
fn keys_are_found_by_discovery() {
    let (server, key) = (KeyServer::start(), signer("a"));
    let document = json!({ "issuer": ISS, "jwks_uri": server.url("/keys"), "more": [1] });
    server.set(DISCOVERY, json_page(&document));
    server.set("/keys", keys(&[&key]));
    let followed = follow(discovery_at(&server), options(&[&server]));
    assert!(followed.verifies(&key), "{:?}", followed.status());
}

#[test]
fn the_discovery_document_of_another_issuer_is_refused() {
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
fn a_jwks_uri_on_another_origin_is_fetched_only_if_the_origin_is_listed() {
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
fn http_is_refused_at_startup_unless_its_origin_is_listed() {
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
fn an_endless_response_is_not_read_beyond_the_limit() {
    let server = KeyServer::start();
    server.set("/keys", Page::Endless);
    let followed = follow_keys(&server);
    assert!(
        followed.error().contains("more than 262144 bytes"),
        "{}",
        followed.error()
    );
    // The remainder is in buffers of the operating system.
    assert!(server.sent() < 16 << 20, "{}", server.sent());
}

#[test]
fn a_key_set_may_have_256_kib_and_no_byte_more() {
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
            .refresh()
            .last_error
            .unwrap()
            .contains("more than 262144 bytes")
    );
}

#[test]
fn a_slow_response_times_out_and_does_not_delay_startup() {
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
fn an_issuer_that_is_unavailable_at_startup_is_fetched_again() {
    let (server, key) = (KeyServer::start(), signer("a"));
    server.set("/keys", Page::Status(503));
    let often = FollowOptions {
        refresh: Duration::from_millis(20),
        ..options(&[&server])
    };
    let followed = follow(key_set_at(&server), often);
    assert!(!followed.verifies(&key));
    server.set("/keys", keys(&[&key]));
    followed.wait_until(|status| status.keys == 1 && status.last_error.is_none());
    assert!(followed.verifies(&key));
}

#[test]
fn the_first_token_with_a_new_key_id_triggers_a_fetch() {
    let (server, old, new) = (KeyServer::start(), signer("old"), signer("new"));
    server.set("/keys", keys(&[&old]));
    let followed = follow_keys(&server);
    server.set("/keys", keys(&[&old, &new]));
    assert!(!followed.verifies(&new));
    let token = new.sign(&claims(ISS));
    let verified = run(followed.identity.verify(&token, TEST_TIMEOUT));
    assert_eq!(verified.unwrap().issuer, IssuerIndex(0));
    assert!(followed.verifies(&old));
    assert_eq!(server.requests("/keys").len(), 2);
}

#[test]
fn a_flood_of_unknown_key_ids_causes_one_fetch_in_each_pause() {
    let (server, key) = (KeyServer::start(), signer("a"));
    server.set("/keys", keys(&[&key]));
    let followed = follow_keys(&server);
    for _ in 0..3 {
        followed.flood(200);
    }
    assert_eq!(
        server.requests("/keys").len(),
        2,
        "one at startup, and one for all tokens"
    );
    assert!(followed.verifies(&key));
}

/// The new key has the same id, and the same or another algorithm.
#[test]
fn the_first_token_of_a_key_replaced_under_the_same_id_triggers_a_fetch() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let (server, old) = (KeyServer::start(), signer("key"));
        let new = Signer::new(algorithm, "key");
        server.set("/keys", keys(&[&old]));
        let followed = follow_keys(&server);
        assert!(followed.verifies(&old));
        server.set("/keys", keys(&[&new]));
        let verified = run(followed
            .identity
            .verify(&new.sign(&claims(ISS)), TEST_TIMEOUT));
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
fn a_flood_of_forged_signatures_causes_one_fetch_in_each_pause() {
    let (server, key, forger) = (KeyServer::start(), signer("a"), signer("a"));
    let other_kind = Signer::new(Algorithm::EdDsa, "a");
    server.set("/keys", keys(&[&key]));
    let followed = follow_keys(&server);
    for forger in [&forger, &other_kind, &forger] {
        run(join_all((0..200).map(|number| {
            let forged = with(claims(ISS), json!({ "uti": number }));
            let token = forger.sign(&forged);
            let identity = &followed.identity;
            async move { assert!(identity.verify(&token, TEST_TIMEOUT).await.is_err()) }
        })));
    }
    let fetches = || server.requests("/keys").len();
    assert_eq!(fetches(), 2, "one at startup, and one for all tokens");
    followed.flood(200);
    assert_eq!(fetches(), 2, "unknown key ids share the pause");
    assert!(followed.verifies(&key));
}

#[test]
fn unusable_keys_are_counted_and_the_others_are_in_force() {
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
    let status = followed.refresh();
    assert_eq!((status.keys, status.skipped.len()), (1, 0));
}

#[test]
fn the_pause_applies_after_a_failed_fetch_and_then_ends() {
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
        assert!(start.elapsed() < TEST_TIMEOUT);
        followed.flood(20);
    }
    let requests = server.requests("/keys");
    assert!(requests[2].duration_since(start) >= pause);
    assert!(followed.verifies(&key));
}

#[test]
fn in_an_outage_keys_stay_in_force_until_they_are_too_old() {
    let max_stale = Duration::from_secs(600);
    let (server, key) = (KeyServer::start(), signer("a"));
    server.set("/keys", keys(&[&key]));
    let stale = FollowOptions {
        max_stale,
        ..options(&[&server])
    };
    let followed = follow(key_set_at(&server), stale);
    server.set("/keys", Page::Status(500));
    let status = followed.refresh();
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
        "even if the follower has not noticed yet"
    );
    followed.refresh();
    followed.wait_until(|status| status.keys == 0 && status.good_until.is_none());
    assert_ne!(
        followed.epoch(),
        epoch,
        "decisions made with these keys are no longer valid"
    );

    server.set("/keys", keys(&[&key]));
    assert_eq!(followed.refresh().keys, 1);
    assert!(followed.verifies(&key));
}

#[test]
fn keys_expire_without_an_attempt_to_refresh_them() {
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
fn an_invalid_key_set_removes_no_known_key() {
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
        let status = followed.refresh();
        assert!(status.last_error.is_some(), "{garbage}");
        assert_eq!((status.keys, followed.epoch()), (1, epoch), "{garbage}");
        assert!(followed.verifies(&key));
    }
}

#[test]
fn a_key_removed_by_the_issuer_no_longer_verifies_tokens() {
    let (server, old, new) = (KeyServer::start(), signer("old"), signer("new"));
    server.set("/keys", keys(&[&old, &new]));
    let followed = follow_keys(&server);
    assert!(followed.verifies(&old));
    let epoch = followed.epoch();
    server.set("/keys", keys(&[&new, &old]));
    followed.refresh();
    assert_eq!(
        followed.epoch(),
        epoch,
        "a new order of keys is not a change"
    );

    server.set("/keys", keys(&[&new]));
    assert_eq!(followed.refresh().keys, 1);
    assert_ne!(followed.epoch(), epoch);
    assert!(!followed.verifies(&old) && followed.verifies(&new));
}

#[test]
fn a_key_set_is_refreshed_periodically() {
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
fn an_outage_of_one_issuer_does_not_affect_another() {
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
fn following_ends_with_the_last_handle_and_no_refresh_is_requested() {
    let (server, key) = (KeyServer::start(), signer("a"));
    server.set("/keys", keys(&[&key]));
    let FollowedIssuer {
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
