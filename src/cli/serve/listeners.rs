//! `[[listener]]` tables → where to listen, what is offered there and to whom.

use std::net::{IpAddr, SocketAddr};

use anyhow::Context;

use super::gateway::assumed;
use super::port_holder;
use crate::config::{At, Config, IdentitySource, ListenerTable, PeersTable, TlsTable};
use crate::rpc::{self, Backend, HealthState, IdentitySources, JwtAuthn, Rights, ServiceSet};
use crate::serve::{Address, Held, ListenError, Listener, Peers, Tls};

/// Takes every address and reads the TLS files, before anything else is started or written.
pub(super) fn hold(config: &Config) -> anyhow::Result<Held> {
    let mut held = Held::default();
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
        if let Err(error) = held.add(listener) {
            return Err(refused(table, error));
        }
    }
    Ok(held)
}

/// Two sockets that do not listen yet may have one address: the kernel would refuse the second only later.
pub(super) fn refuse_equal(config: &Config, admin: Option<SocketAddr>) -> anyhow::Result<()> {
    let mut earlier: Vec<(Address, &ListenerTable)> = Vec::new();
    for table in &config.listeners {
        let address = address(table)?;
        if let Some((_, first)) = earlier.iter().find(|(one, _)| clash(one, &address)) {
            let first = from(first);
            anyhow::bail!(
                "{}: clashes with the {first}, expected an address of its own",
                from(table)
            );
        }
        if admin.is_some_and(|admin| clash(&Address::Tcp(admin), &address)) {
            let expected = format!(
                "clashes with the {}, expected an address of its own",
                from(table)
            );
            return Err(config.refuse("admin", &expected).into());
        }
        earlier.push((address, table));
    }
    Ok(())
}

/// Whether one process cannot have both.
fn clash(one: &Address, other: &Address) -> bool {
    match (one, other) {
        (Address::Unix(one), Address::Unix(other)) => one == other,
        (Address::Tcp(one), Address::Tcp(other)) => {
            // An IPv6 socket takes IPv4 too: `[::]` is every address, and `::ffff:127.0.0.1` is 127.0.0.1.
            let (one_ip, other_ip) = (one.ip().to_canonical(), other.ip().to_canonical());
            let takes = |ip: IpAddr, other: IpAddr| {
                ip.is_unspecified() && (ip.is_ipv6() || other.is_ipv4())
            };
            let same_ip = one_ip == other_ip || takes(one_ip, other_ip) || takes(other_ip, one_ip);
            // The kernel chooses another port for each 0.
            same_ip && one.port() == other.port() && one.port() != 0
        }
        (Address::Tcp(_), Address::Unix(_)) | (Address::Unix(_), Address::Tcp(_)) => false,
    }
}

fn refused(table: &ListenerTable, error: ListenError) -> anyhow::Error {
    match &error {
        ListenError::InUse { address } => anyhow::anyhow!(
            "{}: the address is in use{}; end that process, or name another address in the file or with `--listen`",
            from(table),
            port_holder::sentence(address)
        ),
        ListenError::Unprotected { .. }
        | ListenError::NoUids { .. }
        | ListenError::NoTls { .. }
        | ListenError::Tls { .. }
        | ListenError::NotASocket { .. }
        | ListenError::Io { .. } => {
            anyhow::Error::new(error).context(format!("{}: cannot listen", from(table)))
        }
    }
}

/// What answers there.
pub(super) fn service(
    table: &ListenerTable,
    backend: &Backend,
    health: &HealthState,
) -> anyhow::Result<rpc::Router> {
    Ok(rpc::router(backend, &rights(table)?, health))
}

/// Where it is.
pub(super) fn address(table: &ListenerTable) -> anyhow::Result<Address> {
    table.address.value.parse().with_context(|| from(table))
}

fn from(table: &ListenerTable) -> String {
    let At { value, key, .. } = &table.address;
    format!("listener {value} ({key}, {})", table.origin)
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
    let clients = table.clients.as_ref();
    let crl = clients.and_then(|clients| clients.crl.as_ref());
    Tls {
        certificate: table.certificate.value.clone(),
        key: table.key.value.clone(),
        client_ca: clients.map(|clients| clients.ca.value.clone()),
        client_crl: crl.map(|crl| crl.value.clone()),
        peers,
    }
}
