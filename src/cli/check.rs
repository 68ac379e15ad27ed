//! `crosstrust check`: reads policies, compiles them, and tells everything that is wrong.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::output::{self, Output};
use super::policies;
use crate::clock::Clock;
use crate::compile::{self, Checked};
use crate::files::{self, Limits};
use crate::graph::{self, Code, Finding, Place, Severity};
use crate::policy_settings::PolicySettings;
use crate::printable::printable;

/// Read policies and report everything that is wrong with them
///
/// A PATH is a policies folder (one folder per tenant), one tenant's folder, or any file or tree of
/// Microsoft Graph JSON: what a file holds is told by its name, else by its content. Policies without an
/// `organization.json` are checked as those of a nameless tenant: an error in a folder that looks as if it
/// were served, a warning (CT052) in loose exports. Files that do not end in .json are not read, which is
/// reported; `.crosstrustignore` in the folder lists those that are meant to be there.
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
    #[command(flatten)]
    undecisive: policies::UndecisiveMembers,
    /// How findings are written: text lines, or one JSON document
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// All that one run reports.
#[derive(Default)]
struct Report {
    findings: Vec<Finding>,
    /// Objects that were accepted, by kind.
    objects: BTreeMap<&'static str, usize>,
    files: usize,
    /// Of these, the files that were refused as a whole.
    refused_files: usize,
    refused_objects: usize,
    /// Files that were not read, since their names do not end in `.json`.
    unread_files: usize,
    snapshots: Vec<String>,
}

pub(super) fn run(arguments: &CheckArguments) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    let settings = policies::settings_of_file(arguments.config.as_deref(), &arguments.undecisive)?;
    for path in &arguments.paths {
        check(path, &settings, &mut report)?;
    }
    report.findings.sort();
    report.findings.dedup();
    match arguments.format {
        Format::Text => print_text(&report)?,
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
    let tree = files::read(path, &Limits::default()).map_err(|error| {
        let file = error.finding().place.file;
        let text = format!("cannot read {}: {file} {error}", path.display());
        // On one line: a name may hold a line break.
        anyhow::anyhow!("{}", printable(&text))
    })?;
    let is_folder = path.is_dir();
    let root = shown_root(path);
    let mut files = tree.policy_files();
    if files.files.is_empty() {
        let message =
            "found no .json file, expected a policies folder, a tenant's folder or exports";
        let place = Place::of_file(root.as_str());
        report
            .findings
            .push(Finding::error(place, Code::NoTenant, message));
    }
    files.is_folder = is_folder;
    if is_folder {
        // Findings name files as the caller can open them.
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
    let Checked {
        findings,
        snapshots,
    } = compile::check(reading, settings, Clock::System.now().wall);
    let ids = snapshots.iter().map(|snapshot| snapshot.id().to_string());
    report.snapshots.extend(ids);
    report.findings.extend(findings);
    Ok(())
}

/// The path in one form, however it was given: `x`, `x/` and `./x` are `x`.
fn shown_root(path: &Path) -> String {
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
    let of_it = findings
        .iter()
        .filter(|finding| finding.severity == severity);
    of_it.count()
}

fn print_text(report: &Report) -> std::io::Result<()> {
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
    let lost = [
        (report.refused_files, "files refused"),
        (report.refused_objects, "objects refused"),
        (report.unread_files, "files not read"),
    ];
    let lost: String = lost
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!(", {count} {what}"))
        .collect();
    output::error_line(format_args!(
        "{} files ({}){lost}: {} errors, {} warnings, {} informational",
        report.files,
        objects.join(", "),
        count(&report.findings, Severity::Error),
        count(&report.findings, Severity::Warning),
        count(&report.findings, Severity::Info),
    ));
    Ok(())
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
    output::line(ascii_controls(&serde_json::to_string_pretty(&document)?))?;
    Ok(())
}

/// JSON escapes control characters of ASCII only; here all of them. They stand in texts only, where an escape
/// means the same.
fn ascii_controls(json: &str) -> String {
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
