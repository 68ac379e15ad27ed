//! Users without a home tenant (semantics §3).

use crosstrust::decision::{Reason, SignInTenant, Stage, StepUp};
use crosstrust::request::{AccessType, Home, IdentityProvider, Request};
use crosstrust::revocation::Revocation;
use crosstrust::vocabulary::{IdentityProviderName, UserType};
use serde_json::{Value, json};

use super::{Example, allows, challenges, denies};
use crate::reference::World;
use crate::support::build::*;
use crate::support::universe::*;

/// The guest Bob, whose account is at this provider.
fn guest_of(provider: IdentityProvider) -> Request {
    with(guest(), |request| {
        request.home = Home::Provider(provider);
        request.access = AccessType::Collaboration;
        request.user = None;
        assert_eq!(request.contradiction(), None);
    })
}

fn named(name: IdentityProviderName) -> Request {
    guest_of(IdentityProvider::Named(name))
}

fn google() -> Request {
    named(IdentityProviderName::Google)
}

fn saml(issuer: &str) -> Request {
    let issuer = issuer.to_owned();
    guest_of(IdentityProvider::SamlWsFed { issuer })
}

/// Contoso lists the providers, blocks every other tenant, and has these policies.
fn contoso_listing(types: &[&str], policies: &[Value]) -> World {
    let mut contoso = tenant(CONTOSO).default_settings(json!({
        "b2bCollaborationInbound": closed(),
        "inboundTrust": trust(true, true, true),
    }));
    for kind in types {
        contoso = contoso.identity_provider(json!({"identityProviderType": kind}));
    }
    for (number, policy) in (1..).zip(policies) {
        contoso = contoso.policy(number, policy.clone());
    }
    world([contoso])
}

fn listing(types: &[&str]) -> World {
    contoso_listing(types, &[])
}

fn federating(issuer: &str) -> World {
    world([tenant(CONTOSO).federation(json!({"issuerUri": issuer}))])
}

fn not_listed(name: &'static str, world: &World, request: Request) -> Example {
    denies(name, world, request, Stage::Inbound, Reason::InboundUser)
}

fn for_guests(types: &str, tenants: Value) -> Value {
    let users = json!({"includeGuestsOrExternalUsers": {
        "guestOrExternalUserTypes": types, "externalTenants": tenants,
    }});
    when(block(), "users", users)
}

