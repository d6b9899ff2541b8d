//! Deadlines, and who waits for whom: blocking commands, slow peers, and floods.

#[path = "../support/mod.rs"]
mod support;

mod blocking;
mod duplex;
mod flood;
mod network;
