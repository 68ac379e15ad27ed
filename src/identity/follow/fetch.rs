//! Fetches key sets over HTTP: one document, or a discovery document and where it leads.
//!
//! An address counts because the operator wrote it, or because its origin is listed; where a discovery document
//! leads has to be of its own origin or listed. No redirect is followed, no proxy of the environment is used, an
//! answer is read only as far as it may be long. OpenID Connect Discovery 1.0 §4.3, RFC 7517 §5.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Certificate, Client, StatusCode};
use serde_json::Value;
use url::{Origin, Url};

use super::error::LookError;
use crate::identity::json::read_object;
use crate::identity::{Issuer, KeySet, KeySource};

/// Where an issuer's keys are fetched from.
#[derive(Debug)]
pub(super) enum Source {
    KeySet(Url),
    /// A discovery document that has to be this issuer's.
    Discovery {
        at: Url,
        issuer: String,
    },
}

/// What may be fetched, and how.
#[derive(Debug)]
pub(super) struct Fetcher {
    /// Further origins.
    origins: Vec<Origin>,
    /// A file of private authorities.
    authorities: Option<PathBuf>,
    /// For all that one look takes.
    timeout: Duration,
}

impl Source {
    /// Where this issuer's keys are fetched from, if they are.
    pub(super) fn of(issuer: &Issuer) -> Option<Source> {
        match &issuer.keys {
            KeySource::File(_) => None,
            KeySource::Url(url) => Some(Source::KeySet(url.clone())),
            KeySource::Discovery(url) => Some(Source::Discovery {
                at: url.clone(),
                // Entra's common endpoint writes {tenantid}, as the configuration does.
                issuer: issuer.iss.to_string(),
            }),
        }
    }

    fn url(&self) -> &Url {
        match self {
            Source::KeySet(url) | Source::Discovery { at: url, .. } => url,
        }
    }
}

impl Fetcher {
    pub(super) fn new(
        origins: Vec<Origin>,
        authorities: Option<PathBuf>,
        timeout: Duration,
    ) -> Self {
        Fetcher {
            origins,
            authorities,
            timeout,
        }
    }

    /// Whether this may be fetched at all, and the private authorities can be read: asked once, at the start.
    pub(super) fn check(&self, source: &Source) -> Result<(), LookError> {
        self.check_written(source.url())?;
        self.private_authorities().map(drop)
    }

    /// One look. Whatever it takes, it takes no longer than the timeout.
    pub(super) async fn keys(&self, source: &Source) -> Result<KeySet, LookError> {
        let limit = self.timeout;
        match tokio::time::timeout(limit, self.look(source)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(LookError::Slow { limit }),
        }
    }

    async fn look(&self, source: &Source) -> Result<KeySet, LookError> {
        self.check_written(source.url())?;
        match source {
            Source::KeySet(url) => read_keys(&self.get(url).await?, url.as_str()),
            Source::Discovery { at, issuer } => {
                let document = self.get(at).await?;
                let url = self.where_it_leads(at, issuer, &document)?;
                read_keys(&self.get(&url).await?, url.as_str())
            }
        }
    }

