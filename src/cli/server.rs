//! The server that a command asks: its address, and over TLS whom to believe and who is asking.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use super::DEFAULT_SERVER;
use crate::rpc::client::{Server, Tls};

#[derive(Args)]
pub(super) struct ServerArguments {
    /// The server: http://HOST:PORT, https://HOST:PORT or unix:PATH
    #[arg(long, default_value = DEFAULT_SERVER, value_name = "SERVER")]
    server: String,
    /// Over https: who signs the server's certificate, PEM
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// Over https: the certificate to show, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Over https: its private key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Over https: the name in the server's certificate, where it is not the HOST
    #[arg(long, value_name = "NAME")]
    tls_name: Option<String>,
}

impl ServerArguments {
    /// Reads the files.
    pub(super) fn read(&self) -> anyhow::Result<Server> {
        let name = self.server.clone();
        let is_https = name.starts_with("https:");
        let Some(ca) = &self.tls_ca else {
            if is_https {
                bail!("{name}: expected --tls-ca FILE: who signs the server's certificate");
            }
            if self.tls_cert.is_some() || self.tls_name.is_some() {
                bail!(
                    "{name}: --tls-cert, --tls-key and --tls-name are for https:// and go with --tls-ca"
                );
            }
            return Ok(Server { name, tls: None });
        };
        if !is_https {
            bail!("{name}: --tls-ca is for https://HOST:PORT: nothing else speaks TLS");
        }
        let identity = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Some((read(certificate)?, read(key)?)),
            _ => None,
        };
        let tls = Tls {
            ca: read(ca)?,
            identity,
            name: self.tls_name.clone(),
        };
        Ok(Server {
            name,
            tls: Some(tls),
        })
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
