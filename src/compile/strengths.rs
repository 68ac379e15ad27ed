//! Authentication strengths (semantics §5): the tenant's own export, else the policy's own copy, else the
//! built-in table, which is data of the product and part of the snapshot's digest.

use std::collections::HashMap;

use super::draft::{Draft, push};
use super::findings::report_repeats;
use super::settings::sorted;
use crate::graph::Code;
use crate::graph::document::{
    AuthenticationStrength, CombinationConfiguration, CombinationDemand, StrengthReference,
};
use crate::id::StrengthId;
use crate::snapshot::{Combination, Demand, Strength};
use crate::vocabulary::{AuthenticationMethod as Method, WordSet};

/// What a tenant's policies can refer to.
#[derive(Debug)]
pub(super) struct Strengths<'a> {
    exported: HashMap<StrengthId, &'a AuthenticationStrength>,
    /// Those that a policy referred to and that are the same for every policy.
    positions: HashMap<StrengthId, u32>,
}

impl<'a> Strengths<'a> {
    /// The tenant's export.
    pub(super) fn of_tenant(draft: &mut Draft, documents: &'a [AuthenticationStrength]) -> Self {
        let places = documents
            .iter()
            .map(|strength| (strength.id, &strength.place));
        report_repeats(&mut draft.findings, "authentication strength", places);
        for strength in documents {
            check(draft, strength);
        }
        Strengths {
            exported: documents
                .iter()
                .map(|strength| (strength.id, strength))
                .collect(),
            positions: HashMap::new(),
        }
    }

    /// Whether the reference leads anywhere.
    pub(super) fn exists(&self, reference: &StrengthReference) -> bool {
        self.exported.contains_key(&reference.id)
            || reference.copy.is_some()
            || built_in(reference.id).is_some()
    }

    /// The strength's position in the snapshot; none where it does not exist, which is reported.
    pub(super) fn position(
        &mut self,
        draft: &mut Draft,
        reference: &StrengthReference,
    ) -> Option<u32> {
        let id = reference.id;
        let shared = self.exported.get(&id).map(|strength| compile(strength));
        // What an earlier policy referred to is this one's too, unless this one brings a copy of its own.
        let is_own_copy = shared.is_none() && reference.copy.is_some();
        if let Some(position) = self.positions.get(&id).filter(|_| !is_own_copy) {
            return Some(*position);
        }
        let (strength, is_shared) = match (shared, &reference.copy) {
            (Some(strength), _) => (strength, true),
            // Another policy's copy may differ, so each stands for itself.
            (None, Some(copy)) => {
                check(draft, copy);
                (compile(copy), false)
            }
            (None, None) => (built_in(id)?.strength(), true),
        };
        let list = &mut draft.strengths;
        let position = push(
            list,
            strength,
            &mut draft.findings,
            "authentication strengths",
        );
        if is_shared {
            self.positions.insert(id, position);
        }
        Some(position)
    }
}

/// A combination of no method would be reached by everyone, one that is configured but not allowed by
/// nobody.
fn check(draft: &mut Draft, strength: &AuthenticationStrength) {
    if strength
        .combinations
        .iter()
        .any(|methods| methods.is_empty())
    {
        let message = "found a combination without methods, expected at least one method";
        let findings = &mut draft.findings;
        findings.error(&strength.place, Code::NotUnderstood, message);
    }
    let configured = strength.configurations.iter().flat_map(|c| &c.combinations);
    for methods in configured.filter(|methods| !strength.combinations.contains(methods)) {
        let message = format!(
            "found a configuration of {}, which is not among the allowed combinations",
            words(*methods)
        );
        let findings = &mut draft.findings;
        findings.warning(&strength.place, Code::NoEffect, message);
    }
}

fn words(methods: WordSet<Method>) -> String {
    let words: Vec<&str> = methods.iter().map(Method::as_str).collect();
    words.join(",")
}

fn compile(strength: &AuthenticationStrength) -> Strength {
    let mut methods = strength.combinations.clone();
    methods.sort_unstable();
    methods.dedup();
    let combinations = methods.into_iter().map(|methods| Combination {
        methods,
        demands: demands_on(methods, &strength.configurations),
    });
    Strength {
        id: strength.id,
        display_name: name_of(strength),
        combinations: combinations.collect(),
    }
}

