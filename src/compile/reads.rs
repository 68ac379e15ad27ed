//! Which context facts the policies of a snapshot depend on, for the cache key. In doubt a fact is included.

use crate::snapshot::{ContextReads, Control, Location, LocationTest, Policy, Tenant};

/// The facts that any policy depends on, report-only policies included: their results are part of an answer.
pub(super) fn of(tenants: &[Tenant], policies: &[Policy], locations: &[Location]) -> ContextReads {
    let mut reads = ContextReads {
        user_action: tenants
            .iter()
            .any(|tenant| !tenant.excluded_actions.is_empty()),
        ..ContextReads::default()
    };
    for policy in policies {
        by_conditions(&mut reads, policy);
        by_locations(&mut reads, policy, locations);
        for control in &policy.grant.controls {
            by_control(&mut reads, control);
        }
    }
    reads
}

fn by_conditions(reads: &mut ContextReads, policy: &Policy) {
    let apps = &policy.apps;
    reads.platform |= policy.platforms.is_some();
    reads.client_app_type |= policy.client_app_types.is_some();
    reads.sign_in_risk |= !policy.sign_in_risk.is_empty();
    reads.user_risk |= !policy.user_risk.is_empty();
    reads.insider_risk |= !policy.insider_risk.is_empty();
    reads.authentication_flow |= !policy.authentication_flows.is_empty();
    reads.device |= policy.device_filter.is_some() || policy.device_states.is_some();
    reads.app_attributes |= apps.filter.is_some();
    reads.user_action |= !apps.user_actions.is_empty();
    reads.authentication_context |= !apps.authentication_contexts.is_empty();
}

fn by_locations(reads: &mut ContextReads, policy: &Policy, locations: &[Location]) {
    let Some(lists) = &policy.locations else {
        return;
    };
    for test in lists.include.iter().chain(&lists.exclude) {
        match test {
            LocationTest::All | LocationTest::MfaTrustedIps => {}
            LocationTest::AllTrusted => reads.ip_address = true,
            LocationTest::Named(position) => {
                let location = usize::try_from(*position)
                    .ok()
                    .and_then(|at| locations.get(at));
                match location {
                    Some(Location::Ip(_)) => reads.ip_address = true,
                    Some(Location::Country { .. }) => reads.country = true,
                    Some(Location::CompliantNetwork) => {}
                    None => {
                        reads.ip_address = true;
                        reads.country = true;
                    }
                }
            }
        }
    }
}

fn by_control(reads: &mut ContextReads, control: &Control) {
    match control {
        Control::ApprovedApplication => reads.approved_application = true,
        Control::CompliantApplication => reads.app_protection = true,
        Control::PasswordChange => reads.password_changed = true,
        Control::RiskRemediation => reads.risk_remediated = true,
        Control::Mfa
        | Control::Strength(_)
        | Control::CompliantDevice
        | Control::DomainJoinedDevice
        | Control::TermsOfUse(_)
        | Control::Custom(_) => {}
    }
}
