//! What was answered is on record: in process, where the disk can be held or made to fail, and by the real binary.

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
