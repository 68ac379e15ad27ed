//! Fetches key sets over HTTP: a JWKS document, or a discovery document and its `jwks_uri`.
//!
//! Only configured URLs are fetched. A `jwks_uri` must have the origin of its discovery document or an origin of
//! `keys.origins`. Redirects are not followed, proxies of the environment are not used, and responses have a size limit.
//! OpenID Connect Discovery 1.0 §4.3, RFC 7517 §5.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Certificate, Client, StatusCode};
use serde_json::Value;
use url::{Origin, Url};

use super::error::RefreshError;
use crate::identity::json::read_object;
use crate::identity::{Issuer, KeySet, KeySource};

/// The URL that an issuer's keys are fetched from.
#[derive(Debug)]
pub(super) enum RemoteKeySource {
    KeySet(Url),
    /// A discovery document, whose `issuer` must be this issuer.
    Discovery {
        at: Url,
        issuer: String,
    },
}

/// Fetches key sets from allowed origins.
#[derive(Debug)]
pub(super) struct Fetcher {
    /// Additional allowed origins (`keys.origins`).
    origins: Vec<Origin>,
    /// PEM file with private CA certificates (`keys.ca`).
    private_ca: Option<PathBuf>,
    /// Timeout of one fetch, including discovery.
    timeout: Duration,
}

impl RemoteKeySource {
    /// The source of this issuer's keys; `None` if they are in a file.
    pub(super) fn of(issuer: &Issuer) -> Option<RemoteKeySource> {
        match &issuer.keys {
            KeySource::File(_) => None,
            KeySource::Url(url) => Some(RemoteKeySource::KeySet(url.clone())),
            KeySource::Discovery(url) => Some(RemoteKeySource::Discovery {
                at: url.clone(),
                // Entra's common endpoint writes {tenantid}, as the configuration does.
                issuer: issuer.iss.to_string(),
            }),
        }
    }

    fn url(&self) -> &Url {
        match self {
            RemoteKeySource::KeySet(url) | RemoteKeySource::Discovery { at: url, .. } => url,
        }
    }
}

impl Fetcher {
    pub(super) fn new(
        origins: Vec<Origin>,
        private_ca: Option<PathBuf>,
        timeout: Duration,
    ) -> Self {
        Fetcher {
            origins,
            private_ca,
            timeout,
        }
    }

    /// Checks at the start that this source is allowed and the private CA certificates are readable.
    pub(super) fn check(&self, source: &RemoteKeySource) -> Result<(), RefreshError> {
        self.check_configured(source.url())?;
        self.private_ca_certificates().map(drop)
    }

    /// Fetches a key set once, within the timeout.
    pub(super) async fn keys(&self, source: &RemoteKeySource) -> Result<KeySet, RefreshError> {
        let limit = self.timeout;
        match tokio::time::timeout(limit, self.fetch(source)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(RefreshError::TimedOut { limit }),
        }
    }

    async fn fetch(&self, source: &RemoteKeySource) -> Result<KeySet, RefreshError> {
        self.check_configured(source.url())?;
        match source {
            RemoteKeySource::KeySet(url) => read_keys(&self.get(url).await?, url.as_str()),
            RemoteKeySource::Discovery { at, issuer } => {
                let document = self.get(at).await?;
                let url = self.jwks_uri(at, issuer, &document)?;
                read_keys(&self.get(&url).await?, url.as_str())
            }
        }
    }

