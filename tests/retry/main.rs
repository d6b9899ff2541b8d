//! What is tried again, and where: another connection, another address, another server.

#[path = "../support/mod.rs"]
mod support;

mod addresses;
mod failover;
mod retry;
