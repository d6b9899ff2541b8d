//! Deep copies of a part of a tree, each a reply of its own.

use super::builder::Builder;
use super::node::Node;
use super::tree::Reply;
use super::view::View;
use crate::error::Result;

impl Reply {
    /// A deep copy of a node of any tree. Attributes stay behind.
    pub fn clone_of(node: &Node) -> Result<Reply> {
        let mut builder = Builder::for_copies();
        builder.add_reply(node);
        builder.take()
    }

    /// A deep copy of a node of this tree, with all attributes.
    pub fn part(&self, node: View<'_>) -> Result<Reply> {
        let mut builder = Builder::for_copies();
        builder.add_part(self, node);
        builder.take()
    }
}
