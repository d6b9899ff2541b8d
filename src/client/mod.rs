//! What a user does: commands on a client that any number of threads share.
#![forbid(unsafe_code)]

pub mod callbacks;
pub mod dedicated;
mod events;
pub use pubsub::PubSub;
