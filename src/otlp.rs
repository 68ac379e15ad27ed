//! The configuration of OTLP exporters: endpoint, headers, timeout and TLS.
//!
//! Reads OpenTelemetry's environment variables (opentelemetry.io/docs/specs/otel/protocol/exporter) for traces and logs,
//! through a lookup function of the caller. Only OTLP/gRPC is supported: a variable that requires HTTP is an error. This
//! module does not connect. It does not print header values, because they may be secrets.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

/// An OpenTelemetry signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Sign-in and audit records.
    Logs,
}

/// The address of a collector and the settings for calls to it.
#[derive(Clone)]
pub struct Collector {
    /// `http://HOST:PORT` or `https://…`
    pub endpoint: String,
    /// The headers of every call.
    pub headers: MetadataMap,
    /// The timeout of one call.
    pub timeout: Duration,
    /// PEM files. They are read again for every channel, so that renewed files are used.
    pub tls: TlsFiles,
}

/// The PEM files for TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The CA certificates for the collector's certificate; `None` for the system's trust store.
    pub authorities: Option<PathBuf>,
    /// The client certificate.
    pub certificate: Option<PathBuf>,
    /// The client certificate's private key.
    pub key: Option<PathBuf>,
}

/// Why the configuration of a collector cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// A variable has an unsupported value.
    #[error("{name}: found `{found}`, expected {expected}")]
    Variable {
        /// The variable, or the key of the configuration.
        name: String,
        /// Its value.
        found: String,
        /// The supported values.
        expected: &'static str,
    },
    /// A malformed list of headers. The value is not printed.
    #[error("{name}: expected headers as `name=value,…`, percent-encoded where needed")]
    Headers {
        /// The variable.
        name: String,
    },
    /// A file cannot be read.
    #[error("cannot read {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// Only one of the client certificate and its key is set.
    #[error(
        "a client certificate and its key belong together: found only one of them, expected both"
    )]
    IncompleteClientIdentity,
    /// The endpoint or its TLS files are invalid.
    #[error("cannot use the endpoint {endpoint}")]
    InvalidEndpoint {
        /// The endpoint.
        endpoint: String,
        /// The transport's error.
        source: tonic::transport::Error,
    },
}

/// Returns the value of a variable. An empty value counts as unset, as the specification requires.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Signal::Traces => "TRACES",
            Signal::Logs => "LOGS",
        }
    }

    /// The variable of this signal, such as `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`.
    fn variable(self, what: &str) -> String {
        format!("OTEL_EXPORTER_OTLP_{}_{what}", self.name())
    }

    /// The variable of this signal, else the one for all signals: its name and value.
    fn value(self, what: &str, lookup: Lookup<'_>) -> Option<(String, String)> {
        let names = [self.variable(what), format!("OTEL_EXPORTER_OTLP_{what}")];
        names.into_iter().find_map(|name| {
            let value = lookup(&name).filter(|value| !value.is_empty())?;
            Some((name, value))
        })
    }
}

impl Collector {
    /// The collector in the variables. Traces also use the endpoint for all signals. Logs contain who signed in, so they
    /// use only the endpoint for logs.
    pub fn from_variables(signal: Signal, lookup: Lookup<'_>) -> Result<Option<Self>, OtlpError> {
        let named = match signal {
            Signal::Traces => signal.value("ENDPOINT", lookup),
            Signal::Logs => {
                let name = signal.variable("ENDPOINT");
                let value = lookup(&name).filter(|value| !value.is_empty());
                value.map(|value| (name, value))
            }
        };
        let collector =
            named.map(|(name, value)| Self::with_endpoint(signal, &name, &value, lookup));
        collector.transpose()
    }

    /// The collector at this endpoint, with all other settings from the variables. `name` is the variable or key of the
    /// endpoint, for errors.
    pub fn with_endpoint(
        signal: Signal,
        name: &str,
        endpoint: &str,
        lookup: Lookup<'_>,
    ) -> Result<Self, OtlpError> {
        let value = |what| signal.value(what, lookup);
        if let Some((name, found)) = value("PROTOCOL")
            && found != "grpc"
        {
            let expected = "grpc, the only supported protocol";
            return Err(variable(&name, &found, expected));
        }
        if let Some((name, found)) = value("COMPRESSION")
            && found != "none"
        {
            return Err(variable(
                &name,
                &found,
                "none, the only supported compression",
            ));
        }
        let insecure = value("INSECURE").is_some_and(|(_, text)| is_true(&text));
        let file = |what| value(what).map(|(_, path)| PathBuf::from(path));
        let collector = Collector {
            endpoint: endpoint_of(name, endpoint, insecure)?,
            headers: match value("HEADERS") {
                Some((name, text)) => headers(&name, &text)?,
                None => MetadataMap::new(),
            },
            timeout: match value("TIMEOUT") {
                Some((name, text)) => timeout(&name, &text)?,
                None => DEFAULT_TIMEOUT,
            },
            tls: TlsFiles {
                authorities: file("CERTIFICATE"),
                certificate: file("CLIENT_CERTIFICATE"),
                key: file("CLIENT_KEY"),
            },
        };
        collector.endpoint()?;
        Ok(collector)
    }

