//! Checks the `CROSSTRUST_…` environment variables: an unknown one is an error.
//!
//! Kubernetes injects variables for each Service of a namespace (kubernetes.io/docs/concepts/services-networking/
//! service/#environment-variables). Those of a Service named crosstrust have the same prefix and are ignored.

use std::ffi::OsString;

use super::{ConfigError, ConfigKey, KEYS};

/// The variables of `--config` and `--listen`; every other variable belongs to a key.
const OTHERS: [&str; 2] = ["CROSSTRUST_CONFIG", "CROSSTRUST_LISTEN"];

const PREFIX: &str = "CROSSTRUST_";

/// Returns an error for the first unknown name with the prefix, in alphabetical order.
pub fn refuse_unknown(names: impl Iterator<Item = OsString>) -> Result<(), ConfigError> {
    let mut unknown: Vec<String> = names
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.starts_with(PREFIX) && !is_service_link(name) && !is_known(name))
        .collect();
    unknown.sort_unstable();
    match unknown.into_iter().next() {
        None => Ok(()),
        Some(variable) => Err(ConfigError::UnknownVariable {
            near: nearest(&variable),
            variable,
        }),
    }
}

/// Whether Kubernetes injects this variable for a Service named crosstrust.
fn is_service_link(name: &str) -> bool {
    name == "CROSSTRUST_PORT"
        || name.starts_with("CROSSTRUST_PORT_")
        || name.starts_with("CROSSTRUST_SERVICE_")
}

fn is_known(name: &str) -> bool {
    OTHERS.contains(&name) || KEYS.iter().any(|key| key.variable() == name)
}

/// The most similar known names, by edit distance.
fn nearest(name: &str) -> Vec<String> {
    let others = OTHERS.iter().map(|other| (*other).to_owned());
    let known = KEYS.iter().map(ConfigKey::variable).chain(others);
    let mut known: Vec<(usize, String)> = known
        .map(|other| (strsim::levenshtein(name, &other), other))
        .collect();
    known.sort_unstable();
    let near = known.into_iter().take(MAX_NEAR);
    near.map(|(_, other)| other).collect()
}

/// Number of similar names in an error.
const MAX_NEAR: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(names: &[&str]) -> Option<String> {
        let names = names.iter().map(OsString::from);
        refuse_unknown(names).err().map(|error| error.to_string())
    }

    #[test]
    fn an_unknown_variable_is_refused_with_the_most_similar_names() {
        let message = refused(&["PATH", "CROSSTRUST_LIMIT_GROUPS", "CROSSTRUST_CONFIG"]).unwrap();
        assert!(message.contains("CROSSTRUST_LIMIT_GROUPS"), "{message}");
        assert!(message.contains("CROSSTRUST_LIMITS_GROUPS"), "{message}");
        for name in [
            "CROSSTRUST_",
            "CROSSTRUST_PORTS",
            "CROSSTRUST_SERVICES",
            "CROSSTRUST_POLICIES_",
            "CROSSTRUST_listen",
        ] {
            assert!(refused(&[name]).is_some(), "{name}");
        }
    }

    #[test]
    fn variables_of_keys_and_of_a_service_are_accepted() {
        let keys: Vec<String> = KEYS.iter().map(ConfigKey::variable).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        assert_eq!(refused(&keys), None);
        let others = [
            "CROSSTRUST_CONFIG",
            "CROSSTRUST_LISTEN",
            "CROSSTRUST_PORT",
            "CROSSTRUST_PORT_50051_TCP_ADDR",
            "CROSSTRUST_SERVICE_HOST",
            "CROSSTRUST_SERVICE_PORT_GRPC",
            "OTEL_SDK_DISABLED",
        ];
        assert_eq!(refused(&others), None);
    }
}
