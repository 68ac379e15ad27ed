//! Facts that the operator's configuration assumes if a request does not contain them (semantics §5, `assume`).
//!
//! Only facts of the context, never claims. They never replace a fact in the request. Nothing is assumed by default.

use super::convert::{self, Violation};
use super::proto;
use super::{RequestLimits, proto::Device};
use crate::request::Context;

/// The facts that are assumed for a listener or a route.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AssumedFacts {
    context: Context,
    facts: Vec<AssumedFact>,
}

/// No assumed facts.
pub(super) static NOTHING: AssumedFacts = AssumedFacts::NOTHING;

/// An assumed fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssumedFact {
    /// The name of the field in the context.
    pub name: String,
    /// The assumed value.
    pub value: String,
}

impl AssumedFacts {
    /// No assumed facts.
    pub const NOTHING: AssumedFacts = AssumedFacts {
        context: Context::EMPTY,
        facts: Vec::new(),
    };

    /// Parses facts by the field names and values of the proto message `Context`. The only accepted value of `device` is
    /// `unregistered`, because properties differ for each device.
    pub fn read(pairs: &[(String, String)]) -> Result<AssumedFacts, String> {
        let mut message = proto::Context::default();
        for (name, value) in pairs {
            set(&mut message, name, value)?;
        }
        if message.country.is_empty() && !message.country_source.is_empty() {
            return Err(format!(
                "{COUNTRY_SOURCE}: found it without `country`, expected the country that was determined in this way"
            ));
        }
        let context = convert::context(&mut (&message).into(), &RequestLimits::default()).map_err(
            |violations| {
                let messages: Vec<String> = violations.iter().map(Violation::to_string).collect();
                messages.join("; ")
            },
        )?;
        let facts = pairs.iter().map(|(name, value)| AssumedFact {
            name: name.clone(),
            value: value.clone(),
        });
        Ok(AssumedFacts {
            context,
            facts: facts.collect(),
        })
    }

    /// Sets the facts that the context does not contain, and returns the facts that it set.
    pub fn fill(&self, context: &mut Context) -> Vec<AssumedFact> {
        if self.facts.is_empty() {
            return Vec::new();
        }
        let used = context.fill_from(&self.context);
        let facts = self.facts.iter();
        facts
            .filter(|fact| used.contains(&field(&fact.name)))
            .cloned()
            .collect()
    }
}

impl AssumedFact {
    /// Converts the fact for an explanation.
    pub(super) fn to_proto(&self) -> proto::AssumedFact {
        proto::AssumedFact {
            name: self.name.clone(),
            value: self.value.clone(),
        }
    }
}

/// The field of [`Context`] that contains the fact.
fn field(name: &str) -> &str {
    match name {
        COUNTRY_SOURCE => "country",
        name => name,
    }
}

fn set(message: &mut proto::Context, name: &str, value: &str) -> Result<(), String> {
    let text = match name {
        "ip_address" => &mut message.ip_address,
        "country" => &mut message.country,
        COUNTRY_SOURCE => &mut message.country_source,
        "platform" => &mut message.platform,
        "client_app_type" => &mut message.client_app_type,
        "sign_in_risk" => &mut message.sign_in_risk,
        "user_risk" => &mut message.user_risk,
        "insider_risk" => &mut message.insider_risk,
        "user_action" => &mut message.user_action,
        "authentication_context" => &mut message.authentication_context,
        "authentication_flow" => &mut message.authentication_flow,
        "approved_application" => return set_flag(&mut message.approved_application, name, value),
        "app_protection" => return set_flag(&mut message.app_protection, name, value),
        "password_changed" => return set_flag(&mut message.password_changed, name, value),
        "risk_remediated" => return set_flag(&mut message.risk_remediated, name, value),
        "device" if value == "unregistered" => {
            message.device = Some(Device {
                registered: Some(false),
                properties: None,
            });
            return Ok(());
        }
        "device" => return Err(format!("device: found `{value}`, expected unregistered")),
        _ => {
            return Err(format!(
                "found `{name}`, expected one of {}",
                NAMES.join(", ")
            ));
        }
    };
    if value.is_empty() {
        return Err(format!("{name}: found an empty string"));
    }
    value.clone_into(text);
    Ok(())
}

