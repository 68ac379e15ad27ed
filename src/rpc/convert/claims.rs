//! Converts the claims of a token. Only `expires_at` is required.

use super::violations::{FieldPath, REQUIRED, RequestReader};
use crate::request::Claims;
use crate::rpc::message;

/// `None` only if a violation has been recorded.
pub fn read(
    message: Option<&message::ClaimsMessage<'_>>,
    at: &FieldPath<'_>,
    reader: &mut RequestReader<'_>,
) -> Option<Claims> {
    let empty = message::ClaimsMessage::default();
    let message = message.unwrap_or(&empty);
    let max = reader.limits.list_items;
    if message.expires_at.is_none() {
        reader.refuse(&at.name("expires_at"), REQUIRED);
    }
    let expires_at = reader.instant(&at.name("expires_at"), message.expires_at);
    let mut methods = |name, words: &[&str]| reader.each(&at.name(name), words, max);
    let authentication_methods = methods("authentication_methods", &message.authentication_methods);
    let resource_authentication_methods = methods(
        "resource_authentication_methods",
        &message.resource_authentication_methods,
    );
    let skis = reader.texts(
        &at.name("certificate_issuer_skis"),
        &message.certificate_issuer_skis,
    );
    Some(Claims {
        issued_at: reader.instant(&at.name("issued_at"), message.issued_at),
        auth_time: reader.instant(&at.name("auth_time"), message.auth_time),
        mfa: message.mfa,
        resource_mfa: message.resource_mfa,
        compliant_device: message.compliant_device,
        hybrid_joined_device: message.hybrid_joined_device,
        authentication_methods,
        resource_authentication_methods,
        authentication_contexts: reader.texts(
            &at.name("authentication_contexts"),
            &message.authentication_contexts,
        ),
        device_id: reader.text(&at.name("device_id"), message.device_id),
        session_id: reader.text(&at.name("session_id"), message.session_id),
        groups_incomplete: message.groups_incomplete,
        roles_incomplete: message.roles_incomplete,
        accepted_terms_of_use: reader.each(
            &at.name("accepted_terms_of_use"),
            &message.accepted_terms_of_use,
            max,
        ),
        accepted_custom_controls: reader.each(
            &at.name("accepted_custom_controls"),
            &message.accepted_custom_controls,
            max,
        ),
        authenticator_aaguid: reader.optional(
            &at.name("authenticator_aaguid"),
            message.authenticator_aaguid,
        ),
        certificate_issuer_skis: skis.iter().map(|ski| ski.to_ascii_lowercase()).collect(),
        certificate_policy_oids: reader.texts(
            &at.name("certificate_policy_oids"),
            &message.certificate_policy_oids,
        ),
        expires_at: expires_at?,
    })
}
