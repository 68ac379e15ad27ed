//! What a command writes to standard output and standard error.
//!
//! A reader that closes the pipe (`| head`) ends the output and changes no exit code. `println!` panics there, so no
//! command uses it.

use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};

/// Standard output, locked and buffered.
pub(super) struct Output {
    out: BufWriter<StdoutLock<'static>>,
    failure: Option<io::Error>,
}

impl Output {
    pub(super) fn new() -> Self {
        Output {
            out: BufWriter::new(io::stdout().lock()),
            failure: None,
        }
    }

    /// Writes a line. The first failure is kept for [`Output::finish`]; nothing is written after it.
    pub(super) fn line(&mut self, line: impl Display) {
        if self.failure.is_none() {
            self.failure = writeln!(self.out, "{line}").err();
        }
    }

    /// Writes out what is buffered. A closed pipe is no failure.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let written = match self.failure.take() {
            Some(failure) => Err(failure),
            None => self.out.flush(),
        };
        match written {
            Err(failure) if failure.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => written,
        }
    }
}

/// Writes one line to standard output.
pub(super) fn line(line: impl Display) -> io::Result<()> {
    let mut out = Output::new();
    out.line(line);
    out.finish()
}

/// Writes one line to standard error. Where that is closed, no place is left to report it.
pub(super) fn error_line(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}
