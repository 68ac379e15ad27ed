//! Plain text tables that fit the terminal.

use super::output::Output;
use crate::columns;
use crate::config;
use crate::log::json::visible;

/// Prints rows under a head. A column is as wide as its widest cell; cells are wrapped if the terminal is narrower.
pub(super) fn print<const N: usize>(out: &mut Output, head: [&str; N], rows: &[[String; N]]) {
    let head = head.map(str::to_owned);
    let rows: Vec<[String; N]> = std::iter::once(&head)
        .chain(rows)
        .map(|row| row.each_ref().map(|cell| visible(cell).into_owned()))
        .collect();
    let longest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..N).map(longest).collect();
    columns::fit(&mut widths, terminal_width());
    for row in &rows {
        out.line(columns::row(row, &widths));
    }
}

/// `COLUMNS` if it is set, else the width of the terminal. `None` if the output is not a terminal.
pub(super) fn terminal_width() -> Option<usize> {
    let columns = config::variable("COLUMNS");
    let columns = columns.and_then(|text| text.parse().ok());
    columns
        .or_else(|| {
            let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
            Some(usize::from(size.ws_col))
        })
        .filter(|width| *width > 0)
}
