//! Keys are added, changed and removed while tokens are verified; a cached result is valid only with the same keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crosstrust::cache::protocol::Epoch;
use crosstrust::identity::{Algorithm, Excerpt, IssuerIndex, Preset, TokenError};
use crosstrust::time::Timestamp;
use serde_json::json;

use crate::support::tokens::{NOW, Signer, claims, identity, issuer, key_set, with, with_keys};

const ISS: &str = "https://idp.example";
const FIRST: IssuerIndex = IssuerIndex(0);

fn unknown_key(kid: &str) -> TokenError {
    TokenError::UnknownKey {
        issuer: FIRST,
        kid: Excerpt::of(kid),
    }
}

#[test]
fn a_cached_token_is_reused_until_the_keys_change() {
    let (one, two) = (
        Signer::new(Algorithm::EdDsa, "one"),
        Signer::new(Algorithm::EdDsa, "two"),
    );
    let (identity, engine, _) = with_keys(vec![(issuer(ISS, Preset::EntraV2), &[&one])]);
    let token = one.sign(&claims(ISS));
    let first = identity.verify_now(&token).unwrap();
    let again = identity.verify_now(&token).unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    assert_eq!(first.key_epoch, engine.view().keys());
    let counters = identity.counters();
    assert_eq!(
        (counters.hits, counters.misses, counters.refused),
        (1, 1, 0)
    );

    // A key is added: the token is verified again, with the new epoch and the same result.
    identity.publish(FIRST, Some(key_set(&[&one, &two])), None);
    let verified_again = identity.verify_now(&token).unwrap();
    assert!(verified_again.key_epoch > first.key_epoch);
    assert_eq!(verified_again.key_epoch, engine.view().keys());
    assert_eq!(
        (&verified_again.subject, &verified_again.claims),
        (&first.subject, &first.claims)
    );

    // The key is removed.
    identity.publish(FIRST, Some(key_set(&[&two])), None);
    assert_eq!(identity.verify_now(&token).err(), Some(unknown_key("one")));
    // All keys are removed.
    let token = two.sign(&claims(ISS));
    assert!(identity.verify_now(&token).is_ok());
    identity.publish(FIRST, None, None);
    assert_eq!(identity.verify_now(&token).err(), Some(unknown_key("two")));
    assert_eq!(identity.counters().refused, 2);
}

#[test]
fn a_token_that_differs_only_in_its_signature_is_not_found_in_the_cache() {
    let signer = Signer::new(Algorithm::Es256, "key");
    let (identity, _, _) = with_keys(vec![(issuer(ISS, Preset::EntraV2), &[&signer])]);
    let token = signer.sign(&claims(ISS));
    assert!(identity.verify_now(&token).is_ok());
    let forged = format!("{}.{}", token.rsplit_once('.').unwrap().0, "A".repeat(86));
    assert_eq!(
        identity.verify_now(&forged).err(),
        Some(TokenError::BadSignature { issuer: FIRST })
    );
}

#[test]
fn only_changed_keys_start_a_new_epoch() {
    let signer = Signer::new(Algorithm::EdDsa, "key");
    let (identity, engine, _) = identity(vec![issuer(ISS, Preset::EntraV2)]);
    assert_eq!(engine.view().keys(), Epoch::FIRST);
    let mut last = Epoch::FIRST;
    let mut publish = |keys, good_until, is_new: bool| {
        identity.publish(FIRST, keys, good_until);
        let epoch = engine.view().keys();
        assert_eq!(epoch != last, is_new);
        last = epoch;
    };
    publish(None, None, false);
    publish(Some(key_set(&[&signer])), None, true);
    publish(
        Some(key_set(&[&signer])),
        Some(Duration::from_secs(9000)),
        false,
    );
    publish(Some(key_set(&[])), None, true);
    publish(None, None, true);
    identity.publish(IssuerIndex(7), Some(key_set(&[&signer])), None);
    assert_eq!(engine.view().keys(), last);
}

