//! The way to an OpenTelemetry collector: where it is, what it is told besides, how its certificate is checked.
//!
//! Reads the standard variables (opentelemetry.io/docs/specs/otel/protocol/exporter) through a look-up that the
//! caller gives, for traces and for logs alike. Only gRPC is spoken: a variable that wants HTTP is an error, not
//! ignored. Never connects by itself, and never shows the value of a header: it may be a secret.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Sign-in and audit records.
    Logs,
}

/// Where a collector is, and what it takes to talk to it.
#[derive(Clone)]
pub struct Collector {
    /// `http://HOST:PORT` or `https://…`
    pub endpoint: String,
    /// Sent with every call.
    pub headers: MetadataMap,
    /// The longest that one call may take.
    pub timeout: Duration,
    /// PEM files; read anew for every channel, so that renewed ones count.
    pub tls: TlsFiles,
}

/// Files for a collector behind TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Who may have signed the collector's certificate; the system's authorities where none is named.
    pub authorities: Option<PathBuf>,
    /// Our certificate, where the collector wants one.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
}

/// Why there is no way to a collector.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// A variable whose value means nothing here.
    #[error("{name}: found `{found}`, expected {expected}")]
    Variable {
        /// The variable, or the key of the configuration.
        name: String,
        /// Its value.
        found: String,
        /// What could stand there.
        expected: &'static str,
    },
    /// A list of headers that cannot be sent; the text is not shown.
    #[error("{name}: expected headers as `name=value,…`, percent-encoded where needed")]
    Headers {
        /// The variable.
        name: String,
    },
    /// A file that cannot be read.
    #[error("cannot read {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// One of certificate and key alone.
    #[error("a client certificate and its key belong together, and one is missing")]
    HalfAnIdentity,
    /// What TLS makes of it.
    #[error("{endpoint} cannot be used")]
    Unusable {
        /// The endpoint.
        endpoint: String,
        /// Why.
        source: tonic::transport::Error,
    },
}

/// Gives the value of a variable; an empty one counts as unset, as the specification has it.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Signal::Traces => "TRACES",
            Signal::Logs => "LOGS",
        }
    }

    /// The variable of this signal alone: `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`.
    fn own(self, what: &str) -> String {
        format!("OTEL_EXPORTER_OTLP_{}_{what}", self.name())
    }

    /// The value for this signal, or else the one for all, and the variable that it is from.
    fn value(self, what: &str, lookup: Lookup<'_>) -> Option<(String, String)> {
        let names = [self.own(what), format!("OTEL_EXPORTER_OTLP_{what}")];
        names.into_iter().find_map(|name| {
            let value = lookup(&name).filter(|value| !value.is_empty())?;
            Some((name, value))
        })
    }
}

impl Collector {
    /// The collector that the variables name. Traces go by the endpoint for all signals, too; logs, which tell who
    /// signed in, only by their own.
    pub fn of_variables(signal: Signal, lookup: Lookup<'_>) -> Result<Option<Self>, OtlpError> {
        let named = match signal {
            Signal::Traces => signal.value("ENDPOINT", lookup),
            Signal::Logs => {
                let name = signal.own("ENDPOINT");
                let value = lookup(&name).filter(|value| !value.is_empty());
                value.map(|value| (name, value))
            }
        };
        let here = named.map(|(name, value)| Self::at(signal, &name, &value, lookup));
        here.transpose()
    }

