//! Questions whose asker is proven by a token: verified, settled into requests, asked under the same key sets.
//!
//! Waiting comes first and decides nothing; then everything is verified and answered in one go, without a pause.
//! An identity that was verified under key sets that are no longer in force is verified again.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::assumed::{Assumed, AssumedFact};
use super::gateway::Gateway;
use crate::decision::Reason;
use crate::engine::{Engine, Epoch, View};
use crate::identity::{Asked, Identity, IssuerIndex, TokenError, Unidentified, Verified};
use crate::log::sign_in::PartlyAsked;
use crate::request::Request;

/// A question as it was put.
#[derive(Debug, Clone)]
pub enum Question {
    /// The caller states who asks. In a box: a request has a kilobyte, and questions are handed on half a dozen times.
    Stated(Box<Request>),
    /// Tokens prove it: each of them, and all of them say the same.
    Proven {
        /// What proves it; at least one.
        proofs: Vec<Proof>,
        /// What is asked.
        asked: Box<Asked>,
    },
}

/// What proves who asks.
#[derive(Debug, Clone)]
pub enum Proof {
    /// A JWT.
    Token(String),
    /// The claims of one that a gateway has verified.
    Payload(serde_json::Map<String, serde_json::Value>),
}

/// A question when it is known who asks; else the reason why it is not told in a way that counts.
pub type Settled<'a> = Result<Cow<'a, Box<Request>>, Reason>;

/// A proof that does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unproven {
    /// The question's place among those that were put.
    pub index: usize,
    /// What is wrong with it.
    pub problem: String,
    /// Where it may count in a moment, when its issuer's keys have been looked at.
    pub awaited: Option<AwaitedKeys>,
}

/// Keys that a proof may be verified by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AwaitedKeys {
    issuer: IssuerIndex,
    /// The publication of keys before the proof was looked at.
    before: u64,
}

/// Why questions are not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsettled {
    /// A proof does not count.
    Unproven(Unproven),
    /// Key sets changed each time that everything had been verified.
    KeysChanging,
}

/// Asks; where a token may be verified by keys that are not known yet, waits for it a little and asks once more.
pub async fn patiently<T>(
    gateway: &Gateway,
    questions: &[Question],
    ask: impl Fn() -> Result<T, Unsettled>,
) -> Result<T, Unsettled> {
    match ask() {
        Err(Unsettled::Unproven(Unproven {
            awaited: Some(awaited),
            index,
            problem,
        })) => {
            let unproven = Unproven {
                index,
                problem,
                awaited: None,
            };
            Box::pin(await_keys(gateway, questions, awaited, unproven)).await?;
            ask()
        }
        settled => settled,
    }
}

/// Waits for the keys of the first proof that does not count, then of those after it. An error where the first cannot
/// count: it is not looked at again unless keys were published.
async fn await_keys(
    gateway: &Gateway,
    questions: &[Question],
    awaited: AwaitedKeys,
    first: Unproven,
) -> Result<(), Unsettled> {
    let AwaitedKeys { issuer, before } = awaited;
    let identity = identity(gateway, first.index).map_err(Unsettled::Unproven)?;
    if !identity.await_keys(issuer, before, PATIENCE).await {
        return Err(Unsettled::Unproven(first));
    }
    let later = questions.iter().enumerate().skip(first.index + 1);
    for (index, question) in later {
        for token in question.tokens() {
            let verified = identity.verify(token, PATIENCE).await;
            verified.map_err(|error| Unsettled::Unproven(unproven(index, &error, before)))?;
        }
    }
    Ok(())
}

/// Settles the questions and has them answered under what is then in force. Never waits.
pub fn settle<T>(
    gateway: &Gateway,
    engine: &Engine,
    questions: &[Question],
    answer: impl Fn(&View<'_>, &[Settled<'_>]) -> T,
) -> Result<T, Unsettled> {
    for _ in 0..ATTEMPTS {
        let mut oldest = None;
        let settled = questions.iter().enumerate().map(|(index, question)| {
            let (settled, under) = settle_one(gateway, index, question)?;
            oldest = under.into_iter().chain(oldest).min();
            Ok(settled)
        });
        let settled: Vec<Settled<'_>> = settled
            .collect::<Result<_, _>>()
            .map_err(Unsettled::Unproven)?;
        let view = engine.view();
        // INVARIANT(keys): who finds an epoch in the engine verifies by these key sets or later ones.
        if oldest.is_none_or(|oldest| oldest >= view.keys()) {
            return Ok(answer(&view, &settled));
        }
    }
    Err(Unsettled::KeysChanging)
}

