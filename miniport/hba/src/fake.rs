//! Test doubles; filled in below.