    /// The collector at this endpoint, which `name` names; all else as the variables say.
    pub fn at(
        signal: Signal,
        name: &str,
        endpoint: &str,
        lookup: Lookup<'_>,
    ) -> Result<Self, OtlpError> {
        let value = |what| signal.value(what, lookup);
        if let Some((name, found)) = value("PROTOCOL")
            && found != "grpc"
        {
            let expected = "grpc, the only protocol that is spoken";
            return Err(variable(&name, &found, expected));
        }
        if let Some((name, found)) = value("COMPRESSION")
            && found != "none"
        {
            return Err(variable(&name, &found, "none: nothing is compressed"));
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
                None => USUAL_TIMEOUT,
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

    /// A channel that connects when it is first used. To be called within a runtime.
    pub fn channel(&self) -> Result<Channel, OtlpError> {
        Ok(self.endpoint()?.connect_lazy())
    }

    fn endpoint(&self) -> Result<Endpoint, OtlpError> {
        let unusable = |source| OtlpError::Unusable {
            endpoint: self.endpoint.clone(),
            source,
        };
        let endpoint = Endpoint::from_shared(self.endpoint.clone())
            .map_err(unusable)?
            .connect_timeout(CONNECT.min(self.timeout))
            .timeout(self.timeout);
        if !self.endpoint.starts_with("https://") {
            return Ok(endpoint);
        }
        endpoint.tls_config(self.tls.read()?).map_err(unusable)
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
            (Some(_), None) | (None, Some(_)) => Err(OtlpError::HalfAnIdentity),
        }
    }
}

/// Names of headers, and no value.
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

/// What is said of this process to a collector: `OTEL_RESOURCE_ATTRIBUTES`, and `OTEL_SERVICE_NAME`, which wins;
/// where neither names the service, it is `crosstrust`.
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

/// Whether a variable that switches something is on: `true`, in any case.
pub fn is_true(text: &str) -> bool {
    text.trim().eq_ignore_ascii_case("true")
}

/// An endpoint without a scheme is behind TLS, unless `…_INSECURE` is true.
fn endpoint_of(name: &str, text: &str, insecure: bool) -> Result<String, OtlpError> {
    let text = text.trim();
    let whole = match text.split_once("://") {
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
    let has_host = http::Uri::from_str(&whole).is_ok_and(|uri| uri.host().is_some());
    if has_host {
        return Ok(whole);
    }
    Err(variable(
        name,
        text,
        "http://HOST:PORT or https://HOST:PORT",
    ))
}

fn headers(name: &str, text: &str) -> Result<MetadataMap, OtlpError> {
    let wrong = || OtlpError::Headers {
        name: name.to_owned(),
    };
    let mut headers = MetadataMap::new();
    let entries = text.split(',').filter(|entry| !entry.trim().is_empty());
    for entry in entries {
        let (key, value) = pair(entry).ok_or_else(wrong)?;
        let key = AsciiMetadataKey::from_str(&key.to_ascii_lowercase()).map_err(|_| wrong())?;
        let mut value = AsciiMetadataValue::try_from(value).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.append(key, value);
    }
    Ok(headers)
}

/// `key=value` of a list; the value is percent-encoded.
fn pair(entry: &str) -> Option<(String, String)> {
    let (key, value) = entry.split_once('=')?;
    let key = key.trim();
    let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
    (!key.is_empty()).then(|| (key.to_owned(), value.into_owned()))
}

fn timeout(name: &str, text: &str) -> Result<Duration, OtlpError> {
    let millis = text.trim().parse().ok();
    let millis = millis.filter(|millis| (1..=LONGEST_TIMEOUT).contains(millis));
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
/// An hour, in milliseconds: a longer wait for a collector is a mistake.
const LONGEST_TIMEOUT: u64 = 60 * 60 * 1000;
/// `OTEL_EXPORTER_OTLP_TIMEOUT` where it is not set.
const USUAL_TIMEOUT: Duration = Duration::from_secs(10);
/// A collector that is there answers at once.
const CONNECT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn collector(signal: Signal, variables: &[(&str, &str)]) -> Result<Option<Collector>, String> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Collector::of_variables(signal, &lookup).map_err(|error| error.to_string())
    }

    #[test]
    fn records_of_sign_ins_go_only_where_a_variable_of_their_own_says() {
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
    fn a_variable_of_the_signal_beats_the_one_for_all() {
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
    fn what_cannot_be_done_is_an_error_that_names_the_variable() {
        let at = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:4317");
        for (name, value, told) in [
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
            assert!(error.contains(told) && !error.contains("secret"), "{error}");
        }
        for endpoint in ["ftp://c", "http://", "http://a b"] {
            let variables = [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpoint)];
            let error = collector(Signal::Traces, &variables).unwrap_err();
            assert!(error.contains("TRACES_ENDPOINT: found"), "{error}");
        }
    }

    #[test]
    fn files_for_tls_are_read_and_half_an_identity_is_refused() {
        let at = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "c:4317");
        let missing = ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem");
        let error = collector(Signal::Traces, &[at, missing]).unwrap_err();
        assert_eq!(error, "cannot read /nowhere/ca.pem");
        let half = ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/nowhere/a.pem");
        let error = collector(Signal::Traces, &[at, half]).unwrap_err();
        assert!(error.contains("belong together"), "{error}");
    }

    #[test]
    fn the_service_is_named_by_its_variable_then_by_its_attribute_then_by_us() {
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
