//! `crosstrust check`: reads policies, compiles them, and reports all findings.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::output::{self, Output};
use super::policies;
use crate::clock::Clock;
use crate::compile::{self, CompileOutcome};
use crate::files::{self, TreeLimits};
use crate::graph::{self, Code, Finding, Severity, SourceLocation};
use crate::policy_settings::PolicySettings;
use crate::printable::printable;

/// Validate policies and report all errors and warnings
///
/// A PATH is a policies folder (one folder per tenant), one tenant's folder, or any file or tree of
/// Microsoft Graph JSON. The kind of a document follows from the file's name, else from its content.
/// Policies without an `organization.json` are checked as those of an unnamed tenant: an error in a
/// policies folder or a tenant's folder, a warning (CT052) in loose exports. Files that do not end in .json
/// are not read and are reported; list expected ones in `.crosstrustignore` in the folder.
///
/// Each finding is one line: file, line, column, code, JSON path, what was found and what was expected.
/// Exit code: 0 = no errors; 1 = errors; 2 = a path cannot be read.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct CheckArguments {
    /// Folders and files to check
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Exit with 1 on warnings too
    #[arg(long)]
    deny_warnings: bool,
    /// Configuration file of `serve`; its settings of policies apply
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    undecisive: policies::UndecisiveMembers,
    /// Output format: text lines, or one JSON document
    #[arg(long, value_enum, default_value_t = FindingsFormat::Text)]
    format: FindingsFormat,
}

#[derive(Clone, Copy, ValueEnum)]
enum FindingsFormat {
    Text,
    Json,
}

/// The result of one run, for all paths.
#[derive(Default)]
struct CheckReport {
    findings: Vec<Finding>,
    /// Accepted objects by kind.
    objects: BTreeMap<&'static str, usize>,
    files: usize,
    /// Files that were refused entirely; included in `files`.
    refused_files: usize,
    refused_objects: usize,
    /// Files that were not read because their names do not end in `.json`.
    unread_files: usize,
    snapshots: Vec<String>,
}

pub(super) fn run(arguments: &CheckArguments) -> anyhow::Result<ExitCode> {
    let mut report = CheckReport::default();
    let settings = policies::settings_of_file(arguments.config.as_deref(), &arguments.undecisive)?;
    for path in &arguments.paths {
        check(path, &settings, &mut report)?;
    }
    report.findings.sort();
    report.findings.dedup();
    match arguments.format {
        FindingsFormat::Text => print_text(&report)?,
        FindingsFormat::Json => print_json(&report)?,
    }
    let failing = if arguments.deny_warnings {
        Severity::Warning
    } else {
        Severity::Error
    };
    // Severities are ordered: errors, warnings, informational. The last never fail.
    let fails = report
        .findings
        .iter()
        .any(|finding| finding.severity <= failing);
    Ok(ExitCode::from(u8::from(fails)))
}

fn check(path: &Path, settings: &PolicySettings, report: &mut CheckReport) -> anyhow::Result<()> {
    let tree = files::read(path, &TreeLimits::default()).map_err(|error| {
        let file = error.finding().place.file;
        let text = format!("cannot read {}: {file} {error}", path.display());
        // A name may contain a line break.
        anyhow::anyhow!("{}", printable(&text))
    })?;
    let is_folder = path.is_dir();
    let root = normalized(path);
    let mut files = tree.policy_files();
    if files.files.is_empty() {
        let message =
            "found no .json file, expected a policies folder, a tenant's folder or exports";
        let place = SourceLocation::of_file(root.as_str());
        report
            .findings
            .push(Finding::error(place, Code::NoTenant, message));
    }
    files.is_folder = is_folder;
    if is_folder {
        // Findings name files by paths that the user can open.
        files.shown_root = match root.as_str() {
            "." => String::new(),
            _ => root,
        };
    } else {
        for file in &mut files.files {
            file.path.clone_from(&root);
        }
    }
    let reading = graph::read_anything(files, settings);
    report.files += reading.documents.len();
    report.unread_files += reading.unread;
    for document in &reading.documents {
        report.refused_files += usize::from(document.unread);
        report.refused_objects += document.refused;
        if let Some(kind) = document.kind {
            let accepted = document.objects.saturating_sub(document.refused);
            *report.objects.entry(kind.name()).or_default() += accepted;
        }
    }
    let CompileOutcome {
        findings,
        snapshots,
    } = compile::check(reading, settings, Clock::System.now().wall);
    let ids = snapshots.iter().map(|snapshot| snapshot.id().to_string());
    report.snapshots.extend(ids);
    report.findings.extend(findings);
    Ok(())
}

/// The path in one form: `x`, `x/` and `./x` are `x`.
fn normalized(path: &Path) -> String {
    let components = path
        .components()
        .filter(|component| *component != Component::CurDir);
    let path: PathBuf = components.collect();
    match path.as_os_str().is_empty() {
        true => String::from("."),
        false => path.to_string_lossy().into_owned(),
    }
}

fn count(findings: &[Finding], severity: Severity) -> usize {
    let matching = findings
        .iter()
        .filter(|finding| finding.severity == severity);
    matching.count()
}

fn print_text(report: &CheckReport) -> std::io::Result<()> {
    let mut out = Output::new();
    for finding in &report.findings {
        out.line(finding);
    }
    out.finish()?;
    let objects: Vec<String> = report
        .objects
        .iter()
        .map(|(kind, number)| format!("{number} {kind}"))
        .collect();
    let skipped = [
        (report.refused_files, "files refused"),
        (report.refused_objects, "objects refused"),
        (report.unread_files, "files not read"),
    ];
    let skipped: String = skipped
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!(", {count} {what}"))
        .collect();
    output::error_line(format_args!(
        "{} files ({}){skipped}: {} errors, {} warnings, {} informational",
        report.files,
        objects.join(", "),
        count(&report.findings, Severity::Error),
        count(&report.findings, Severity::Warning),
        count(&report.findings, Severity::Info),
    ));
    Ok(())
}

fn print_json(report: &CheckReport) -> anyhow::Result<()> {
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
        "refusedFiles": report.refused_files,
        "refusedObjects": report.refused_objects,
        "unreadFiles": report.unread_files,
        "objects": report.objects,
        "errors": count(&report.findings, Severity::Error),
        "warnings": count(&report.findings, Severity::Warning),
        "informational": count(&report.findings, Severity::Info),
        "snapshots": report.snapshots,
        "findings": findings,
    });
    output::line(escape_c1_controls(&serde_json::to_string_pretty(
        &document,
    )?))?;
    Ok(())
}

/// Escapes DEL and the C1 control characters, which `serde_json` does not. They occur only in strings, where an escape
/// is equivalent.
fn escape_c1_controls(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '\u{7f}'..='\u{9f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            plain => out.push(plain),
        }
    }
    out
}
