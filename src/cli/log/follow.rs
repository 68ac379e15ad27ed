//! `crosstrust log show --follow`: prints records as they are written.

use std::io::{self, Write};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::signal::unix::{SignalKind, signal};

use super::show::RecordQuery;
use crate::cli::runtime;
use crate::log::journal::JournalFollower;
use crate::log::view::Printer;

/// Prints appended records until SIGINT, SIGTERM, or until the reader of standard output closes it.
pub(super) fn follow(
    query: &mut RecordQuery,
    printer: &mut Printer<impl Write>,
    follower: &mut JournalFollower,
) -> anyhow::Result<()> {
    runtime::block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        while !is_output_closed() {
            follower.poll(|record| {
                if let Some(seen) = query.select(record) {
                    printer.print(&seen)?;
                }
                anyhow::Ok(())
            })?;
            printer.flush()?;
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
            }
        }
        Ok(())
    })
}

/// Whether the reader of standard output has closed it. Without this check, `… | head` would not end on an idle log.
fn is_output_closed() -> bool {
    let out = io::stdout();
    let mut outputs = [PollFd::new(&out, PollFlags::empty())];
    let no_wait = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let closed = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
    poll(&mut outputs, Some(&no_wait)).is_ok()
        && outputs
            .iter()
            .any(|output| output.revents().intersects(closed))
}

/// The poll interval. A poll lists the folder.
const PAUSE: Duration = Duration::from_millis(200);
