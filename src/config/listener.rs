//! `[[listener]]` and `listen`: addresses, services and allowed callers.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeValue;

use super::ConfigError;
use super::file::{ConfigFile, TomlTable};
use super::value::{Assumption, ConfigValue, EffectiveValue, ValueOrigin, list_value, path_value};

/// A `[[listener]]` table, or an address of `listen`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerConfig {
    /// The first line of the table.
    pub origin: ValueOrigin,
    /// `127.0.0.1:50051` or `unix:/run/crosstrust.sock`.
    pub address: ConfigValue<String>,
    /// Whether other machines may connect without TLS.
    pub plaintext: ConfigValue<bool>,
    /// The services; `None`: all.
    pub services: Option<Vec<ConfigValue<String>>>,
    /// The accepted sources of a Check request's identity; at least one.
    pub identity: Vec<ConfigValue<IdentitySource>>,
    /// Where jwt_authn stores its claims; set if and only if `identity` contains it.
    pub jwt_authn: Option<JwtAuthnConfig>,
    /// Whether its peers set `sec-Restrict-Tenant-Access-Policy`.
    pub restriction_header: ConfigValue<bool>,
    /// On a Unix socket: the user ids that may connect; at least one.
    pub uids: Option<Vec<ConfigValue<u32>>>,
    /// Whether its callers may call Explain and Reload.
    pub operator: ConfigValue<bool>,
    /// Whether its callers may state claims (`Authorize` without a token).
    pub own_claims: ConfigValue<bool>,
    /// TLS settings.
    pub tls: Option<TlsConfig>,
    /// Facts that are assumed if a request does not state them.
    pub assume: Vec<Assumption>,
}

/// A source of a Check request's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentitySource {
    /// A bearer token, verified here.
    Bearer,
    /// The claims that Envoy's jwt_authn filter has verified.
    JwtAuthn,
}

/// Where Envoy's jwt_authn filter stores the claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtAuthnConfig {
    /// The namespace of the dynamic metadata.
    pub namespace: ConfigValue<String>,
    /// The key in it (`payload_in_metadata`).
    pub payload: ConfigValue<String>,
}

/// A listener's certificate and allowed clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// PEM file with the certificate chain.
    pub certificate: ConfigValue<PathBuf>,
    /// PEM file with the private key.
    pub key: ConfigValue<PathBuf>,
    /// The allowed clients; `None`: clients need no certificate.
    pub clients: Option<ClientsConfig>,
}

/// The clients that may connect, by certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientsConfig {
    /// PEM file with the trusted CA certificates.
    pub ca: ConfigValue<PathBuf>,
    /// PEM file with certificate revocation lists.
    pub crl: Option<ConfigValue<PathBuf>>,
    /// The accepted certificates.
    pub peers: PeersConfig,
}

/// The accepted certificates of a CA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeersConfig {
    /// `["*"]`: all.
    Any(ConfigValue<String>),
    /// Certificates with one of these URIs; at least one.
    Listed(Vec<ConfigValue<String>>),
}

impl fmt::Display for IdentitySource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            IdentitySource::Bearer => "bearer",
            IdentitySource::JwtAuthn => "jwt_authn",
        })
    }
}

/// The default address of `serve`.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:50051";

/// The metadata namespace of Envoy's filter, by its default name.
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
    file: ConfigFile<'a>,
    value: &'a Spanned<DeValue<'a>>,
) -> Result<Vec<ListenerConfig>, ConfigError> {
    let tables = file.tables("listener", value, KEYS)?;
    tables.iter().map(listener).collect()
}

/// `listen = ["…"]`
pub(super) fn read_addresses(
    file: ConfigFile<'_>,
    value: &Spanned<DeValue<'_>>,
) -> Result<Vec<ListenerConfig>, ConfigError> {
    let addresses = file.texts("listen", value)?.into_iter();
    Ok(addresses
        .map(|at| ListenerConfig::at(at.value, at.origin))
        .collect())
}

