//! `admin`, `metrics` and `stale` → the admin address, what is counted by tenant, how long policies may be stale.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::port_holder;
use crate::admin::{Admin, AdminHandle, Sources};
use crate::config::{Config, ConfigError};
use crate::id::{NotAGuid, TenantId};
use crate::serve::Address;

/// How long policies count that could not be replaced, and what comes then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stale {
    /// `None` = for ever.
    pub(super) budget: Option<Duration>,
    /// Past the budget nothing is answered from them.
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
                "expected a number of seconds, since stale.then is deny",
            )),
            // Each look confirms the policies, and one comes later than the other by chance.
            Some(budget) if then_deny && budget < rescan * LOOKS_MISSED => Err(config.refuse(
                "stale.budget",
                "expected at least three times reload.rescan, since stale.then is deny",
            )),
            _ => Ok(Stale { budget, then_deny }),
        }
    }

    /// The time after which the engine denies.
    pub(super) fn deny_after(self) -> Option<Duration> {
        self.budget.filter(|_| self.then_deny)
    }
}

/// Where the admin address shall be; none where it is off.
pub(super) fn address(config: &Config) -> Result<Option<SocketAddr>, ConfigError> {
    match config.text("admin") {
        "off" => Ok(None),
        text => text.parse().map(Some).map_err(|_| {
            let expected = "expected an IP address and port such as 127.0.0.1:9090, or off";
            config.refuse("admin", expected)
        }),
    }
}

/// Takes the address. Whoever can reach it can read it, so one that others can reach is told.
pub(super) fn bind(config: &Config) -> anyhow::Result<Option<Admin>> {
    let Some(address) = address(config)? else {
        return Ok(None);
    };
    if !address.ip().to_canonical().is_loopback() {
        tracing::warn!(%address, "metrics and the state of policies can be read by everybody who reaches the admin address");
    }
    match Admin::bind(address) {
        Ok(admin) => Ok(Some(admin)),
        Err(error) if error.source.kind() == ErrorKind::AddrInUse => bail!(
            "{}; end that process, or name another address with `--admin`, or `off`",
            config.refuse(
                "admin",
                &format!(
                    "the address is in use{}",
                    port_holder::sentence(&Address::Tcp(address))
                )
            )
        ),
        Err(error) => Err(error.into()),
    }
}

/// Answers from now on, where there is an address.
pub(super) fn start(
    admin: Option<Admin>,
    sources: impl FnOnce() -> Sources,
) -> anyhow::Result<Option<AdminHandle>> {
    let started = admin.map(|admin| admin.start(sources()));
    started
        .transpose()
        .context("cannot serve the admin address")
}

/// Those whose decisions are counted one by one.
pub(super) fn tenants(config: &Config) -> Result<Vec<TenantId>, ConfigError> {
    let listed = config.list("metrics.tenants");
    if listed.len() > MOST_TENANTS {
        return Err(config.refuse("metrics.tenants", "expected at most 100 tenants"));
    }
    let tenants = listed.iter().map(|text| text.parse());
    tenants
        .collect::<Result<_, _>>()
        .map_err(|not_a_guid: NotAGuid| config.refuse("metrics.tenants", &not_a_guid.to_string()))
}

/// A look may fail once, and come late.
const LOOKS_MISSED: u32 = 3;

/// Each is at most eight series.
const MOST_TENANTS: usize = 100;
