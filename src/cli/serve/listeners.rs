//! `[[listener]]` tables → where to listen, what is offered there and to whom.

use anyhow::Context;

use super::gateway::assumed;
use crate::config::{IdentitySource, ListenerTable, PeersTable, TlsTable};
use crate::rpc::{self, Backend, HealthState, IdentitySources, JwtAuthn, Rights, ServiceSet};
use crate::serve::{Address, Listener, Peers, Tls};

/// A listener with its services.
pub(super) fn listener(
    table: &ListenerTable,
    backend: &Backend,
    health: &HealthState,
) -> anyhow::Result<Listener<rpc::Router>> {
    let rights = rights(table)?;
    Ok(Listener {
        address: address(table)?,
        plaintext: table.plaintext.value,
        uids: table
            .uids
            .as_ref()
            .map(|uids| uids.iter().map(|uid| uid.value).collect()),
        tls: table.tls.as_ref().map(tls),
        service: rpc::router(backend, &rights, health),
    })
}

/// Where it is.
pub(super) fn address(table: &ListenerTable) -> anyhow::Result<Address> {
    table.address.value.parse().with_context(|| from(table))
}

fn from(table: &ListenerTable) -> String {
    format!("listener {} ({})", table.address.value, table.origin)
}

/// What its callers may do.
pub(super) fn rights(table: &ListenerTable) -> anyhow::Result<Rights> {
    let services = match &table.services {
        None => ServiceSet::ALL,
        Some(names) => {
            let names: Vec<String> = names.iter().map(|name| name.value.clone()).collect();
            let named = ServiceSet::named(&names).map_err(anyhow::Error::msg);
            named.with_context(|| from(table))?
        }
    };
    let jwt_authn = table.jwt_authn.as_ref().map(|named| JwtAuthn {
        namespace: named.namespace.value.clone(),
        payload: named.payload.value.clone(),
    });
    Ok(Rights {
        callers: format!("a caller at {}", table.address.value).into(),
        services,
        operator: table.operator.value,
        own_claims: table.own_claims.value,
        identity: IdentitySources {
            bearer: table.takes(IdentitySource::Bearer),
            jwt_authn,
        },
        restriction_header: table.restriction_header.value,
        assumed: assumed(&table.assume)?,
    })
}

fn tls(table: &TlsTable) -> Tls {
    let peers = match &table.clients {
        None => Peers::Anyone,
        Some(clients) => match &clients.peers {
            PeersTable::Any(_) => Peers::AnyOfCa,
            PeersTable::Listed(ids) => {
                Peers::Spiffe(ids.iter().map(|id| id.value.clone()).collect())
            }
        },
    };
    Tls {
        certificate: table.certificate.value.clone(),
        key: table.key.value.clone(),
        client_ca: table
            .clients
            .as_ref()
            .map(|clients| clients.ca.value.clone()),
        peers,
    }
}
