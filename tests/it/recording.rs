//! Answers are recorded: in process, with a disk that can be blocked or made to fail, and in the real binary.

mod answers;
mod check;
mod crowding;
mod ledger;
mod limited;
mod removed;
mod repeats;
mod retention;
mod slow;
mod valve;
