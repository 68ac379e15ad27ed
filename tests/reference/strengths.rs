//! Authentication strengths: which combinations of methods suffice (semantics §5).

use crosstrust::id::{Aaguid, StrengthId};
use crosstrust::request::Request;
use crosstrust::vocabulary::AuthenticationMethod as Method;
use serde_json::{Value, json};

use super::TenantDocuments;
use super::documents::{is_word, list, member, text, texts};

/// The built-in "multifactor authentication", which a claim of MFA without methods satisfies.
pub const MULTIFACTOR: StrengthId = StrengthId(2);

/// The methods of external users that count if done in the home tenant with trusted MFA.
pub const HOME_COLUMN: &[Method] = &[
    Method::Password,
    Method::Sms,
    Method::Voice,
    Method::MicrosoftAuthenticatorPush,
    Method::DeviceBasedPush,
    Method::SoftwareOath,
    Method::HardwareOath,
    Method::Fido2,
    Method::WindowsHelloForBusiness,
    Method::X509CertificateSingleFactor,
    Method::X509CertificateMultiFactor,
];

/// The methods that count if done in the resource tenant without trust.
pub const RESOURCE_COLUMN: &[Method] = &[
    Method::Password,
    Method::Sms,
    Method::Voice,
    Method::MicrosoftAuthenticatorPush,
    Method::SoftwareOath,
];

/// The strength that a policy names: the tenant's export, otherwise the policy's copy, otherwise the built-in.
pub fn find(tenant: &TenantDocuments, named: &Value) -> (StrengthId, Value) {
    let id: StrengthId = text(named, "id")
        .and_then(|id| id.parse().ok())
        .expect("a strength has an id");
    let exported = tenant
        .objects("authentication-strengths")
        .into_iter()
        .find(|strength| text(strength, "id").is_some_and(|own| own.parse() == Ok(id)));
    let strength = match exported {
        Some(exported) => exported.clone(),
        None if member(named, "allowedCombinations").is_some() => named.clone(),
        None => built_in(id),
    };
    (id, strength)
}

pub fn combinations(strength: &Value) -> Vec<Vec<Method>> {
    texts(strength, "allowedCombinations")
        .into_iter()
        .map(methods)
        .collect()
}

/// Whether one of the combinations is contained in the methods done, and its configurations hold.
pub fn is_reached(strength: &Value, done: &[Method], request: &Request) -> bool {
    combinations(strength).into_iter().any(|combination| {
        combination.iter().all(|method| done.contains(method))
            && list(strength, "combinationConfigurations")
                .into_iter()
                .filter(|configuration| concerns(configuration, &combination))
                .all(|configuration| holds(configuration, request))
    })
}

fn concerns(configuration: &Value, combination: &[Method]) -> bool {
    texts(configuration, "appliesToCombinations")
        .into_iter()
        .map(methods)
        .any(|named| {
            named.iter().all(|method| combination.contains(method))
                && combination.iter().all(|method| named.contains(method))
        })
}

fn holds(configuration: &Value, request: &Request) -> bool {
    let kind = text(configuration, "@odata.type").expect("a configuration has a type");
    let kind = kind.trim_start_matches("#microsoft.graph.");
    if is_word(kind, "fido2CombinationConfiguration") {
        let own: Option<Aaguid> = request.claims.authenticator_aaguid;
        texts(configuration, "allowedAAGUIDs")
            .into_iter()
            .any(|listed| own.is_some() && listed.parse().ok() == own)
    } else if is_word(kind, "x509CertificateCombinationConfiguration") {
        let listed = |name: &str, own: &[String]| {
            let allowed = texts(configuration, name);
            allowed.is_empty()
                || own
                    .iter()
                    .any(|own| allowed.iter().any(|listed| is_word(listed, own)))
        };
        listed("allowedIssuerSkis", &request.claims.certificate_issuer_skis)
            && listed("allowedPolicyOIDs", &request.claims.certificate_policy_oids)
    } else {
        panic!("unknown configuration {kind}");
    }
}

fn methods(combination: &str) -> Vec<Method> {
    combination
        .split(',')
        .map(|word| word.trim().parse().expect("an authentication method"))
        .collect()
}

/// learn.microsoft.com/graph/api/authenticationstrengthroot-list-policies
fn built_in(id: StrengthId) -> Value {
    let phishing_resistant = [
        "windowsHelloForBusiness",
        "fido2",
        "x509CertificateMultiFactor",
    ];
    let mut all: Vec<&str> = phishing_resistant.to_vec();
    match id.0 {
        4 => {}
        3 => all.push("deviceBasedPush"),
        2 => all.extend([
            "deviceBasedPush",
            "temporaryAccessPassOneTime",
            "temporaryAccessPassMultiUse",
            "federatedMultiFactor",
            "password,microsoftAuthenticatorPush",
            "password,softwareOath",
            "password,hardwareOath",
            "password,sms",
            "password,voice",
            "password,x509CertificateSingleFactor",
            "password,x509CertificateMultiFactor",
            "federatedSingleFactor,microsoftAuthenticatorPush",
            "federatedSingleFactor,softwareOath",
            "federatedSingleFactor,hardwareOath",
            "federatedSingleFactor,sms",
            "federatedSingleFactor,voice",
        ]),
        _ => panic!("unknown strength {id}"),
    }
    json!({ "allowedCombinations": all })
}
