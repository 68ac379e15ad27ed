//! `[[listener]]` and `listen`: where to listen, what is offered there and to whom.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeValue;

use super::ConfigError;
use super::file::{File, Table};
use super::value::{Assumption, At, Origin, Shown, shown_list, shown_path};

/// A listener as the file describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerTable {
    /// Where it begins.
    pub origin: Origin,
    /// `127.0.0.1:50051` or `unix:/run/crosstrust.sock`.
    pub address: At<String>,
    /// Whether it may be reached from beyond this machine without TLS.
    pub plaintext: At<bool>,
    /// Which services it offers; all of them where the file does not say.
    pub services: Option<Vec<At<String>>>,
    /// Where the identity of a checked request may come from; at least one.
    pub identity: Vec<At<IdentitySource>>,
    /// Where jwt_authn leaves its claims; there if and only if `identity` names it.
    pub jwt_authn: Option<JwtAuthnTable>,
    /// Whether its peers stamp `sec-Restrict-Tenant-Access-Policy`.
    pub restriction_header: At<bool>,
    /// On a Unix socket: who may call, by user id; at least one.
    pub uids: Option<Vec<At<u32>>>,
    /// Whether its callers may explain and reload.
    pub operator: At<bool>,
    /// Whether its callers may bring claims of their own (`Authorize` without a token).
    pub own_claims: At<bool>,
    /// Its certificate.
    pub tls: Option<TlsTable>,
    /// Facts that hold where a request is silent.
    pub assume: Vec<Assumption>,
}

/// Where the identity of a checked request may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentitySource {
    /// A bearer token, verified here.
    Bearer,
    /// The claims that Envoy's jwt_authn has verified.
    JwtAuthn,
}

/// Where Envoy's jwt_authn leaves the claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtAuthnTable {
    /// The namespace of the dynamic metadata.
    pub namespace: At<String>,
    /// The key in it (`payload_in_metadata`).
    pub payload: At<String>,
}

/// A listener's certificate, and who may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsTable {
    /// The chain, PEM.
    pub certificate: At<PathBuf>,
    /// The key, PEM.
    pub key: At<PathBuf>,
    /// Who may call; without, callers need no certificate.
    pub clients: Option<ClientsTable>,
}

/// Who may call by certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientsTable {
    /// Whose certificates are believed, PEM.
    pub ca: At<PathBuf>,
    /// Revocation lists, PEM.
    pub crl: Option<At<PathBuf>>,
    /// Which of them.
    pub peers: PeersTable,
}

/// Which certificates of a CA may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeersTable {
    /// `["*"]`: every one.
    Any(At<String>),
    /// Those with one of these URIs; at least one.
    Listed(Vec<At<String>>),
}

impl fmt::Display for IdentitySource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            IdentitySource::Bearer => "bearer",
            IdentitySource::JwtAuthn => "jwt_authn",
        })
    }
}

/// Where `serve` listens when nothing says otherwise.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:50051";

/// Where Envoy's filter leaves its claims unless it is named otherwise.
const DEFAULT_NAMESPACE: &str = "envoy.filters.http.jwt_authn";

const KEYS: &[&str] = &[
    "address",
    "plaintext",
    "services",
    "identity",
    "jwt_authn",
    "restriction_header",
    "uids",
    "operator",
    "own_claims",
    "tls",
    "assume",
];

const TLS_KEYS: &[&str] = &["certificate", "key", "client_ca", "client_crl", "peers"];

/// `[[listener]]`
pub(super) fn read<'a>(
    file: File<'a>,
    value: &'a Spanned<DeValue<'a>>,
) -> Result<Vec<ListenerTable>, ConfigError> {
    let tables = file.tables("listener", value, KEYS)?;
    tables.iter().map(listener).collect()
}

/// `listen = ["…"]`
pub(super) fn read_addresses(
    file: File<'_>,
    value: &Spanned<DeValue<'_>>,
) -> Result<Vec<ListenerTable>, ConfigError> {
    let addresses = file.texts("listen", value)?.into_iter();
    Ok(addresses
        .map(|at| ListenerTable::at(at.value, at.origin))
        .collect())
}

