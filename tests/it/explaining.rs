//! Explain: every condition of every policy, the missing facts that a denial depends on, and why stages
//! pass.

mod closed_pipe;
mod command_line;
mod findings;
mod missing_facts;
mod policies;
