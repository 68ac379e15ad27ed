//! Records on disk: written in groups, synced, chained by hash, signed at checkpoints.
