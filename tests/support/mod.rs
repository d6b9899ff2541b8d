//! What the tests share: servers of their own, peers that follow a script, and the C functions as C sees them.
//!
//! Each test binary uses its own part of it.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

pub mod server;
pub mod tools;
