//! One client, its connections, and the threads that share them.

#[path = "../support/mod.rs"]
mod support;

mod boarding;
mod client;
mod conn;
mod events;
mod model;
mod pool;
mod shared;
mod shared_models;
mod sync_models;
mod threads;
