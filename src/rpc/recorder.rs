//! Every answer on its way out: recorded and counted.
//!
//! A decision that was made now becomes a sign-in event, and where the log is strict an allow waits for its event
//! to be on disk. What was remembered adds nothing but counts. Holds no view over a wait, never decides.

use super::proof::{Question, Settled};
use crate::decision::{Denial, Reason};
use crate::engine::{Answer, View};
use crate::log::sign_in::{Asked, PartlyAsked, SignIn};
use crate::log::{Log, Wait};
use crate::request::{Api, Request};

/// Records what is answered. Its clones are one.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    /// Where events go.
    pub log: Log,
}

/// An answer whose event may still be on its way to the disk.
#[derive(Debug)]
pub struct Pending {
    answer: Answer,
    wait: Wait,
}

/// The event of an allow did not get to the disk in time: the allow does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unrecorded;

impl Pending {
    /// The answer, once it may leave.
    pub async fn recorded(self) -> Result<Answer, Unrecorded> {
        match self.wait.over().await {
            Ok(()) => Ok(self.answer),
            Err(_) => Err(Unrecorded),
        }
    }

    /// The answer as it is: for callers in this process, where nothing is recorded.
    pub fn unrecorded(&self) -> &Answer {
        &self.answer
    }
}

impl Recorder {
    /// Decides what was asked, or refuses what nothing can be asked for.
    pub fn answer(
        &self,
        view: &View<'_>,
        settled: &Settled<'_>,
        question: &Question,
        api: Api,
    ) -> Pending {
        match settled {
            Ok(request) => self.decide(view, request, api),
            Err(reason) => {
                let denial = Denial::of(None, *reason);
                Pending {
                    answer: self.refuse(view, denial, question.partly(), api),
                    wait: Wait::Nothing,
                }
            }
        }
    }

    /// Decides, and begins to record what was decided now.
    pub fn decide(&self, view: &View<'_>, request: &Request, api: Api) -> Pending {
        let (answer, unkept) = view.decide(request);
        let wait = if answer.cached {
            Wait::Nothing
        } else {
            let asked = Asked::Whole(request);
            self.log
                .signed_in(&event(asked, &answer, view, api), unkept)
        };
        Pending { answer, wait }
    }

    /// Refuses without an evaluation. Nobody waits for such a record, and of a flood only some are written.
    pub fn refuse(
        &self,
        view: &View<'_>,
        denial: Denial,
        asked: PartlyAsked<'_>,
        api: Api,
    ) -> Answer {
        let answer = view.refuse(denial);
        let asked = Asked::Part(asked);
        self.log.refused(&event(asked, &answer, view, api));
        answer
    }

    /// Records that a proof did not count, where the caller gets an error for it.
    pub fn unproven(&self, view: &View<'_>, question: Option<&Question>, problem: &str, api: Api) {
        let denial = Denial::of(None, Reason::IdentityMissing);
        let asked = PartlyAsked {
            problem: Some(problem),
            ..question.map(Question::partly).unwrap_or_default()
        };
        self.refuse(view, denial, asked, api);
    }
}

fn event<'a>(asked: Asked<'a>, answer: &'a Answer, view: &View<'_>, api: Api) -> SignIn<'a> {
    SignIn {
        asked,
        answer,
        time: view.now(),
        api,
    }
}