fn listener(table: &Table<'_>) -> Result<ListenerTable, ConfigError> {
    let tls = table.table("tls", TLS_KEYS)?;
    let address = table
        .text("address")?
        .ok_or_else(|| table.missing("address", "an IP address and port, or unix:PATH"))?;
    let is_local = is_local(&address.value);
    let listener = ListenerTable {
        origin: table.origin.clone(),
        address,
        plaintext: table.flag("plaintext", false)?,
        services: table.texts("services")?,
        identity: identity(table)?,
        jwt_authn: jwt_authn(table)?,
        restriction_header: table.flag("restriction_header", false)?,
        uids: table.uids("uids")?,
        operator: table.flag("operator", is_local)?,
        own_claims: table.flag("own_claims", is_local)?,
        tls: tls.as_ref().map(tls_table).transpose()?,
        assume: table.assume()?,
    };
    listener.check(table)?;
    Ok(listener)
}

fn identity(table: &Table<'_>) -> Result<Vec<At<IdentitySource>>, ConfigError> {
    let words = [
        ("bearer", IdentitySource::Bearer),
        ("jwt_authn", IdentitySource::JwtAuthn),
    ];
    let found = table.texts_or("identity", &["bearer"])?;
    let sources = found.into_iter().map(|text| {
        let source = text.one_of(&words)?;
        Ok(text.map(|_| source))
    });
    sources.collect()
}

fn jwt_authn(table: &Table<'_>) -> Result<Option<JwtAuthnTable>, ConfigError> {
    let Some(table) = table.table("jwt_authn", &["namespace", "payload"])? else {
        return Ok(None);
    };
    let namespace = || At::default(&table.dotted("namespace"), DEFAULT_NAMESPACE.to_owned());
    Ok(Some(JwtAuthnTable {
        namespace: table.text("namespace")?.unwrap_or_else(namespace),
        payload: table.text("payload")?.ok_or_else(|| {
            table.missing("payload", "the `payload_in_metadata` of Envoy's provider")
        })?,
    }))
}

fn tls_table(table: &Table<'_>) -> Result<TlsTable, ConfigError> {
    let clients = match (table.path("client_ca")?, table.texts("peers")?) {
        (None, None) if table.path("client_crl")?.is_some() => {
            return Err(table.together(
                "`client_crl` without `client_ca` and `peers`",
                "the CA that signs the certificates of the peers, and which of them may call",
            ));
        }
        (None, None) => None,
        (Some(ca), Some(peers)) => Some(ClientsTable {
            ca,
            crl: table.path("client_crl")?,
            peers: peers_table(peers)?,
        }),
        (Some(_), None) => {
            return Err(table.together(
                "`client_ca` without `peers`",
                "the URIs of the certificates that may call, or [\"*\"] for every certificate of the CA",
            ));
        }
        (None, Some(_)) => {
            return Err(table.together(
                "`peers` without `client_ca`",
                "the CA that signs the certificates of the peers",
            ));
        }
    };
    Ok(TlsTable {
        certificate: table
            .path("certificate")?
            .ok_or_else(|| table.missing("certificate", "a PEM file with the certificate chain"))?,
        key: table
            .path("key")?
            .ok_or_else(|| table.missing("key", "a PEM file with the private key"))?,
        clients,
    })
}

fn peers_table(peers: Vec<At<String>>) -> Result<PeersTable, ConfigError> {
    match peers.as_slice() {
        [one] if one.value == "*" => Ok(PeersTable::Any(one.clone())),
        several => match several.iter().find(|peer| peer.value.contains('*')) {
            Some(star) => Err(star.refuse(
                "expected exact URIs such as spiffe://contoso.example/envoy, or [\"*\"] alone",
            )),
            None => Ok(PeersTable::Listed(peers)),
        },
    }
}