#[test]
fn a_token_expires_on_the_wall_clock_and_on_the_boot_clock_even_if_cached() {
    let signer = Signer::new(Algorithm::EdDsa, "key");
    let token = signer.sign(&claims(ISS));
    let start = || {
        let (identity, _, clock) = with_keys(vec![(issuer(ISS, Preset::EntraV2), &[&signer])]);
        assert!(identity.verify_now(&token).is_ok());
        (identity, clock)
    };
    let end = Timestamp::from_seconds(NOW + 3600);
    let expired = Some(TokenError::Expired(end));

    let (identity, clock) = start();
    clock.advance(Duration::from_secs(3600) - Duration::from_nanos(1));
    assert!(identity.verify_now(&token).is_ok());
    assert_eq!(identity.counters().hits, 1);
    clock.advance(Duration::from_nanos(1));
    assert_eq!(identity.verify_now(&token).err(), expired);
    assert!(
        identity
            .verify_now(&token)
            .is_err_and(|error| error.is_expired())
    );

    // Wall clock set forward: expired. Set back before the time of verification: verified again.
    let (identity, clock) = start();
    clock.set_wall(end);
    assert_eq!(identity.verify_now(&token).err(), expired);
    clock.set_wall(Timestamp::from_seconds(NOW - 1));
    assert!(identity.verify_now(&token).is_ok());
    assert_eq!(identity.counters().hits, 0);

    // The wall clock stands still while an hour passes.
    let (identity, clock) = start();
    clock.advance(Duration::from_secs(3600) - Duration::from_nanos(1));
    clock.set_wall(Timestamp::from_seconds(NOW));
    assert!(identity.verify_now(&token).is_ok());
    clock.advance(Duration::from_nanos(1));
    clock.set_wall(Timestamp::from_seconds(NOW));
    let expired_on_boot = Some(TokenError::ExpiredOnBootClock(end));
    assert_eq!(identity.verify_now(&token).err(), expired_on_boot);
}

#[test]
fn an_expired_token_stays_refused_after_the_wall_clock_is_set_back() {
    let signer = Signer::new(Algorithm::EdDsa, "key");
    let end = Timestamp::from_seconds(NOW + 3600);
    let token = signer.sign(&claims(ISS));
    let (identity, engine, clock) = with_keys(vec![(issuer(ISS, Preset::EntraV2), &[&signer])]);
    assert!(identity.verify_now(&token).is_ok());
    clock.advance(Duration::from_secs(3600));
    assert_eq!(
        identity.verify_now(&token).err(),
        Some(TokenError::Expired(end))
    );
    clock.set_wall(Timestamp::from_seconds(NOW));
    let expired_on_boot = TokenError::ExpiredOnBootClock(end);
    assert_eq!(
        identity.verify_now(&token).err(),
        Some(expired_on_boot.clone())
    );
    assert!(expired_on_boot.is_expired());
    assert_eq!(expired_on_boot.class(), TokenError::Expired(end).class());
    // Neither a sweep of the caches nor new keys make it valid again.
    clock.advance(Duration::from_secs(120));
    identity.sweep();
    identity.publish(FIRST, Some(key_set(&[&signer])), None);
    engine.reap();
    clock.set_wall(Timestamp::from_seconds(NOW));
    assert_eq!(identity.verify_now(&token).err(), Some(expired_on_boot));
    // Another token of the same user is valid until it expires on the wall clock.
    let renewed = signer.sign(&with(claims(ISS), json!({"jti": "renewed"})));
    assert!(identity.verify_now(&renewed).is_ok());
}

#[test]
fn a_wall_clock_set_back_does_not_extend_the_life_of_a_token() {
    let signer = Signer::new(Algorithm::EdDsa, "key");
    let token = signer.sign(&with(claims(ISS), json!({"exp": NOW + 7200})));
    let (identity, _, clock) = with_keys(vec![(issuer(ISS, Preset::EntraV2), &[&signer])]);
    assert!(identity.verify_now(&token).is_ok());
    // Verified again after an hour, with the wall clock an hour behind.
    clock.advance(Duration::from_secs(3600));
    clock.set_wall(Timestamp::from_seconds(NOW));
    assert!(identity.verify_now(&token).is_ok());
    clock.advance(Duration::from_secs(3600) - Duration::from_nanos(1));
    assert!(identity.verify_now(&token).is_ok());
    clock.advance(Duration::from_nanos(1));
    let end = Timestamp::from_seconds(NOW + 7200);
    assert_eq!(
        identity.verify_now(&token).err(),
        Some(TokenError::ExpiredOnBootClock(end))
    );
}

#[test]
fn a_token_valid_for_a_day_is_verified_again_after_an_hour() {
    let signer = Signer::new(Algorithm::EdDsa, "key");
    let token = signer.sign(&with(claims(ISS), json!({"exp": NOW + 24 * 3600})));
    let (identity, _, clock) = with_keys(vec![(issuer(ISS, Preset::EntraV2), &[&signer])]);
    assert!(identity.verify_now(&token).is_ok());
    clock.advance(Duration::from_secs(3600) - Duration::from_nanos(1));
    assert!(identity.verify_now(&token).is_ok());
    assert_eq!(identity.counters().hits, 1);
    clock.advance(Duration::from_nanos(1));
    assert!(identity.verify_now(&token).is_ok());
    assert_eq!(identity.counters().hits, 1, "verified again");
    assert!(identity.verify_now(&token).is_ok());
    assert_eq!(identity.counters().hits, 2, "and cached again");
}

