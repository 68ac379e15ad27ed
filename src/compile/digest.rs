//! The snapshot's digest: SHA-256 over everything that an answer can show.
//!
//! Every value is tagged and length-prefixed, and every set is sorted. A shared part (a setting, a strength,
//! a location) is digested once and referred to by its digest. Origins and positions are excluded, so the
//! same policies in other files give the same snapshot id. The product's own tables are included, because
//! they affect decisions.

use super::strengths;
use crate::request::AccessType;
use crate::snapshot::{
    AccessSetting, AppRule, AppSet, AssumedOutboundSettings, Channel, Combination, ConfiguredApp,
    Demand, IdentityProviders, Location, Relation, Snapshot, SnapshotId, Strength, Team, Tenant,
    TrustedClaims, UserRule, bundles,
};

mod policy;
mod writer;

use writer::{DigestWriter, PartDigest};

/// Bump this if the digested content or its encoding changes.
const FORMAT: &str = "crosstrust snapshot 2";

/// The digest of this snapshot; its `id` field is not digested.
pub(super) fn of(snapshot: &Snapshot) -> SnapshotId {
    let parts = Parts::of(snapshot);
    let mut out = DigestWriter::new(FORMAT);
    tables(&mut out);
    out.list(
        "stated applications",
        &snapshot.applications.configured,
        configured_application,
    );
    out.list("tenants", &snapshot.tenants, |out, tenant| {
        tenant_of(out, snapshot, &parts, tenant);
    });
    let relations = snapshot.pair_table.keys().iter().zip(&snapshot.relations);
    let relations: Vec<_> = relations.collect();
    out.list(
        "partners",
        &relations,
        |out, ((tenant, partner), relation)| {
            out.id("tenant", tenant.0);
            out.id("partner", partner.0);
            relation_of(out, &parts, relation);
        },
    );
    let expires_at = snapshot
        .expires_at
        .map(|instant| instant.as_nanos().to_be_bytes());
    out.list("expires at", expires_at.as_slice(), |out, instant| {
        out.bytes("instant", instant)
    });
    SnapshotId(out.finish())
}

/// Digests the product's own tables.
fn tables(out: &mut DigestWriter) {
    for (name, bundle) in [
        ("office 365", &bundles::OFFICE_365),
        ("all microsoft apps", &bundles::ALL_MICROSOFT_APPS),
        ("admin portals", &bundles::MICROSOFT_ADMIN_PORTALS),
        ("teams and sharepoint", &bundles::TEAMS_AND_SHAREPOINT),
        ("first party", &bundles::FIRST_PARTY),
    ] {
        out.ids(name, bundle.apps().iter().map(|app| app.0));
    }
    for built_in in &strengths::BUILT_IN {
        out.hash("built-in strength", &strength(&built_in.strength()));
    }
}

fn configured_application(out: &mut DigestWriter, configured: &ConfiguredApp) {
    let ConfiguredApp {
        app,
        bundles,
        agent,
    } = configured;
    out.id("application", app.0);
    out.flag("bundles are stated", bundles.is_some());
    out.bits("bundles", bundles.map_or(0, |bundles| bundles.bits()));
    out.flag("agent is stated", agent.is_some());
    out.flag("agent", agent.unwrap_or(false));
}

/// The digests of the parts that the snapshot refers to by position.
struct Parts {
    settings: Vec<PartDigest>,
    strengths: Vec<PartDigest>,
    locations: Vec<PartDigest>,
    policies: Vec<PartDigest>,
}

impl Parts {
    fn of(snapshot: &Snapshot) -> Self {
        let settings = snapshot.settings.iter();
        let mut parts = Parts {
            settings: settings.map(|each| setting(snapshot, each)).collect(),
            strengths: snapshot.strengths.iter().map(strength).collect(),
            locations: snapshot.locations.iter().map(location).collect(),
            policies: Vec::new(),
        };
        let policies = snapshot.policies.iter();
        parts.policies = policies
            .map(|each| policy::hash(snapshot, &parts, each))
            .collect();
        parts
    }
}

/// The digest at a position; zeros if the position is out of range.
fn at(hashes: &[PartDigest], position: u32) -> PartDigest {
    let found = usize::try_from(position).ok().and_then(|at| hashes.get(at));
    found.copied().unwrap_or([0; 32])
}

fn tenant_of(out: &mut DigestWriter, snapshot: &Snapshot, parts: &Parts, tenant: &Tenant) {
    let Tenant {
        id,
        display_name,
        // Not in any answer, and no decision depends on them.
        verified_domains: _,
        cloud,
        allowed_clouds,
        default,
        policies,
        // Derived from the policies.
        catalog: _,
        excluded_actions,
        trusted_locations,
        channels,
        identity_providers,
        assumed_outbound,
    } = tenant;
    out.id("id", id.0);
    out.text("name", display_name);
    out.text("cloud", cloud.as_str());
    out.list("allowed clouds", allowed_clouds, |out, cloud| {
        out.text("cloud", cloud.as_str());
    });
    relation_of(out, parts, default);
    let policies: Vec<PartDigest> = policies
        .clone()
        .map(|each| at(&parts.policies, each))
        .collect();
    out.hashes("policies", &policies);
    out.bits("excluded actions", excluded_actions.bits());
    let trusted = trusted_locations.iter();
    let mut trusted: Vec<PartDigest> = trusted.map(|each| at(&parts.locations, *each)).collect();
    trusted.sort_unstable();
    trusted.dedup();
    out.hashes("trusted locations", &trusted);
    out.list("channels", channels, |out, channel| {
        channel_of(out, snapshot, channel);
    });
    let IdentityProviders { named, issuers } = identity_providers;
    out.list("identity providers", named, |out, (name, _)| {
        out.text("name", name.as_str());
    });
    out.list("federations", issuers, |out, (issuer, _)| {
        out.text("issuer", issuer);
    });
    out.list("assumed outbound", assumed_outbound, assumed);
}

