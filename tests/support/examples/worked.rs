//! The worked examples of semantics §8.

use crosstrust::decision::{PolicyResult, Reason, SignInTenant, Stage, StepUp};
use serde_json::{Value, json};

use super::{Example, allows, challenges, denies};
use crate::reference::World;
use crate::support::build::*;
use crate::support::universe::*;

pub fn all() -> Vec<Example> {
    [one(), two(), three(), four(), five(), six(), seven()]
        .into_iter()
        .flatten()
        .collect()
}

fn one() -> Vec<Example> {
    let contoso = || {
        tenant(CONTOSO)
            .default_settings(json!({
                "b2bDirectConnectInbound": closed(), "b2bDirectConnectOutbound": closed(),
            }))
            .partner(
                FABRIKAM,
                json!({
                    "b2bDirectConnectInbound": open(), "b2bDirectConnectOutbound": open(),
                }),
            )
    };
    let fabrikam = tenant(FABRIKAM).partner(
        CONTOSO,
        json!({
            "b2bDirectConnectInbound": open(), "b2bDirectConnectOutbound": open(),
        }),
    );
    let mutual = world([contoso(), fabrikam]);
    let without_outbound = world([
        contoso(),
        tenant(FABRIKAM).partner(CONTOSO, json!({"b2bDirectConnectInbound": open()})),
    ]);
    let eager_woodgrove = world([
        contoso(),
        tenant(WOODGROVE).partner(CONTOSO, json!({"b2bDirectConnectOutbound": open()})),
    ]);
    let of_woodgrove = || with(direct(), |request| request.home = WOODGROVE.into());
    let to_sharepoint = with(direct(), |request| request.app = SHAREPOINT);
    vec![
        allows(
            "1: mutual partners let a user reach any application",
            &mutual,
            direct(),
        ),
        allows("1: and another application", &mutual, to_sharepoint),
        denies(
            "1: a home tenant without settings allows no outbound access",
            &mutual,
            of_woodgrove(),
            Stage::Outbound,
            Reason::OutboundUser,
        ),
        denies(
            "1: a home tenant that lets its users out does not get them in",
            &eager_woodgrove,
            of_woodgrove(),
            Stage::Inbound,
            Reason::InboundUser,
        ),
        denies(
            "1: without the home tenant's outbound setting access is denied",
            &without_outbound,
            direct(),
            Stage::Outbound,
            Reason::OutboundUser,
        ),
    ]
}

fn two() -> Vec<Example> {
    let marketing = setting("allowed", &[group(MARKETING)], "allowed", &[all_apps()]);
    let contoso =
        || tenant(CONTOSO).partner(FABRIKAM, json!({"b2bDirectConnectInbound": marketing}));
    let narrow = world([
        contoso(),
        tenant(FABRIKAM).partner(CONTOSO, json!({"b2bDirectConnectOutbound": marketing})),
    ]);
    let wide = world([contoso(), open_fabrikam()]);
    let of_marketing = || with(direct(), |request| request.groups = vec![MARKETING]);
    let of_sales = || with(direct(), |request| request.groups = vec![SALES]);
    vec![
        allows("2: a member of the group passes", &narrow, of_marketing()),
        denies(
            "2: another user is stopped by the home tenant first",
            &narrow,
            of_sales(),
            Stage::Outbound,
            Reason::OutboundUser,
        ),
        denies(
            "2: and by the resource tenant if the home tenant is open",
            &wide,
            of_sales(),
            Stage::Inbound,
            Reason::InboundUser,
        ),
        allows("2: the member passes there too", &wide, of_marketing()),
    ]
}

fn external_on_sharepoint(controls: Value) -> Value {
    json!({
        "conditions": {
            "users": {"includeUsers": ["GuestsOrExternalUsers"]},
            "applications": {"includeApplications": [SHAREPOINT.to_string()]},
        },
        "grantControls": controls,
    })
}

fn requiring(controls: &[&str], accepts: Value) -> World {
    let policy = external_on_sharepoint(json!({"operator": "OR", "builtInControls": controls}));
    world([trusting_contoso(accepts).policy(1, policy), open_fabrikam()])
}