pub fn all() -> Vec<Example> {
    use IdentityProviderName as Name;
    let google_with = |policy: Value| contoso_listing(&["Google"], &[policy]);
    let restricted = |tenant| {
        with(google(), |request| {
            request.restricting_tenant = Some(tenant)
        })
    };
    let mut all = listed();
    all.extend([
        not_listed(
            "identity provider: a missing document lists none",
            &world([tenant(CONTOSO)]),
            google(),
        ),
        not_listed(
            "identity provider: an empty document lists none",
            &listing(&[]),
            google(),
        ),
        not_listed(
            "identity provider: another one is listed",
            &listing(&["Facebook", "MicrosoftAccount", "EmailOTP"]),
            google(),
        ),
        allows(
            "identity provider: the settings for tenants do not apply",
            &listing(&["Google"]),
            google(),
        ),
        allows(
            "identity provider: a SAML issuer that is listed",
            &federating(SAML_ISSUERS[0]),
            saml(SAML_ISSUERS[0]),
        ),
        not_listed(
            "identity provider: a SAML issuer compares with case",
            &federating(SAML_ISSUERS[0]),
            saml(SAML_ISSUERS[1]),
        ),
        not_listed(
            "identity provider: a SAML issuer is not a social provider",
            &listing(&["Google"]),
            saml("google"),
        ),
        denies(
            "identity provider: a restricting tenant denies all such accounts",
            &listing(&["Google"]),
            restricted(NORTHWIND),
            Stage::TenantRestriction,
            Reason::TenantRestricted,
        ),
        allows(
            "identity provider: the resource tenant's own network does not restrict",
            &listing(&["Google"]),
            restricted(CONTOSO),
        ),
        challenges(
            "identity provider: MFA done at home never counts, and one in the resource tenant would",
            &google_with(require(&["mfa"])),
            with(google(), |request| request.claims.mfa = true),
            Stage::ConditionalAccess,
            Reason::MfaRequired,
            &[StepUp::Mfa(SignInTenant::Resource)],
        ),
        allows(
            "identity provider: MFA done in the resource tenant counts",
            &google_with(require(&["mfa"])),
            with(google(), |request| request.claims.resource_mfa = true),
        ),
        denies(
            "identity provider: a device that is compliant at home never counts",
            &google_with(require(&["compliantDevice"])),
            with(google(), |request| request.claims.compliant_device = true),
            Stage::ConditionalAccess,
            Reason::CompliantDeviceNotTrusted,
        ),
        denies(
            "identity provider: external tenants `all` match",
            &google_with(for_guests(
                "b2bCollaborationGuest",
                json!({"membershipKind": "all"}),
            )),
            google(),
            Stage::ConditionalAccess,
            Reason::CaBlocked,
        ),
        allows(
            "identity provider: enumerated external tenants never match",
            &google_with(for_guests(
                "b2bCollaborationGuest",
                json!({"membershipKind": "enumerated", "members": TENANTS.map(|id| id.to_string())}),
            )),
            google(),
        ),
        denies(
            "identity provider: a user without a stated type is guest or member",
            &google_with(for_guests(
                "b2bCollaborationMember",
                json!({"membershipKind": "all"}),
            )),
            with(google(), |request| request.external_user_type = None),
            Stage::ConditionalAccess,
            Reason::CaBlocked,
        ),
        allows(
            "identity provider: never a direct connect user, with any direct connect settings",
            &world([tenant(CONTOSO)
                .default_settings(json!({"b2bDirectConnectInbound": open()}))
                .identity_provider(json!({"identityProviderType": "Google"}))
                .policy(
                    1,
                    for_guests("b2bDirectConnectUser", json!({"membershipKind": "all"})),
                )]),
            with(google(), |request| request.app = SHAREPOINT),
        ),
        denies(
            "identity provider: not a member of a shared channel",
            &world([tenant(CONTOSO)
                .identity_provider(json!({"identityProviderType": "Google"}))
                .channel(json!({
                    "id": CHANNELS[0], "membershipType": "shared", "sharedWithTeams": [],
                    "members": [{"userId": BOB.to_string(), "tenantId": CONTOSO.to_string()}],
                }))]),
            with(google(), |request| request.channel = channel_id(CHANNELS[0])),
            Stage::SharedChannel,
            Reason::ChannelNotMember,
        ),
        denies(
            "identity provider: a revocation of the guest object counts",
            &listing(&["Google"]),
            google(),
            Stage::Token,
            Reason::SessionRevoked,
        )
        .revoked_by(Revocation::User {
            tenant: CONTOSO,
            user: BOB,
            before: NOW,
        }),
        allows(
            "identity provider: the type of a guest counts as for any other guest",
            &google_with(for_guests(
                "b2bCollaborationMember",
                json!({"membershipKind": "all"}),
            )),
            with(named(Name::Google), |request| {
                request.external_user_type = Some(UserType::CollaborationGuest);
            }),
        ),
    ]);
    all
}

/// Each provider by the types that list it.
fn listed() -> Vec<Example> {
    use IdentityProviderName as Name;
    vec![
        allows(
            "identity provider: Google is listed as Google",
            &listing(&["google"]),
            google(),
        ),
        allows(
            "identity provider: Facebook is listed as Facebook",
            &listing(&["Facebook"]),
            named(Name::Facebook),
        ),
        allows(
            "identity provider: Apple is listed as Apple",
            &listing(&["Apple"]),
            named(Name::Apple),
        ),
        allows(
            "identity provider: a Microsoft account is listed as MicrosoftAccount",
            &listing(&["MicrosoftAccount"]),
            named(Name::MicrosoftAccount),
        ),
        allows(
            "identity provider: a one-time passcode is listed as EmailOTP",
            &listing(&["EmailOTP"]),
            named(Name::EmailOneTimePasscode),
        ),
        allows(
            "identity provider: or as EmailOtpSignup",
            &listing(&["EmailOtpSignup"]),
            named(Name::EmailOneTimePasscode),
        ),
    ]
}
