//! A shape: what a reply becomes; and a row, which says it of a command.

use crate::error::{Result, Status};
use crate::reply::{Builder, Form, Kind, Reply, View};
use crate::resp::{Entry, Frame, Type};

/// What the reply to one call becomes.
#[derive(Clone, Copy, Debug)]
pub struct Shape(Becomes);

#[derive(Clone, Copy, Debug)]
enum Becomes {
    Kept,
    Formed(&'static Form),
    Made(Tree, u32),
    /// The same of a text; where it is a whole reply, its parts stay where they are.
    Parted(TextParts, Tree),
    /// A transaction's: each element as the command asked for that it answers.
    Elements,
}

/// Makes the canonical reply of the one that came, which is no error: adds one whole value to the builder. None, and nothing
/// that matters in the builder: it is not as the function knows it, and stays as it came. A reply that is canonical already
/// is such a one, or is made again as it is.
pub(super) type Tree = fn(options: u32, reply: View<'_>, out: &mut Builder) -> Option<()>;

/// Writes the values that a text is made of, whose first byte has this place: texts are parts of it, and behind each of them
/// stands a byte that is none of another's. How many nodes they are. None: as `Tree`.
pub(super) type TextParts = fn(text: &[u8], place: u64, out: &mut Vec<Entry>) -> Option<usize>;

impl Shape {
    /// As it came.
    pub const KEEP: Shape = Shape(Becomes::Kept);

    pub(super) const fn form(form: &'static Form) -> Shape {
        Shape(Becomes::Formed(form))
    }

    pub(super) const fn tree(tree: Tree, options: u32) -> Shape {
        Shape(Becomes::Made(tree, options))
    }

    pub(super) const fn parted(parts: TextParts, tree: Tree) -> Shape {
        Shape(Becomes::Parted(parts, tree))
    }

    /// Whether each element is to have the shape of the command in the transaction that it answers; whoever knows those
    /// sees to it.
    pub fn is_of_elements(self) -> bool {
        matches!(self.0, Becomes::Elements)
    }

    /// Whether it is as it came.
    pub fn is_keep(self) -> bool {
        matches!(self.0, Becomes::Kept)
    }

    /// The reply that a frame is, in this shape. What a form does costs no second tree.
    #[inline]
    pub fn build(self, mut frame: Frame<'_>) -> Result<Reply> {
        let again = match self.0 {
            Becomes::Kept | Becomes::Elements => false,
            Becomes::Formed(form) => form.apply(&mut frame),
            Becomes::Made(..) => true,
            Becomes::Parted(parts, _) => match parted(parts, &frame) {
                Some((mut tape, nodes)) => return Reply::build(frame.under(&mut tape, nodes - 1)),
                None => true,
            },
        };
        let reply = Reply::build_from(&mut frame)?;
        match again {
            false => Ok(reply),
            true => Ok(self.reshape(&reply)?.unwrap_or(reply)),
        }
    }

    /// Lay over a frame what needs no tree. True: `reshape` is to come, for it could not be read off the frame.
    #[inline]
    pub fn lay_over(self, frame: &mut Frame<'_>) -> bool {
        match self.0 {
            Becomes::Kept | Becomes::Elements => false,
            Becomes::Formed(form) => form.apply(frame),
            Becomes::Made(..) | Becomes::Parted(..) => true,
        }
    }

    /// The same for a reply without elements, where that is soon said: its text is in these bytes. None: it is not.
    #[inline]
    pub fn leaf(self, entry: Entry, bytes: &[u8]) -> Option<Entry> {
        match self.0 {
            Becomes::Kept | Becomes::Elements => Some(entry),
            Becomes::Formed(form) => form.leaf(entry, bytes),
            Becomes::Made(..) | Becomes::Parted(..) => None,
        }
    }

    /// The function that makes it of a tree.
    fn made_by(self) -> Option<(Tree, u32)> {
        match self.0 {
            Becomes::Made(tree, options) => Some((tree, options)),
            Becomes::Parted(_, tree) => Some((tree, 0)),
            Becomes::Kept | Becomes::Formed(_) | Becomes::Elements => None,
        }
    }

    /// Whether it is made of a whole tree, and not while one is built.
    pub fn needs_tree(self) -> bool {
        self.made_by().is_some()
    }

    /// A reply of this shape, made of one that is there. None: it may stay as it is. What is made by a function has the
    /// attributes of the reply itself, and of no part of it.
    pub fn reshape(self, reply: &Reply) -> Result<Option<Reply>> {
        if self.is_keep() || !is_shaped(reply.view()) {
            return Ok(None);
        }
        let mut builder = Builder::for_copies();
        match (self.0, self.made_by()) {
            (Becomes::Formed(form), _) => builder.add_formed_part(reply, reply.view(), form),
            (_, Some((tree, options))) => {
                builder.add_attributes(reply, reply.view());
                if tree(options, reply.view(), &mut builder).is_none() {
                    return Ok(None);
                }
            }
            _ => return Ok(None),
        }
        made(builder)
    }

    /// A copy of a node of any tree, in this shape. Attributes stay behind.
    pub fn copy(self, node: View<'_>) -> Result<Reply> {
        let mut builder = Builder::for_copies();
        match (self.0, self.made_by()) {
            (Becomes::Formed(form), _) if is_shaped(node) => builder.add_formed(node, form),
            (_, Some((tree, options))) if is_shaped(node) && tree(options, node, &mut builder).is_some() => {
                return made(builder)?.map_or_else(|| Reply::clone_of(node.node()), Ok);
            }
            _ => return Reply::clone_of(node.node()),
        }
        builder.take()
    }

    /// Add a part of a reply to a builder, in this shape: an element of EXEC's. It keeps its attributes, as a reply does. The
    /// builder keeps an error.
    pub fn add(self, whole: &Reply, part: View<'_>, out: &mut Builder) {
        match (self.0, self.made_by()) {
            (Becomes::Formed(form), _) if is_shaped(part) => out.add_formed_part(whole, part, form),
            (_, Some((tree, options))) if is_shaped(part) => {
                let mut builder = Builder::for_copies();
                builder.add_attributes(whole, part);
                let made = match tree(options, part, &mut builder) {
                    Some(()) => made(builder),
                    None => Ok(None),
                };
                match made {
                    Ok(Some(made)) => out.add_part(&made, made.view()),
                    Ok(None) => out.add_part(whole, part),
                    Err(error) => out.fail(error),
                }
            }
            _ => out.add_part(whole, part),
        }
    }
}

/// One command, and what its reply becomes.
pub(super) struct Row {
    /// One word, or two with a space between them.
    pub(super) name: &'static str,
    pub(super) how: How,
    /// For the reader of a table.
    pub(super) becomes: &'static str,
}

#[derive(Clone, Copy)]
pub(super) enum How {
    Always(Shape),
    Read(fn(args: &[&[u8]]) -> Shape),
}

impl Row {
    pub(super) const fn form(name: &'static str, form: &'static Form, becomes: &'static str) -> Row {
        Row { name, how: How::Always(Shape::form(form)), becomes }
    }

    pub(super) const fn tree(name: &'static str, tree: Tree, becomes: &'static str) -> Row {
        Row { name, how: How::Always(Shape::tree(tree, 0)), becomes }
    }

    pub(super) const fn parted(name: &'static str, parts: TextParts, tree: Tree, becomes: &'static str) -> Row {
        Row { name, how: How::Always(Shape::parted(parts, tree)), becomes }
    }

    pub(super) const fn read(name: &'static str, read: fn(args: &[&[u8]]) -> Shape, becomes: &'static str) -> Row {
        Row { name, how: How::Read(read), becomes }
    }

    /// A reply that already is as it shall be, in both protocols.
    pub(super) const fn keep(name: &'static str, becomes: &'static str) -> Row {
        Row { name, how: How::Always(Shape::KEEP), becomes }
    }

    /// A transaction, whose elements have the shapes of its commands.
    pub(super) const fn elements(name: &'static str, becomes: &'static str) -> Row {
        Row { name, how: How::Always(Shape(Becomes::Elements)), becomes }
    }

    #[inline]
    pub(super) fn shape(&self, args: &[&[u8]]) -> Shape {
        match self.how {
            How::Always(shape) => shape,
            How::Read(read) => read(args),
        }
    }
}

/// The values that a reply is made of which is one text and nothing else.
fn parted(parts: TextParts, frame: &Frame<'_>) -> Option<(Vec<Entry>, usize)> {
    let [entry] = *frame.tape() else { return None };
    let entry = match entry.kind() {
        Type::String => entry,
        Type::Verbatim => entry.behind_format(),
        _ => return None,
    };
    let mut tape = Vec::new();
    let nodes = parts(frame.text_of(entry), entry.value(), &mut tape)?;
    Some((tape, nodes))
}

/// An error is nobody's result, and that a command was queued is no answer to it.
fn is_shaped(reply: View<'_>) -> bool {
    let is_queued = reply.kind() == Kind::RREDIS_REPLY_STATUS && reply.text() == b"QUEUED";
    !reply.is_error() && !is_queued
}

/// What a tree made, unless it made nothing whole: then the reply stays as it came. Only memory is worth an error.
fn made(mut builder: Builder) -> Result<Option<Reply>> {
    match builder.take() {
        Ok(reply) => Ok(Some(reply)),
        Err(error) if error.status == Status::Memory => Err(error),
        Err(_) => Ok(None),
    }
}