    /// The `jwks_uri` of a discovery document, if the document is this issuer's and the origin is allowed.
    fn jwks_uri(&self, at: &Url, issuer: &str, document: &[u8]) -> Result<Url, RefreshError> {
        let here = || redacted(at);
        let document = read_object(document)
            .map_err(|error| RefreshError::Discovery { url: here(), error })?;
        let text = |member: &'static str| {
            let text = document.get(member).and_then(Value::as_str);
            text.ok_or_else(|| RefreshError::DiscoveryMember {
                url: here(),
                member,
            })
        };
        let (found, jwks_uri) = (text("issuer")?, text("jwks_uri")?);
        if found != issuer {
            return Err(RefreshError::OtherIssuer {
                url: here(),
                found: truncated(found),
                expected: issuer.to_owned(),
            });
        }
        let url =
            Url::parse(jwks_uri).map_err(|error| RefreshError::JwksUri { url: here(), error })?;
        check_credentials(&url)?;
        if url.origin() != at.origin() && !self.origins.contains(&url.origin()) {
            return Err(RefreshError::OtherOrigin {
                url: redacted(&url),
            });
        }
        Ok(url)
    }

    /// Checks a configured URL: HTTPS is always allowed, HTTP only if its origin is listed.
    fn check_configured(&self, url: &Url) -> Result<(), RefreshError> {
        check_credentials(url)?;
        if url.scheme() == "https" || self.origins.contains(&url.origin()) {
            Ok(())
        } else {
            Err(RefreshError::NotHttps { url: redacted(url) })
        }
    }

    async fn get(&self, url: &Url) -> Result<Vec<u8>, RefreshError> {
        let failed = |error: reqwest::Error| RefreshError::Transport {
            url: redacted(url),
            why: with_causes(&error.without_url()),
        };
        let request = self.client(url)?.get(url.clone());
        let request = request.header(http::header::ACCEPT, "application/json");
        let mut response = request.send().await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(RefreshError::Status {
                url: redacted(url),
                status: response.status().as_u16(),
            });
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if chunk.len() > MAX_BYTES.saturating_sub(bytes.len()) {
                return Err(RefreshError::TooLarge {
                    url: redacted(url),
                    limit: MAX_BYTES,
                });
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// Creates a client for each request: requests are minutes apart, and the CA certificates of the system or the private
    /// ones may have changed.
    fn client(&self, url: &Url) -> Result<Client, RefreshError> {
        let private_ca = self.private_ca_certificates()?;
        let builder = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(concat!("crosstrust/", env!("CARGO_PKG_VERSION")));
        let builder = if url.scheme() == "https" {
            builder.https_only(true).tls_certs_merge(private_ca)
        } else {
            // HTTP also works on a machine without system certificates.
            builder.tls_certs_only(private_ca)
        };
        builder.build().map_err(|error| RefreshError::Client {
            why: with_causes(&error),
        })
    }

    fn private_ca_certificates(&self) -> Result<Vec<Certificate>, RefreshError> {
        let Some(path) = &self.private_ca else {
            return Ok(Vec::new());
        };
        let failed = |why: String| RefreshError::PrivateCa {
            path: path.clone(),
            why,
        };
        let bytes = read_bounded(path).map_err(|error| failed(error.to_string()))?;
        let found =
            Certificate::from_pem_bundle(&bytes).map_err(|error| failed(with_causes(&error)))?;
        if found.is_empty() {
            return Err(failed(String::from(
                "found no certificate, expected certificates in PEM",
            )));
        }
        Ok(found)
    }
}

/// Parses a key set with at least one usable key; an empty one must not replace the cached keys.
pub(super) fn read_keys(bytes: &[u8], at: &str) -> Result<KeySet, RefreshError> {
    let at = || at.to_owned();
    let keys = KeySet::parse(bytes).map_err(|error| RefreshError::Document { at: at(), error })?;
    if keys.is_empty() {
        return Err(RefreshError::NoKeys {
            at: at(),
            skipped: keys.skipped().to_vec(),
        });
    }
    Ok(keys)
}

/// Parses an origin of the configuration: `https://host` or `http://host:port` without path, query or user.
pub(super) fn read_origin(text: &str) -> Option<Origin> {
    let url = Url::parse(text).ok()?;
    let is_bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && check_credentials(&url).is_ok();
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    (is_bare && is_web).then(|| url.origin())
}

/// Refuses credentials in a URL, because reqwest would send them.
fn check_credentials(url: &Url) -> Result<(), RefreshError> {
    if url.username().is_empty() && url.password().is_none() {
        Ok(())
    } else {
        Err(RefreshError::Credentials { url: redacted(url) })
    }
}

/// A URL for messages: only origin and path, because the rest may be secret, and truncated.
fn redacted(url: &Url) -> String {
    let mut text = url.origin().ascii_serialization();
    text.push_str(url.path());
    truncated(&text)
}

fn truncated(text: &str) -> String {
    text.chars().take(MAX_SHOWN_CHARS).collect()
}

/// The error with its chain of causes.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_CA_BYTES)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Entra's key sets have about 20 KiB.
pub(super) const MAX_BYTES: usize = 256 << 10;

/// All public CA certificates together have a quarter of this.
const MAX_CA_BYTES: u64 = 1 << 20;

/// Limit for URLs and issuers in messages.
const MAX_SHOWN_CHARS: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_only_a_scheme_a_host_and_a_port() {
        let same =
            |a: &str, b: &str| read_origin(a).is_some_and(|origin| Some(origin) == read_origin(b));
        assert!(same("https://login.example", "https://LOGIN.example:443/"));
        assert!(!same("https://login.example", "http://login.example"));
        assert!(!same("https://login.example", "https://login.example:444"));
        for text in [
            "",
            "login.example",
            "file:///keys",
            "ftp://login.example",
            "https://login.example/keys",
            "https://login.example/?a",
            "https://login.example/#a",
            "https://me@login.example",
        ] {
            assert_eq!(read_origin(text), None, "{text}");
        }
    }

    #[test]
    fn a_jwks_uri_needs_an_allowed_origin_and_the_document_the_right_issuer() {
        let listed = read_origin("http://127.0.0.1:8080").unwrap();
        let fetcher = Fetcher::new(vec![listed], None, Duration::from_secs(1));
        let at =
            Url::parse("https://login.example/tenant/.well-known/openid-configuration").unwrap();
        let jwks_uri = |document: &str| {
            let issuer = "https://login.example/{tenantid}/v2.0";
            fetcher
                .jwks_uri(&at, issuer, document.as_bytes())
                .map_err(|error| error.to_string())
        };
        let to = |uri: &str| {
            jwks_uri(&format!(
                r#"{{"issuer": "https://login.example/{{tenantid}}/v2.0", "jwks_uri": "{uri}"}}"#
            ))
        };
        assert!(to("https://login.example/keys").is_ok());
        assert!(to("http://127.0.0.1:8080/keys").is_ok());
        for elsewhere in [
            "http://login.example/keys",
            "https://login.example:8443/keys",
            "https://login.example.evil/keys",
            "http://127.0.0.1:8081/keys",
            "file:///etc/keys",
        ] {
            let error = to(elsewhere).unwrap_err();
            assert!(error.ends_with("or one listed in keys.origins"), "{error}");
        }
        assert!(
            to("https://a:b@login.example/keys")
                .unwrap_err()
                .contains("without user")
        );
        assert!(to("/keys").unwrap_err().contains("jwks_uri"));
        let other = jwks_uri(
            r#"{"issuer": "https://login.example/a/v2.0", "jwks_uri": "https://login.example"}"#,
        );
        assert!(other.unwrap_err().contains("issuer: found"));
        let twice = jwks_uri(
            r#"{"issuer": "x", "issuer": "https://login.example/{tenantid}/v2.0", "jwks_uri": "https://login.example"}"#,
        );
        assert!(twice.unwrap_err().contains("duplicate member name"));
    }

    #[test]
    fn a_discovery_document_is_read_as_strictly_as_a_key_set() {
        let fetcher = Fetcher::new(Vec::new(), None, Duration::from_secs(1));
        let at = Url::parse("https://login.example/.well-known/openid-configuration").unwrap();
        let good = r#""issuer": "https://login.example", "jwks_uri": "https://login.example/keys""#;
        let jwks_uri = |document: &str| {
            let issuer = "https://login.example";
            fetcher
                .jwks_uri(&at, issuer, document.as_bytes())
                .map_err(|error| error.to_string())
        };
        assert!(jwks_uri(&format!(r#"{{{good}, "more": {{"a": [1]}}}}"#)).is_ok());
        for (document, expected) in [
            (
                format!(r#"{{{good}, "more": 1, "more": 2}}"#),
                "duplicate member name",
            ),
            (
                format!(r#"{{{good}, "more": {{"a": 1, "a": 2}}}}"#),
                "duplicate member name",
            ),
            (format!("\u{feff}{{{good}}}"), "expected JSON in UTF-8"),
            (format!("{{{good}}} {{}}"), "expected JSON in UTF-8"),
            (
                format!(
                    r#"{{{good}, "more": {}{}}}"#,
                    "[".repeat(20),
                    "]".repeat(20)
                ),
                "nested too deeply",
            ),
            ("[]".to_owned(), "expected a JSON object"),
            (
                r#"{"issuer": "https://login.example"}"#.to_owned(),
                "jwks_uri: expected a string",
            ),
            (
                r#"{"issuer": 1, "jwks_uri": "https://login.example"}"#.to_owned(),
                "issuer: expected a string",
            ),
        ] {
            let error = jwks_uri(&document).unwrap_err();
            assert!(error.contains(expected), "{document}: {error}");
        }
    }

    #[test]
    fn a_url_is_shown_without_parts_that_may_be_secret() {
        let url = Url::parse("https://me:word@login.example/keys?code=1#2").unwrap();
        assert_eq!(redacted(&url), "https://login.example/keys");
    }
}
