//! A token's form.

/// Whether a text may be a key's id: what Entra, Okta and Keycloak use, and nothing that a path, a query or a log
/// could take for something else.
pub(super) fn is_key_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}
