//! What a client is told to ask for so that a new sign-in helps: authentication context values, by cure.
//!
//! The forms are Entra's claims challenge (learn.microsoft.com/entra/identity-platform/claims-challenge) and RFC
//! 9470. The operator says which `acrs` value demands what; where none is configured, none is made up.

use serde_json::json;

use crate::decision::{Challenge, Cure};
use crate::time::Timestamp;

/// The `[challenge]` section of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChallengeValues {
    /// The `acrs` value whose policy demands multifactor authentication, such as `c1`.
    pub mfa: Option<String>,
    /// The `acrs` value whose policy demands a compliant device.
    pub compliant_device: Option<String>,
    /// The `acrs` value whose policy demands a hybrid joined device.
    pub hybrid_joined_device: Option<String>,
    /// The realm of `WWW-Authenticate`.
    pub realm: String,
    /// Where clients sign in; `authorization_uri` of `WWW-Authenticate`.
    pub authorization_uri: String,
}

impl ChallengeValues {
    /// The `acrs` value that asks for this, if one is configured. A strength is reached by methods that no
    /// single value stands for.
    fn acrs(&self, cure: Cure) -> Option<&str> {
        match cure {
            Cure::Mfa(_) => self.mfa.as_deref(),
            Cure::CompliantDevice => self.compliant_device.as_deref(),
            Cure::HybridJoinedDevice => self.hybrid_joined_device.as_deref(),
            Cure::Strength(..) | Cure::Reauthenticate => None,
        }
    }

    /// A claims parameter that asks for this one cure, if there is one.
    pub fn claims_of(&self, cure: Cure, now: Timestamp) -> Option<String> {
        let cures = std::slice::from_ref(&cure);
        self.claims(cures, now)
    }

    /// A claims parameter (OpenID Connect Core 1.0 §5.5) that asks for all of them together; `None` where one
    /// of them has no value.
    fn claims(&self, cures: &[Cure], now: Timestamp) -> Option<String> {
        let mut asked = serde_json::Map::new();
        let mut values = Vec::new();
        for cure in cures {
            match cure {
                // A token that was issued before now does not do.
                Cure::Reauthenticate => {
                    let (seconds, _) = now.as_parts();
                    let value = json!({"essential": true, "value": seconds.to_string()});
                    asked.insert("nbf".to_owned(), value);
                }
                _ => values.push(self.acrs(*cure)?),
            }
        }
        values.dedup();
        match values.as_slice() {
            [] => {}
            [one] => {
                asked.insert("acrs".to_owned(), json!({"essential": true, "value": one}));
            }
            several => {
                let value = json!({"essential": true, "values": several});
                asked.insert("acrs".to_owned(), value);
            }
        }
        Some(json!({"access_token": asked}).to_string())
    }

    /// `WWW-Authenticate` for a request without a token that counts (RFC 6750 §3): `error` is left out where
    /// there was none at all.
    pub fn unauthenticated(&self, problem: Option<&str>) -> String {
        let mut value = self.beginning();
        if let Some(problem) = problem {
            parameter(&mut value, "error", "invalid_token");
            parameter(&mut value, "error_description", problem);
        }
        value
    }

    /// `WWW-Authenticate` for a denial that a new sign-in would cure.
    pub fn insufficient(
        &self,
        challenge: &Challenge,
        understands_claims: bool,
        now: Timestamp,
    ) -> String {
        let mut value = self.beginning();
        let claims = understands_claims.then(|| self.claims(&challenge.cures, now));
        if let Some(claims) = claims.flatten() {
            use base64::Engine as _;
            // Plain base64, not its form for URLs: that is what Microsoft's libraries read.
            let encoded = base64::engine::general_purpose::STANDARD.encode(claims);
            parameter(&mut value, "error", "insufficient_claims");
            parameter(&mut value, "claims", &encoded);
            return value;
        }
        parameter(&mut value, "error", "insufficient_user_authentication");
        let description = "A new sign-in is needed";
        parameter(&mut value, "error_description", description);
        let mut acr_values: Vec<&str> = Vec::new();
        for cure in &challenge.cures {
            match cure {
                Cure::Reauthenticate => parameter(&mut value, "max_age", "0"),
                Cure::Mfa(_) => acr_values.push(self.acrs(*cure).unwrap_or(MULTI_FACTOR)),
                _ => acr_values.extend(self.acrs(*cure)),
            }
        }
        if !acr_values.is_empty() {
            parameter(&mut value, "acr_values", &acr_values.join(" "));
        }
        value
    }

    fn beginning(&self) -> String {
        let mut value = format!("Bearer realm=\"{}\"", quoted(&self.realm));
        if !self.authorization_uri.is_empty() {
            parameter(&mut value, "authorization_uri", &self.authorization_uri);
        }
        value
    }
}

fn parameter(value: &mut String, name: &str, text: &str) {
    let text = quoted(text);
    value.push_str(&format!(", {name}=\"{text}\""));
}

/// RFC 9110 §5.6.4, and nothing that could end the header.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            _ => quoted.push('?'),
        }
    }
    quoted
}

/// The name that OpenID gave to multifactor authentication (PAPE 1.0), for clients that are told no other.
const MULTI_FACTOR: &str = "http://schemas.openid.net/pape/policies/2007/06/multi-factor";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Where;

    fn values() -> ChallengeValues {
        ChallengeValues {
            mfa: Some("c1".into()),
            authorization_uri: "https://login.example/authorize".into(),
            ..ChallengeValues::default()
        }
    }

    fn challenge(cures: &[Cure]) -> Challenge {
        Challenge {
            cures: cures.iter().copied().collect(),
        }
    }

    const NOW: Timestamp = Timestamp::from_seconds(1_604_106_651);

    #[test]
    fn a_client_that_understands_claims_gets_the_documented_form() {
        let told = values().insufficient(&challenge(&[Cure::Mfa(Where::Home)]), true, NOW);
        assert_eq!(
            told,
            "Bearer realm=\"\", authorization_uri=\"https://login.example/authorize\", \
             error=\"insufficient_claims\", \
             claims=\"eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19\""
        );
    }

    #[test]
    fn others_get_rfc_9470() {
        let cures = challenge(&[Cure::Mfa(Where::Home), Cure::Reauthenticate]);
        let told = values().insufficient(&cures, false, NOW);
        let end = "error=\"insufficient_user_authentication\", error_description=\"A new sign-in is needed\", \
                   max_age=\"0\", acr_values=\"c1\"";
        assert!(told.ends_with(end), "{told}");
    }

    #[test]
    fn a_cure_without_a_value_is_never_half_asked_for() {
        let cures = challenge(&[Cure::Mfa(Where::Home), Cure::CompliantDevice]);
        let told = values().insufficient(&cures, true, NOW);
        assert!(told.contains("insufficient_user_authentication"), "{told}");
        assert_eq!(values().claims_of(Cure::CompliantDevice, NOW), None);
        let asked = values().claims_of(Cure::Reauthenticate, NOW).unwrap();
        assert_eq!(
            asked,
            r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}"#
        );
    }

    #[test]
    fn nothing_breaks_out_of_a_quoted_text() {
        let told = values().unauthenticated(Some("a \"b\" \\ c\r\nd é"));
        assert!(
            told.ends_with(r#"error_description="a \"b\" \\ c??d ?""#),
            "{told}"
        );
    }
}
