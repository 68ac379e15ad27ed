//! Wishes for an issuer's keys: a request that meets a key id nobody knows asks here, and waits a little.
//!
//! A wish fetches nothing. Whoever follows the keys takes the wishes, decides whether to look (it has looked
//! a moment ago, it may not), and tells when it has; that ends the waiting whatever came of it. However many
//! requests wish, one look is taken for all of them.

use std::time::Duration;

use tokio::sync::watch;

use super::IssuerIndex;

/// The wishes of all issuers.
#[derive(Debug)]
pub struct Wanted {
    board: watch::Sender<Board>,
}

#[derive(Debug)]
struct Board {
    /// Somebody takes the wishes.
    is_followed: bool,
    /// In the order of the issuers.
    issuers: Vec<Wishes>,
}

/// Wishes are numbered, so that one that comes while the keys are being looked at waits for the next look: the
/// document that is on its way may be older than the token.
#[derive(Debug, Clone, Copy, Default)]
struct Wishes {
    made: u64,
    taken: u64,
    granted: u64,
}

impl Wanted {
    /// Nobody wants anything yet.
    pub fn new(issuers: usize) -> Self {
        let board = Board {
            is_followed: false,
            issuers: vec![Wishes::default(); issuers],
        };
        Wanted {
            board: watch::Sender::new(board),
        }
    }

    /// Somebody follows the keys from now on; before, nobody is kept waiting.
    pub fn follow(&self) {
        self.board.send_modify(|board| board.is_followed = true);
    }

    /// Nobody follows the keys any more, and whoever waits waits no longer.
    pub fn unfollow(&self) {
        self.board.send_modify(|board| board.is_followed = false);
    }

    /// Wants this issuer's keys to be looked at; false if nobody will.
    pub fn ask(&self, issuer: IssuerIndex) -> bool {
        self.wish(issuer).is_some()
    }

    /// For the follower: waits until issuers' keys are wanted, and takes the wishes. Safe to drop at any time.
    pub async fn next(&self) -> Vec<IssuerIndex> {
        let mut seen = self.board.subscribe();
        loop {
            let mut wanted = Vec::new();
            self.board.send_if_modified(|board| {
                for (index, wishes) in board.issuers.iter_mut().enumerate() {
                    if wishes.taken < wishes.made {
                        wishes.taken = wishes.made;
                        wanted.push(IssuerIndex(index));
                    }
                }
                // Nobody waits for a wish to be taken.
                false
            });
            if !wanted.is_empty() {
                return wanted;
            }
            // An error would mean that the sender is gone, and it is `self`.
            if seen.changed().await.is_err() {
                return Vec::new();
            }
        }
    }

    /// For the follower: the wishes that were taken are granted, or turned down. To be called after the keys
    /// that were found have been published.
    pub fn looked(&self, issuer: IssuerIndex) {
        self.board.send_if_modified(|board| {
            let Some(wishes) = board.issuers.get_mut(issuer.0) else {
                return false;
            };
            let is_news = wishes.granted < wishes.taken;
            wishes.granted = wishes.taken;
            is_news
        });
    }

    /// Asks, and waits until the keys were looked at or the patience is over; false if it need not have waited.
    pub async fn wait(&self, issuer: IssuerIndex, patience: Duration) -> bool {
        let mut seen = self.board.subscribe();
        let Some(number) = self.wish(issuer) else {
            return false;
        };
        let is_over = |board: &Board| {
            !board.is_followed
                || board
                    .issuers
                    .get(issuer.0)
                    .is_none_or(|wishes| number <= wishes.granted)
        };
        let waiting = seen.wait_for(is_over);
        matches!(tokio::time::timeout(patience, waiting).await, Ok(Ok(_)))
    }

    /// The number of a wish that nobody has taken yet, made now if there is none.
    fn wish(&self, issuer: IssuerIndex) -> Option<u64> {
        let mut number = None;
        self.board.send_if_modified(|board| {
            let Some(wishes) = board.issuers.get_mut(issuer.0) else {
                return false;
            };
            if !board.is_followed {
                return false;
            }
            let is_new = wishes.made == wishes.taken;
            if is_new {
                wishes.made += 1;
            }
            number = Some(wishes.made);
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

    fn followed() -> Arc<Wanted> {
        let wanted = Wanted::new(3);
        wanted.follow();
        Arc::new(wanted)
    }

    fn run<F: Future>(test: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(test)
    }

    #[test]
    fn nobody_is_kept_waiting_where_nobody_follows() {
        run(async {
            let wanted = Wanted::new(3);
            assert!(!wanted.ask(ISSUER));
            assert!(!wanted.wait(ISSUER, LONG).await);
            wanted.follow();
            assert!(!wanted.ask(IssuerIndex(3)));
            assert!(wanted.ask(ISSUER));
        });
    }

    #[test]
    fn many_wishes_are_taken_as_one_and_end_with_one_look() {
        run(async {
            let wanted = followed();
            let waiting: Vec<_> = (0..5)
                .map(|_| {
                    let wanted = Arc::clone(&wanted);
                    tokio::spawn(async move { wanted.wait(ISSUER, LONG).await })
                })
                .collect();
            tokio::task::yield_now().await;
            assert_eq!(wanted.next().await, [ISSUER]);
            wanted.looked(ISSUER);
            for one in waiting {
                assert!(one.await.unwrap());
            }
            let more = tokio::time::timeout(Duration::ZERO, wanted.next());
            assert!(more.await.is_err());
        });
    }

    #[test]
    fn a_wish_that_comes_during_a_look_waits_for_the_next_one() {
        run(async {
            let wanted = followed();
            assert!(wanted.ask(ISSUER));
            assert_eq!(wanted.next().await, [ISSUER]);
            let late = {
                let wanted = Arc::clone(&wanted);
                tokio::spawn(async move { wanted.wait(ISSUER, LONG).await })
            };
            tokio::task::yield_now().await;
            wanted.looked(ISSUER);
            tokio::task::yield_now().await;
            assert!(!late.is_finished());
            assert_eq!(wanted.next().await, [ISSUER]);
            wanted.looked(ISSUER);
            assert!(late.await.unwrap());
        });
    }

    #[test]
    fn patience_ends() {
        run(async {
            let wanted = followed();
            assert!(!wanted.wait(ISSUER, Duration::ZERO).await);
        });
    }

    #[test]
    fn the_end_of_the_follower_ends_the_waiting() {
        run(async {
            let wanted = followed();
            let waiting = {
                let wanted = Arc::clone(&wanted);
                tokio::spawn(async move { wanted.wait(ISSUER, LONG).await })
            };
            tokio::task::yield_now().await;
            wanted.unfollow();
            assert!(waiting.await.unwrap());
        });
    }
}
