//! The map of librredis. Stairs go down: a module uses only the floors below its own.
//!
//! ```text
//!  roof    ffi                       C names, C types, panics caught
//!   6      client                    what a user does: commands, pipelines, scripts, subscriptions, a loop of one's own
//!   5      route                     who answers, what a refusal means, and how often it is asked
//!   4      pool                      the connections of one server, leased
//!   3½     line                      a connection that comes and goes, with any number of commands under way
//!   3      conn                      one socket driven by one session, against a deadline
//!   2      session   transport       the conversation, no I/O | bytes and readiness, no RESP
//!   1      resp   reply   commands   wire bytes | the tree | what is known of every command
//!  ground  error  options  limits  process  memory  ongoing  sync   words everyone uses
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
