//! One client, its connections, and the threads that share them.

#[path = "../support/mod.rs"]
mod support;

mod client;
mod conn;
mod events;
mod pool;
mod sync_models;
mod threads;
