//! The server that a command connects to: its address, its CA, and the client certificate.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use super::DEFAULT_SERVER;
use crate::rpc::client::{ClientTls, ServerTarget};

#[derive(Args)]
pub(super) struct ServerArguments {
    /// Server address: http://HOST:PORT, https://HOST:PORT or unix:PATH
    #[arg(long, default_value = DEFAULT_SERVER, value_name = "SERVER")]
    server: String,
    /// For https: PEM file of the CA that signs the server's certificate
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// For https: PEM file of the client certificate
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// For https: PEM file of the client certificate's private key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// For https: the name in the server's certificate, if it is not HOST
    #[arg(long, value_name = "NAME")]
    tls_name: Option<String>,
}

impl ServerArguments {
    /// Reads the PEM files.
    pub(super) fn read(&self) -> anyhow::Result<ServerTarget> {
        let name = self.server.clone();
        let is_https = name.starts_with("https:");
        let Some(ca) = &self.tls_ca else {
            if is_https {
                bail!("{name}: expected --tls-ca FILE, the CA that signs the server's certificate");
            }
            if self.tls_cert.is_some() || self.tls_name.is_some() {
                bail!("{name}: --tls-cert, --tls-key and --tls-name need https:// and --tls-ca");
            }
            return Ok(ServerTarget { name, tls: None });
        };
        if !is_https {
            bail!("{name}: --tls-ca needs https://HOST:PORT; other addresses do not use TLS");
        }
        let identity = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Some((read(certificate)?, read(key)?)),
            _ => None,
        };
        let tls = ClientTls {
            ca: read(ca)?,
            identity,
            name: self.tls_name.clone(),
        };
        Ok(ServerTarget {
            name,
            tls: Some(tls),
        })
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
