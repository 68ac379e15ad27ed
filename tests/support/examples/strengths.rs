//! Authentication strengths (semantics §5; learn.microsoft.com/graph/api/authenticationstrengthroot-list-policies).

use crosstrust::decision::{Reason, SignInTenant, Stage, StepUp};
use crosstrust::id::StrengthId;
use crosstrust::request::Request;
use crosstrust::vocabulary::AuthenticationMethod as Method;
use serde_json::{Value, json};

use super::{Example, allows, challenges, denies};
use crate::reference::World;
use crate::support::build::*;
use crate::support::universe::*;

const STAGE: Stage = Stage::ConditionalAccess;
const REASON: Reason = Reason::AuthenticationStrengthRequired;

pub fn all() -> Vec<Example> {
    [columns(), bare_claims(), sources(), configurations()]
        .into_iter()
        .flatten()
        .collect()
}

fn requiring(strength: Value) -> Value {
    grant(json!({"operator": "AND", "builtInControls": [], "authenticationStrength": strength}))
}

fn named(id: StrengthId) -> Value {
    requiring(json!({"id": id.to_string()}))
}

/// A strength in the policy itself, with these combinations.
fn own(combinations: &[&str]) -> Value {
    requiring(json!({"id": INLINE_STRENGTH.to_string(), "allowedCombinations": combinations}))
}

fn under(policy: Value, mfa_trusted: bool) -> World {
    world([
        trusting_contoso(trust(mfa_trusted, false, false)).policy(1, policy),
        open_fabrikam(),
    ])
}

fn at_home(mut request: Request, methods: &[Method]) -> Request {
    request.claims.authentication_methods = methods.iter().copied().collect();
    request
}

fn at_resource(mut request: Request, methods: &[Method]) -> Request {
    request.claims.resource_authentication_methods = methods.iter().copied().collect();
    request
}

fn step_up(id: StrengthId, place: SignInTenant) -> [StepUp; 1] {
    [StepUp::Strength(id, place)]
}

fn columns() -> Vec<Example> {
    let resistant = || named(BUILT_IN_PHISHING_RESISTANT);
    let two_factors = || own(&["password,sms"]);
    let two = [Method::Sms, Method::Password, Method::Voice];
    let pass = || own(&["temporaryAccessPassOneTime"]);
    vec![
        allows(
            "strength: internal, contained in the methods done",
            &under(two_factors(), false),
            at_home(internal(), &two),
        ),
        challenges(
            "strength: internal, one method is missing",
            &under(two_factors(), false),
            at_home(internal(), &[Method::Password]),
            STAGE,
            REASON,
            &step_up(INLINE_STRENGTH, SignInTenant::Home),
        ),
        allows(
            "strength: internal, a method of no column",
            &under(pass(), false),
            at_home(internal(), &[Method::TemporaryAccessPassOneTime]),
        ),
        challenges(
            "strength: internal, any combination can be reached",
            &under(pass(), false),
            internal(),
            STAGE,
            REASON,
            &step_up(INLINE_STRENGTH, SignInTenant::Home),
        ),
        allows(
            "strength: trusted, done at home",
            &under(resistant(), true),
            at_home(direct(), &[Method::Fido2]),
        ),
        challenges(
            "strength: trusted, not reached",
            &under(resistant(), true),
            at_home(direct(), &two),
            STAGE,
            REASON,
            &step_up(BUILT_IN_PHISHING_RESISTANT, SignInTenant::Home),
        ),
        challenges(
            "strength: trusted, methods done in the resource tenant do not count",
            &under(two_factors(), true),
            at_resource(guest(), &two),
            STAGE,
            REASON,
            &step_up(INLINE_STRENGTH, SignInTenant::Home),
        ),
        denies(
            "strength: trusted, a method outside of the column does not count",
            &under(pass(), true),
            at_home(direct(), &[Method::TemporaryAccessPassOneTime]),
            STAGE,
            REASON,
        ),
        allows(
            "strength: untrusted guest, done in the resource tenant",
            &under(two_factors(), false),
            at_resource(guest(), &two),
        ),
        challenges(
            "strength: untrusted guest, methods done at home do not count",
            &under(two_factors(), false),
            at_home(guest(), &two),
            STAGE,
            REASON,
            &step_up(INLINE_STRENGTH, SignInTenant::Resource),
        ),
        denies(
            "strength: untrusted guest, no combination is in the column",
            &under(resistant(), false),
            at_resource(guest(), &[Method::Fido2]),
            STAGE,
            REASON,
        ),
        denies(
            "strength: untrusted direct connect never",
            &under(resistant(), false),
            at_home(direct(), &[Method::Fido2]),
            STAGE,
            Reason::MfaNotTrusted,
        ),
        challenges(
            "strength: password is in the resource column, hardware tokens are not",
            &under(own(&["password,hardwareOath", "password"]), false),
            at_resource(guest(), &[Method::HardwareOath]),
            STAGE,
            REASON,
            &step_up(INLINE_STRENGTH, SignInTenant::Resource),
        ),
        allows(
            "strength: certificates are in the home column",
            &under(own(&["x509CertificateSingleFactor"]), true),
            at_home(direct(), &[Method::X509CertificateSingleFactor]),
        ),
    ]
}

