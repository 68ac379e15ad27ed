//! The `CROSSTRUST_…` variables of the environment: one that names no key is an error.
//!
//! Kubernetes injects variables for each Service of a namespace (kubernetes.io/docs/concepts/services-networking/
//! service/#environment-variables). Those of a Service named crosstrust begin with the same prefix and are ignored.

use std::ffi::OsString;

use super::{ConfigError, KEYS, Key};

/// The file and the addresses; every other variable is a key's.
const OTHERS: [&str; 2] = ["CROSSTRUST_CONFIG", "CROSSTRUST_LISTEN"];

const PREFIX: &str = "CROSSTRUST_";

/// Refuses the first of these names, in their order, that looks like a key's and is none.
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

/// What Kubernetes injects for a Service named crosstrust.
fn is_service_link(name: &str) -> bool {
    name == "CROSSTRUST_PORT"
        || name.starts_with("CROSSTRUST_PORT_")
        || name.starts_with("CROSSTRUST_SERVICE_")
}

fn is_known(name: &str) -> bool {
    OTHERS.contains(&name) || KEYS.iter().any(|key| key.variable() == name)
}

/// The variables whose names differ least, at most three.
fn nearest(name: &str) -> Vec<String> {
    let others = OTHERS.iter().map(|other| (*other).to_owned());
    let known = KEYS.iter().map(Key::variable).chain(others);
    let mut known: Vec<(usize, String)> = known
        .map(|other| (strsim::levenshtein(name, &other), other))
        .collect();
    known.sort_unstable();
    let near = known.into_iter().take(MOST_NEAR);
    near.map(|(_, other)| other).collect()
}

/// Names that an error repeats.
const MOST_NEAR: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(names: &[&str]) -> Option<String> {
        let names = names.iter().map(OsString::from);
        refuse_unknown(names).err().map(|error| error.to_string())
    }

    #[test]
    fn a_variable_that_names_no_key_is_refused_with_the_nearest_names() {
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
    fn keys_and_the_links_of_a_service_are_accepted() {
        let keys: Vec<String> = KEYS.iter().map(Key::variable).collect();
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
