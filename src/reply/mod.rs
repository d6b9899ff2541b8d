//! The tree: one reply, one allocation.

pub mod node;

pub use node::{Kind, Node};
