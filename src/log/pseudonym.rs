//! User ids as keyed hashes, where a deployment wants that.
