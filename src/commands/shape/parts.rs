//! Parts that shapes share: named positions, fields of text, and values that are unchanged.

use crate::reply::{Builder, Form, Kind, View};
use crate::resp;

/// A name, or a text that is made.
pub(super) fn name(text: impl AsRef<[u8]>, out: &mut Builder) {
    out.add_text(Kind::RREDIS_REPLY_STRING, text.as_ref());
}

/// A node as it came.
pub(super) fn keep(view: View<'_>, out: &mut Builder) {
    out.add_reply(view.node());
}

/// A text as an INTEGER, if that says the same; as it came otherwise.
pub(super) fn integer(text: &[u8], out: &mut Builder) {
    let is_plain = !matches!(text, [b'+', ..] | [b'-', b'0', ..]);
    match resp::integer(text).filter(|_| is_plain) {
        Some(number) => out.add_integer(Kind::RREDIS_REPLY_INTEGER, number),
        None => name(text, out),
    }
}

/// A truth.
pub(super) fn boolean(value: bool, out: &mut Builder) {
    out.add_integer(Kind::RREDIS_REPLY_BOOL, i64::from(value));
}

/// Texts as an ARRAY or a SET.
pub(super) fn texts<'a>(kind: Kind, texts: impl Iterator<Item = &'a [u8]>, out: &mut Builder) {
    out.open(kind);
    texts.for_each(|text| name(text, out));
    out.end();
}

/// The text of a STRING, a STATUS or a VERBATIM.
pub(super) fn text<'a>(view: View<'a>) -> Option<&'a [u8]> {
    use Kind::{RREDIS_REPLY_STATUS, RREDIS_REPLY_STRING, RREDIS_REPLY_VERBATIM};
    let kinds = [RREDIS_REPLY_STRING, RREDIS_REPLY_STATUS, RREDIS_REPLY_VERBATIM];
    kinds.contains(&view.kind()).then(|| view.text())
}

/// The elements of an ARRAY, or of a SET, which some servers send in its place.
pub(super) fn row<'a>(view: View<'a>) -> Option<impl ExactSizeIterator<Item = View<'a>>> {
    let is_row = matches!(view.kind(), Kind::RREDIS_REPLY_ARRAY | Kind::RREDIS_REPLY_SET);
    is_row.then(|| view.children())
}

/// The elements of an ARRAY of at least so many.
pub(super) fn array<'a>(view: View<'a>, least: usize) -> Option<impl ExactSizeIterator<Item = View<'a>>> {
    let is_array = view.kind() == Kind::RREDIS_REPLY_ARRAY && view.len() >= least;
    is_array.then(|| view.children())
}

/// The names and values of a map, or of a flat row of both; a name is a text.
pub(super) fn fields<'a>(view: View<'a>) -> Option<impl Iterator<Item = (View<'a>, View<'a>)>> {
    let is_flat = view.kind() == Kind::RREDIS_REPLY_ARRAY && view.len().is_multiple_of(2);
    let has_names = || view.children().step_by(2).all(|name| text(name).is_some());
    let (names, values) = (view.children().step_by(2), view.children().skip(1).step_by(2));
    (view.kind() == Kind::RREDIS_REPLY_MAP || is_flat && has_names()).then(|| names.zip(values))
}

/// Elements in order, each made by `each`, or kept where that makes nothing.
pub(super) fn list<'a>(
    view: View<'a>,
    out: &mut Builder,
    each: impl Fn(View<'a>, &mut Builder) -> Option<()>,
) -> Option<()> {
    let elements = row(view)?;
    out.open(Kind::RREDIS_REPLY_ARRAY);
    for element in elements {
        or_keep(element, out, &each);
    }
    out.end();
    Some(())
}

/// All of them, where there is memory for so many as a server has sent.
pub(super) fn collected<T>(all: impl Iterator<Item = T>) -> Option<Vec<T>> {
    let mut list = Vec::new();
    list.try_reserve_exact(all.size_hint().0).ok()?;
    for one in all {
        list.try_reserve(1).ok()?;
        list.push(one);
    }
    Some(list)
}

/// A part that `make` makes, or that is kept. What makes nothing must not have begun.
pub(super) fn or_keep<'a>(view: View<'a>, out: &mut Builder, make: impl FnOnce(View<'a>, &mut Builder) -> Option<()>) {
    if view.is_error() || make(view, out).is_none() {
        keep(view, out);
    }
}

/// Elements by their places become a map by these names; there are at least so many. What stands behind those with a name
/// is the list "more", so that a newer server's is not lost.
pub(super) fn record(least: usize, places: &[(&str, Form)], view: View<'_>, out: &mut Builder) -> Option<()> {
    let elements = array(view, least)?;
    out.open(Kind::RREDIS_REPLY_MAP);
    for ((field, form), element) in places.iter().zip(elements) {
        name(field, out);
        out.add_formed(element, form);
    }
    more(view, places.len(), out);
    out.end();
    Some(())
}

/// The elements behind the first so many, as the list "more", where there are some.
pub(super) fn more(view: View<'_>, known: usize, out: &mut Builder) {
    if view.len() <= known {
        return;
    }
    name("more", out);
    out.open(Kind::RREDIS_REPLY_ARRAY);
    view.children().skip(known).for_each(|element| keep(element, out));
    out.end();
}
