//! Programs in C and C++, run against a server.

#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "tls")]
#[path = "../support/tls/mod.rs"]
mod tls;

mod chapters;
mod doctor;
mod hosts;
