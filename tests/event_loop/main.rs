//! Connections in an event loop of the program's.

#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "tls")]
#[path = "../support/tls/mod.rs"]
mod tls;

mod loops;
mod names;
mod one_descriptor;
mod own_loop;
