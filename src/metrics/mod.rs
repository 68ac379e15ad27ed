//! Counts and latencies, without a lock on a request's path, and their exposition.
