//! Rules that the compiler does not enforce: which modules may depend on which, and which code may allow.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the crate that each module of `src/` may use besides itself. Every module has to be listed.
const DEPENDENCIES: &[(&str, &[&str])] = &[
    ("id", &[]),
    ("time", &[]),
    ("vocabulary", &[]),
    ("request", &["id", "time", "vocabulary"]),
    ("decision", &["id", "time", "vocabulary"]),
    ("revocation", &["id", "time"]),
    ("policy_settings", &["id", "vocabulary"]),
    (
        "graph",
        &[
            "id",
            "policy_settings",
            "printable",
            "request",
            "time",
            "vocabulary",
        ],
    ),
    ("columns", &[]),
    ("printable", &[]),
    ("rate", &[]),
    (
        "snapshot",
        &["decision", "id", "request", "time", "vocabulary"],
    ),
    (
        "compile",
        &[
            "decision",
            "graph",
            "id",
            "policy_settings",
            "request",
            "snapshot",
            "time",
            "vocabulary",
        ],
    ),
    (
        "evaluate",
        &[
            "decision",
            "id",
            "request",
            "revocation",
            "snapshot",
            "time",
            "vocabulary",
        ],
    ),
    ("clock", &["time"]),
    (
        "cache",
        &[
            "clock",
            "decision",
            "evaluate",
            "id",
            "request",
            "snapshot",
            "time",
            "vocabulary",
        ],
    ),
    (
        "engine",
        &[
            "cache",
            "clock",
            "decision",
            "evaluate",
            "id",
            "request",
            "revocation",
            "snapshot",
            "time",
        ],
    ),
    (
        "log",
        &[
            "changes",
            "clock",
            "columns",
            "decision",
            "engine",
            "graph",
            "id",
            "otlp",
            "printable",
            "rate",
            "request",
            "snapshot",
            "time",
            "vocabulary",
        ],
    ),
    ("changes", &["graph", "id", "request"]),
    ("metrics", &["decision", "id", "time", "request"]),
    ("files", &["graph"]),
    ("watch", &["files"]),
    (
        "reload",
        &[
            "changes",
            "clock",
            "compile",
            "engine",
            "files",
            "graph",
            "log",
            "policy_settings",
            "snapshot",
            "time",
            "watch",
        ],
    ),
    (
        "identity",
        &[
            "cache",
            "clock",
            "engine",
            "files",
            "id",
            "log",
            "request",
            "time",
            "vocabulary",
            "watch",
        ],
    ),
    (
        "admin",
        &[
            "engine", "identity", "log", "metrics", "reload", "rpc", "serve", "time",
        ],
    ),
    (
        "rpc",
        &[
            "decision",
            "engine",
            "evaluate",
            "graph",
            "id",
            "identity",
            "log",
            "metrics",
            "reload",
            "printable",
            "request",
            "serve",
            "snapshot",
            "time",
            "vocabulary",
        ],
    ),
    ("serve", &["clock", "printable", "rate"]),
    ("config", &[]),
    ("otlp", &[]),
    ("telemetry", &["otlp", "rate"]),
    (
        "cli",
        &[
            "admin",
            "cache",
            "clock",
            "columns",
            "compile",
            "config",
            "engine",
            "files",
            "graph",
            "id",
            "identity",
            "log",
            "metrics",
            "otlp",
            "policy_settings",
            "reload",
            "printable",
            "request",
            "rpc",
            "serve",
            "snapshot",
            "telemetry",
            "time",
            "vocabulary",
        ],
    ),
];

/// Modules that may use protobuf and gRPC crates.
const MAY_USE_PROTOBUF: &[&str] = &["rpc"];

/// Words for clocks, I/O, protobuf and runtimes, which the core may not use.
const FORBIDDEN_IN_CORE: &[&str] = &[
    "tokio",
    "tonic",
    "prost",
    "serde",
    "std::fs",
    "std::net::Tcp",
    "SystemTime",
    "Instant",
    "async ",
    "tracing",
];

const CORE: &[&str] = &["id", "request", "decision", "snapshot", "evaluate"];

fn rust_files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The source without comments: a module named in a comment is not a dependency.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.filter_map(|line| line.split(" // ").next());
    code.map(|line| line.to_owned() + "\n").collect()
}

/// Each file of `src/` with its top-level module, path and code.
fn modules() -> Vec<(String, PathBuf, String)> {
    let source = root().join("src");
    rust_files(&source)
        .into_iter()
        .filter(|path| !path.ends_with("src/lib.rs") && !path.ends_with("src/main.rs"))
        .map(|path| {
            let inner = path.strip_prefix(&source).unwrap();
            let first = inner
                .components()
                .next()
                .unwrap()
                .as_os_str()
                .to_str()
                .unwrap();
            let module = first.trim_end_matches(".rs").to_owned();
            let code = code(&path);
            (module, path, code)
        })
        .collect()
}

