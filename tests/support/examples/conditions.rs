//! The other conditions (semantics §5). The policy of these examples blocks, so that a denial means that it applies. Each
//! condition has a case without the fact in the request.

use crosstrust::decision::{PolicyResult, Reason, Stage};
use crosstrust::id::{AppId, PolicyId};
use crosstrust::request::{Context, Request};
use crosstrust::vocabulary::{
    AuthenticationFlow, ClientAppType, InsiderRiskLevel, Platform, RiskLevel, UserAction,
};
use serde_json::{Value, json};

use super::{Example, allows, denies};
use crate::reference::{StatedApplication, World};
use crate::support::build::*;
use crate::support::universe::*;

/// UUID version 5 of the name "No id" in Contoso's namespace, computed elsewhere.
const NAME_BASED: u128 = 0xf0b7385e_e859_561a_a66c_a6f56ac6ab6b;

pub fn all() -> Vec<Example> {
    [
        states(),
        applications(),
        actions(),
        agents(),
        words(),
        risks(),
        workloads(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The world in which the operator states this about the application.
fn stated(
    mut world: World,
    app: AppId,
    bundles: Option<&[&'static str]>,
    agent: Option<bool>,
) -> World {
    world.applications.push(StatedApplication {
        app,
        bundles: bundles.map(<[_]>::to_vec),
        agent,
    });
    world
}

fn blocking(condition: &str, value: Value) -> World {
    contoso_with(&[when(block(), condition, value)])
}

fn applies(name: &'static str, world: &World, request: Request) -> Example {
    denies(
        name,
        world,
        request,
        Stage::ConditionalAccess,
        Reason::CaBlocked,
    )
}

fn knowing(change: impl FnOnce(&mut Context)) -> Request {
    with(direct(), |request| change(&mut request.context))
}

fn states() -> Vec<Example> {
    let in_state = |state: &str| contoso_with(&[having(block(), "state", json!(state))]);
    let nameless = || {
        let mut policy = when(block(), "users", json!({"includeUsers": ["None"]}));
        policy["displayName"] = json!("No id");
        world([open_contoso().policy(1, policy), open_fabrikam()])
    };
    let two = contoso_with(&[
        when(
            require(&["mfa"]),
            "users",
            json!({"includeUsers": ["All"], "excludeUsers": ["GuestsOrExternalUsers"]}),
        ),
        require(&["compliantDevice"]),
    ]);
    vec![
        applies("state: enabled is enforced", &in_state("enabled"), direct())
            .applied(&[(policy_id(1), PolicyResult::Failure)]),
        allows(
            "state: report-only is reported",
            &in_state("enabledForReportingButNotEnforced"),
            direct(),
        )
        .applied(&[(policy_id(1), PolicyResult::ReportOnlyFailure)]),
        allows(
            "state: disabled is ignored",
            &in_state("disabled"),
            direct(),
        )
        .applied(&[]),
        denies(
            "state: a policy without id gets a name-based one",
            &world([
                open_contoso().policy_without_id("No id", block()),
                open_fabrikam(),
            ]),
            direct(),
            Stage::ConditionalAccess,
            Reason::CaBlocked,
        )
        .applied(&[(PolicyId(NAME_BASED), PolicyResult::Failure)]),
        allows(
            "state: a policy that does not apply is not listed",
            &nameless(),
            direct(),
        )
        .applied(&[]),
        allows(
            "state: each policy applies for itself",
            &two,
            with(direct(), |request| request.claims.compliant_device = true),
        )
        .applied(&[(policy_id(2), PolicyResult::Success)]),
    ]
}

fn applications() -> Vec<Example> {
    let on = |value: Value| blocking("applications", value);
    let reaching = |reached| with(direct(), |request| request.app = reached);
    let action = |action| knowing(|context| context.user_action = action);
    let context =
        |name: &str| knowing(|context| context.authentication_context = Some(name.to_owned()));
    let registering = || on(json!({"includeUserActions": ["urn:user:registersecurityinfo"]}));
    let c1 = || on(json!({"includeAuthenticationContextClassReferences": ["c1"]}));
    vec![
        applies(
            "applications: by id",
            &on(json!({"includeApplications": [PAYROLL.to_string()]})),
            direct(),
        ),
        allows(
            "applications: not another",
            &on(json!({"includeApplications": [EXCHANGE.to_string()]})),
            direct(),
        ),
        allows(
            "applications: the client application does not count",
            &on(json!({"includeApplications": [EXCHANGE.to_string()]})),
            with(direct(), |request| request.client_app = Some(EXCHANGE)),
        ),
        allows(
            "applications: None",
            &on(json!({"includeApplications": ["None"]})),
            direct(),
        ),
        allows(
            "applications: empty lists",
            &on(json!({"includeApplications": []})),
            direct(),
        ),
        applies(
            "applications: Office365",
            &on(json!({"includeApplications": ["Office365"]})),
            reaching(EXCHANGE),
        ),
        applies(
            "applications: Office365 may hold the portal, which is Microsoft's",
            &on(json!({"includeApplications": ["Office365"]})),
            reaching(PORTAL),
        ),
        applies(
            "applications: an application of Microsoft's may be in Office365",
            &on(json!({"includeApplications": ["Office365"]})),
            reaching(PURVIEW),
        ),
        applies(
            "applications: one that may be in Office365 is not excluded by it",
            &on(json!({"includeApplications": ["All"], "excludeApplications": ["Office365"]})),
            reaching(GRAPH),
        ),
        allows(
            "applications: Office365 does not contain an application of no list",
            &on(json!({"includeApplications": ["Office365"]})),
            reaching(PAYROLL),
        ),
        applies(
            "applications: an application of no list is not excluded by Office365",
            &on(json!({"includeApplications": ["All"], "excludeApplications": ["Office365"]})),
            reaching(PAYROLL),
        ),
        allows(
            "applications: the list of portals is complete",
            &on(json!({"includeApplications": ["MicrosoftAdminPortals"]})),
            reaching(PURVIEW),
        ),
        applies(
            "applications: Office365 as the operator states",
            &stated(
                on(json!({"includeApplications": ["Office365"]})),
                PAYROLL,
                Some(&["Office365"]),
                None,
            ),
            reaching(PAYROLL),
        ),
        allows(
            "applications: excluded by Office365 as the operator states",
            &stated(
                on(json!({"includeApplications": ["All"], "excludeApplications": ["Office365"]})),
                GRAPH,
                Some(&["Office365"]),
                None,
            ),
            reaching(GRAPH),
        ),
        allows(
            "applications: not in Office365 as the operator states",
            &stated(
                on(json!({"includeApplications": ["Office365"]})),
                GRAPH,
                Some(&[]),
                None,
            ),
            reaching(GRAPH),
        ),
        applies(
            "applications: what the table has in Office365 stays there",
            &stated(
                on(json!({"includeApplications": ["Office365"]})),
                EXCHANGE,
                Some(&[]),
                None,
            ),
            reaching(EXCHANGE),
        ),
        applies(
            "applications: of agents, not stated, included",
            &on(json!({"includeApplications": ["AllAgentIdResources"]})),
            reaching(PAYROLL),
        ),
        applies(
            "applications: of agents, not stated, not excluded",
            &on(
                json!({"includeApplications": ["All"], "excludeApplications": ["allAgentIdResources"]}),
            ),
            reaching(GRAPH),
        ),
        allows(
            "applications: not of agents, as the operator states",
            &stated(
                on(json!({"includeApplications": ["AllAgentIdResources"]})),
                PAYROLL,
                None,
                Some(false),
            ),
            reaching(PAYROLL),
        ),
        applies(
            "applications: of agents, as the operator states",
            &stated(
                on(json!({"includeApplications": ["AllAgentIdResources"]})),
                PAYROLL,
                None,
                Some(true),
            ),
            reaching(PAYROLL),
        ),
        allows(
            "applications: of agents, as the operator states, excluded",
            &stated(
                on(
                    json!({"includeApplications": ["All"], "excludeApplications": ["AllAgentIdResources"]}),
                ),
                PAYROLL,
                None,
                Some(true),
            ),
            reaching(PAYROLL),
        ),
        applies(
            "applications: MicrosoftAdminPortals",
            &on(json!({"includeApplications": ["MicrosoftAdminPortals"]})),
            reaching(PORTAL),
        ),
        allows(
            "applications: excluded",
            &on(
                json!({"includeApplications": ["All"], "excludeApplications": [PAYROLL.to_string()]}),
            ),
            direct(),
        ),
        allows(
            "applications: a bundle excluded",
            &on(json!({"includeApplications": ["All"], "excludeApplications": ["Office365"]})),
            reaching(SHAREPOINT),
        ),
        applies(
            "user action: that is named",
            &registering(),
            action(Some(UserAction::RegisterSecurityInfo)),
        ),
        allows(
            "user action: another",
            &registering(),
            action(Some(UserAction::RegisterDevice)),
        ),
        allows(
            "user action: none is performed",
            &registering(),
            action(None),
        ),
        applies(
            "user action: removes no policy of the application",
            &on(json!({"includeApplications": [PAYROLL.to_string()]})),
            action(Some(UserAction::RegisterDevice)),
        ),
        allows(
            "user action: on an application that is excluded",
            &on(
                json!({"includeUserActions": ["urn:user:registersecurityinfo"], "excludeApplications": [PAYROLL.to_string()]}),
            ),
            action(Some(UserAction::RegisterSecurityInfo)),
        ),
        applies(
            "authentication context: that is asked for",
            &c1(),
            context("c1"),
        ),
        allows("authentication context: another", &c1(), context("c2")),
        allows("authentication context: none", &c1(), direct()),
    ]
}

/// User actions, and the settings that exclude them from policies for all resources.
fn actions() -> Vec<Example> {
    let on = |value: Value| when(block(), "applications", value);
    let naming = |action| knowing(|context| context.user_action = Some(action));
    let recovery = || naming(UserAction::AccountRecovery);
    let excluding = |entries: Value, policies: &[Value]| {
        let contoso = open_contoso().excluding_actions(entries);
        let contoso = (1..)
            .zip(policies)
            .fold(contoso, |contoso, (number, policy)| {
                contoso.policy(number, policy.clone())
            });
        world([contoso, open_fabrikam()])
    };
    let enabled = || json!([{"userAction": "accountrecovery", "state": "enabled"}]);
    let in_state = |state: Value| json!([{"userAction": "accountrecovery", "state": state}]);
    let everything = || on(json!({"includeApplications": ["All"]}));
    let by_name = on(
        json!({"includeApplications": ["All"], "includeUserActions": ["urn:user:accountrecovery"]}),
    );
    vec![
        applies(
            "user action: account recovery",
            &contoso_with(&[on(
                json!({"includeUserActions": ["urn:user:accountrecovery"]}),
            )]),
            recovery(),
        ),
        applies(
            "user action: without its prefix",
            &contoso_with(&[on(json!({"includeUserActions": ["RegisterDevice"]}))]),
            naming(UserAction::RegisterDevice),
        ),
        allows(
            "excluded action: takes a policy for all resources off",
            &excluding(enabled(), &[everything()]),
            recovery(),
        )
        .applied(&[]),
        applies(
            "excluded action: not off another action",
            &excluding(enabled(), &[everything()]),
            naming(UserAction::RegisterDevice),
        ),
        applies(
            "excluded action: not off a request without an action",
            &excluding(enabled(), &[everything()]),
            direct(),
        ),
        applies(
            "excluded action: a policy that names the application stays",
            &excluding(
                enabled(),
                &[on(json!({"includeApplications": [PAYROLL.to_string()]}))],
            ),
            recovery(),
        ),
        applies(
            "excluded action: a policy that names the action itself stays",
            &excluding(enabled(), &[by_name]),
            recovery(),
        ),
        applies(
            "excluded action: disabled changes nothing",
            &excluding(in_state(json!("disabled")), &[everything()]),
            recovery(),
        ),
        applies(
            "excluded action: report-only changes nothing",
            &excluding(
                in_state(json!("enabledForReportingButNotEnforced")),
                &[everything()],
            ),
            recovery(),
        ),
        applies(
            "excluded action: without a state changes nothing",
            &excluding(in_state(Value::Null), &[everything()]),
            recovery(),
        ),
        applies(
            "excluded action: one that is not known matches nothing",
            &excluding(
                json!([{"userAction": "urn:user:dance", "state": "enabled"}]),
                &[everything()],
            ),
            recovery(),
        ),
        allows(
            "excluded action: with its prefix",
            &excluding(
                json!([{"userAction": "urn:user:registerdevice", "state": "enabled"}]),
                &[everything()],
            ),
            naming(UserAction::RegisterDevice),
        ),
    ]
}

/// Words for agents, which match no user.
fn agents() -> Vec<Example> {
    let users = |value: Value| blocking("users", value);
    vec![
        allows(
            "agents: a policy for the accounts of agents applies to no user",
            &users(json!({"includeUsers": ["AllAgentIdUsers"]})),
            direct(),
        )
        .applied(&[]),
        allows(
            "agents: not to a guest or an internal user either",
            &users(json!({"includeUsers": ["AllAgentIdUsers", "None"]})),
            guest(),
        ),
        applies(
            "agents: other words beside them still count",
            &users(json!({"includeUsers": ["AllAgentIdUsers", "All"]})),
            direct(),
        ),
        applies(
            "agents: excluding the accounts of agents excludes no user",
            &users(json!({"includeUsers": ["All"], "excludeUsers": ["AllAgentIdUsers"]})),
            internal(),
        ),
        applies(
            "agents: nor a user with few known facts",
            &users(json!({"includeUsers": ["All"], "excludeUsers": ["AllAgentIdUsers"]})),
            with(guest(), |request| {
                request.claims.groups_incomplete = true;
                request.external_user_type = None;
            }),
        ),
    ]
}

fn words() -> Vec<Example> {
    let clients = |list: &[&str]| blocking("clientAppTypes", json!(list));
    let client = |kind| knowing(|context| context.client_app_type = Some(kind));
    let platforms = |include: &[&str], exclude: &[&str]| {
        blocking(
            "platforms",
            json!({"includePlatforms": include, "excludePlatforms": exclude}),
        )
    };
    let on = |platform| knowing(|context| context.platform = Some(platform));
    let flows =
        |methods: &str| blocking("authenticationFlows", json!({"transferMethods": methods}));
    let flow = |flow| knowing(|context| context.authentication_flow = Some(flow));
    vec![
        applies(
            "client type: that is listed",
            &clients(&["browser"]),
            client(ClientAppType::Browser),
        ),
        allows(
            "client type: another",
            &clients(&["browser"]),
            client(ClientAppType::Other),
        ),
        applies(
            "client type: all",
            &clients(&["all"]),
            client(ClientAppType::Other),
        ),
        applies("client type: unknown", &clients(&["browser"]), direct()),
        applies(
            "client type: an empty list is not a condition",
            &clients(&[]),
            client(ClientAppType::Other),
        ),
        applies(
            "client type: Exchange ActiveSync includes the clients of easSupported",
            &clients(&["exchangeActiveSync"]),
            client(ClientAppType::EasSupported),
        ),
        applies(
            "client type: Exchange ActiveSync",
            &clients(&["exchangeActiveSync"]),
            client(ClientAppType::ExchangeActiveSync),
        ),
        allows(
            "client type: Exchange ActiveSync does not include other clients",
            &clients(&["exchangeActiveSync"]),
            client(ClientAppType::Other),
        ),
        applies(
            "client type: Exchange ActiveSync may be a client of easSupported",
            &clients(&["easSupported"]),
            client(ClientAppType::ExchangeActiveSync),
        ),
        allows(
            "client type: easSupported does not include a browser",
            &clients(&["easSupported"]),
            client(ClientAppType::Browser),
        ),
        applies(
            "platform: all excluded does not exclude a missing platform",
            &platforms(&["all"], &["all"]),
            direct(),
        ),
        applies(
            "platform: all excluded alone does not exclude a missing platform",
            &platforms(&[], &["all"]),
            direct(),
        ),
        allows(
            "platform: all excluded excludes a platform that is named",
            &platforms(&["all"], &["all"]),
            on(Platform::Linux),
        ),
        applies(
            "platform: that is listed",
            &platforms(&["iOS"], &[]),
            on(Platform::Ios),
        ),
        allows(
            "platform: another",
            &platforms(&["iOS"], &[]),
            on(Platform::Android),
        ),
        allows(
            "platform: excluded",
            &platforms(&["all"], &["windows"]),
            on(Platform::Windows),
        ),
        applies(
            "platform: only exclusions include all others",
            &platforms(&[], &["windows"]),
            on(Platform::Linux),
        ),
        applies(
            "platform: unknown is included",
            &platforms(&["iOS"], &[]),
            direct(),
        ),
        applies(
            "platform: unknown is not excluded",
            &platforms(&["all"], &["windows"]),
            direct(),
        ),
        applies(
            "flow: that is listed",
            &flows("deviceCodeFlow,authenticationTransfer"),
            flow(AuthenticationFlow::AuthenticationTransfer),
        ),
        allows(
            "flow: another",
            &flows("deviceCodeFlow"),
            flow(AuthenticationFlow::AuthenticationTransfer),
        ),
        allows(
            "flow: known to be none",
            &flows("deviceCodeFlow"),
            flow(AuthenticationFlow::None),
        ),
        applies("flow: unknown", &flows("deviceCodeFlow"), direct()),
        applies(
            "flow: none in a policy is not a condition",
            &flows("none"),
            flow(AuthenticationFlow::DeviceCodeFlow),
        ),
    ]
}

fn risks() -> Vec<Example> {
    let sign_in = || blocking("signInRiskLevels", json!(["medium", "high"]));
    let user = || blocking("userRiskLevels", json!(["high"]));
    let insider = || blocking("insiderRiskLevels", json!("moderate,elevated"));
    let sign_in_risk = |level| knowing(|context| context.sign_in_risk = Some(level));
    let user_risk = |level| knowing(|context| context.user_risk = Some(level));
    let insider_risk = |level| knowing(|context| context.insider_risk = Some(level));
    vec![
        applies(
            "sign-in risk: that is listed",
            &sign_in(),
            sign_in_risk(RiskLevel::Medium),
        ),
        allows(
            "sign-in risk: another",
            &sign_in(),
            sign_in_risk(RiskLevel::Low),
        ),
        allows(
            "sign-in risk: known to be none",
            &sign_in(),
            sign_in_risk(RiskLevel::None),
        ),
        applies("sign-in risk: unknown", &sign_in(), direct()),
        applies(
            "sign-in risk: none can be listed",
            &blocking("signInRiskLevels", json!(["none"])),
            sign_in_risk(RiskLevel::None),
        ),
        applies(
            "user risk: that is listed",
            &user(),
            user_risk(RiskLevel::High),
        ),
        allows("user risk: another", &user(), user_risk(RiskLevel::Medium)),
        applies("user risk: unknown", &user(), sign_in_risk(RiskLevel::None)),
        applies(
            "insider risk: that is listed",
            &insider(),
            insider_risk(InsiderRiskLevel::Elevated),
        ),
        allows(
            "insider risk: another",
            &insider(),
            insider_risk(InsiderRiskLevel::Minor),
        ),
        allows(
            "insider risk: known to be none",
            &insider(),
            insider_risk(InsiderRiskLevel::None),
        ),
        applies("insider risk: unknown", &insider(), direct()),
    ]
}

fn workloads() -> Vec<Example> {
    let services = json!({"includeServicePrincipals": ["ServicePrincipalsInMyTenant"]});
    vec![
        allows(
            "workloads: a policy for them applies to no user",
            &blocking("clientApplications", services),
            direct(),
        ),
        allows(
            "workloads: nor one for their risk",
            &blocking("servicePrincipalRiskLevels", json!(["high"])),
            direct(),
        ),
        applies(
            "workloads: null is not a condition",
            &blocking("clientApplications", Value::Null),
            direct(),
        ),
        applies(
            "workloads: nor is an empty list",
            &blocking("servicePrincipalRiskLevels", json!([])),
            direct(),
        ),
    ]
}
