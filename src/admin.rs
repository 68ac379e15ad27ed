//! The admin address: metrics, health and the snapshot in force, over HTTP.
