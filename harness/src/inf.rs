//! The install information file (INF).