fn assumed(out: &mut DigestWriter, entry: &AssumedOutboundSettings) {
    let AssumedOutboundSettings {
        tenant,
        basis,
        access_types,
        comment,
        review_by,
        origin: _,
    } = entry;
    out.id("home tenant", tenant.0);
    out.text("basis", basis.as_str());
    out.list("access types", access_types, |out, access| {
        out.flag("is collaboration", *access == AccessType::Collaboration);
    });
    out.text("comment", comment.as_deref().unwrap_or_default());
    out.text("review by", &review_by.to_string());
}

fn relation_of(out: &mut DigestWriter, parts: &Parts, relation: &Relation) {
    let Relation {
        direct_connect_inbound,
        direct_connect_outbound,
        collaboration_inbound,
        collaboration_outbound,
        tenant_restrictions,
        trust,
        is_partner,
        blocks_service_providers,
        origin: _,
    } = relation;
    for (name, position) in [
        ("direct connect inbound", direct_connect_inbound),
        ("direct connect outbound", direct_connect_outbound),
        ("collaboration inbound", collaboration_inbound),
        ("collaboration outbound", collaboration_outbound),
        ("tenant restrictions", tenant_restrictions),
    ] {
        out.hash(name, &at(&parts.settings, *position));
    }
    let TrustedClaims {
        mfa,
        compliant_device,
        hybrid_joined_device,
        origin: _,
    } = trust;
    out.flag("trusts mfa", *mfa);
    out.flag("trusts compliant device", *compliant_device);
    out.flag("trusts hybrid joined device", *hybrid_joined_device);
    out.flag("is partner", *is_partner);
    out.flag("blocks service providers", *blocks_service_providers);
}

fn setting(snapshot: &Snapshot, setting: &AccessSetting) -> PartDigest {
    let AccessSetting {
        users,
        apps,
        origin: _,
    } = setting;
    let mut out = DigestWriter::new("setting");
    let UserRule {
        access,
        all,
        users,
        groups,
    } = users;
    out.text("users", access.as_str());
    out.flag("all users", *all);
    out.ids("user ids", users.iter().map(|user| user.0));
    group_ids(&mut out, snapshot, &groups.positions());
    let AppRule { access, apps } = apps;
    out.text("applications", access.as_str());
    app_set(&mut out, apps);
    out.finish()
}

fn app_set(out: &mut DigestWriter, apps: &AppSet) {
    let AppSet {
        all,
        bundles,
        agent_resources,
        ids,
    } = apps;
    out.flag("all applications", *all);
    out.bits("bundles", bundles.bits());
    out.flag("agent resources", *agent_resources);
    out.ids("application ids", ids.iter().map(|app| app.0));
}

/// Digests groups by id, because positions depend on the other contents of the snapshot.
fn group_ids(out: &mut DigestWriter, snapshot: &Snapshot, positions: &[u32]) {
    let ids = snapshot.groups.ids();
    let ids = positions
        .iter()
        .filter_map(|position| ids.get(usize::try_from(*position).ok()?));
    let ids: Vec<u128> = ids.map(|group| group.0).collect();
    out.count("groups", positions.len());
    out.ids("group ids", ids.into_iter());
}

fn strength(strength: &Strength) -> PartDigest {
    let Strength {
        id,
        display_name,
        combinations,
    } = strength;
    let mut out = DigestWriter::new("strength");
    out.id("id", id.0);
    out.text("name", display_name);
    out.list("combinations", combinations, |out, combination| {
        let Combination { methods, demands } = combination;
        out.bits("methods", methods.bits());
        out.list("demands", demands, demand);
    });
    out.finish()
}

fn demand(out: &mut DigestWriter, demand: &Demand) {
    match demand {
        Demand::Fido2(models) => out.ids("fido2", models.iter().map(|model| model.0)),
        Demand::Certificate {
            issuer_skis,
            policy_oids,
        } => {
            out.texts("issuers", issuer_skis);
            out.texts("policies", policy_oids);
        }
    }
}

fn location(location: &Location) -> PartDigest {
    let mut out = DigestWriter::new("location");
    match location {
        Location::Ip(ranges) => {
            let (v4, v6) = (ranges.v4(), ranges.v6());
            out.list("ipv4", v4, |out, (first, last)| {
                out.id("first", (*first).into());
                out.id("last", (*last).into());
            });
            out.list("ipv6", v6, |out, (first, last)| {
                out.id("first", *first);
                out.id("last", *last);
            });
        }
        Location::Country {
            countries,
            include_unknown,
            lookup,
        } => {
            out.list("countries", countries, |out, country| {
                out.bytes("country", country.as_bytes());
            });
            out.flag("include unknown", *include_unknown);
            out.text("lookup", lookup.as_str());
        }
        Location::CompliantNetwork => out.text("kind", "compliant network"),
    }
    out.finish()
}

fn channel_of(out: &mut DigestWriter, snapshot: &Snapshot, channel: &Channel) {
    let Channel { id, members, teams } = channel;
    out.text("id", &id.0);
    out.list("members", members, |out, (user, tenant)| {
        out.id("user", user.0);
        out.id("tenant", tenant.0);
    });
    out.list("teams", teams, |out, team| {
        let Team {
            tenant,
            group,
            allowed_members,
        } = team;
        out.id("tenant", tenant.0);
        group_ids(out, snapshot, &[*group]);
        out.flag("has a list", allowed_members.is_some());
        let listed = allowed_members.iter().flatten();
        out.ids(
            "allowed members",
            listed.map(|user| user.0).collect::<Vec<_>>().into_iter(),
        );
    });
}
