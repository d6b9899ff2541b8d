//! The tree: one reply, one allocation.
//!
//! ```text
//!  node       one node, laid out as C sees it
//!  tree       a reply: built from a parser's frame, freed at once
//!  view       safe reading
//!  form       what a reply's structure becomes while it is built
//!  builder    a reply made by hand
//!  copy       a reply made of a part of another
//! ```

pub mod builder;
mod copy;
pub mod form;
pub mod node;
#[expect(unsafe_code, reason = "one allocation that holds header, nodes and text: the only place that lays one out")]
pub mod tree;
#[expect(unsafe_code, reason = "a node's pointers and lengths become slices here, and nowhere else below the roof")]
pub mod view;

pub use builder::Builder;
pub use form::Form;
pub use node::{Kind, Node};
pub use tree::{Reply, attributes_of, bytes_of, is_root};
pub use view::View;