/// Whether only this machine reaches an address. What cannot be read is not listened on either.
fn is_local(address: &str) -> bool {
    let loopback = |address: SocketAddr| address.ip().is_loopback();
    address.starts_with("unix:") || address.parse().is_ok_and(loopback)
}

impl ListenerTable {
    /// An address alone: everything is offered to whoever can reach it, and the rights of operators on this machine.
    pub fn at(address: String, origin: Origin) -> Self {
        let is_local = is_local(&address);
        ListenerTable {
            address: At {
                value: address,
                key: "listener.address".to_owned(),
                origin: origin.clone(),
            },
            origin,
            plaintext: At::default("listener.plaintext", false),
            services: None,
            identity: vec![At::default("listener.identity", IdentitySource::Bearer)],
            jwt_authn: None,
            restriction_header: At::default("listener.restriction_header", false),
            uids: None,
            operator: At::default("listener.operator", is_local),
            own_claims: At::default("listener.own_claims", is_local),
            tls: None,
            assume: Vec::new(),
        }
    }

    /// Whether the identity of a checked request may come from there.
    pub fn takes(&self, source: IdentitySource) -> bool {
        self.identity.iter().any(|taken| taken.value == source)
    }

    /// Whether only callers that are known by name can reach it.
    pub fn knows_its_peers(&self) -> bool {
        let clients = self.tls.as_ref().and_then(|tls| tls.clients.as_ref());
        let by_certificate = clients.is_some_and(|clients| match clients.peers {
            PeersTable::Listed(_) => true,
            PeersTable::Any(_) => false,
        });
        self.uids.is_some() || by_certificate
    }

    /// What no single key can tell.
    fn check(&self, table: &Table<'_>) -> Result<(), ConfigError> {
        match (self.takes(IdentitySource::JwtAuthn), &self.jwt_authn) {
            (true, None) => Err(table.together(
                "`jwt_authn` among `identity`, and no table for it",
                "jwt_authn = { payload = \"…\" }, with the `payload_in_metadata` of Envoy's provider",
            )),
            (false, Some(_)) => Err(table.together(
                "the table `jwt_authn`, and not the word among `identity`",
                "identity = [\"jwt_authn\"], with or without \"bearer\"",
            )),
            _ if self.restriction_header.value && !self.knows_its_peers() => Err(table.together(
                "`restriction_header` where everybody may call",
                "`uids` or `tls.peers`: the header counts only from peers that are known",
            )),
            _ if self.tls.is_some() && self.plaintext.value => {
                Err(table.together("`tls` and `plaintext = true`", "one of them"))
            }
            _ => Ok(()),
        }
    }

    /// Its lines of `--print-config`.
    pub(super) fn shown(&self) -> Vec<Shown> {
        let services = self.services.as_deref().map_or_else(
            || Some(At::default("listener.services", "(all)".to_owned()).shown()),
            shown_list,
        );
        let mut lines = vec![self.address.shown()];
        lines.extend(services);
        lines.extend(shown_list(&self.identity));
        if let Some(jwt_authn) = &self.jwt_authn {
            lines.extend([jwt_authn.namespace.shown(), jwt_authn.payload.shown()]);
        }
        lines.extend(self.uids.as_deref().and_then(shown_list));
        lines.extend(
            [
                &self.restriction_header,
                &self.operator,
                &self.own_claims,
                &self.plaintext,
            ]
            .map(At::shown),
        );
        lines.extend(self.tls.iter().flat_map(TlsTable::shown));
        lines.extend(self.assume.iter().map(|fact| fact.value.shown()));
        lines
    }
}

impl TlsTable {
    fn shown(&self) -> Vec<Shown> {
        let mut lines = vec![shown_path(&self.certificate), shown_path(&self.key)];
        if let Some(clients) = &self.clients {
            lines.push(shown_path(&clients.ca));
            lines.extend(clients.crl.as_ref().map(shown_path));
            lines.extend(match &clients.peers {
                PeersTable::Any(star) => Some(star.shown()),
                PeersTable::Listed(peers) => shown_list(peers),
            });
        }
        lines
    }
}
