//! `[[route]]`, `[[application]]` and `[challenge]` → [`Gateway`].

use std::sync::Arc;

use crate::config::{Assumption, Config, ConfigError, ConfigValue, RouteConfig};
use crate::id::AppId;
use crate::identity::TokenVerifier;
use crate::request::{AccessType, ChannelId};
use crate::rpc::{
    ApplicationAudiences, AssumedFacts, ChallengeValues, EnvoyRouteTable, Gateway, Route,
    RouteFacts,
};

pub(super) fn gateway(
    config: &Config,
    identity: Option<Arc<TokenVerifier>>,
) -> Result<Gateway, ConfigError> {
    let routes = config.routes.iter().map(route);
    Ok(Gateway {
        identity,
        routes: EnvoyRouteTable::new(routes.collect::<Result<_, _>>()?),
        applications: applications(config)?,
        challenge: challenge(config),
    })
}

fn route(lines: &RouteConfig) -> Result<Route, ConfigError> {
    let access = [
        ("direct_connect", AccessType::DirectConnect),
        ("collaboration", AccessType::Collaboration),
    ];
    let text = |at: &ConfigValue<String>| at.value.clone();
    Ok(Route {
        hosts: lines.hosts.iter().map(text).collect(),
        path: lines.path.as_ref().map(text),
        case_insensitive: lines.case_insensitive.value,
        principal: lines.principal.as_ref().map(text),
        facts: RouteFacts {
            resource: lines.resource_tenant.read()?,
            app: lines.app.read()?,
            access: lines
                .access_type
                .as_ref()
                .map(|at| at.one_of(&access))
                .transpose()?,
            channel: lines.channel.as_ref().map(|at| ChannelId(text(at))),
            require_channel: lines.require_channel.value,
            restricting_tenant: lines
                .restricting_tenant
                .as_ref()
                .map(ConfigValue::read)
                .transpose()?,
            detail: lines.detail.value,
        },
        assumed: assumed(&lines.assume)?,
    })
}

/// Reads assumed facts one by one, so that an error names the line.
pub(super) fn assumed(facts: &[Assumption]) -> Result<AssumedFacts, ConfigError> {
    let mut pairs = Vec::new();
    for Assumption { fact, value } in facts {
        let pair = (fact.clone(), value.value.clone());
        // `country_source` is valid only with `country`.
        let country = facts
            .iter()
            .find(|other| fact == "country_source" && other.fact == "country");
        let country = country.map(|other| (other.fact.clone(), other.value.value.clone()));
        let alone: Vec<_> = country.into_iter().chain([pair.clone()]).collect();
        AssumedFacts::read(&alone).map_err(|why| value.refuse(why))?;
        pairs.push(pair);
    }
    // Each is valid and no fact is repeated, so this does not fail.
    Ok(AssumedFacts::read(&pairs).unwrap_or_default())
}

fn applications(config: &Config) -> Result<ApplicationAudiences, ConfigError> {
    let listed = config.applications.iter().map(|table| {
        let audiences = table.audiences.iter().map(|at| at.value.clone());
        Ok((table.app.read::<AppId>()?, audiences.collect()))
    });
    let listed: Vec<(AppId, Vec<String>)> = listed.collect::<Result<_, ConfigError>>()?;
    Ok(ApplicationAudiences::new(listed))
}

fn challenge(config: &Config) -> ChallengeValues {
    ChallengeValues {
        mfa: config.optional("challenge.mfa"),
        compliant_device: config.optional("challenge.compliant_device"),
        hybrid_joined_device: config.optional("challenge.hybrid_joined_device"),
        realm: config.text("challenge.realm").to_owned(),
        authorization_uri: config.text("challenge.authorization_uri").to_owned(),
    }
}