fn name_of(strength: &AuthenticationStrength) -> String {
    match (&strength.display_name, built_in(strength.id)) {
        (Some(name), _) => name.clone(),
        (None, Some(built_in)) => built_in.display_name.to_owned(),
        (None, None) => strength.id.to_string(),
    }
}

/// Every configuration that names exactly this combination.
fn demands_on(
    methods: WordSet<Method>,
    configurations: &[CombinationConfiguration],
) -> Box<[Demand]> {
    let applying = configurations
        .iter()
        .filter(|configuration| configuration.combinations.contains(&methods));
    sorted(
        applying
            .map(|configuration| demand(&configuration.demand))
            .collect(),
    )
}

fn demand(document: &CombinationDemand) -> Demand {
    match document {
        CombinationDemand::Fido2(models) => Demand::Fido2(sorted(models.clone())),
        CombinationDemand::Certificate {
            issuer_skis,
            policy_oids,
        } => Demand::Certificate {
            issuer_skis: sorted(issuer_skis.iter().map(|ski| ski.to_lowercase()).collect()),
            policy_oids: sorted(policy_oids.clone()),
        },
    }
}

/// A strength that every tenant has without exporting it.
#[derive(Debug)]
pub(super) struct BuiltIn {
    id: StrengthId,
    display_name: &'static str,
    /// Each of these reaches the strength; in each, all methods are needed.
    combinations: &'static [&'static [Method]],
}

impl BuiltIn {
    pub(super) fn strength(&self) -> Strength {
        let combinations = self.combinations.iter().map(|methods| Combination {
            methods: methods.iter().copied().collect(),
            demands: Box::default(),
        });
        let mut combinations: Box<[Combination]> = combinations.collect();
        combinations.sort_by_key(|combination| combination.methods);
        Strength {
            id: self.id,
            display_name: self.display_name.to_owned(),
            combinations,
        }
    }
}

fn built_in(id: StrengthId) -> Option<&'static BuiltIn> {
    BUILT_IN.iter().find(|strength| strength.id == id)
}

/// learn.microsoft.com/graph/api/authenticationstrengthroot-list-policies (the response that the page
/// shows; read 2026). Microsoft may change them: a tenant's export wins.
pub(super) const BUILT_IN: [BuiltIn; 3] = [
    BuiltIn {
        id: StrengthId::BUILT_IN_MFA,
        display_name: "Multifactor authentication",
        combinations: &[
            &[Method::WindowsHelloForBusiness],
            &[Method::Fido2],
            &[Method::X509CertificateMultiFactor],
            &[Method::DeviceBasedPush],
            &[Method::TemporaryAccessPassOneTime],
            &[Method::TemporaryAccessPassMultiUse],
            &[Method::FederatedMultiFactor],
            &[Method::Password, Method::MicrosoftAuthenticatorPush],
            &[Method::Password, Method::SoftwareOath],
            &[Method::Password, Method::HardwareOath],
            &[Method::Password, Method::Sms],
            &[Method::Password, Method::Voice],
            &[Method::Password, Method::X509CertificateSingleFactor],
            &[Method::Password, Method::X509CertificateMultiFactor],
            &[
                Method::FederatedSingleFactor,
                Method::MicrosoftAuthenticatorPush,
            ],
            &[Method::FederatedSingleFactor, Method::SoftwareOath],
            &[Method::FederatedSingleFactor, Method::HardwareOath],
            &[Method::FederatedSingleFactor, Method::Sms],
            &[Method::FederatedSingleFactor, Method::Voice],
        ],
    },
    BuiltIn {
        id: StrengthId::BUILT_IN_PASSWORDLESS,
        display_name: "Passwordless MFA",
        combinations: &[
            &[Method::WindowsHelloForBusiness],
            &[Method::Fido2],
            &[Method::X509CertificateMultiFactor],
            &[Method::DeviceBasedPush],
        ],
    },
    BuiltIn {
        id: StrengthId::BUILT_IN_PHISHING_RESISTANT,
        display_name: "Phishing-resistant MFA",
        combinations: &[
            &[Method::WindowsHelloForBusiness],
            &[Method::Fido2],
            &[Method::X509CertificateMultiFactor],
        ],
    },
];

#[cfg(test)]
mod tests;
