//! Authentication strengths (semantics §5), from the first of these sources that has the id: the tenant's
//! export, the copy in the policy, the built-in table. The table is part of the snapshot's digest.

use std::collections::HashMap;

use super::builder::{SnapshotBuilder, push};
use super::findings::report_duplicates;
use super::settings::sorted;
use crate::graph::Code;
use crate::graph::document::{
    AuthenticationStrength, CombinationConfiguration, CombinationDemand, StrengthReference,
};
use crate::id::StrengthId;
use crate::snapshot::{Combination, Demand, Strength};
use crate::vocabulary::{AuthenticationMethod as Method, WordSet};

/// The strengths that a tenant's policies can refer to.
#[derive(Debug)]
pub(super) struct Strengths<'a> {
    exported: HashMap<StrengthId, &'a AuthenticationStrength>,
    /// Compiled strengths that all policies share.
    positions: HashMap<StrengthId, u32>,
}

impl<'a> Strengths<'a> {
    /// Checks and indexes the tenant's export.
    pub(super) fn of_tenant(
        builder: &mut SnapshotBuilder,
        documents: &'a [AuthenticationStrength],
    ) -> Self {
        let places = documents
            .iter()
            .map(|strength| (strength.id, &strength.place));
        report_duplicates(&mut builder.findings, "authentication strength", places);
        for strength in documents {
            check(builder, strength);
        }
        Strengths {
            exported: documents
                .iter()
                .map(|strength| (strength.id, strength))
                .collect(),
            positions: HashMap::new(),
        }
    }

    /// Whether the reference resolves.
    pub(super) fn exists(&self, reference: &StrengthReference) -> bool {
        self.exported.contains_key(&reference.id)
            || reference.copy.is_some()
            || built_in(reference.id).is_some()
    }

    /// The strength's position in the snapshot; `None` if it does not exist, which `check_strength` reports.
    pub(super) fn position(
        &mut self,
        builder: &mut SnapshotBuilder,
        reference: &StrengthReference,
    ) -> Option<u32> {
        let id = reference.id;
        let shared = self.exported.get(&id).map(|strength| compile(strength));
        // Reuse the strength of an earlier policy, unless this policy has its own copy.
        let is_own_copy = shared.is_none() && reference.copy.is_some();
        if let Some(position) = self.positions.get(&id).filter(|_| !is_own_copy) {
            return Some(*position);
        }
        let (strength, is_shared) = match (shared, &reference.copy) {
            (Some(strength), _) => (strength, true),
            // The copies of two policies may differ, so they are not shared.
            (None, Some(copy)) => {
                check(builder, copy);
                (compile(copy), false)
            }
            (None, None) => (built_in(id)?.strength(), true),
        };
        let list = &mut builder.strengths;
        let position = push(
            list,
            strength,
            &mut builder.findings,
            "authentication strengths",
        );
        if is_shared {
            self.positions.insert(id, position);
        }
        Some(position)
    }
}

/// Reports a combination without methods, which every user would satisfy, and a configuration of a
/// combination that is not allowed, which has no effect.
fn check(builder: &mut SnapshotBuilder, strength: &AuthenticationStrength) {
    if strength
        .combinations
        .iter()
        .any(|methods| methods.is_empty())
    {
        let message = "found a combination without methods, expected at least one method";
        let findings = &mut builder.findings;
        findings.error(&strength.place, Code::NotUnderstood, message);
    }
    let configured = strength.configurations.iter().flat_map(|c| &c.combinations);
    for methods in configured.filter(|methods| !strength.combinations.contains(methods)) {
        let message = format!(
            "found a configuration of {}, which is not among the allowed combinations",
            words(*methods)
        );
        let findings = &mut builder.findings;
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

/// The demands of every configuration of exactly this combination.
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

/// A built-in strength, which every tenant has without an export.
#[derive(Debug)]
pub(super) struct BuiltIn {
    id: StrengthId,
    display_name: &'static str,
    /// Each of these satisfies the strength; each requires all of its methods.
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

/// From the example response on learn.microsoft.com/graph/api/authenticationstrengthroot-list-policies (read
/// 2026). Microsoft may change them, so a tenant's export has precedence.
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
