//! What a command writes to standard output and standard error.
//!
//! A reader that closes the pipe (`| head`) ends the output and changes no exit code: the code says what the command
//! found. Any other failure, such as a full disk, is an error. `println!` panics at both, so no command uses it.

use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};
use std::process::ExitCode;

use super::FAILED;

/// Standard output, locked; its errors name it.
pub(super) struct Standard(StdoutLock<'static>);

/// Standard output for a writer of records.
pub(super) fn standard() -> Standard {
    Standard(io::stdout().lock())
}

impl Write for Standard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(named)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(named)
    }
}

fn named(error: io::Error) -> io::Error {
    // The standard library tries these again.
    match error.kind() {
        ErrorKind::Interrupted => error,
        kind => io::Error::new(kind, format!("cannot write to standard output: {error}")),
    }
}

/// Standard output, locked and buffered.
pub(super) struct Output {
    out: BufWriter<Standard>,
    failure: Option<io::Error>,
}

impl Output {
    pub(super) fn new() -> Self {
        Output {
            out: BufWriter::new(standard()),
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
        unless_closed(written)
    }
}

/// A closed pipe is no failure.
fn unless_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(failure) if failure.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Prints help, the version, or what is wrong with the arguments, as clap would, and returns the exit code.
pub(super) fn clap_message(message: &clap::Error) -> ExitCode {
    let printed = message.print();
    let printed = printed.and_then(|()| io::stdout().flush()).map_err(named);
    match unless_closed(printed) {
        // What is wrong with the arguments goes to standard error: where that fails, no place is left to report it.
        Err(failure) if !message.use_stderr() => {
            error_line(format_args!("crosstrust: {failure}"));
            ExitCode::from(FAILED)
        }
        Ok(()) | Err(_) => ExitCode::from(u8::try_from(message.exit_code()).unwrap_or(FAILED)),
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
