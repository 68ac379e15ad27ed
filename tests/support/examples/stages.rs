//! The stages and their order (semantics §4): token, revocation, unknown resource tenant.

use std::time::Duration;

use crosstrust::decision::{Reason, Stage};
use crosstrust::request::Request;
use crosstrust::revocation::Revocation;

use super::{Example, allows, denies};
use crate::support::build::*;
use crate::support::universe::*;

pub fn all() -> Vec<Example> {
    [token(), revocations(), order()]
        .into_iter()
        .flatten()
        .collect()
}

fn token() -> Vec<Example> {
    let world = contoso_with(&[]);
    let expiring = |instant| with(direct(), |request| request.claims.expires_at = instant);
    let issued = |instant| with(direct(), |request| request.claims.issued_at = Some(instant));
    let just_over = in_seconds(300).plus(Duration::from_nanos(1));
    vec![
        denies(
            "token: that has expired",
            &world,
            expiring(ago(1)),
            Stage::Token,
            Reason::TokenExpired,
        )
        .until(NOW)
        .cacheable(false),
        denies(
            "token: that expires now",
            &world,
            expiring(NOW),
            Stage::Token,
            Reason::TokenExpired,
        ),
        allows(
            "token: that expires in a second",
            &world,
            expiring(in_seconds(1)),
        )
        .until(in_seconds(1)),
        allows(
            "token: issued five minutes ahead",
            &world,
            issued(in_seconds(300)),
        ),
        denies(
            "token: issued more than five minutes ahead",
            &world,
            issued(just_over),
            Stage::Token,
            Reason::TokenNotYetValid,
        )
        .until(NOW.plus(Duration::from_nanos(1))),
        denies(
            "token: that has expired before it was issued",
            &world,
            with(expiring(NOW), |request| {
                request.claims.issued_at = Some(in_seconds(900))
            }),
            Stage::Token,
            Reason::TokenExpired,
        ),
        allows(
            "token: without an instant of issue",
            &world,
            with(direct(), |request| request.claims.issued_at = None),
        ),
    ]
}

fn revocations() -> Vec<Example> {
    let world = contoso_with(&[]);
    let allowed = |name, entry, request: Request| allows(name, &world, request).revoked_by(entry);
    let revoked = |name, entry, request: Request| {
        denies(name, &world, request, Stage::Token, Reason::SessionRevoked).revoked_by(entry)
    };
    let session = |id: &str| Revocation::Session(id.to_owned());
    let of_user = |tenant, user, before| Revocation::User {
        tenant,
        user,
        before,
    };
    let of_tenant = |tenant, before| Revocation::Tenant { tenant, before };
    let undated = || with(direct(), |request| request.claims.issued_at = None);
    let sessionless = || with(direct(), |request| request.claims.session_id = None);
    let issued = ago(600);
    let later = ago(599);
    vec![
        revoked("revoked: this session", session(SESSIONS[0]), direct()),
        allowed(
            "not revoked: another session, differing in case",
            session(SESSIONS[1]),
            direct(),
        ),
        revoked(
            "revoked: any session, if the token names none",
            session(SESSIONS[1]),
            sessionless(),
        ),
        revoked(
            "revoked: this user, before",
            of_user(FABRIKAM, ALICE, later),
            direct(),
        ),
        allowed(
            "not revoked: at the very instant",
            of_user(FABRIKAM, ALICE, issued),
            direct(),
        ),
        allowed(
            "not revoked: another user",
            of_user(FABRIKAM, BOB, later),
            direct(),
        ),
        allowed(
            "not revoked: that user of another tenant",
            of_user(WOODGROVE, ALICE, later),
            direct(),
        ),
        allowed(
            "not revoked: the home id in the resource tenant",
            of_user(CONTOSO, ALICE, later),
            guest(),
        ),
        revoked(
            "revoked: the guest object in the resource tenant",
            of_user(CONTOSO, BOB, later),
            guest(),
        ),
        revoked(
            "revoked: this user, if the token is undated",
            of_user(FABRIKAM, ALICE, ago(99_999)),
            undated(),
        ),
        allowed(
            "not revoked: another user, if the token is undated",
            of_user(FABRIKAM, BOB, later),
            undated(),
        ),
        revoked(
            "revoked: the home tenant, before",
            of_tenant(FABRIKAM, later),
            direct(),
        ),
        allowed(
            "not revoked: the home tenant, after",
            of_tenant(FABRIKAM, issued),
            direct(),
        ),
        allowed(
            "not revoked: the resource tenant's own users",
            of_tenant(CONTOSO, later),
            direct(),
        ),
    ]
}

fn order() -> Vec<Example> {
    let nowhere = world([open_fabrikam()]);
    let restricted = |mut request: Request| {
        request.restricting_tenant = Some(WOODGROVE);
        request
    };
    let expired = with(restricted(direct()), |request| {
        request.claims.expires_at = NOW
    });
    let both_closed = world([tenant(CONTOSO).policy(1, block()), tenant(FABRIKAM)]);
    let blocked = world([tenant(CONTOSO).policy(1, block()), open_fabrikam()]);
    let to_channel = with(direct(), |request| {
        request.channel = channel_id(CHANNELS[0])
    });
    vec![
        denies(
            "order: an unknown resource tenant",
            &nowhere,
            direct(),
            Stage::Inbound,
            Reason::ResourceTenantUnknown,
        ),
        denies(
            "order: an unknown resource tenant, for its own user",
            &nowhere,
            internal(),
            Stage::Inbound,
            Reason::ResourceTenantUnknown,
        ),
        denies(
            "order: restrictions come before that",
            &nowhere,
            restricted(direct()),
            Stage::TenantRestriction,
            Reason::TenantRestricted,
        ),
        denies(
            "order: the token comes first",
            &nowhere,
            expired,
            Stage::Token,
            Reason::TokenExpired,
        ),
        denies(
            "order: an unknown resource tenant comes before outbound settings",
            &world([tenant(FABRIKAM)]),
            direct(),
            Stage::Inbound,
            Reason::ResourceTenantUnknown,
        ),
        denies(
            "order: outbound before inbound",
            &both_closed,
            direct(),
            Stage::Outbound,
            Reason::OutboundUser,
        ),
        denies(
            "order: inbound before Conditional Access",
            &blocked,
            direct(),
            Stage::Inbound,
            Reason::InboundUser,
        )
        .applied(&[]),
        denies(
            "order: Conditional Access before the channel",
            &contoso_with(&[block()]),
            to_channel,
            Stage::ConditionalAccess,
            Reason::CaBlocked,
        ),
    ]
}
