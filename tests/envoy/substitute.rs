//! A file of `deploy/`, with other addresses and paths: each text is replaced exactly as often as it is said to
//! stand there, so that a change of the file cannot make a test try something else than the file.

use std::fs;
use std::path::PathBuf;

/// In place of this text that, so many times.
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
        assert_eq!(found, swap.times, "{file}: `{}` stands there", swap.from);
        text.replace(&swap.from, &swap.to)
    })
}
