//! The house rules that a compiler does not hold: which room may know which, and who may allow.

use std::fs;
use std::path::{Path, PathBuf};

/// What each room of `src/` may name of the crate, besides itself. A room that is not here may not exist.
const ARROWS: &[(&str, &[&str])] = &[
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

/// Rooms that may name protobuf and gRPC crates.
const KNOW_PROTOBUF: &[&str] = &["rpc"];

/// Words that would bring a clock, I/O, protobuf or a runtime into the decision.
const NOT_IN_THE_CORE: &[&str] = &[
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

/// The source without comments: what is said about a room is not an arrow.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.filter_map(|line| line.split(" // ").next());
    code.map(|line| line.to_owned() + "\n").collect()
}

/// Each file of `src/` with the room that it belongs to.
fn rooms() -> Vec<(String, PathBuf, String)> {
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
            let room = first.trim_end_matches(".rs").to_owned();
            let code = code(&path);
            (room, path, code)
        })
        .collect()
}

/// Every `NAME` that stands behind `crate::`, in a use of one or of several.
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
fn no_arrow_between_rooms_turns_round() {
    for (room, path, code) in rooms() {
        let allowed = ARROWS.iter().find(|(name, _)| *name == room);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("no arrows are named for {room}"));
        for named in named_modules(&code) {
            assert!(
                named == room || allowed.contains(&named.as_str()),
                "{}: {room} may not know {named}",
                path.display()
            );
        }
    }
}

#[test]
fn the_core_knows_no_clock_no_runtime_and_no_wire() {
    for (room, path, code) in rooms() {
        if CORE.contains(&room.as_str()) {
            for word in NOT_IN_THE_CORE {
                assert!(!code.contains(word), "{}: {word}", path.display());
            }
        }
    }
}

#[test]
fn only_the_rpc_room_knows_protobuf() {
    for (room, path, code) in rooms() {
        if !KNOW_PROTOBUF.contains(&room.as_str()) {
            for word in ["prost::", "prost_types", "prost_reflect", "include_proto"] {
                assert!(!code.contains(word), "{}: {word}", path.display());
            }
        }
    }
}

#[test]
fn only_the_evaluator_allows() {
    for (room, path, code) in rooms() {
        let makes_an_allow =
            code.contains("Decision::allow(") || code.contains("verdict: Verdict::Allow");
        assert!(!makes_an_allow || room == "evaluate", "{}", path.display());
    }
}

/// In prost's types or in bytes: bytes that Envoy reads come from `encode` and, for an allow, from its own file.
#[test]
fn only_one_file_and_its_own_make_an_answer_for_envoy() {
    const ENCODE: &str = "rpc/ext_authz/encode.rs";
    const ALLOW: &str = "rpc/ext_authz/encode/allow.rs";
    let words: [(&str, &[&str]); 6] = [
        ("CheckResponse {", &[ENCODE]),
        ("CheckResponse::", &[ENCODE, ALLOW]),
        ("OkHttpResponse {", &[]),
        ("Written(", &[ENCODE]),
        ("allowed(", &[ENCODE, ALLOW]),
        ("Writer", &[ALLOW]),
    ];
    for (_, path, code) in rooms() {
        let is_in_the_room = path.to_string_lossy().contains("rpc/ext_authz");
        let code = code
            .replace("-> CheckResponse {", "")
            .replace("HealthCheckResponse", "");
        for (word, makers) in words {
            // What these two mean elsewhere is something else.
            let is_meant = is_in_the_room || !["allowed(", "Writer"].contains(&word);
            let is_maker = makers.iter().any(|maker| path.ends_with(maker));
            let makes = is_meant && code.contains(word);
            assert!(!makes || is_maker, "{}: {word}", path.display());
        }
    }
}

#[test]
fn the_reference_evaluator_knows_requests_and_decisions_and_nothing_else_of_the_crate() {
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
fn every_file_fits_in_a_head_and_says_what_it_is() {
    for (_, path, _) in rooms() {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//!"), "{}: no head", path.display());
        let lines = text.lines().count();
        assert!(lines <= 600, "{}: {lines} lines", path.display());
    }
}

/// A file with tests is a figure; those without are shared by figures.
#[test]
fn every_figure_of_the_reliability_page_is_run_and_writes_a_row() {
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
        let is_figure = code.contains("#[test]") || code.contains("#[tokio::test");
        assert!(!is_figure || code.contains("row("), "{file} writes no row");
    }
}