fn set_flag(fact: &mut Option<bool>, name: &str, value: &str) -> Result<(), String> {
    let flag = value.parse::<bool>();
    *fact = Some(flag.map_err(|_| format!("{name}: found `{value}`, expected true or false"))?);
    Ok(())
}

/// How the assumed country was determined. Applies only to the assumed country, never to a country in the request.
const COUNTRY_SOURCE: &str = "country_source";

/// The facts that can be assumed.
const NAMES: &[&str] = &[
    "ip_address",
    "country",
    COUNTRY_SOURCE,
    "platform",
    "client_app_type",
    "sign_in_risk",
    "user_risk",
    "insider_risk",
    "device",
    "approved_application",
    "app_protection",
    "password_changed",
    "risk_remediated",
    "user_action",
    "authentication_context",
    "authentication_flow",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::LocatedCountry;
    use crate::vocabulary::{CountrySource, Platform, RiskLevel};

    fn assumed(pairs: &[(&str, &str)]) -> Result<AssumedFacts, String> {
        let pairs = pairs.iter().map(|(n, v)| ((*n).into(), (*v).into()));
        AssumedFacts::read(&pairs.collect::<Vec<_>>())
    }

    #[test]
    fn facts_in_the_request_are_never_replaced() {
        let assumed = assumed(&[("platform", "windows"), ("sign_in_risk", "none")]).unwrap();
        let mut context = Context {
            platform: Some(Platform::Ios),
            ..Context::default()
        };
        let used = assumed.fill(&mut context);
        assert_eq!(context.platform, Some(Platform::Ios));
        assert_eq!(context.sign_in_risk, Some(RiskLevel::None));
        assert_eq!(used.len(), 1);
        assert_eq!(used[0].name, "sign_in_risk");
    }

    #[test]
    fn an_assumed_country_source_applies_only_to_the_assumed_country() {
        let facts = [("country", "CH"), ("country_source", "authenticatorAppGps")];
        let assumed = assumed(&facts).unwrap();
        let mut empty = Context::default();
        let names: Vec<_> = assumed
            .fill(&mut empty)
            .into_iter()
            .map(|fact| fact.name)
            .collect();
        assert_eq!(names, ["country", "country_source"]);
        let by_gps = LocatedCountry {
            country: "CH".parse().unwrap(),
            source: CountrySource::AuthenticatorAppGps,
        };
        assert_eq!(empty.country, Some(by_gps));

        let by_address = LocatedCountry {
            country: "DE".parse().unwrap(),
            source: CountrySource::ClientIpAddress,
        };
        let mut stated = Context {
            country: Some(by_address),
            ..Context::default()
        };
        assert_eq!(assumed.fill(&mut stated), []);
        assert_eq!(stated.country, Some(by_address));
    }

    #[test]
    fn only_the_listed_names_can_be_assumed() {
        for name in NAMES.iter().filter(|name| **name != COUNTRY_SOURCE) {
            let value = match *name {
                "ip_address" => "192.0.2.1",
                "country" => "CH",
                "platform" => "windows",
                "client_app_type" => "browser",
                "sign_in_risk" | "user_risk" | "authentication_flow" => "none",
                "insider_risk" => "minor",
                "device" => "unregistered",
                "user_action" => "urn:user:registerdevice",
                "authentication_context" => "c1",
                _ => "true",
            };
            let assumed = assumed(&[(name, value)]).unwrap();
            let mut context = Context::default();
            assert_eq!(assumed.fill(&mut context).len(), 1, "{name}");
            assert_ne!(context, Context::default(), "{name}");
        }
        for (name, value) in [
            ("mfa", "true"),
            ("platform", "amiga"),
            ("device", "x"),
            ("country", ""),
            // Has no effect without `country`.
            ("country_source", "authenticatorAppGps"),
        ] {
            assert!(assumed(&[(name, value)]).is_err(), "{name}");
        }
    }
}
