//! The folder for programs that were written for hiredis: they compile with another include path and link line, and behave as
//! there.

#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "tls")]
#[path = "../support/tls/mod.rs"]
mod tls;

mod adapters;
mod drop_in;
mod layer;
#[cfg(feature = "tls")]
mod ssl;