impl Question {
    /// Fills in what the operator vouches for, and names the facts that were used.
    pub fn assume(&mut self, assumed: &Assumed) -> Vec<AssumedFact> {
        match self {
            Question::Stated(request) => assumed.fill(&mut request.context),
            Question::Proven { asked, .. } => assumed.fill(&mut asked.context),
        }
    }

    /// The request, where nothing has to be proven.
    pub fn stated(&self) -> Option<&Request> {
        match self {
            Question::Stated(request) => Some(request),
            Question::Proven { .. } => None,
        }
    }

    /// What is known of it where it cannot be told who asks.
    pub fn partly(&self) -> PartlyAsked<'_> {
        match self {
            Question::Stated(_) => PartlyAsked::default(),
            Question::Proven { asked, .. } => PartlyAsked {
                resource: Some(asked.resource),
                app: Some(asked.app),
                channel: asked.channel.as_ref(),
                ip_address: asked.context.ip_address,
                request_id: &asked.request_id,
                problem: None,
            },
        }
    }

    fn tokens(&self) -> impl Iterator<Item = &str> {
        let proofs = match self {
            Question::Stated(_) => &[][..],
            Question::Proven { proofs, .. } => proofs,
        };
        proofs.iter().filter_map(|proof| match proof {
            Proof::Token(token) => Some(token.as_str()),
            Proof::Payload(_) => None,
        })
    }
}

fn settle_one<'a>(
    gateway: &Gateway,
    index: usize,
    question: &'a Question,
) -> Result<(Settled<'a>, Option<Epoch>), Unproven> {
    let (proofs, asked) = match question {
        Question::Stated(request) => return Ok((Ok(Cow::Borrowed(request)), None)),
        Question::Proven { proofs, asked } => (proofs, asked),
    };
    let identity = identity(gateway, index)?;
    let before = identity.publication();
    let verified = proofs.iter().map(|proof| {
        let verified = match proof {
            Proof::Token(token) => identity.verify_now(token),
            Proof::Payload(claims) => identity.believe(claims.clone()).map(Arc::new),
        };
        verified.map_err(|error| unproven(index, &error, before))
    });
    let verified: Vec<Arc<Verified>> = verified.collect::<Result<_, _>>()?;
    let under = verified.iter().map(|one| one.under).min();
    let Some((first, others)) = verified.split_first() else {
        return Ok((Err(Reason::IdentityMissing), under));
    };
    if !others.iter().all(|other| other.agrees_with(first)) {
        return Ok((Err(Reason::IdentityAmbiguous), under));
    }
    if !gateway
        .applications
        .is_meant_for(&first.audiences, asked.app)
    {
        return Err(Unproven {
            index,
            problem: "the token is meant for another application".to_owned(),
            awaited: None,
        });
    }
    // A payload that Envoy verified does not say who issued it; a token beside it that agrees does.
    let issuing_tenant = verified.iter().find_map(|one| one.issuing_tenant);
    let settled = match first.request(Asked::clone(asked)) {
        Ok(request) => Ok(Cow::Owned(Box::new(Request {
            issuing_tenant,
            ..request
        }))),
        Err(unidentified) => Err(reason(unidentified)),
    };
    Ok((settled, under))
}

fn identity(gateway: &Gateway, index: usize) -> Result<&Arc<Identity>, Unproven> {
    gateway.identity.as_ref().ok_or_else(|| Unproven {
        index,
        problem: "no issuer is configured, so no token counts".to_owned(),
        awaited: None,
    })
}

fn unproven(index: usize, error: &TokenError, before: u64) -> Unproven {
    let awaited = error.wants_keys_of();
    Unproven {
        index,
        problem: error.to_string(),
        awaited: awaited.map(|issuer| AwaitedKeys { issuer, before }),
    }
}

fn reason(unidentified: Unidentified) -> Reason {
    match unidentified {
        Unidentified::NoTenant | Unidentified::NoUser => Reason::IdentityMissing,
        Unidentified::UnknownHome | Unidentified::OtherAccess => Reason::IdentityAmbiguous,
    }
}

/// How long a request may wait for keys that are being fetched: half of its budget.
const PATIENCE: Duration = Duration::from_millis(50);
/// Key sets change every few minutes; to meet three changes in a row something is wrong.
const ATTEMPTS: usize = 3;
