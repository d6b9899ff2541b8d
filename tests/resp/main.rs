//! The wire and the tree: both parsers, every cut, every limit, and replies made by hand.

mod agree;
mod deep;
mod doubles;
mod dump;
mod framed;
mod golden;
mod tree;
