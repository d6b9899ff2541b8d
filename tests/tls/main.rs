//! TLS: whom a client believes, what it refuses and why, and connections cut under it.

#![cfg(feature = "tls")]

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/tls/mod.rs"]
mod tls;

mod clusters;
mod cut;
mod hints;
mod identity;
mod lent;
mod refused;
mod sentinels;