    /// The address of the keys, if the document is this issuer's and leads nowhere else.
    fn where_it_leads(&self, at: &Url, issuer: &str, document: &[u8]) -> Result<Url, LookError> {
        let here = || shown(at);
        let document =
            read_object(document).map_err(|error| LookError::Discovery { url: here(), error })?;
        let text = |member: &'static str| {
            let text = document.get(member).and_then(Value::as_str);
            text.ok_or_else(|| LookError::DiscoveryMember {
                url: here(),
                member,
            })
        };
        let (found, leads_to) = (text("issuer")?, text("jwks_uri")?);
        if found != issuer {
            return Err(LookError::OtherIssuer {
                url: here(),
                found: shortened(found),
                expected: issuer.to_owned(),
            });
        }
        let url =
            Url::parse(leads_to).map_err(|error| LookError::KeysAddress { url: here(), error })?;
        check_credentials(&url)?;
        if url.origin() != at.origin() && !self.origins.contains(&url.origin()) {
            return Err(LookError::OtherOrigin { url: shown(&url) });
        }
        Ok(url)
    }

    /// An address of the configuration: HTTPS has been allowed by being written, HTTP has to be listed.
    fn check_written(&self, url: &Url) -> Result<(), LookError> {
        check_credentials(url)?;
        if url.scheme() == "https" || self.origins.contains(&url.origin()) {
            Ok(())
        } else {
            Err(LookError::NotHttps { url: shown(url) })
        }
    }

    async fn get(&self, url: &Url) -> Result<Vec<u8>, LookError> {
        let failed = |error: reqwest::Error| LookError::Transport {
            url: shown(url),
            why: with_causes(&error.without_url()),
        };
        let request = self.client(url)?.get(url.clone());
        let request = request.header(http::header::ACCEPT, "application/json");
        let mut response = request.send().await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(LookError::Status {
                url: shown(url),
                status: response.status().as_u16(),
            });
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if chunk.len() > MOST_BYTES.saturating_sub(bytes.len()) {
                return Err(LookError::TooLarge {
                    url: shown(url),
                    limit: MOST_BYTES,
                });
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// A new one each time: looks are minutes apart, and the authorities, the system's and the private ones, may
    /// have changed since.
    fn client(&self, url: &Url) -> Result<Client, LookError> {
        let authorities = self.private_authorities()?;
        let builder = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(concat!("crosstrust/", env!("CARGO_PKG_VERSION")));
        let builder = if url.scheme() == "https" {
            builder.https_only(true).tls_certs_merge(authorities)
        } else {
            // A machine without certificates can still fetch from its own neighbour.
            builder.tls_certs_only(authorities)
        };
        builder.build().map_err(|error| LookError::Client {
            why: with_causes(&error),
        })
    }

    fn private_authorities(&self) -> Result<Vec<Certificate>, LookError> {
        let Some(path) = &self.authorities else {
            return Ok(Vec::new());
        };
        let failed = |why: String| LookError::Authorities {
            path: path.clone(),
            why,
        };
        let bytes = read_bounded(path).map_err(|error| failed(error.to_string()))?;
        let found =
            Certificate::from_pem_bundle(&bytes).map_err(|error| failed(with_causes(&error)))?;
        if found.is_empty() {
            return Err(failed(String::from(
                "expected certificates in PEM, found none",
            )));
        }
        Ok(found)
    }
}

/// Reads a key set that can be used; one without keys would only take the known ones away.
pub(super) fn read_keys(bytes: &[u8], at: &str) -> Result<KeySet, LookError> {
    let at = || at.to_owned();
    let keys = KeySet::parse(bytes).map_err(|error| LookError::Document { at: at(), error })?;
    if keys.is_empty() {
        return Err(LookError::NoKeys {
            at: at(),
            skipped: keys.skipped().to_vec(),
        });
    }
    Ok(keys)
}

/// An origin as the configuration writes it: `https://host` or `http://host:port`, and nothing else.
pub(super) fn read_origin(text: &str) -> Option<Origin> {
    let url = Url::parse(text).ok()?;
    let is_bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && check_credentials(&url).is_ok();
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    (is_bare && is_web).then(|| url.origin())
}

/// Reqwest would send them along.
fn check_credentials(url: &Url) -> Result<(), LookError> {
    if url.username().is_empty() && url.password().is_none() {
        Ok(())
    } else {
        Err(LookError::Credentials { url: shown(url) })
    }
}

/// An address for people: nothing in it that may be secret, and not longer than a line.
fn shown(url: &Url) -> String {
    let mut text = url.origin().ascii_serialization();
    text.push_str(url.path());
    shortened(&text)
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_SHOWN).collect()
}

