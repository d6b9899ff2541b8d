//! What is said on a connection and what is made of it: greetings, messages, peers that are wrong, and secrets kept.

#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "tls")]
#[path = "../support/tls/mod.rs"]
mod tls;

mod attribution;
mod handshake;
mod hostile;
mod messages;
mod other_makes;
mod secrets;
mod secrets_memory;
mod shutdown;
mod transcripts;