fn three() -> Vec<Example> {
    let trusted = requiring(&["mfa"], trust(true, false, false));
    let untrusted = requiring(&["mfa"], trust(false, true, true));
    let ask = |mfa| {
        with(direct(), |request| {
            request.app = SHAREPOINT;
            request.claims.mfa = mfa;
        })
    };
    vec![
        allows(
            "3: MFA at home counts if it is trusted",
            &trusted,
            ask(true),
        ),
        challenges(
            "3: a token without MFA has a step-up at home",
            &trusted,
            ask(false),
            Stage::ConditionalAccess,
            Reason::MfaRequired,
            &[StepUp::Mfa(SignInTenant::Home)],
        ),
        denies(
            "3: MFA that is not trusted counts for nothing",
            &untrusted,
            ask(true),
            Stage::ConditionalAccess,
            Reason::MfaNotTrusted,
        ),
        denies(
            "3: nor would doing it now",
            &untrusted,
            ask(false),
            Stage::ConditionalAccess,
            Reason::MfaNotTrusted,
        ),
        allows(
            "3: another application requires nothing",
            &trusted,
            direct(),
        ),
    ]
}

fn four() -> Vec<Example> {
    let stage = Stage::ConditionalAccess;
    let trusted = requiring(&["compliantDevice"], trust(false, true, false));
    let untrusted = requiring(&["compliantDevice"], trust(true, false, true));
    let either = requiring(
        &["compliantDevice", "domainJoinedDevice"],
        trust(false, false, true),
    );
    let ask = |compliant, hybrid| {
        with(direct(), |request| {
            request.app = SHAREPOINT;
            request.claims.compliant_device = compliant;
            request.claims.hybrid_joined_device = hybrid;
        })
    };
    vec![
        allows(
            "4: a trusted compliant device passes",
            &trusted,
            ask(true, false),
        ),
        challenges(
            "4: a device that is not compliant can become so",
            &trusted,
            ask(false, true),
            stage,
            Reason::CompliantDeviceRequired,
            &[StepUp::CompliantDevice],
        ),
        denies(
            "4: a compliant device that is not trusted does not pass",
            &untrusted,
            ask(true, true),
            stage,
            Reason::CompliantDeviceNotTrusted,
        ),
        allows(
            "4: of two the trusted one suffices",
            &either,
            ask(false, true),
        ),
        challenges(
            "4: of two the one with a step-up is named",
            &either,
            ask(true, false),
            stage,
            Reason::HybridJoinedDeviceRequired,
            &[StepUp::HybridJoinedDevice],
        ),
    ]
}

fn five() -> Vec<Example> {
    let inherits = |default: Value, own: Value| {
        let contoso = tenant(CONTOSO)
            .default_settings(and_nothing_else(json!({"inboundTrust": default})))
            .partner(
                FABRIKAM,
                json!({"b2bDirectConnectInbound": open(), "inboundTrust": own}),
            )
            .policy(1, require(&["mfa"]));
        world([contoso, open_fabrikam()])
    };
    let ask = || with(direct(), |request| request.claims.mfa = true);
    let (stage, reason) = (Stage::ConditionalAccess, Reason::MfaNotTrusted);
    let yes = json!({"isMfaAccepted": true});
    vec![
        allows(
            "5: a partner's null trust is the default's",
            &inherits(yes.clone(), Value::Null),
            ask(),
        ),
        allows(
            "5: so is a null boolean of it",
            &inherits(yes.clone(), json!({"isMfaAccepted": null})),
            ask(),
        ),
        allows(
            "5: and a missing one",
            &inherits(yes.clone(), json!({"isCompliantDeviceAccepted": true})),
            ask(),
        ),
        denies(
            "5: false is not null",
            &inherits(yes, json!({"isMfaAccepted": false})),
            ask(),
            stage,
            reason,
        ),
        denies(
            "5: with no default the service trusts nothing",
            &inherits(Value::Null, Value::Null),
            ask(),
            stage,
            reason,
        ),
    ]
}

fn six() -> Vec<Example> {
    let world = contoso_with(&[report_only(block())]);
    vec![
        allows(
            "6: a policy that is only reported decides nothing",
            &world,
            direct(),
        )
        .applied(&[(policy_id(1), PolicyResult::ReportOnlyFailure)]),
    ]
}

fn seven() -> Vec<Example> {
    let inbound = setting("blocked", &[group(MARKETING)], "blocked", &[app(PAYROLL)]);
    let world = world([
        tenant(CONTOSO).partner(FABRIKAM, json!({"b2bDirectConnectInbound": inbound})),
        open_fabrikam(),
    ]);
    let ask = |groups: &[_], reached| {
        with(direct(), |request| {
            request.groups = groups.to_vec();
            request.app = reached;
        })
    };
    vec![
        denies(
            "7: the blocked group does not reach the blocked application",
            &world,
            ask(&[MARKETING], PAYROLL),
            Stage::Inbound,
            Reason::InboundUser,
        ),
        allows("7: but every other", &world, ask(&[MARKETING], EXCHANGE)),
        allows(
            "7: and everyone else that one too",
            &world,
            ask(&[SALES], PAYROLL),
        ),
        allows("7: and the others", &world, ask(&[], EXCHANGE)),
    ]
}
