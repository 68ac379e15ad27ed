//! Tokens: which are accepted, what their claims mean, and the request built from them.

mod binding;
mod forgeries;
mod home;
mod key_sets;
mod presets;
mod publishing;
mod verified_claims;
