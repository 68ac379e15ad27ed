//! The `grpc-timeout` header: how long the client waits for its response.

use std::time::Duration;

use http::HeaderMap;

/// 90 % of the client's `grpc-timeout`, so that the response arrives in time. `None` if it is absent or malformed: then
/// the budget alone applies. gRPC over HTTP/2, "Requests": at most 8 digits and a unit.
pub(super) fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let unit = text.chars().last()?;
    let digits = text.strip_suffix(unit)?;
    let is_valid = (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let count: u64 = is_valid.then(|| digits.parse().ok())??;
    let nanos = match unit {
        'H' => 3_600_000_000_000,
        'M' => 60_000_000_000,
        'S' => 1_000_000_000,
        'm' => 1_000_000,
        'u' => 1_000,
        'n' => 1,
        _ => return None,
    };
    Some(Duration::from_nanos(count.saturating_mul(nanos) / 10 * 9))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-timeout", text.parse().unwrap());
        grpc_timeout(&headers)
    }

    #[test]
    fn a_grpc_timeout_is_shortened_by_a_tenth() {
        assert_eq!(parse("100m"), Some(Duration::from_millis(90)));
        assert_eq!(parse("1S"), Some(Duration::from_millis(900)));
        assert_eq!(parse("0n"), Some(Duration::ZERO));
        assert!(parse("99999999H").is_some());
    }

    #[test]
    fn a_malformed_grpc_timeout_is_ignored() {
        for text in [
            "",
            "m",
            "100",
            "100x",
            "-1m",
            "+1m",
            "100000000m",
            "1 m",
            "1.5S",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(grpc_timeout(&HeaderMap::new()), None);
    }
}
