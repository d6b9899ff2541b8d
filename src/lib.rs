//! The map of librredis. Stairs go down: a module uses only the floors below its own.
//!
//! ```text
//!  roof    ffi                       C names, C types, panics caught
//!   6      client                    the calls of a program: commands, pipelines, scripts, subscriptions, event loops
//!   5      route                     sends a command to a server, and tries it again
//!   4      pool                      the connection pool of one server
//!   3½     line                      a connection that reconnects, with any number of commands under way
//!   3      conn                      one socket driven by one session, against a deadline
//!   2      session   transport       protocol state, without I/O | bytes and readiness, without RESP
//!   1      resp   reply   commands   RESP bytes | reply trees | facts about every command
//!  ground  error  options  limits  process  memory  ongoing  stats  sync   used by all
//! ```
#![deny(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::todo,
    clippy::dbg_macro,
    clippy::print_stdout,
    clippy::print_stderr
)]
#![cfg_attr(
    test,
    expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails should say where")
)]

pub mod error;
pub mod limits;
pub mod memory;
pub mod ongoing;
pub mod options;
pub mod process;
pub mod stats;
pub mod sync;

pub mod commands;
pub mod reply;
pub mod resp;

pub mod session;
pub mod transport;

pub mod conn;

pub mod line;

pub mod pool;

pub mod route;

pub mod client;

#[expect(unsafe_code, reason = "the C boundary: every pointer of the caller's is looked at here and nowhere else")]
pub mod ffi;