    /// A channel that connects on first use. Call it within a runtime.
    pub fn channel(&self) -> Result<Channel, OtlpError> {
        Ok(self.endpoint()?.connect_lazy())
    }

    fn endpoint(&self) -> Result<Endpoint, OtlpError> {
        let invalid = |source| OtlpError::InvalidEndpoint {
            endpoint: self.endpoint.clone(),
            source,
        };
        let endpoint = Endpoint::from_shared(self.endpoint.clone())
            .map_err(invalid)?
            .connect_timeout(CONNECT_TIMEOUT.min(self.timeout))
            .timeout(self.timeout);
        if !self.endpoint.starts_with("https://") {
            return Ok(endpoint);
        }
        endpoint.tls_config(self.tls.read()?).map_err(invalid)
    }
}

impl TlsFiles {
    fn read(&self) -> Result<ClientTlsConfig, OtlpError> {
        let config = match &self.authorities {
            Some(path) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem(path)?)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        match (&self.certificate, &self.key) {
            (None, None) => Ok(config),
            (Some(certificate), Some(key)) => {
                Ok(config.identity(Identity::from_pem(pem(certificate)?, pem(key)?)))
            }
            (Some(_), None) | (None, Some(_)) => Err(OtlpError::IncompleteClientIdentity),
        }
    }
}

/// Prints the names of headers without their values.
impl fmt::Debug for Collector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Collector {
            endpoint,
            headers,
            timeout,
            tls,
        } = self;
        out.debug_struct("Collector")
            .field("endpoint", endpoint)
            .field("headers", &headers.keys().collect::<Vec<_>>())
            .field("timeout", timeout)
            .field("tls", tls)
            .finish()
    }
}

