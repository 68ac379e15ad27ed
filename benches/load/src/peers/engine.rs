//! crosstrust in process: its own compiler and `decide`, without a cache or a server.

use anyhow::{Result, bail};
use crosstrust::compile::compile;
use crosstrust::decision::Decision;
use crosstrust::evaluate::decide;
use crosstrust::graph::{self, Severity, SourceFile};
use crosstrust::policy_settings::PolicySettings;
use crosstrust::request::Request;
use crosstrust::revocation::Revocations;
use crosstrust::snapshot::Snapshot;
use crosstrust::time::Timestamp;

use super::world::World;

pub struct Engine {
    snapshot: Snapshot,
    revocations: Revocations,
}

impl Engine {
    pub fn of(world: &World) -> Result<Self> {
        let files = world.files().map(|(path, bytes)| SourceFile {
            path,
            bytes: bytes.into(),
        });
        let reading = graph::read_policies_folder(files.collect::<Vec<_>>(), &PolicySettings::NONE);
        for finding in &reading.findings {
            if finding.severity == Severity::Error {
                bail!("{finding}");
            }
        }
        match compile(&reading.tenants, &PolicySettings::NONE, Timestamp::MIN) {
            Ok(compiled) => Ok(Engine {
                snapshot: compiled.snapshot,
                revocations: Revocations::default(),
            }),
            Err(findings) => {
                let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
                bail!("{}", lines.join("\n"))
            }
        }
    }

    pub fn decide(&self, request: &Request, now: Timestamp) -> Decision {
        decide(&self.snapshot, &self.revocations, request, now)
    }
}
