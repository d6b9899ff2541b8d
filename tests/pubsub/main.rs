//! Publish and subscribe: in threads and in loops, and when the connection is lost.

#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "tls")]
#[path = "../support/tls/mod.rs"]
mod tls;

mod among_threads;
mod bounds;
mod in_loop;
mod lost;
mod pubsub;
