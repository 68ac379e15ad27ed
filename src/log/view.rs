//! Records as the administrators of one organisation see them.