fn listener(table: &TomlTable<'_>) -> Result<ListenerConfig, ConfigError> {
    let tls = table.table("tls", TLS_KEYS)?;
    let address = table
        .text("address")?
        .ok_or_else(|| table.missing("address", "an IP address and port, or unix:PATH"))?;
    let is_local = is_local(&address.value);
    let listener = ListenerConfig {
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

fn identity(table: &TomlTable<'_>) -> Result<Vec<ConfigValue<IdentitySource>>, ConfigError> {
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

fn jwt_authn(table: &TomlTable<'_>) -> Result<Option<JwtAuthnConfig>, ConfigError> {
    let Some(table) = table.table("jwt_authn", &["namespace", "payload"])? else {
        return Ok(None);
    };
    let namespace =
        || ConfigValue::default(&table.dotted("namespace"), DEFAULT_NAMESPACE.to_owned());
    Ok(Some(JwtAuthnConfig {
        namespace: table.text("namespace")?.unwrap_or_else(namespace),
        payload: table.text("payload")?.ok_or_else(|| {
            table.missing("payload", "the `payload_in_metadata` of Envoy's provider")
        })?,
    }))
}

fn tls_table(table: &TomlTable<'_>) -> Result<TlsConfig, ConfigError> {
    let clients = match (table.path("client_ca")?, table.texts("peers")?) {
        (None, None) if table.path("client_crl")?.is_some() => {
            return Err(table.incompatible(
                "`client_crl` without `client_ca` and `peers`",
                "the CA that signs the certificates of the peers, and which of them may call",
            ));
        }
        (None, None) => None,
        (Some(ca), Some(peers)) => Some(ClientsConfig {
            ca,
            crl: table.path("client_crl")?,
            peers: peers_table(peers)?,
        }),
        (Some(_), None) => {
            return Err(table.incompatible(
                "`client_ca` without `peers`",
                "the URIs of the certificates that may call, or [\"*\"] for every certificate of the CA",
            ));
        }
        (None, Some(_)) => {
            return Err(table.incompatible(
                "`peers` without `client_ca`",
                "the CA that signs the certificates of the peers",
            ));
        }
    };
    Ok(TlsConfig {
        certificate: table
            .path("certificate")?
            .ok_or_else(|| table.missing("certificate", "a PEM file with the certificate chain"))?,
        key: table
            .path("key")?
            .ok_or_else(|| table.missing("key", "a PEM file with the private key"))?,
        clients,
    })
}

fn peers_table(peers: Vec<ConfigValue<String>>) -> Result<PeersConfig, ConfigError> {
    match peers.as_slice() {
        [one] if one.value == "*" => Ok(PeersConfig::Any(one.clone())),
        several => match several.iter().find(|peer| peer.value.contains('*')) {
            Some(star) => Err(star.refuse(
                "expected exact URIs such as spiffe://contoso.example/envoy, or [\"*\"] alone",
            )),
            None => Ok(PeersConfig::Listed(peers)),
        },
    }
}

/// Whether only this machine can reach an address. An invalid address is refused later.
fn is_local(address: &str) -> bool {
    let loopback = |address: SocketAddr| address.ip().is_loopback();
    address.starts_with("unix:") || address.parse().is_ok_and(loopback)
}

impl ListenerConfig {
    /// A listener with default settings: all services, and operator rights if only this machine can reach it.
    pub fn at(address: String, origin: ValueOrigin) -> Self {
        let is_local = is_local(&address);
        ListenerConfig {
            address: ConfigValue {
                value: address,
                key: "listener.address".to_owned(),
                origin: origin.clone(),
            },
            origin,
            plaintext: ConfigValue::default("listener.plaintext", false),
            services: None,
            identity: vec![ConfigValue::default(
                "listener.identity",
                IdentitySource::Bearer,
            )],
            jwt_authn: None,
            restriction_header: ConfigValue::default("listener.restriction_header", false),
            uids: None,
            operator: ConfigValue::default("listener.operator", is_local),
            own_claims: ConfigValue::default("listener.own_claims", is_local),
            tls: None,
            assume: Vec::new(),
        }
    }

    /// Whether a Check request's identity may come from this source.
    pub fn accepts(&self, source: IdentitySource) -> bool {
        let mut accepted = self.identity.iter();
        accepted.any(|one| one.value == source)
    }

    /// Whether every client is authenticated by user id or by a listed certificate.
    pub fn authenticates_peers(&self) -> bool {
        let clients = self.tls.as_ref().and_then(|tls| tls.clients.as_ref());
        let by_certificate = clients.is_some_and(|clients| match clients.peers {
            PeersConfig::Listed(_) => true,
            PeersConfig::Any(_) => false,
        });
        self.uids.is_some() || by_certificate
    }

    /// Checks the keys in combination.
    fn check(&self, table: &TomlTable<'_>) -> Result<(), ConfigError> {
        match (self.accepts(IdentitySource::JwtAuthn), &self.jwt_authn) {
            (true, None) => Err(table.incompatible(
                "`jwt_authn` in `identity` without the table `jwt_authn`",
                "jwt_authn = { payload = \"…\" }, with the `payload_in_metadata` of Envoy's provider",
            )),
            (false, Some(_)) => Err(table.incompatible(
                "the table `jwt_authn` without `jwt_authn` in `identity`",
                "identity = [\"jwt_authn\"], with or without \"bearer\"",
            )),
            _ if self.restriction_header.value && !self.authenticates_peers() => Err(table.incompatible(
                "`restriction_header` on a listener that does not authenticate its peers",
                "`uids` or `tls.peers`: the header is accepted only from authenticated peers",
            )),
            _ if self.tls.is_some() && self.plaintext.value => {
                Err(table.incompatible("`tls` and `plaintext = true`", "one of them"))
            }
            _ => Ok(()),
        }
    }

    /// The lines of `--print-config`.
    pub(super) fn effective_values(&self) -> Vec<EffectiveValue> {
        let services = self.services.as_deref().map_or_else(
            || {
                Some(
                    ConfigValue::default("listener.services", "(all)".to_owned()).effective_value(),
                )
            },
            list_value,
        );
        let mut lines = vec![self.address.effective_value()];
        lines.extend(services);
        lines.extend(list_value(&self.identity));
        if let Some(jwt_authn) = &self.jwt_authn {
            lines.extend([
                jwt_authn.namespace.effective_value(),
                jwt_authn.payload.effective_value(),
            ]);
        }
        lines.extend(self.uids.as_deref().and_then(list_value));
        lines.extend(
            [
                &self.restriction_header,
                &self.operator,
                &self.own_claims,
                &self.plaintext,
            ]
            .map(ConfigValue::effective_value),
        );
        lines.extend(self.tls.iter().flat_map(TlsConfig::effective_values));
        lines.extend(self.assume.iter().map(|fact| fact.value.effective_value()));
        lines
    }
}

impl TlsConfig {
    fn effective_values(&self) -> Vec<EffectiveValue> {
        let mut lines = vec![path_value(&self.certificate), path_value(&self.key)];
        if let Some(clients) = &self.clients {
            lines.push(path_value(&clients.ca));
            lines.extend(clients.crl.as_ref().map(path_value));
            lines.extend(match &clients.peers {
                PeersConfig::Any(star) => Some(star.effective_value()),
                PeersConfig::Listed(peers) => list_value(peers),
            });
        }
        lines
    }
}
