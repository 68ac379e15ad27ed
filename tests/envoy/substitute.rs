//! Replaces addresses and paths in a file of `deploy/`. Each text must occur exactly as often as stated, so that a change
//! of the file cannot make a test use something else.

use std::fs;
use std::path::PathBuf;

/// Replaces `from` by `to`; `from` must occur exactly `times` times.
pub struct Swap {
    pub from: String,
    pub to: String,
    pub times: usize,
}

pub fn swap(from: impl Into<String>, to: impl Into<String>) -> Swap {
    Swap {
        from: from.into(),
        to: to.into(),
        times: 1,
    }
}

impl Swap {
    pub fn times(self, times: usize) -> Swap {
        Swap { times, ..self }
    }
}

/// A file of the repository.
pub fn shipped(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn substitute(file: &str, swaps: &[Swap]) -> String {
    swaps.iter().fold(shipped(file), |text, swap| {
        let found = text.matches(&swap.from).count();
        assert_eq!(
            found, swap.times,
            "occurrences of `{}` in {file}",
            swap.from
        );
        text.replace(&swap.from, &swap.to)
    })
}
