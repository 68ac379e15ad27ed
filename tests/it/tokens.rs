//! Tokens: who is believed, what a token proves, and what request becomes of it.

mod believing;
mod binding;
mod forgeries;
mod home;
mod key_sets;
mod presets;
mod publishing;
