//! Sentinels name the primary: failovers behind a client that stays, and Sentinels that are wrong.

#[path = "../support/mod.rs"]
mod support;

mod failover;
mod finding;
mod handles;
mod liars;
mod listening;
mod stopped;
