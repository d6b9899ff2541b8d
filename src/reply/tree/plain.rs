//! Nodes that are a value or a text, and nothing else to see to: most are.

use super::text::{Entries, Text, broken};
use crate::error::Result;
use crate::reply::node::{Kind, Node};
use crate::resp::{Entry, Type};
use std::mem::size_of;
use std::ptr;

/// The short way for an aggregate of plain values. False: it is none, and what was written means nothing.
///
/// # Safety
/// As for `fill`.
#[inline]
pub(super) unsafe fn flat(tape: &[Entry], root: *mut Node, end: *mut Node, text: Text) -> Result<bool> {
    let Some((head, rest)) = tape.split_first() else { return Ok(false) };
    let kind = match head.kind() {
        Type::Array => Kind::RREDIS_REPLY_ARRAY,
        Type::Set => Kind::RREDIS_REPLY_SET,
        Type::Map => Kind::RREDIS_REPLY_MAP,
        Type::Push => Kind::RREDIS_REPLY_PUSH,
        _ => return Ok(false),
    };
    let elements = root.wrapping_add(1);
    let len = head.len();
    if len == 0 || (end as usize - elements as usize) / size_of::<Node>() != len {
        return Ok(false);
    }
    let mut rest = rest.iter();
    // SAFETY: behind the root there are nodes up to the end.
    let full = unsafe { plain(elements, end, &mut rest, text)? } == end;
    if !full || rest.next().is_some() {
        return Ok(false);
    }
    // SAFETY: there is room for the root.
    unsafe { root.write(Node { kind, len, elements, ..NOTHING }) };
    Ok(true)
}

/// Nodes from `node` on, as far as these entries are of a plain kind, or doubles whose numbers are known: where those end. The
/// entries behind them are left.
///
/// # Safety
/// From `node` to `run_end` there are nodes that nobody else looks at.
#[inline(always)]
pub(super) unsafe fn plain(
    mut node: *mut Node,
    run_end: *mut Node,
    entries: &mut Entries<'_>,
    text: Text,
) -> Result<*mut Node> {
    while node != run_end
        && let Some(&entry) = entries.as_slice().first()
    {
        let Some(kind) = plain_of(entry) else {
            let (Type::Double, true) = (entry.kind(), entry.is_given()) else { break };
            entries.next();
            let number = f64::from_bits(entries.next().ok_or_else(broken)?.value());
            let (str, len) = text.place(entry)?;
            // SAFETY: node is before run_end, and so one of the nodes.
            unsafe { node.write(Node { kind: Kind::RREDIS_REPLY_DOUBLE, str, len, number, ..NOTHING }) };
            node = node.wrapping_add(1);
            continue;
        };
        if kind as u32 >= Kind::RREDIS_REPLY_STRING as u32 {
            let (str, len) = text.place(entry)?;
            // SAFETY: as above.
            unsafe { node.write(Node { kind, str, len, ..NOTHING }) };
        } else {
            // SAFETY: as above.
            unsafe { node.write(Node { kind, integer: entry.value() as i64, ..NOTHING }) };
        }
        node = node.wrapping_add(1);
        entries.next();
    }
    Ok(node)
}

/// The kind of an entry whose node is a value or a text, and nothing else to see to.
#[inline(always)]
pub(super) fn plain_of(entry: Entry) -> Option<Kind> {
    if !entry.is_plain() {
        return None;
    }
    // SAFETY: these kinds are numbered as the types are (see Type).
    Some(unsafe { std::mem::transmute::<u32, Kind>(u32::from(entry.code() & 63)) })
}

const _: () = assert!(Type::Null as u32 == Kind::RREDIS_REPLY_NULL as u32);
const _: () = assert!(Type::Integer as u32 == Kind::RREDIS_REPLY_INTEGER as u32);
const _: () = assert!(Type::Bool as u32 == Kind::RREDIS_REPLY_BOOL as u32);
const _: () = assert!(Type::String as u32 == Kind::RREDIS_REPLY_STRING as u32);
const _: () = assert!(Type::Status as u32 == Kind::RREDIS_REPLY_STATUS as u32);
const _: () = assert!(Type::Error as u32 == Kind::RREDIS_REPLY_ERROR as u32);

/// A node with nothing in it.
pub(super) const NOTHING: Node = Node {
    kind: Kind::RREDIS_REPLY_NULL,
    reserved: 0,
    len: 0,
    str: ptr::null(),
    elements: ptr::null(),
    integer: 0,
    number: 0.0,
};
