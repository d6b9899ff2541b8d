//! What the tests share: servers of their own, peers that follow a script, and the C functions as C sees them.

#![allow(dead_code, unused_imports, reason = "each test binary uses its own part of this")]
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "one call of C reads better whole")]

pub mod aof;
pub mod c;
pub mod child;
pub mod cluster;
pub mod counting;
pub mod dice;
pub mod floor;
pub mod functions;
pub mod ledger;
pub mod moving;
pub mod node;
pub mod over;
pub mod own;
pub mod peer;
pub mod pipeline;
pub mod program;
pub mod proxy;
pub mod pubsub;
pub mod queue;
pub mod raw;
pub mod script;
pub mod sentinels;
pub mod server;
pub mod slots;
pub mod tools;
pub mod vitals;
