//! Rejects ambiguous paths.
//!
//! Envoy, crosstrust and the application all use the path. A path that they might normalise, decode or truncate
//! differently is rejected on every route (CVE-2021-32777 and similar).

use std::borrow::Cow;

/// The path without its query. `None` if it is ambiguous.
pub fn unambiguous(target: &str) -> Option<&str> {
    let path = target.split_once('?').map_or(target, |(path, _query)| path);
    let is_rooted = path.starts_with('/');
    (is_rooted && characters_are_plain(path) && segments_are_plain(path)).then_some(path)
}

fn characters_are_plain(path: &str) -> bool {
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => match (bytes.next().and_then(hex), bytes.next().and_then(hex)) {
                (Some(high), Some(low)) if !must_not_be_escaped(high << 4 | low) => high << 4 | low,
                _ => return false,
            },
            // Matrix parameters, Windows separators and fragments: servers treat them differently.
            b';' | b'\\' | b'#' => return false,
            0x21..=0x7e => byte,
            _ => return false,
        };
        decoded.push(byte);
    }
    std::str::from_utf8(&decoded).is_ok()
}

/// Whether an escape of this byte makes the path ambiguous: it ends or changes a segment or starts another escape, or it
/// needs no escape and only some servers decode it (RFC 3986 §2.3).
fn must_not_be_escaped(byte: u8) -> bool {
    let is_structure = matches!(
        byte,
        0..=0x1f | 0x7f | b'/' | b'\\' | b'.' | b'%' | b';' | b'?' | b'#'
    );
    is_structure || byte.is_ascii_alphanumeric() || b"-_~".contains(&byte)
}

/// The path with every escape decoded, as some applications do.
pub fn decoded(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut bytes = path.bytes();
    let mut decoded = Vec::with_capacity(path.len());
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => match (bytes.next().and_then(hex), bytes.next().and_then(hex)) {
                (Some(high), Some(low)) => high << 4 | low,
                // Impossible in an unambiguous path.
                _ => return Cow::Borrowed(path),
            },
            plain => plain,
        };
        decoded.push(byte);
    }
    String::from_utf8_lossy(&decoded).into_owned().into()
}

fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// No empty segment except the last, and no `.` or `..`.
fn segments_are_plain(path: &str) -> bool {
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        if matches!(segment, "." | "..") || (segment.is_empty() && !is_last) {
            return false;
        }
    }
    true
}

/// Whether `path` is `prefix` or below it, by complete segments.
pub fn is_below(path: &str, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// As [`is_below`], but ignores ASCII case. Other letters are compared exactly.
pub fn is_below_ignoring_case(path: &str, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    let Some((start, rest)) = path.split_at_checked(prefix.len()) else {
        return false;
    };
    start.eq_ignore_ascii_case(prefix) && (rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unambiguous_path_is_returned_without_its_query() {
        for (target, path) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/", "/a/"),
            ("/a?x=//../%2f;#", "/a"),
            ("/caf%C3%A9/a%20b", "/caf%C3%A9/a%20b"),
            ("/a.b/..c/.d", "/a.b/..c/.d"),
            ("/pkg.Service/Method", "/pkg.Service/Method"),
        ] {
            assert_eq!(unambiguous(target), Some(path), "{target}");
        }
    }

    #[test]
    fn an_ambiguous_path_is_rejected() {
        for target in [
            "",
            "*",
            "a",
            "//",
            "//a",
            "/a//b",
            "/a/./b",
            "/a/../b",
            "/..",
            "/.",
            "/a/..",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/a;b",
            "/a%3bb",
            "/%2e%2e/a",
            "/%2e",
            "/a%00",
            "/a%0a",
            "/a%252e",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a#b",
            "/a%23",
            "/a b",
            "/a\tb",
            "/a\u{7f}",
            "/é",
            "/%ff",
            "/%c3",
            "http://host/a",
            "/%61dmin",
            "/%41",
            "/a%2Db",
            "/%7euser",
            "/%5f",
            "/%30",
        ] {
            assert_eq!(unambiguous(target), None, "{target}");
        }
    }

    #[test]
    fn a_prefix_matches_complete_segments() {
        for (path, prefix, is) in [
            ("/docs", "/docs", true),
            ("/docs/", "/docs", true),
            ("/docs/a", "/docs/", true),
            ("/docsx", "/docs", false),
            ("/", "/docs", false),
            ("/anything", "/", true),
            ("/", "/", true),
        ] {
            assert_eq!(is_below(path, prefix), is, "{path} {prefix}");
            assert_eq!(is_below_ignoring_case(path, prefix), is);
            let upper = path.to_ascii_uppercase();
            assert_eq!(
                is_below_ignoring_case(&upper, prefix),
                is,
                "{upper} {prefix}"
            );
        }
    }
}
