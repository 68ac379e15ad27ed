//! `admin`, `metrics` and `stale` → the admin address, the tenants with metrics, the limit on stale policies.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::port_holder;
use crate::admin::{Admin, AdminHandle, Sources};
use crate::config::{Config, ConfigError};
use crate::id::{NotAGuid, TenantId};
use crate::serve::ListenAddress;

/// How long policies may be stale, and what happens after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stale {
    /// `None` = forever.
    pub(super) budget: Option<Duration>,
    /// After the budget, all requests are denied.
    pub(super) then_deny: bool,
}

impl Stale {
    pub(super) fn read(config: &Config) -> Result<Stale, ConfigError> {
        let words = [("serve", false), ("deny", true)];
        let then_deny = config.one_of("stale.then", &words)?;
        let budget = match config.text("stale.budget") {
            "0" => None,
            _ => Some(config.seconds("stale.budget")?),
        };
        let rescan = config.seconds("reload.rescan")?;
        match budget {
            None if then_deny => Err(config.refuse(
                "stale.budget",
                "expected a number of seconds, because stale.then is deny",
            )),
            // Each scan confirms the policies, and their intervals vary.
            Some(budget) if then_deny && budget < rescan * MIN_SCANS => Err(config.refuse(
                "stale.budget",
                "expected at least three times reload.rescan, because stale.then is deny",
            )),
            _ => Ok(Stale { budget, then_deny }),
        }
    }

    /// The time after which the engine denies.
    pub(super) fn deny_after(self) -> Option<Duration> {
        self.budget.filter(|_| self.then_deny)
    }
}

/// The configured admin address; `None` if it is off.
pub(super) fn address(config: &Config) -> Result<Option<SocketAddr>, ConfigError> {
    match config.text("admin") {
        "off" => Ok(None),
        text => text.parse().map(Some).map_err(|_| {
            let expected = "expected an IP address and port such as 127.0.0.1:9090, or off";
            config.refuse("admin", expected)
        }),
    }
}

/// Binds the address. Every client that reaches it can read it, so an address beyond loopback is logged.
pub(super) fn bind(config: &Config) -> anyhow::Result<Option<Admin>> {
    let Some(address) = address(config)? else {
        return Ok(None);
    };
    if !address.ip().to_canonical().is_loopback() {
        tracing::warn!(%address, "the admin address is not loopback: every client that reaches it can read metrics and the state of policies");
    }
    match Admin::bind(address) {
        Ok(admin) => Ok(Some(admin)),
        Err(error) if error.source.kind() == ErrorKind::AddrInUse => bail!(
            "{}; end that process, or name another address with `--admin`, or `off`",
            config.refuse(
                "admin",
                &format!(
                    "the address is in use{}",
                    port_holder::suffix(&ListenAddress::Tcp(address))
                )
            )
        ),
        Err(error) => Err(error.into()),
    }
}

/// Starts answering, if there is an address.
pub(super) fn start(
    admin: Option<Admin>,
    sources: impl FnOnce() -> Sources,
) -> anyhow::Result<Option<AdminHandle>> {
    let started = admin.map(|admin| admin.start(sources()));
    started
        .transpose()
        .context("cannot serve the admin address")
}

/// The tenants with separate metrics.
pub(super) fn tenants(config: &Config) -> Result<Vec<TenantId>, ConfigError> {
    let listed = config.list("metrics.tenants");
    if listed.len() > MAX_TENANTS {
        return Err(config.refuse("metrics.tenants", "expected at most 100 tenants"));
    }
    let tenants = listed.iter().map(|text| text.parse());
    tenants
        .collect::<Result<_, _>>()
        .map_err(|not_a_guid: NotAGuid| config.refuse("metrics.tenants", &not_a_guid.to_string()))
}

/// One scan may fail and one may be late.
const MIN_SCANS: u32 = 3;

/// Each tenant has at most eight series.
const MAX_TENANTS: usize = 100;
