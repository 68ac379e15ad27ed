//! `[[listener]]` tables → addresses, services and the rights of callers.

use std::net::{IpAddr, SocketAddr};

use anyhow::Context;

use super::gateway::assumed;
use super::port_holder;
use crate::config::{Config, ConfigValue, IdentitySource, ListenerConfig, PeersConfig, TlsConfig};
use crate::rpc::{self, Backend, HealthState, IdentitySources, JwtAuthn, Rights, ServiceSet};
use crate::serve::{BoundListeners, ListenAddress, ListenError, Listener, ListenerTls, Peers};

/// Binds every address and reads the TLS files, before anything else is started or written.
pub(super) fn bind(config: &Config) -> anyhow::Result<BoundListeners> {
    let mut bound = BoundListeners::default();
    for table in &config.listeners {
        let listener = Listener {
            address: address(table)?,
            plaintext: table.plaintext.value,
            uids: table
                .uids
                .as_ref()
                .map(|uids| uids.iter().map(|uid| uid.value).collect()),
            tls: table.tls.as_ref().map(tls),
            service: (),
        };
        if let Err(error) = bound.add(listener) {
            return Err(listen_error(table, error));
        }
    }
    Ok(bound)
}

/// Rejects equal addresses: two sockets that do not listen yet may bind the same one, and the kernel would refuse the
/// second only later.
pub(super) fn refuse_equal(config: &Config, admin: Option<SocketAddr>) -> anyhow::Result<()> {
    let mut earlier: Vec<(ListenAddress, &ListenerConfig)> = Vec::new();
    for table in &config.listeners {
        let address = address(table)?;
        if let Some((_, first)) = earlier.iter().find(|(one, _)| clash(one, &address)) {
            let first = describe(first);
            anyhow::bail!(
                "{}: clashes with the {first}, expected a separate address",
                describe(table)
            );
        }
        if admin.is_some_and(|admin| clash(&ListenAddress::Tcp(admin), &address)) {
            let expected = format!(
                "clashes with the {}, expected a separate address",
                describe(table)
            );
            return Err(config.refuse("admin", &expected).into());
        }
        earlier.push((address, table));
    }
    Ok(())
}

/// Whether one process cannot listen on both.
fn clash(one: &ListenAddress, other: &ListenAddress) -> bool {
    match (one, other) {
        (ListenAddress::Unix(one), ListenAddress::Unix(other)) => one == other,
        (ListenAddress::Tcp(one), ListenAddress::Tcp(other)) => {
            // An IPv6 socket accepts IPv4 too: `[::]` is every address, and `::ffff:127.0.0.1` is 127.0.0.1.
            let (one_ip, other_ip) = (one.ip().to_canonical(), other.ip().to_canonical());
            let takes = |ip: IpAddr, other: IpAddr| {
                ip.is_unspecified() && (ip.is_ipv6() || other.is_ipv4())
            };
            let same_ip = one_ip == other_ip || takes(one_ip, other_ip) || takes(other_ip, one_ip);
            // For port 0, the kernel chooses a different port each time.
            same_ip && one.port() == other.port() && one.port() != 0
        }
        (ListenAddress::Tcp(_), ListenAddress::Unix(_))
        | (ListenAddress::Unix(_), ListenAddress::Tcp(_)) => false,
    }
}

fn listen_error(table: &ListenerConfig, error: ListenError) -> anyhow::Error {
    match &error {
        ListenError::InUse { address } => anyhow::anyhow!(
            "{}: the address is in use{}; end that process, or name another address in the file or with `--listen`",
            describe(table),
            port_holder::suffix(address)
        ),
        ListenError::Unprotected { .. }
        | ListenError::NoUids { .. }
        | ListenError::NoTls { .. }
        | ListenError::Tls { .. }
        | ListenError::NotASocket { .. }
        | ListenError::Io { .. } => {
            anyhow::Error::new(error).context(format!("{}: cannot listen", describe(table)))
        }
    }
}

pub(super) fn service(
    table: &ListenerConfig,
    backend: &Backend,
    health: &HealthState,
) -> anyhow::Result<rpc::Router> {
    Ok(rpc::router(backend, &rights(table)?, health))
}

pub(super) fn address(table: &ListenerConfig) -> anyhow::Result<ListenAddress> {
    table.address.value.parse().with_context(|| describe(table))
}

/// The address and its place in the configuration, for errors.
fn describe(table: &ListenerConfig) -> String {
    let ConfigValue { value, key, .. } = &table.address;
    format!("listener {value} ({key}, {})", table.origin)
}

/// The rights of the listener's callers.
pub(super) fn rights(table: &ListenerConfig) -> anyhow::Result<Rights> {
    let services = match &table.services {
        None => ServiceSet::ALL,
        Some(names) => {
            let names: Vec<String> = names.iter().map(|name| name.value.clone()).collect();
            let named = ServiceSet::named(&names).map_err(anyhow::Error::msg);
            named.with_context(|| describe(table))?
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
            bearer: table.accepts(IdentitySource::Bearer),
            jwt_authn,
        },
        restriction_header: table.restriction_header.value,
        assumed: assumed(&table.assume)?,
    })
}

fn tls(table: &TlsConfig) -> ListenerTls {
    let peers = match &table.clients {
        None => Peers::Unauthenticated,
        Some(clients) => match &clients.peers {
            PeersConfig::Any(_) => Peers::AnyOfCa,
            PeersConfig::Listed(ids) => {
                Peers::Spiffe(ids.iter().map(|id| id.value.clone()).collect())
            }
        },
    };
    let clients = table.clients.as_ref();
    let crl = clients.and_then(|clients| clients.crl.as_ref());
    ListenerTls {
        certificate: table.certificate.value.clone(),
        key: table.key.value.clone(),
        client_ca: clients.map(|clients| clients.ca.value.clone()),
        client_crl: crl.map(|crl| crl.value.clone()),
        peers,
    }
}
