//! The other conditions of a policy (semantics §5).

use super::PolicyCompiler;
use crate::compile::builder::SnapshotBuilder;
use crate::compile::filter;
use crate::compile::findings::incomplete_bundle_message;
use crate::compile::settings::sorted;
use crate::graph::Code;
use crate::graph::document::{
    ApplicationsCondition, ApplicationsList, ClientAppTypes, FilterCondition, Located,
    LocationEntry, SessionControls,
};
use crate::id::LocationId;
use crate::snapshot::{AppSet, AppsCondition, FilterRule, LocationTest, PolicyFilter};
use crate::vocabulary::{Bundle, ClientAppType, DeviceState, IncludeExclude, WordSet};

/// `MFA Trusted IPs`, the address ranges of the MFA service settings. Policies refer to them by this id; no
/// export contains them.
const MFA_TRUSTED_IPS: LocationId = LocationId(0);

const MFA_TRUSTED_IPS_UNDEFINED: &str = "found the MFA trusted IPs, which Graph does not export: it is \
    unknown whether a request comes from them, so an include list matches and an exclude list does not; to \
    evaluate them, add an ipNamedLocation with this id and the ranges of the MFA service settings to \
    named-locations.json";

impl PolicyCompiler<'_, '_> {
    /// The location lists. A location that does not exist is reported.
    pub(super) fn locations(
        &mut self,
        lists: Option<&IncludeExclude<Located<LocationEntry>>>,
    ) -> Option<IncludeExclude<LocationTest>> {
        let lists = lists?;
        let tests = IncludeExclude {
            include: self.location_tests(&lists.include),
            exclude: self.location_tests(&lists.exclude),
        };
        list_or_all(Some(&tests), LocationTest::All)
    }

    fn location_tests(&mut self, entries: &[Located<LocationEntry>]) -> Vec<LocationTest> {
        entries
            .iter()
            .filter_map(|Located { value, place }| match value {
                LocationEntry::All => Some(LocationTest::All),
                LocationEntry::AllTrusted => Some(LocationTest::AllTrusted),
                LocationEntry::Location(id) => {
                    let position = self.locations.position(*id);
                    let may_be_refused = self.refused.may_hold_location(*id);
                    let findings = &mut self.builder.findings;
                    if position.is_none() && *id == MFA_TRUSTED_IPS {
                        findings.warning(place, Code::UnknownLocation, MFA_TRUSTED_IPS_UNDEFINED);
                        return Some(LocationTest::MfaTrustedIps);
                    }
                    if position.is_none() && !may_be_refused {
                        let message = format!(
                            "found {id}, expected the id of a named location of this tenant"
                        );
                        findings.report(self.severity, place, Code::UnknownLocation, message);
                    }
                    position.map(LocationTest::Named)
                }
            })
            .collect()
    }

    /// `devices.deviceFilter`.
    pub(super) fn device_filter(
        &mut self,
        condition: Option<&FilterCondition>,
    ) -> Option<PolicyFilter> {
        self.filter(condition?, filter::device_rule)
    }

    /// `applications.applicationFilter`.
    pub(super) fn app_filter(
        &mut self,
        applications: Option<&ApplicationsCondition>,
    ) -> Option<PolicyFilter> {
        let condition = applications?.filter.as_ref()?;
        self.filter(condition, filter::application_rule)
    }

    fn filter(
        &mut self,
        condition: &FilterCondition,
        parse: fn(&str) -> Result<FilterRule, filter::RuleError>,
    ) -> Option<PolicyFilter> {
        match parse(&condition.rule) {
            Ok(rule) => Some(PolicyFilter {
                mode: condition.mode,
                rule,
            }),
            Err(error) => {
                let (place, message) = (&condition.place, error.to_string());
                let findings = &mut self.builder.findings;
                findings.report(self.severity, place, Code::FilterRule, message);
                None
            }
        }
    }
}

/// `applications`: the included and excluded applications, user actions and authentication contexts.
pub(super) fn applications(
    builder: &mut SnapshotBuilder,
    document: &ApplicationsCondition,
    filter: Option<PolicyFilter>,
) -> AppsCondition {
    if document.exclude.all {
        let message = "found All excluded: the policy applies to no application";
        let place = &document.place;
        builder.findings.warning(place, Code::NoEffect, message);
    }
    if document.include.office365 {
        let message = incomplete_bundle_message(Bundle::Office365);
        builder
            .findings
            .info(&document.place, Code::IncompleteBundle, message);
    }
    AppsCondition {
        include: app_set(&document.include),
        exclude: app_set(&document.exclude),
        filter,
        user_actions: document.user_actions,
        authentication_contexts: sorted(document.authentication_contexts.clone()).into_vec(),
    }
}

/// The word `None` adds no application.
fn app_set(list: &ApplicationsList) -> AppSet {
    // `AllMicrosoftApps` exists only in cross-tenant access settings.
    let named = [
        (list.office365, Bundle::Office365),
        (list.admin_portals, Bundle::MicrosoftAdminPortals),
    ];
    let named = named.into_iter().filter(|(is_named, _)| *is_named);
    AppSet {
        all: list.all,
        bundles: named.map(|(_, bundle)| bundle).collect(),
        agent_resources: list.agent_resources,
        ids: sorted(list.applications.clone()),
    }
}

/// Whether the policy applies to no application. The word `None` does not count: it is deliberate.
pub(super) fn includes_no_application(document: &ApplicationsCondition) -> bool {
    let ApplicationsList {
        all,
        none,
        office365,
        admin_portals,
        agent_resources,
        applications,
    } = &document.include;
    let word = *all || *none || *office365 || *admin_portals || *agent_resources;
    let includes_by_filter = document
        .filter
        .as_ref()
        .is_some_and(|filter| filter.mode == crate::vocabulary::FilterMode::Include);
    !word
        && !includes_by_filter
        && applications.is_empty()
        && document.user_actions.is_empty()
        && document.authentication_contexts.is_empty()
}

/// `clientAppTypes`; `None` = all.
pub(super) fn client_app_types(types: ClientAppTypes) -> Option<WordSet<ClientAppType>> {
    match types {
        ClientAppTypes::All => None,
        ClientAppTypes::These(types) => (!types.is_empty()).then_some(types),
    }
}

/// The lists of one condition, sorted. An empty include list with exclusions includes everything (semantics
/// §5: empty = not set); two empty lists are not a condition.
pub(super) fn list_or_all<T: Ord + Clone>(
    lists: Option<&IncludeExclude<T>>,
    all: T,
) -> Option<IncludeExclude<T>> {
    let IncludeExclude { include, exclude } = lists?;
    if include.is_empty() && exclude.is_empty() {
        return None;
    }
    let include = match include.is_empty() {
        true => vec![all],
        false => sorted(include.clone()).into_vec(),
    };
    Some(IncludeExclude {
        include,
        exclude: sorted(exclude.clone()).into_vec(),
    })
}

/// The deprecated `deviceStates` condition.
pub(super) fn device_states(
    lists: Option<&IncludeExclude<DeviceState>>,
) -> Option<IncludeExclude<DeviceState>> {
    list_or_all(lists, DeviceState::All)
}

/// The session controls, sorted by name.
pub(super) fn obligations(session: &SessionControls) -> Vec<(String, String)> {
    sorted(session.obligations.clone()).into_vec()
}