fn bare_claims() -> Vec<Example> {
    let mfa = |mut request: Request| {
        request.claims.mfa = true;
        request
    };
    let resource_mfa = |mut request: Request| {
        request.claims.resource_mfa = true;
        request
    };
    let built_in = || named(BUILT_IN_MFA);
    let at = |place| step_up(BUILT_IN_MFA, place);
    vec![
        allows(
            "bare MFA: satisfies the built-in strength",
            &under(built_in(), true),
            mfa(direct()),
        ),
        allows(
            "bare MFA: of an internal user",
            &under(built_in(), false),
            mfa(internal()),
        ),
        challenges(
            "bare MFA: no other strength",
            &under(named(BUILT_IN_PASSWORDLESS), true),
            mfa(direct()),
            STAGE,
            REASON,
            &step_up(BUILT_IN_PASSWORDLESS, SignInTenant::Home),
        ),
        challenges(
            "bare MFA: on the side that does not count, with trust",
            &under(built_in(), true),
            resource_mfa(guest()),
            STAGE,
            REASON,
            &at(SignInTenant::Home),
        ),
        allows(
            "bare MFA: in the resource tenant, without trust",
            &under(built_in(), false),
            resource_mfa(guest()),
        ),
        challenges(
            "bare MFA: at home, without trust",
            &under(built_in(), false),
            mfa(guest()),
            STAGE,
            REASON,
            &at(SignInTenant::Resource),
        ),
        denies(
            "bare MFA: direct connect without trust",
            &under(built_in(), false),
            mfa(direct()),
            STAGE,
            Reason::MfaNotTrusted,
        ),
        allows(
            "built-in MFA: password and text",
            &under(built_in(), true),
            at_home(direct(), &[Method::Password, Method::Sms]),
        ),
        challenges(
            "built-in MFA: not a password alone",
            &under(built_in(), true),
            at_home(direct(), &[Method::Password]),
            STAGE,
            REASON,
            &at(SignInTenant::Home),
        ),
        allows(
            "built-in passwordless: device based push",
            &under(named(BUILT_IN_PASSWORDLESS), true),
            at_home(direct(), &[Method::DeviceBasedPush]),
        ),
        challenges(
            "built-in phishing resistant: not device based push",
            &under(named(BUILT_IN_PHISHING_RESISTANT), true),
            at_home(direct(), &[Method::DeviceBasedPush]),
            STAGE,
            REASON,
            &step_up(BUILT_IN_PHISHING_RESISTANT, SignInTenant::Home),
        ),
    ]
}

