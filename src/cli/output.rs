//! What a command writes to standard output and standard error.
//!
//! A closed pipe (`| head`) ends the output and does not change the exit code, which reports the command's result. Any
//! other failure, such as a full disk, is an error. `println!` panics in both cases, so no command uses it.

use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};
use std::process::ExitCode;

use super::FAILED;

/// Standard output, locked; its errors name standard output.
pub(super) struct LockedStdout(StdoutLock<'static>);

/// Unbuffered standard output; callers buffer it.
pub(super) fn stdout() -> LockedStdout {
    LockedStdout(io::stdout().lock())
}

impl Write for LockedStdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(name_stdout)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(name_stdout)
    }
}

fn name_stdout(error: io::Error) -> io::Error {
    // The standard library retries interrupted writes.
    match error.kind() {
        ErrorKind::Interrupted => error,
        kind => io::Error::new(kind, format!("cannot write to standard output: {error}")),
    }
}

/// Standard output, locked and buffered.
pub(super) struct Output {
    out: BufWriter<LockedStdout>,
    failure: Option<io::Error>,
}

impl Output {
    pub(super) fn new() -> Self {
        Output {
            out: BufWriter::new(stdout()),
            failure: None,
        }
    }

    /// Writes a line. [`Output::finish`] returns the first failure; nothing is written after it.
    pub(super) fn line(&mut self, line: impl Display) {
        if self.failure.is_none() {
            self.failure = writeln!(self.out, "{line}").err();
        }
    }

    /// Flushes the buffer. A closed pipe is not a failure.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let written = match self.failure.take() {
            Some(failure) => Err(failure),
            None => self.out.flush(),
        };
        ignore_closed_pipe(written)
    }
}

fn ignore_closed_pipe(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(failure) if failure.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Prints help, the version or an argument error as clap does, and returns the exit code.
pub(super) fn clap_message(message: &clap::Error) -> ExitCode {
    let printed = message.print();
    let printed = printed
        .and_then(|()| io::stdout().flush())
        .map_err(name_stdout);
    match ignore_closed_pipe(printed) {
        // Argument errors go to standard error; if that fails, they cannot be reported.
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

/// Writes one line to standard error, ignoring failures: they cannot be reported.
pub(super) fn error_line(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}