/// Every `NAME` after `crate::`, in single and grouped uses.
fn named_modules(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let word = |text: &str| {
            let end = text
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(text.len());
            text[..end].to_owned()
        };
        match rest.strip_prefix('{') {
            None => names.push(word(rest)),
            Some(list) => {
                let list = &list[..list.find(';').unwrap_or(list.len())];
                let mut depth = 0;
                let mut start = 0;
                for (i, c) in list.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        _ => {}
                    }
                    if (c == ',' && depth == 0) || i + 1 == list.len() {
                        names.push(word(list[start..i].trim()));
                        start = i + 1;
                    }
                }
            }
        }
    }
    names.retain(|name| !name.is_empty() && name.chars().all(|c| c.is_lowercase() || c == '_'));
    names
}

#[test]
fn modules_depend_only_on_their_listed_dependencies() {
    for (module, path, code) in modules() {
        let allowed = DEPENDENCIES.iter().find(|(name, _)| *name == module);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("DEPENDENCIES does not list {module}"));
        for named in named_modules(&code) {
            assert!(
                named == module || allowed.contains(&named.as_str()),
                "{}: {module} may not use {named}",
                path.display()
            );
        }
    }
}

#[test]
fn the_core_uses_no_clock_no_runtime_and_no_wire_format() {
    for (module, path, code) in modules() {
        if CORE.contains(&module.as_str()) {
            for word in FORBIDDEN_IN_CORE {
                assert!(!code.contains(word), "{}: {word}", path.display());
            }
        }
    }
}

#[test]
fn only_the_rpc_module_uses_protobuf() {
    for (module, path, code) in modules() {
        if !MAY_USE_PROTOBUF.contains(&module.as_str()) {
            for word in ["prost::", "prost_types", "prost_reflect", "include_proto"] {
                assert!(!code.contains(word), "{}: {word}", path.display());
            }
        }
    }
}

#[test]
fn only_the_evaluator_allows() {
    for (module, path, code) in modules() {
        let makes_an_allow =
            code.contains("Decision::allow(") || code.contains("verdict: Verdict::Allow");
        assert!(
            !makes_an_allow || module == "evaluate",
            "{}",
            path.display()
        );
    }
}

/// As prost types or bytes: only `encode` and, for an allow, `encode/allow` build answers for Envoy.
#[test]
fn only_encode_and_encode_allow_build_answers_for_envoy() {
    const ENCODE: &str = "rpc/ext_authz/encode.rs";
    const ALLOW: &str = "rpc/ext_authz/encode/allow.rs";
    let words: [(&str, &[&str]); 6] = [
        ("CheckResponse {", &[ENCODE]),
        ("CheckResponse::", &[ENCODE, ALLOW]),
        ("OkHttpResponse {", &[]),
        ("EncodedResponse(", &[ENCODE]),
        ("encode_allow(", &[ENCODE, ALLOW]),
        ("Writer", &[ALLOW]),
    ];
    for (_, path, code) in modules() {
        let is_in_ext_authz = path.to_string_lossy().contains("rpc/ext_authz");
        let code = code
            .replace("-> CheckResponse {", "")
            .replace("HealthCheckResponse", "");
        for (word, builders) in words {
            // Outside ext_authz there are other writers.
            let applies = is_in_ext_authz || word != "Writer";
            let is_builder = builders.iter().any(|builder| path.ends_with(builder));
            let builds = applies && code.contains(word);
            assert!(!builds || is_builder, "{}: {word}", path.display());
        }
    }
}

#[test]
fn the_reference_evaluator_uses_only_requests_and_decisions_of_the_crate() {
    let allowed = [
        "id",
        "time",
        "vocabulary",
        "request",
        "decision",
        "revocation",
    ];
    for path in rust_files(&root().join("tests/reference")) {
        let code = code(&path).replace("crosstrust::", "crate::");
        for named in named_modules(&code) {
            let own = ["reference", "support"].contains(&named.as_str());
            assert!(
                own || allowed.contains(&named.as_str()),
                "{}: {named}",
                path.display()
            );
        }
    }
}

#[test]
fn every_file_has_a_module_doc_and_at_most_600_lines() {
    for (_, path, _) in modules() {
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("//!"),
            "{}: no module doc comment",
            path.display()
        );
        let lines = text.lines().count();
        assert!(lines <= 600, "{}: {lines} lines", path.display());
    }
}

/// A file with tests measures a scenario; files without tests are shared helpers.
#[test]
fn every_scenario_of_the_reliability_page_is_run_and_writes_a_row() {
    let binary = fs::read_to_string(root().join("tests/reliability.rs")).unwrap();
    let folder = root().join("tests/reliability");
    let files = rust_files(&folder).into_iter();
    for path in files.filter(|path| path.parent() == Some(folder.as_path())) {
        let file = path.file_name().unwrap().to_str().unwrap();
        let module = format!("#[path = \"reliability/{file}\"]");
        assert!(
            binary.contains(&module),
            "tests/reliability.rs lacks {file}"
        );
        let code = code(&path);
        let is_scenario = code.contains("#[test]") || code.contains("#[tokio::test");
        assert!(
            !is_scenario || code.contains("row("),
            "{file} writes no row"
        );
    }
}