#[test]
fn keys_that_are_not_confirmed_in_time_verify_no_token_even_if_cached() {
    let signer = Signer::new(Algorithm::EdDsa, "key");
    let (identity, engine, clock) = identity(vec![issuer(ISS, Preset::EntraV2)]);
    let boot = clock.now().boot;
    let until = |seconds| Some(boot + Duration::from_secs(seconds));
    let token = signer.sign(&claims(ISS));
    identity.publish(FIRST, Some(key_set(&[&signer])), until(60));
    let epoch = engine.view().keys();
    assert!(identity.verify_now(&token).is_ok());
    clock.advance(Duration::from_secs(59));
    assert!(identity.verify_now(&token).is_ok());
    clock.advance(Duration::from_secs(1));
    assert_eq!(identity.verify_now(&token).err(), Some(unknown_key("key")));
    // Confirmed again: the cached result is valid again.
    identity.publish(FIRST, Some(key_set(&[&signer])), until(600));
    assert_eq!(engine.view().keys(), epoch);
    let hits = identity.counters().hits;
    assert!(identity.verify_now(&token).is_ok());
    assert_eq!(identity.counters().hits, hits + 1);
}

#[test]
fn a_request_with_an_unknown_key_waits_for_one_key_fetch_at_most() {
    let (one, two) = (
        Signer::new(Algorithm::EdDsa, "one"),
        Signer::new(Algorithm::EdDsa, "two"),
    );
    let (identity, _, _) = with_keys(vec![(issuer(ISS, Preset::EntraV2), &[&one])]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let long = Duration::from_secs(600);
    let token = two.sign(&claims(ISS));
    runtime.block_on(async {
        // Without a follower, no request waits.
        assert_eq!(
            identity.verify(&token, long).await.err(),
            Some(unknown_key("two"))
        );
        identity.refresh_requests().attach_follower();
        let follower = Arc::clone(&identity);
        let keys = [key_set(&[&one]), key_set(&[&one, &two])];
        let following = tokio::spawn(async move {
            for keys in keys {
                assert_eq!(follower.refresh_requests().take_next().await, [FIRST]);
                follower.publish(FIRST, Some(keys), None);
                follower.refresh_requests().complete(FIRST);
            }
        });
        assert_eq!(
            identity.verify(&token, long).await.err(),
            Some(unknown_key("two"))
        );
        assert!(identity.verify(&token, long).await.is_ok());
        following.await.unwrap();
        // Other errors request no fetch, and the wait is bounded.
        let expired = one.sign(&with(claims(ISS), json!({ "exp": NOW })));
        assert!(
            identity
                .verify(&expired, long)
                .await
                .is_err_and(|error| error.is_expired())
        );
        let three = Signer::new(Algorithm::EdDsa, "three").sign(&claims(ISS));
        let found = identity.verify(&three, Duration::ZERO).await;
        assert_eq!(found.err(), Some(unknown_key("three")));
    });
}

/// Threads verify continuously while a key is published and withdrawn. `phase` is incremented before each publication
/// and after each withdrawal: it is odd while the key may be in force.
#[test]
fn after_a_withdrawal_no_token_verifies_with_the_withdrawn_keys() {
    const AT_LEAST: u64 = 300;
    let signer = Signer::new(Algorithm::EdDsa, "key");
    let (identity, engine, _) = identity(vec![issuer(ISS, Preset::EntraV2)]);
    let token = signer.sign(&claims(ISS));
    let phase = AtomicU64::new(0);
    let is_over = AtomicBool::new(false);
    let verified = AtomicU64::new(0);
    let mut rounds = 0;
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !is_over.load(Ordering::SeqCst) {
                    let before = phase.load(Ordering::SeqCst);
                    let epoch_before = engine.view().keys();
                    let found = identity.verify_now(&token);
                    let after = phase.load(Ordering::SeqCst);
                    if let Ok(one) = found {
                        verified.fetch_add(1, Ordering::SeqCst);
                        assert!(
                            one.key_epoch >= epoch_before,
                            "the epoch is older than the one in force"
                        );
                        let was_withdrawn_throughout = before == after && before.is_multiple_of(2);
                        assert!(!was_withdrawn_throughout, "verified with withdrawn keys");
                    }
                }
            });
        }
        let keys = key_set(&[&signer]);
        // Continues until another thread has verified a token.
        while rounds < AT_LEAST || verified.load(Ordering::SeqCst) == 0 {
            rounds += 1;
            phase.fetch_add(1, Ordering::SeqCst);
            identity.publish(FIRST, Some(keys.clone()), None);
            let in_force = engine.view().keys();
            // Lets the other threads verify even if all threads share one core.
            assert!(identity.verify_now(&token).is_ok());
            thread::yield_now();
            identity.publish(FIRST, None, None);
            phase.fetch_add(1, Ordering::SeqCst);
            assert!(identity.verify_now(&token).is_err());
            assert!(engine.view().keys() > in_force);
        }
        is_over.store(true, Ordering::SeqCst);
    });
    assert_eq!(engine.view().keys(), Epoch(2 * rounds));
}
