//! Requests to refresh an issuer's key set: made when a token has an unknown `kid`, which then waits briefly.
//!
//! A refresh request fetches nothing. The follower thread takes the pending requests, decides whether to refresh (it may
//! refuse if the last refresh was recent), and reports completion. Completion ends the waiting, even if the refresh failed
//! or was refused. One refresh serves all requests that were pending when it began.

use std::time::Duration;

use tokio::sync::watch;

use super::IssuerIndex;

/// The refresh requests of all issuers.
#[derive(Debug)]
pub struct RefreshRequests {
    state: watch::Sender<RefreshState>,
}

#[derive(Debug)]
struct RefreshState {
    /// A follower takes the requests.
    is_followed: bool,
    /// In the order of the configured issuers.
    issuers: Vec<RequestNumbers>,
}

/// The last request of each state. Requests are numbered, so that one that is made during a refresh waits for the next
/// refresh: the document being fetched may be older than the token.
#[derive(Debug, Clone, Copy, Default)]
struct RequestNumbers {
    made: u64,
    taken: u64,
    completed: u64,
}

impl RefreshRequests {
    /// No pending requests, for this number of issuers.
    pub fn new(issuers: usize) -> Self {
        let state = RefreshState {
            is_followed: false,
            issuers: vec![RequestNumbers::default(); issuers],
        };
        RefreshRequests {
            state: watch::Sender::new(state),
        }
    }

    /// A follower takes requests from now on. Before, no caller waits.
    pub fn attach_follower(&self) {
        self.state.send_modify(|state| state.is_followed = true);
    }

    /// No follower takes requests any more. Ends all waiting.
    pub fn detach_follower(&self) {
        self.state.send_modify(|state| state.is_followed = false);
    }

    /// Requests a refresh of this issuer's key set. Returns false if there is no follower or no such issuer.
    pub fn request(&self, issuer: IssuerIndex) -> bool {
        self.add(issuer).is_some()
    }

    /// For the follower: waits for pending requests and takes them. Cancel safe.
    pub async fn take_next(&self) -> Vec<IssuerIndex> {
        let mut seen = self.state.subscribe();
        loop {
            let mut issuers = Vec::new();
            self.state.send_if_modified(|state| {
                for (index, numbers) in state.issuers.iter_mut().enumerate() {
                    if numbers.taken < numbers.made {
                        numbers.taken = numbers.made;
                        issuers.push(IssuerIndex(index));
                    }
                }
                // No caller waits for a request to be taken.
                false
            });
            if !issuers.is_empty() {
                return issuers;
            }
            // Never fails: `self` owns the sender.
            if seen.changed().await.is_err() {
                return Vec::new();
            }
        }
    }

    /// For the follower: completes the requests that were taken, refreshed or refused. Must be called after the new keys were
    /// published.
    pub fn complete(&self, issuer: IssuerIndex) {
        self.state.send_if_modified(|state| {
            let Some(numbers) = state.issuers.get_mut(issuer.0) else {
                return false;
            };
            let is_changed = numbers.completed < numbers.taken;
            numbers.completed = numbers.taken;
            is_changed
        });
    }

    /// Requests a refresh and waits until it is completed. Returns false without a follower or after the timeout.
    pub async fn wait(&self, issuer: IssuerIndex, timeout: Duration) -> bool {
        let mut seen = self.state.subscribe();
        let Some(number) = self.add(issuer) else {
            return false;
        };
        let is_over = |state: &RefreshState| {
            !state.is_followed
                || state
                    .issuers
                    .get(issuer.0)
                    .is_none_or(|numbers| number <= numbers.completed)
        };
        let waiting = seen.wait_for(is_over);
        matches!(tokio::time::timeout(timeout, waiting).await, Ok(Ok(_)))
    }

    /// The number of the pending request, made now if there is none.
    fn add(&self, issuer: IssuerIndex) -> Option<u64> {
        let mut number = None;
        self.state.send_if_modified(|state| {
            let Some(numbers) = state.issuers.get_mut(issuer.0) else {
                return false;
            };
            if !state.is_followed {
                return false;
            }
            let is_new = numbers.made == numbers.taken;
            if is_new {
                numbers.made += 1;
            }
            number = Some(numbers.made);
            is_new
        });
        number
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const ISSUER: IssuerIndex = IssuerIndex(1);
    const LONG: Duration = Duration::from_secs(600);

    fn followed() -> Arc<RefreshRequests> {
        let requests = RefreshRequests::new(3);
        requests.attach_follower();
        Arc::new(requests)
    }

    fn run<F: Future>(test: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(test)
    }

    #[test]
    fn without_a_follower_no_caller_waits() {
        run(async {
            let requests = RefreshRequests::new(3);
            assert!(!requests.request(ISSUER));
            assert!(!requests.wait(ISSUER, LONG).await);
            requests.attach_follower();
            assert!(!requests.request(IssuerIndex(3)));
            assert!(requests.request(ISSUER));
        });
    }

    #[test]
    fn one_refresh_completes_all_pending_requests() {
        run(async {
            let requests = followed();
            let waiting: Vec<_> = (0..5)
                .map(|_| {
                    let requests = Arc::clone(&requests);
                    tokio::spawn(async move { requests.wait(ISSUER, LONG).await })
                })
                .collect();
            tokio::task::yield_now().await;
            assert_eq!(requests.take_next().await, [ISSUER]);
            requests.complete(ISSUER);
            for one in waiting {
                assert!(one.await.unwrap());
            }
            let more = tokio::time::timeout(Duration::ZERO, requests.take_next());
            assert!(more.await.is_err());
        });
    }

    #[test]
    fn a_request_made_during_a_refresh_waits_for_the_next_one() {
        run(async {
            let requests = followed();
            assert!(requests.request(ISSUER));
            assert_eq!(requests.take_next().await, [ISSUER]);
            let late = {
                let requests = Arc::clone(&requests);
                tokio::spawn(async move { requests.wait(ISSUER, LONG).await })
            };
            tokio::task::yield_now().await;
            requests.complete(ISSUER);
            tokio::task::yield_now().await;
            assert!(!late.is_finished());
            assert_eq!(requests.take_next().await, [ISSUER]);
            requests.complete(ISSUER);
            assert!(late.await.unwrap());
        });
    }

    #[test]
    fn waiting_ends_at_the_timeout() {
        run(async {
            let requests = followed();
            assert!(!requests.wait(ISSUER, Duration::ZERO).await);
        });
    }

    #[test]
    fn detaching_the_follower_ends_the_waiting() {
        run(async {
            let requests = followed();
            let waiting = {
                let requests = Arc::clone(&requests);
                tokio::spawn(async move { requests.wait(ISSUER, LONG).await })
            };
            tokio::task::yield_now().await;
            requests.detach_follower();
            assert!(waiting.await.unwrap());
        });
    }
}
