//! `crosstrust log show --follow`: prints records as they are written.

use std::io::{self, Write};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::signal::unix::{SignalKind, signal};

use super::show::Look;
use crate::cli::runtime;
use crate::log::journal::Follower;
use crate::log::view::Printer;

/// Prints what is appended, until SIGINT, SIGTERM, or the reader of the output has gone.
pub(super) fn follow(
    look: &mut Look,
    printer: &mut Printer<impl Write>,
    follower: &mut Follower,
) -> anyhow::Result<()> {
    runtime::block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        while !is_reader_gone() {
            follower.look(|record| {
                if let Some(seen) = look.at(record) {
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

/// Whether nothing that is written would be read: else an idle log would keep the process of `… | head` for ever.
fn is_reader_gone() -> bool {
    let out = io::stdout();
    let mut outputs = [PollFd::new(&out, PollFlags::empty())];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
    poll(&mut outputs, Some(&at_once)).is_ok()
        && outputs
            .iter()
            .any(|output| output.revents().intersects(gone))
}

/// Between two looks: soon enough for a person, and a look is a listing of the folder.
const PAUSE: Duration = Duration::from_millis(200);