/// The resource attributes of this process: `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME`, which takes precedence.
/// The default `service.name` is `crosstrust`.
pub fn resource(lookup: Lookup<'_>) -> Vec<(String, String)> {
    let listed = lookup("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    let mut attributes: Vec<_> = listed.split(',').filter_map(pair).collect();
    let named = lookup("OTEL_SERVICE_NAME").filter(|name| !name.is_empty());
    let is_name = |attribute: &(String, String)| attribute.0 == SERVICE_NAME;
    if named.is_some() {
        attributes.retain(|attribute| !is_name(attribute));
    }
    if !attributes.iter().any(is_name) {
        let name = named.unwrap_or_else(|| "crosstrust".to_owned());
        attributes.push((SERVICE_NAME.to_owned(), name));
    }
    let version = env!("CARGO_PKG_VERSION").to_owned();
    attributes.push(("service.version".to_owned(), version));
    attributes
}

/// Whether a boolean variable is true: `true`, case-insensitive.
pub fn is_true(text: &str) -> bool {
    text.trim().eq_ignore_ascii_case("true")
}

/// The endpoint with a scheme. The default scheme is https, or http if `…_INSECURE` is true.
fn endpoint_of(name: &str, text: &str, insecure: bool) -> Result<String, OtlpError> {
    let text = text.trim();
    let url = match text.split_once("://") {
        Some(("http" | "https", _)) => text.to_owned(),
        Some(_) => {
            return Err(variable(
                name,
                text,
                "http://HOST:PORT or https://HOST:PORT",
            ));
        }
        None if insecure => format!("http://{text}"),
        None => format!("https://{text}"),
    };
    let has_host = http::Uri::from_str(&url).is_ok_and(|uri| uri.host().is_some());
    if has_host {
        return Ok(url);
    }
    Err(variable(
        name,
        text,
        "http://HOST:PORT or https://HOST:PORT",
    ))
}

fn headers(name: &str, text: &str) -> Result<MetadataMap, OtlpError> {
    let malformed = || OtlpError::Headers {
        name: name.to_owned(),
    };
    let mut headers = MetadataMap::new();
    let entries = text.split(',').filter(|entry| !entry.trim().is_empty());
    for entry in entries {
        let (key, value) = pair(entry).ok_or_else(malformed)?;
        let key = AsciiMetadataKey::from_str(&key.to_ascii_lowercase()).map_err(|_| malformed())?;
        let mut value = AsciiMetadataValue::try_from(value).map_err(|_| malformed())?;
        value.set_sensitive(true);
        headers.append(key, value);
    }
    Ok(headers)
}

/// Parses `key=value`, with a percent-encoded value.
fn pair(entry: &str) -> Option<(String, String)> {
    let (key, value) = entry.split_once('=')?;
    let key = key.trim();
    let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
    (!key.is_empty()).then(|| (key.to_owned(), value.into_owned()))
}

fn timeout(name: &str, text: &str) -> Result<Duration, OtlpError> {
    let millis = text.trim().parse().ok();
    let millis = millis.filter(|millis| (1..=MAX_TIMEOUT_MS).contains(millis));
    let millis = millis.ok_or_else(|| variable(name, text, "milliseconds, from 1 to 3600000"))?;
    Ok(Duration::from_millis(millis))
}

fn variable(name: &str, found: &str, expected: &'static str) -> OtlpError {
    OtlpError::Variable {
        name: name.to_owned(),
        found: found.to_owned(),
        expected,
    }
}

fn pem(path: &Path) -> Result<Vec<u8>, OtlpError> {
    std::fs::read(path).map_err(|source| OtlpError::File {
        path: path.to_owned(),
        source,
    })
}

const SERVICE_NAME: &str = "service.name";
/// One hour: a longer timeout is a mistake.
const MAX_TIMEOUT_MS: u64 = 60 * 60 * 1000;
/// The default of `OTEL_EXPORTER_OTLP_TIMEOUT`.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// A running collector accepts connections at once.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn collector(signal: Signal, variables: &[(&str, &str)]) -> Result<Option<Collector>, String> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Collector::from_variables(signal, &lookup).map_err(|error| error.to_string())
    }

    #[test]
    fn records_are_exported_only_to_the_endpoint_for_logs() {
        let general = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317")];
        assert!(collector(Signal::Traces, &general).unwrap().is_some());
        assert!(collector(Signal::Logs, &general).unwrap().is_none());
        let own = [("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://c:4317")];
        assert!(collector(Signal::Traces, &own).unwrap().is_none());
        assert!(collector(Signal::Logs, &own).unwrap().is_some());
        assert!(collector(Signal::Logs, &[]).unwrap().is_none());
        let empty = [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")];
        assert!(collector(Signal::Traces, &empty).unwrap().is_none());
    }

    #[test]
    fn a_variable_of_the_signal_takes_precedence() {
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4317"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "traces:4317"),
            ("OTEL_EXPORTER_OTLP_INSECURE", "TRUE"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "3"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "2500"),
            (
                "OTEL_EXPORTER_OTLP_HEADERS",
                "Authorization=Basic%20abc, x-team = a",
            ),
        ];
        let found = collector(Signal::Traces, &variables).unwrap().unwrap();
        assert_eq!(found.endpoint, "http://traces:4317");
        assert_eq!(found.timeout, Duration::from_millis(2500));
        assert_eq!(found.headers.get("authorization").unwrap(), "Basic abc");
        assert_eq!(found.headers.get("x-team").unwrap(), "a");
        let shown = format!("{found:?}");
        assert!(
            !shown.contains("abc") && shown.contains("authorization"),
            "{shown}"
        );
    }

    #[test]
    fn an_unsupported_value_is_an_error_that_names_the_variable() {
        let at = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:4317");
        for (name, value, message) in [
            (
                "OTEL_EXPORTER_OTLP_PROTOCOL",
                "http/protobuf",
                "PROTOCOL: found `http/protobuf`",
            ),
            (
                "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
                "gzip",
                "TRACES_COMPRESSION: found `gzip`",
            ),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "0", "TIMEOUT: found `0`"),
            (
                "OTEL_EXPORTER_OTLP_HEADERS",
                "secret",
                "HEADERS: expected headers",
            ),
            (
                "OTEL_EXPORTER_OTLP_HEADERS",
                "a=b\u{7f}c",
                "HEADERS: expected headers",
            ),
        ] {
            let error = collector(Signal::Traces, &[at, (name, value)]).unwrap_err();
            assert!(
                error.contains(message) && !error.contains("secret"),
                "{error}"
            );
        }
        for endpoint in ["ftp://c", "http://", "http://a b"] {
            let variables = [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpoint)];
            let error = collector(Signal::Traces, &variables).unwrap_err();
            assert!(error.contains("TRACES_ENDPOINT: found"), "{error}");
        }
    }

    #[test]
    fn tls_files_are_read_and_a_certificate_without_its_key_is_an_error() {
        let at = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "c:4317");
        let missing = ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem");
        let error = collector(Signal::Traces, &[at, missing]).unwrap_err();
        assert_eq!(error, "cannot read /nowhere/ca.pem");
        let half = ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/nowhere/a.pem");
        let error = collector(Signal::Traces, &[at, half]).unwrap_err();
        assert!(error.contains("belong together"), "{error}");
    }

    #[test]
    fn the_service_name_is_from_its_variable_then_the_attribute_then_the_default() {
        let named = |variables: &[(&str, &str)]| {
            let lookup = |name: &str| {
                let found = variables.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let attributes = resource(&lookup);
            let is_name = |(key, _): &&(String, String)| key == SERVICE_NAME;
            let names: Vec<_> = attributes.iter().filter(is_name).collect();
            assert_eq!(names.len(), 1, "{attributes:?}");
            names[0].1.clone()
        };
        let listed = ("OTEL_RESOURCE_ATTRIBUTES", "a=b,service.name=pdp%20one");
        assert_eq!(named(&[]), "crosstrust");
        assert_eq!(named(&[listed]), "pdp one");
        assert_eq!(named(&[listed, ("OTEL_SERVICE_NAME", "two")]), "two");
    }
}
