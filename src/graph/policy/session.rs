//! `conditionalAccessSessionControls`: the sign-in frequency, which has an effect on decisions, and the other controls,
//! which are obligations of the gateway (learn.microsoft.com/graph/api/resources/conditionalaccesssessioncontrols).

use std::time::Duration;

use super::super::document::SessionControls;
use super::super::finding::Code;
use super::super::members::Members;
use super::super::node::Node;
use super::super::values::report_unknown_word;
use crate::vocabulary::SignInFrequency;

/// Parses the session controls and returns the enabled ones.
pub(super) fn parse_session_controls(node: Node<'_>) -> Option<SessionControls> {
    let mut members = node.object()?;
    let mut session = SessionControls::default();
    if let Some((frequency, text)) = members
        .take_set("signInFrequency")
        .and_then(sign_in_frequency)
    {
        session.sign_in_frequency = Some(frequency);
        session
            .obligations
            .push((String::from("signInFrequency"), text));
    }
    for (name, value) in CONTROLS {
        let control = members.take_set(name);
        if let Some(value) = control.and_then(|control| obligation(control, value)) {
            session.obligations.push(((*name).to_owned(), value));
        }
    }
    if members.boolean("disableResilienceDefaults") == Some(true) {
        let name = String::from("disableResilienceDefaults");
        session.obligations.push((name, String::from("true")));
    }
    if let Some(mode) = members
        .take_set("continuousAccessEvaluation")
        .and_then(mode)
    {
        let name = String::from("continuousAccessEvaluation");
        session.obligations.push((name, mode));
    }
    members.close_outer();
    Some(session)
}

/// The controls with `isEnabled`, and the member that contains their value, if any.
const CONTROLS: &[(&str, Option<&str>)] = &[
    ("applicationEnforcedRestrictions", None),
    ("cloudAppSecurity", Some("cloudAppSecurityType")),
    ("persistentBrowser", Some("mode")),
    ("secureSignInSession", None),
    ("globalSecureAccessFilteringProfile", Some("profileId")),
    ("networkAccessSecurity", Some("policyId")),
];

/// The value of an enabled control, or `true` if it has none.
fn obligation(node: Node<'_>, value_member: &Option<&'static str>) -> Option<String> {
    let mut members = node.object()?;
    let is_enabled = members.boolean("isEnabled") == Some(true);
    let value = value_member.and_then(|name| members.text(name));
    members.close_outer();
    let value = value.filter(|value| !value.is_empty()).unwrap_or("true");
    is_enabled.then(|| value.to_owned())
}

fn mode(node: Node<'_>) -> Option<String> {
    let mut members = node.object()?;
    let mode = members.name("mode");
    members.close_outer();
    mode
}

/// An enabled sign-in frequency, and its text.
fn sign_in_frequency(node: Node<'_>) -> Option<(SignInFrequency, String)> {
    let mut members = node.object()?;
    let is_enabled = members.require("isEnabled").and_then(Node::boolean);
    members.ignore(&["authenticationType"]);
    let interval = members.take_set("frequencyInterval");
    let is_time_based = interval.map_or(Some(true), is_time_based);
    let frequency = match (is_enabled?, is_time_based?) {
        (true, true) => time_based(&mut members),
        (true, false) => {
            members.ignore(&["value", "type"]);
            Some((SignInFrequency::EveryTime, String::from("everyTime")))
        }
        (false, _) => {
            members.ignore(&["value", "type"]);
            None
        }
    };
    members.close_outer();
    frequency
}

fn is_time_based(node: Node<'_>) -> Option<bool> {
    match node.text()? {
        text if text.eq_ignore_ascii_case("timeBased") => Some(true),
        text if text.eq_ignore_ascii_case("everyTime") => Some(false),
        text => {
            report_unknown_word(node, text, "expected timeBased or everyTime");
            None
        }
    }
}

fn time_based(members: &mut Members<'_>) -> Option<(SignInFrequency, String)> {
    let value = members.require("value");
    let unit = members.require("type");
    let value = value?;
    let count = value.count()?;
    let (unit, hours) = unit.and_then(unit_hours)?;
    let hours = u64::from(count).saturating_mul(hours);
    if !(1..=MAX_HOURS).contains(&hours) {
        let message = format!("found {count} {unit}, expected 1 hour to 365 days");
        value.error(Code::OutOfRange, message);
        return None;
    }
    let span = Duration::from_secs(hours.saturating_mul(60 * 60));
    Some((SignInFrequency::Every(span), format!("{count} {unit}")))
}

fn unit_hours(node: Node<'_>) -> Option<(&'static str, u64)> {
    match node.text()? {
        text if text.eq_ignore_ascii_case("hours") => Some(("hours", 1)),
        text if text.eq_ignore_ascii_case("days") => Some(("days", 24)),
        text => {
            report_unknown_word(node, text, "expected hours or days");
            None
        }
    }
}

/// learn.microsoft.com/entra/identity/conditional-access/concept-session-lifetime: up to 365 days.
const MAX_HOURS: u64 = 365 * 24;
