//! Challenges for a new sign-in: claims parameters and `WWW-Authenticate` headers.
//!
//! The formats are Entra's claims challenge (learn.microsoft.com/entra/identity-platform/claims-challenge) and RFC
//! 9470. The operator configures which `acrs` value requires what; if none is configured, none is sent.

use serde_json::json;

use crate::decision::{Challenge, StepUp};
use crate::time::Timestamp;

/// The `[challenge]` section of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChallengeValues {
    /// The `acrs` value whose policy requires multifactor authentication, such as `c1`.
    pub mfa: Option<String>,
    /// The `acrs` value whose policy requires a compliant device.
    pub compliant_device: Option<String>,
    /// The `acrs` value whose policy requires a hybrid joined device.
    pub hybrid_joined_device: Option<String>,
    /// The realm of `WWW-Authenticate`.
    pub realm: String,
    /// Where clients sign in; `authorization_uri` of `WWW-Authenticate`.
    pub authorization_uri: String,
}

impl ChallengeValues {
    /// The configured `acrs` value that requests the step-up. A strength has none, because no single value stands for its
    /// methods.
    fn acrs(&self, step_up: StepUp) -> Option<&str> {
        match step_up {
            StepUp::Mfa(_) => self.mfa.as_deref(),
            StepUp::CompliantDevice => self.compliant_device.as_deref(),
            StepUp::HybridJoinedDevice => self.hybrid_joined_device.as_deref(),
            StepUp::Strength(..) | StepUp::Reauthenticate => None,
        }
    }

    /// The claims parameter that requests this step-up, if one is configured.
    pub fn claims_of(&self, step_up: StepUp, now: Timestamp) -> Option<String> {
        let step_ups = std::slice::from_ref(&step_up);
        self.claims(step_ups, now)
    }

    /// A claims parameter (OpenID Connect Core 1.0 §5.5) that requests all of them together. `None` if one of them has no
    /// configured value.
    fn claims(&self, step_ups: &[StepUp], now: Timestamp) -> Option<String> {
        let mut claims = serde_json::Map::new();
        let mut values = Vec::new();
        for step_up in step_ups {
            match step_up {
                // Requires a token that is issued from now on.
                StepUp::Reauthenticate => {
                    let (seconds, _) = now.as_parts();
                    let value = json!({"essential": true, "value": seconds.to_string()});
                    claims.insert("nbf".to_owned(), value);
                }
                _ => values.push(self.acrs(*step_up)?),
            }
        }
        values.dedup();
        match values.as_slice() {
            [] => {}
            [one] => {
                claims.insert("acrs".to_owned(), json!({"essential": true, "value": one}));
            }
            several => {
                let value = json!({"essential": true, "values": several});
                claims.insert("acrs".to_owned(), value);
            }
        }
        Some(json!({"access_token": claims}).to_string())
    }

    /// `WWW-Authenticate` for a request without an accepted token (RFC 6750 §3). Without `problem`, there was no token, and
    /// `error` is omitted.
    pub fn unauthenticated(&self, problem: Option<&str>) -> String {
        let mut value = self.prefix();
        if let Some(problem) = problem {
            parameter(&mut value, "error", "invalid_token");
            parameter(&mut value, "error_description", problem);
        }
        value
    }

    /// `WWW-Authenticate` for a denial that a new sign-in can resolve.
    pub fn insufficient(
        &self,
        challenge: &Challenge,
        understands_claims: bool,
        now: Timestamp,
    ) -> String {
        let mut value = self.prefix();
        let claims = understands_claims.then(|| self.claims(&challenge.step_ups, now));
        if let Some(claims) = claims.flatten() {
            use base64::Engine as _;
            // Standard base64, not base64url: Microsoft's libraries decode only the former.
            let encoded = base64::engine::general_purpose::STANDARD.encode(claims);
            parameter(&mut value, "error", "insufficient_claims");
            parameter(&mut value, "claims", &encoded);
            return value;
        }
        parameter(&mut value, "error", "insufficient_user_authentication");
        let description = "A new sign-in is needed";
        parameter(&mut value, "error_description", description);
        let mut acr_values: Vec<&str> = Vec::new();
        for step_up in &challenge.step_ups {
            match step_up {
                StepUp::Reauthenticate => parameter(&mut value, "max_age", "0"),
                StepUp::Mfa(_) => acr_values.push(self.acrs(*step_up).unwrap_or(MULTI_FACTOR)),
                _ => acr_values.extend(self.acrs(*step_up)),
            }
        }
        if !acr_values.is_empty() {
            parameter(&mut value, "acr_values", &acr_values.join(" "));
        }
        value
    }

    fn prefix(&self) -> String {
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

/// Quotes the text for a quoted-string (RFC 9110 §5.6.4). Replaces characters that could end the header.
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

/// OpenID's name for multifactor authentication (PAPE 1.0), used if no `acrs` value is configured.
const MULTI_FACTOR: &str = "http://schemas.openid.net/pape/policies/2007/06/multi-factor";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::SignInTenant;

    fn values() -> ChallengeValues {
        ChallengeValues {
            mfa: Some("c1".into()),
            authorization_uri: "https://login.example/authorize".into(),
            ..ChallengeValues::default()
        }
    }

    fn challenge(step_ups: &[StepUp]) -> Challenge {
        Challenge {
            step_ups: step_ups.iter().copied().collect(),
        }
    }

    const NOW: Timestamp = Timestamp::from_seconds(1_604_106_651);

    #[test]
    fn a_client_that_understands_claims_gets_the_documented_form() {
        let header =
            values().insufficient(&challenge(&[StepUp::Mfa(SignInTenant::Home)]), true, NOW);
        assert_eq!(
            header,
            "Bearer realm=\"\", authorization_uri=\"https://login.example/authorize\", \
             error=\"insufficient_claims\", \
             claims=\"eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19\""
        );
    }

    #[test]
    fn other_clients_get_rfc_9470() {
        let step_ups = challenge(&[StepUp::Mfa(SignInTenant::Home), StepUp::Reauthenticate]);
        let header = values().insufficient(&step_ups, false, NOW);
        let end = "error=\"insufficient_user_authentication\", error_description=\"A new sign-in is needed\", \
                   max_age=\"0\", acr_values=\"c1\"";
        assert!(header.ends_with(end), "{header}");
    }

    #[test]
    fn without_a_value_for_each_step_up_no_claims_parameter_is_sent() {
        let step_ups = challenge(&[StepUp::Mfa(SignInTenant::Home), StepUp::CompliantDevice]);
        let header = values().insufficient(&step_ups, true, NOW);
        assert!(
            header.contains("insufficient_user_authentication"),
            "{header}"
        );
        assert_eq!(values().claims_of(StepUp::CompliantDevice, NOW), None);
        let claims = values().claims_of(StepUp::Reauthenticate, NOW).unwrap();
        assert_eq!(
            claims,
            r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}"#
        );
    }

    #[test]
    fn quoted_text_cannot_end_the_header() {
        let header = values().unauthenticated(Some("a \"b\" \\ c\r\nd é"));
        assert!(
            header.ends_with(r#"error_description="a \"b\" \\ c??d ?""#),
            "{header}"
        );
    }
}