/// The error and what caused it, down to the system's own words.
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
        .take(MOST_AUTHORITIES_BYTES)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Entra's key sets take some 20 KiB; a longer answer is not read to its end.
pub(super) const MOST_BYTES: usize = 256 << 10;

/// All public authorities together take a quarter of it.
const MOST_AUTHORITIES_BYTES: u64 = 1 << 20;

/// Addresses and issuers of documents stand in logs.
const LONGEST_SHOWN: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port_and_nothing_else() {
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
    fn discovery_leads_to_its_own_origin_or_to_a_listed_one_and_has_to_be_the_issuers_own() {
        let listed = read_origin("http://127.0.0.1:8080").unwrap();
        let fetcher = Fetcher::new(vec![listed], None, Duration::from_secs(1));
        let at =
            Url::parse("https://login.example/tenant/.well-known/openid-configuration").unwrap();
        let leads = |document: &str| {
            let issuer = "https://login.example/{tenantid}/v2.0";
            fetcher
                .where_it_leads(&at, issuer, document.as_bytes())
                .map_err(|error| error.to_string())
        };
        let to = |uri: &str| {
            leads(&format!(
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
            assert!(error.ends_with("or one that is listed"), "{error}");
        }
        assert!(
            to("https://a:b@login.example/keys")
                .unwrap_err()
                .contains("without user")
        );
        assert!(to("/keys").unwrap_err().contains("jwks_uri"));
        let other = leads(
            r#"{"issuer": "https://login.example/a/v2.0", "jwks_uri": "https://login.example"}"#,
        );
        assert!(other.unwrap_err().contains("issuer: found"));
        let twice = leads(
            r#"{"issuer": "x", "issuer": "https://login.example/{tenantid}/v2.0", "jwks_uri": "https://login.example"}"#,
        );
        assert!(twice.unwrap_err().contains("a name comes twice"));
    }

    #[test]
    fn a_discovery_document_is_read_as_strictly_as_a_key_set() {
        let fetcher = Fetcher::new(Vec::new(), None, Duration::from_secs(1));
        let at = Url::parse("https://login.example/.well-known/openid-configuration").unwrap();
        let good = r#""issuer": "https://login.example", "jwks_uri": "https://login.example/keys""#;
        let leads = |document: &str| {
            let issuer = "https://login.example";
            fetcher
                .where_it_leads(&at, issuer, document.as_bytes())
                .map_err(|error| error.to_string())
        };
        assert!(leads(&format!(r#"{{{good}, "more": {{"a": [1]}}}}"#)).is_ok());
        for (document, told) in [
            (
                format!(r#"{{{good}, "more": 1, "more": 2}}"#),
                "a name comes twice",
            ),
            (
                format!(r#"{{{good}, "more": {{"a": 1, "a": 2}}}}"#),
                "a name comes twice",
            ),
            (format!("\u{feff}{{{good}}}"), "expected JSON in UTF-8"),
            (format!("{{{good}}} {{}}"), "expected JSON in UTF-8"),
            (
                format!(
                    r#"{{{good}, "more": {}{}}}"#,
                    "[".repeat(20),
                    "]".repeat(20)
                ),
                "nested too deep",
            ),
            ("[]".to_owned(), "expected a JSON object"),
            (
                r#"{"issuer": "https://login.example"}"#.to_owned(),
                "jwks_uri: expected a text",
            ),
            (
                r#"{"issuer": 1, "jwks_uri": "https://login.example"}"#.to_owned(),
                "issuer: expected a text",
            ),
        ] {
            let error = leads(&document).unwrap_err();
            assert!(error.contains(told), "{document}: {error}");
        }
    }

    #[test]
    fn a_url_is_shown_without_what_may_be_secret() {
        let url = Url::parse("https://me:word@login.example/keys?code=1#2").unwrap();
        assert_eq!(shown(&url), "https://login.example/keys");
    }
}
