//! `crosstrust check`: reads policies, compiles them, and tells everything that is wrong.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::policies;
use crate::clock::Clock;
use crate::compile::compile;
use crate::files::{self, Limits};
use crate::graph::document::TenantDocuments;
use crate::graph::{self, Code, Finding, Kind, Place, Severity};
use crate::policy_settings::PolicySettings;

/// Reads policies and tells everything that is wrong with them.
///
/// A PATH is a policies folder (one folder per tenant), one tenant's folder, or any file or tree of
/// Microsoft Graph JSON: what a file holds is told by its name, else by its content. Policies without an
/// `organization.json` are checked as those of a nameless tenant.
///
/// Each finding is one line: file, line, column, kind, JSON path, what was found and what was expected.
/// Exit code: 0 = nothing wrong, or warnings and informational findings only; 1 = errors; 2 = a path that cannot be read.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct CheckArguments {
    /// Folders and files to read
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Exit with 1 at warnings too
    #[arg(long)]
    deny_warnings: bool,
    /// Configuration file of `serve`; what it says about policies counts here too
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How findings are written: text lines, or one JSON document
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// All that one run has to tell.
#[derive(Default)]
struct Report {
    findings: Vec<Finding>,
    /// Objects that were read, by kind.
    objects: BTreeMap<&'static str, usize>,
    files: usize,
    snapshots: Vec<String>,
}

pub(super) fn run(arguments: &CheckArguments) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    let settings = policies::settings_of_file(arguments.config.as_deref())?;
    for path in &arguments.paths {
        check(path, &settings, &mut report)?;
    }
    report.findings.sort();
    report.findings.dedup();
    match arguments.format {
        Format::Text => print_text(&report),
        Format::Json => print_json(&report)?,
    }
    let worst = if arguments.deny_warnings {
        Severity::Warning
    } else {
        Severity::Error
    };
    // In the order of severity errors come first, then warnings; informational findings never fail.
    let fails = report
        .findings
        .iter()
        .any(|finding| finding.severity <= worst);
    Ok(ExitCode::from(u8::from(fails)))
}

fn check(path: &Path, settings: &PolicySettings, report: &mut Report) -> anyhow::Result<()> {
    let tree = files::read(path, &Limits::default())
        .with_context(|| format!("cannot read {}", path.display()))?;
    if tree.files.is_empty() {
        let place = Place::of_file(path.display().to_string());
        let message =
            "found no .json file, expected a policies folder, a tenant's folder or exports";
        report
            .findings
            .push(Finding::error(place, Code::NoTenant, message));
    }
    let reading = graph::read_anything(tree.files, settings);
    report.files += reading.documents.len();
    for document in &reading.documents {
        let kind = document.kind.map_or("of no known kind", Kind::name);
        *report.objects.entry(kind).or_default() += document.objects;
    }
    let mut findings = reading.findings;
    // Tenants of one folder are served together; what has no name is an export by itself.
    let (named, nameless): (Vec<_>, Vec<_>) = reading
        .tenants
        .into_iter()
        .partition(|tenant| tenant.organization.is_some());
    findings.extend(compile_into(report, settings, &named));
    for tenant in nameless {
        findings.extend(compile_into(report, settings, &[tenant]));
    }
    report.findings.extend(
        findings
            .into_iter()
            .map(|finding| shown_from(path, finding)),
    );
    Ok(())
}

fn compile_into(
    report: &mut Report,
    settings: &PolicySettings,
    tenants: &[TenantDocuments],
) -> Vec<Finding> {
    if tenants.is_empty() {
        return Vec::new();
    }
    match compile(tenants, settings, Clock::System.now().wall) {
        Ok(compiled) => {
            report.snapshots.push(compiled.snapshot.id().to_string());
            compiled.warnings
        }
        Err(findings) => findings,
    }
}

/// A finding names the file as the caller can open it.
fn shown_from(root: &Path, mut finding: Finding) -> Finding {
    if !root.is_file() {
        let file = root.join(&*finding.place.file);
        finding.place.file = file.display().to_string().into();
    }
    finding
}

fn count(findings: &[Finding], severity: Severity) -> usize {
    let of_it = findings
        .iter()
        .filter(|finding| finding.severity == severity);
    of_it.count()
}

fn print_text(report: &Report) {
    for finding in &report.findings {
        println!("{finding}");
    }
    let objects: Vec<String> = report
        .objects
        .iter()
        .map(|(kind, number)| format!("{number} {kind}"))
        .collect();
    eprintln!(
        "{} files ({}): {} errors, {} warnings, {} informational",
        report.files,
        objects.join(", "),
        count(&report.findings, Severity::Error),
        count(&report.findings, Severity::Warning),
        count(&report.findings, Severity::Info),
    );
}

fn print_json(report: &Report) -> anyhow::Result<()> {
    let findings: Vec<serde_json::Value> = report
        .findings
        .iter()
        .map(|finding| {
            json!({
                "file": &*finding.place.file,
                "line": finding.place.line,
                "column": finding.place.column,
                "path": finding.place.path,
                "severity": finding.severity.word(),
                "code": finding.code.id(),
                "message": finding.message,
            })
        })
        .collect();
    let document = json!({
        "files": report.files,
        "objects": report.objects,
        "errors": count(&report.findings, Severity::Error),
        "warnings": count(&report.findings, Severity::Warning),
        "informational": count(&report.findings, Severity::Info),
        "snapshots": report.snapshots,
        "findings": findings,
    });
    println!("{}", serde_json::to_string_pretty(&document)?);
    Ok(())
}
