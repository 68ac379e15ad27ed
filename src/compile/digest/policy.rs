//! The digest of a Conditional Access policy.

use super::writer::{DigestWriter, PartDigest};
use super::{Parts, app_set, at, group_ids};
use crate::snapshot::{
    AppsCondition, Attribute, Comparison, Control, FilterRule, Grant, GuestClause, LocationTest,
    Policy, PolicyFilter, Snapshot, UsersClause,
};
use crate::vocabulary::{IncludeExclude, SignInFrequency};

pub(super) fn hash(snapshot: &Snapshot, parts: &Parts, policy: &Policy) -> PartDigest {
    let Policy {
        id,
        display_name,
        report_only,
        include_users,
        exclude_users,
        apps,
        client_app_types,
        platforms,
        locations,
        sign_in_risk,
        user_risk,
        insider_risk,
        authentication_flows,
        device_filter,
        device_states,
        grant,
        sign_in_frequency,
        obligations,
        origin: _,
    } = policy;
    let mut out = DigestWriter::new("policy");
    let to = &mut out;
    to.id("id", id.0);
    to.text("name", display_name);
    to.flag("report only", *report_only);
    users(to, snapshot, "include users", include_users);
    users(to, snapshot, "exclude users", exclude_users);
    applications(to, apps);
    to.flag("client app types", client_app_types.is_some());
    to.bits(
        "client app types",
        client_app_types.map_or(0, |types| types.bits()),
    );
    both(to, "platforms", platforms.as_ref(), |out, platform| {
        out.text(
            "platform",
            platform.map_or("all", |platform| platform.as_str()),
        );
    });
    both(to, "locations", locations.as_ref(), |out, test| {
        location(out, parts, test)
    });
    to.bits("sign-in risk", sign_in_risk.bits());
    to.bits("user risk", user_risk.bits());
    to.bits("insider risk", insider_risk.bits());
    to.bits("authentication flows", authentication_flows.bits());
    condition(to, "device filter", device_filter.as_ref());
    both(to, "device states", device_states.as_ref(), |out, state| {
        out.text("state", state.as_str());
    });
    grant_of(to, parts, grant);
    frequency(to, sign_in_frequency.as_ref());
    to.list("obligations", obligations, |out, (name, value)| {
        out.text("name", name);
        out.text("value", value);
    });
    out.finish()
}

fn users(out: &mut DigestWriter, snapshot: &Snapshot, name: &str, clause: &UsersClause) {
    let UsersClause {
        all,
        users,
        groups,
        roles,
        guests,
    } = clause;
    out.flag(name, *all);
    out.ids("users", users.iter().map(|user| user.0));
    group_ids(out, snapshot, &groups.positions());
    out.ids("roles", roles.iter().map(|role| role.0));
    out.list("guests", guests, |out, guests| {
        let GuestClause { types, tenants } = guests;
        out.bits("types", types.bits());
        out.flag("single tenants", tenants.is_some());
        let tenants = tenants.as_deref().unwrap_or_default();
        out.ids("tenants", tenants.iter().map(|tenant| tenant.0));
    });
}

fn applications(out: &mut DigestWriter, apps: &AppsCondition) {
    let AppsCondition {
        include,
        exclude,
        filter,
        user_actions,
        authentication_contexts,
    } = apps;
    app_set(out, include);
    app_set(out, exclude);
    condition(out, "application filter", filter.as_ref());
    out.bits("user actions", user_actions.bits());
    out.texts("authentication contexts", authentication_contexts);
}

fn both<T>(
    out: &mut DigestWriter,
    name: &str,
    lists: Option<&IncludeExclude<T>>,
    write: impl Fn(&mut DigestWriter, &T),
) {
    out.flag(name, lists.is_some());
    if let Some(IncludeExclude { include, exclude }) = lists {
        out.list("include", include, &write);
        out.list("exclude", exclude, &write);
    }
}

fn location(out: &mut DigestWriter, parts: &Parts, test: &LocationTest) {
    match test {
        LocationTest::All => out.text("location", "all"),
        LocationTest::AllTrusted => out.text("location", "all trusted"),
        LocationTest::Named(position) => out.hash("location", &at(&parts.locations, *position)),
        LocationTest::MfaTrustedIps => out.text("location", "mfa trusted ips"),
    }
}

fn grant_of(out: &mut DigestWriter, parts: &Parts, grant: &Grant) {
    let Grant {
        blocks,
        operator,
        controls,
    } = grant;
    out.flag("blocks", *blocks);
    out.text("operator", operator.as_str());
    out.list("controls", controls, |out, control| match control {
        Control::Mfa => out.text("control", "mfa"),
        Control::Strength(position) => out.hash("strength", &at(&parts.strengths, *position)),
        Control::CompliantDevice => out.text("control", "compliant device"),
        Control::DomainJoinedDevice => out.text("control", "domain joined device"),
        Control::ApprovedApplication => out.text("control", "approved application"),
        Control::CompliantApplication => out.text("control", "compliant application"),
        Control::PasswordChange => out.text("control", "password change"),
        Control::RiskRemediation => out.text("control", "risk remediation"),
        Control::TermsOfUse(ids) => out.ids("terms of use", ids.iter().map(|id| id.0)),
        Control::Custom(ids) => out.ids("custom", ids.iter().map(|id| id.0)),
    });
}

fn frequency(out: &mut DigestWriter, frequency: Option<&SignInFrequency>) {
    match frequency {
        None => out.text("frequency", "none"),
        Some(SignInFrequency::EveryTime) => out.text("frequency", "every time"),
        Some(SignInFrequency::Every(span)) => out.id("frequency", span.as_nanos()),
    }
}

fn condition(out: &mut DigestWriter, name: &str, filter: Option<&PolicyFilter>) {
    out.flag(name, filter.is_some());
    if let Some(PolicyFilter { mode, rule }) = filter {
        out.text("mode", mode.as_str());
        filter_rule(out, rule);
    }
}

/// Recurses as deep as the rule, which `filter` bounds.
fn filter_rule(out: &mut DigestWriter, rule: &FilterRule) {
    match rule {
        FilterRule::Compare {
            attribute,
            comparison,
            negated,
        } => {
            match attribute {
                // The name of the variant: `DeviceId`, `ExtensionAttribute(7)`.
                Attribute::Device(property) => out.text("device", &format!("{property:?}")),
                Attribute::Application(name) => out.text("attribute", name),
            }
            out.flag("negated", *negated);
            comparison_of(out, comparison);
        }
        FilterRule::Not(inner) => {
            out.count("not", 1);
            filter_rule(out, inner);
        }
        FilterRule::And(parts) => out.list("and", parts, filter_rule),
        FilterRule::Or(parts) => out.list("or", parts, filter_rule),
    }
}

fn comparison_of(out: &mut DigestWriter, comparison: &Comparison) {
    match comparison {
        Comparison::IsNull => out.text("is", "null"),
        Comparison::Equals(value) => out.text("equals", value),
        Comparison::StartsWith(value) => out.text("starts with", value),
        Comparison::EndsWith(value) => out.text("ends with", value),
        Comparison::Contains(value) => out.text("contains", value),
        Comparison::In(values) => out.texts("in", values),
    }
}
