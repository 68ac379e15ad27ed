//! Homes without policies in the snapshot: identity providers, and home tenants with assumed outbound settings
//! (semantics §3).

use std::time::Duration;

use crosstrust::decision::{DenialSubject, Reason, Stage, UnusedEntryReason};
use crosstrust::id::TenantId;
use crosstrust::request::{AccessType, IdentityProvider, Request};
use crosstrust::time::Timestamp;
use crosstrust::vocabulary::{AssumedBasis, IdentityProviderName};
use serde_json::Value;

use super::documents::{is_word, member, text, texts};
use super::{Failure, TenantDocuments, World};

/// Stage 4 for an account of an identity provider.
pub fn check_provider(
    resource: &TenantDocuments,
    provider: &IdentityProvider,
) -> Result<(), Failure> {
    let listed = match provider {
        IdentityProvider::Named(name) => {
            let types = match name {
                IdentityProviderName::Google => vec!["Google"],
                IdentityProviderName::Facebook => vec!["Facebook"],
                IdentityProviderName::Apple => vec!["Apple"],
                IdentityProviderName::MicrosoftAccount => vec!["MicrosoftAccount"],
                IdentityProviderName::EmailOneTimePasscode => vec!["EmailOTP", "EmailOtpSignup"],
            };
            resource
                .objects("identity-providers")
                .into_iter()
                .filter(|listed| {
                    text(listed, "state").is_none_or(|state| is_word(state, "enabled"))
                })
                .filter_map(|listed| text(listed, "identityProviderType"))
                .any(|listed| types.iter().any(|wanted| is_word(listed, wanted)))
        }
        IdentityProvider::SamlWsFed { issuer } => resource
            .objects("federation-configurations")
            .into_iter()
            .any(|listed| text(listed, "issuerUri") == Some(issuer)),
    };
    if listed {
        return Ok(());
    }
    let subject = DenialSubject::ProviderNotListed(provider.to_string());
    Err(Failure::about(Stage::Inbound, Reason::InboundUser, subject))
}

/// An entry that allows a user in stage 3.
pub struct Assumed {
    pub basis: AssumedBasis,
    /// The end of its last day.
    pub until: Timestamp,
}

/// Stage 3 for a home tenant that is not loaded and whose defaults deny the user.
pub fn check_assumed(
    resource: &TenantDocuments,
    home: TenantId,
    request: &Request,
    now: Timestamp,
) -> Result<Assumed, Failure> {
    let unused = |entry| {
        let subject = DenialSubject::HomeNotLoaded {
            tenant: home,
            entry,
        };
        Err(Failure::about(
            Stage::Outbound,
            Reason::OutboundUser,
            subject,
        ))
    };
    let Some(entry) = entry(resource, home) else {
        return unused(None);
    };
    let assumed = read(entry);
    if now >= assumed.until {
        return unused(Some(UnusedEntryReason::ReviewPast));
    }
    if !covers(entry, request.access) {
        return unused(Some(UnusedEntryReason::OtherAccessType));
    }
    if assumed.basis == AssumedBasis::TokenIssued && request.issuing_tenant != Some(home) {
        return unused(Some(UnusedEntryReason::NotTokenIssued));
    }
    Ok(assumed)
}

/// The end of an agreement by which a collaboration user could come by direct connect as well.
pub fn direct_connect_agreement(
    world: &World,
    resource: &TenantDocuments,
    home: TenantId,
    now: Timestamp,
) -> Option<Timestamp> {
    if world.tenant(home).is_some() {
        return None;
    }
    let entry = entry(resource, home)?;
    let assumed = read(entry);
    let counts = assumed.basis == AssumedBasis::Agreement
        && covers(entry, AccessType::DirectConnect)
        && now < assumed.until;
    counts.then_some(assumed.until)
}

fn entry(resource: &TenantDocuments, home: TenantId) -> Option<&Value> {
    resource
        .objects("assumed-outbound")
        .into_iter()
        .find(|entry| text(entry, "tenantId").is_some_and(|id| id.parse() == Ok(home)))
}

fn read(entry: &Value) -> Assumed {
    let basis = text(entry, "basis").expect("an entry has a basis");
    let last_day = text(entry, "reviewBy").expect("an entry has a last day");
    let begins: Timestamp = last_day.parse().expect("a day");
    Assumed {
        basis: basis.parse().expect("a basis"),
        until: begins.plus(Duration::from_secs(24 * 60 * 60)),
    }
}

/// Whether the entry covers this access type. Missing or null means direct connect only.
fn covers(entry: &Value, access: AccessType) -> bool {
    if member(entry, "accessTypes").is_none() {
        return access == AccessType::DirectConnect;
    }
    let word = match access {
        AccessType::DirectConnect => "directConnect",
        AccessType::Collaboration => "collaboration",
    };
    texts(entry, "accessTypes")
        .into_iter()
        .any(|listed| is_word(listed, word))
}