fn sources() -> Vec<Example> {
    let exported = |combinations: &[&str], policy: Value| {
        world([
        trusting_contoso(trust(true, false, false))
            .strength(json!({"id": BUILT_IN_PASSWORDLESS.to_string(), "displayName": "Passwordless MFA", "allowedCombinations": combinations}))
            .policy(1, policy),
        open_fabrikam(),
    ])
    };
    let copy = requiring(
        json!({"id": BUILT_IN_PASSWORDLESS.to_string(), "allowedCombinations": ["password,voice"]}),
    );
    let spoken = || at_home(direct(), &[Method::Password, Method::Voice]);
    let needed = step_up(BUILT_IN_PASSWORDLESS, SignInTenant::Home);
    vec![
        challenges(
            "strength source: the export wins over the built-in table",
            &exported(&["fido2"], named(BUILT_IN_PASSWORDLESS)),
            at_home(direct(), &[Method::DeviceBasedPush]),
            STAGE,
            REASON,
            &needed,
        ),
        challenges(
            "strength source: the export wins over the policy's copy",
            &exported(&["fido2"], copy.clone()),
            spoken(),
            STAGE,
            REASON,
            &needed,
        ),
        allows(
            "strength source: the copy wins over the built-in table",
            &under(copy, true),
            spoken(),
        ),
    ]
}

fn configurations() -> Vec<Example> {
    let by_issuer = requiring(json!({
        "id": INLINE_STRENGTH.to_string(), "allowedCombinations": ["x509CertificateMultiFactor"],
        "combinationConfigurations": [{
            "@odata.type": "#microsoft.graph.x509CertificateCombinationConfiguration",
            "appliesToCombinations": ["x509CertificateMultiFactor"],
            "allowedIssuerSkis": [ISSUER_SKIS[0]], "allowedPolicyOIDs": [],
        }],
    }));
    let strength = json!({
        "id": CORPORATE_KEYS.to_string(), "displayName": "Corporate keys", "policyType": "custom",
        "allowedCombinations": ["fido2", "x509CertificateMultiFactor", "windowsHelloForBusiness"],
        "combinationConfigurations": [
            {
                "@odata.type": "#microsoft.graph.fido2CombinationConfiguration",
                "appliesToCombinations": ["fido2"], "allowedAAGUIDs": [AAGUIDS[0].to_string()],
            },
            {
                "@odata.type": "#microsoft.graph.x509CertificateCombinationConfiguration",
                "appliesToCombinations": ["x509CertificateMultiFactor"],
                "allowedIssuerSkis": [ISSUER_SKIS[0].to_uppercase()], "allowedPolicyOIDs": [POLICY_OIDS[0]],
            },
        ],
    });
    let world = world([
        trusting_contoso(trust(true, false, false))
            .strength(strength)
            .policy(1, named(CORPORATE_KEYS)),
        open_fabrikam(),
    ]);
    let key = |model| {
        with(at_home(direct(), &[Method::Fido2]), |request| {
            request.claims.authenticator_aaguid = model
        })
    };
    let certificate = |skis: &[&str], oids: &[&str]| {
        with(
            at_home(direct(), &[Method::X509CertificateMultiFactor]),
            |request| {
                request.claims.certificate_issuer_skis =
                    skis.iter().map(|ski| (*ski).to_owned()).collect();
                request.claims.certificate_policy_oids =
                    oids.iter().map(|oid| (*oid).to_owned()).collect();
            },
        )
    };
    let needed = step_up(CORPORATE_KEYS, SignInTenant::Home);
    let lacks = |name, request| challenges(name, &world, request, STAGE, REASON, &needed);
    vec![
        allows(
            "configuration: a key that is listed",
            &world,
            key(Some(AAGUIDS[0])),
        ),
        lacks("configuration: another key", key(Some(AAGUIDS[1]))),
        lacks("configuration: an unknown key", key(None)),
        allows(
            "configuration: issuer and policy of a certificate",
            &world,
            certificate(&ISSUER_SKIS, &POLICY_OIDS),
        ),
        lacks(
            "configuration: another issuer",
            certificate(&[ISSUER_SKIS[1]], &POLICY_OIDS),
        ),
        lacks("configuration: no policy", certificate(&ISSUER_SKIS, &[])),
        allows(
            "configuration: a combination without one needs nothing",
            &world,
            at_home(direct(), &[Method::WindowsHelloForBusiness]),
        ),
        allows(
            "configuration: an empty list requires nothing",
            &under(by_issuer, true),
            certificate(&ISSUER_SKIS, &[]),
        ),
    ]
}
