//! Facts that the operator vouches for where a request is silent (semantics §5, `assume`).
//!
//! Facts of the context only, never a claim, and never over what a request says. Nothing is assumed by default.

use super::convert::{self, Violation};
use super::proto;
use super::{Limits, proto::Device};
use crate::request::Context;

/// What is assumed at a listener or on a route.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assumed {
    context: Context,
    facts: Vec<AssumedFact>,
}

/// Where nothing is assumed.
pub(super) static NOTHING: Assumed = Assumed::NOTHING;

/// One such fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssumedFact {
    /// The field of the context.
    pub name: String,
    /// What is assumed.
    pub value: String,
}

impl Assumed {
    /// Nothing.
    pub const NOTHING: Assumed = Assumed {
        context: Context::UNSAID,
        facts: Vec::new(),
    };

    /// Reads facts by the names of the contract's `Context`, with the words that it takes. A device can only be
    /// assumed `unregistered`: its properties are facts of each device.
    pub fn read(pairs: &[(String, String)]) -> Result<Assumed, String> {
        let mut message = proto::Context::default();
        for (name, value) in pairs {
            set(&mut message, name, value)?;
        }
        if message.country.is_empty() && !message.country_source.is_empty() {
            return Err(format!(
                "{COUNTRY_SOURCE}: found it without `country`, expected the country that was found in this way"
            ));
        }
        let context =
            convert::context(&mut (&message).into(), &Limits::default()).map_err(|violations| {
                let told: Vec<String> = violations.iter().map(Violation::to_string).collect();
                told.join("; ")
            })?;
        let facts = pairs.iter().map(|(name, value)| AssumedFact {
            name: name.clone(),
            value: value.clone(),
        });
        Ok(Assumed {
            context,
            facts: facts.collect(),
        })
    }

    /// Fills in what a request leaves unsaid, and names the facts that were used.
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
    /// For an explanation.
    pub(super) fn told(&self) -> proto::AssumedFact {
        proto::AssumedFact {
            name: self.name.clone(),
            value: self.value.clone(),
        }
    }
}

/// The field of [`Context`] that the fact is part of.
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
        "approved_application" => return switch(&mut message.approved_application, name, value),
        "app_protection" => return switch(&mut message.app_protection, name, value),
        "password_changed" => return switch(&mut message.password_changed, name, value),
        "risk_remediated" => return switch(&mut message.risk_remediated, name, value),
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
        return Err(format!("{name}: found an empty text"));
    }
    value.clone_into(text);
    Ok(())
}

fn switch(fact: &mut Option<bool>, name: &str, value: &str) -> Result<(), String> {
    let told = value.parse::<bool>();
    *fact = Some(told.map_err(|_| format!("{name}: found `{value}`, expected true or false"))?);
    Ok(())
}

/// How an assumed country was found; part of it, never of a country that a request states.
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

    fn assumed(pairs: &[(&str, &str)]) -> Result<Assumed, String> {
        let pairs = pairs.iter().map(|(n, v)| ((*n).into(), (*v).into()));
        Assumed::read(&pairs.collect::<Vec<_>>())
    }

    #[test]
    fn what_a_request_says_is_never_replaced() {
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
    fn an_assumed_source_belongs_to_the_assumed_country_only() {
        let facts = [("country", "CH"), ("country_source", "authenticatorAppGps")];
        let assumed = assumed(&facts).unwrap();
        let mut silent = Context::default();
        let names: Vec<_> = assumed
            .fill(&mut silent)
            .into_iter()
            .map(|fact| fact.name)
            .collect();
        assert_eq!(names, ["country", "country_source"]);
        let by_gps = LocatedCountry {
            country: "CH".parse().unwrap(),
            source: CountrySource::AuthenticatorAppGps,
        };
        assert_eq!(silent.country, Some(by_gps));

        let by_address = LocatedCountry {
            country: "DE".parse().unwrap(),
            source: CountrySource::ClientIpAddress,
        };
        let mut said = Context {
            country: Some(by_address),
            ..Context::default()
        };
        assert_eq!(assumed.fill(&mut said), []);
        assert_eq!(said.country, Some(by_address));
    }

    #[test]
    fn every_name_can_be_assumed_and_nothing_else() {
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
            // Alone it says nothing.
            ("country_source", "authenticatorAppGps"),
        ] {
            assert!(assumed(&[(name, value)]).is_err(), "{name}");
        }
    }
}
