//! The replies of several servers put together, so that they are one.
#![forbid(unsafe_code)]

use std::collections::HashSet;
use std::sync::Arc;

use super::super::policy::{Fold, Together};
use crate::error::{Error, Outcome, Result, Status};
use crate::limits::Limits;
use crate::reply::{Builder, Kind, Reply, View};

/// A reply, and the endpoint of who gave it.
pub(super) type FromServer = (Arc<str>, Reply);

/// Put replies together, none of which is an error.
pub(super) fn put_together(together: Together, mut given: Vec<FromServer>, limits: Limits) -> Result<Reply> {
    let mut builder = Builder::with_limits(limits);
    let is_list = |(_, reply): &FromServer| is_list(reply.view());
    match together {
        Together::Fold(fold) => {
            let views: Vec<View<'_>> = given.iter().map(|(_, reply)| reply.view()).collect();
            add_folded(&mut builder, fold, &views, FOLDED_DEPTH_MAX);
        }
        Together::Joined | Together::Union if given.iter().all(is_list) && !given.is_empty() => {
            let is_union = together == Together::Union;
            let mut seen: HashSet<&[u8]> = HashSet::new();
            let most = given.iter().map(|(_, reply)| reply.view().len()).sum::<usize>();
            let room = seen.try_reserve(if is_union { most } else { 0 });
            room.map_err(|_| Error::memory("the replies").with_outcome(Outcome::Ran))?;
            builder.open(given.first().map_or(Kind::RREDIS_REPLY_ARRAY, |(_, reply)| reply.kind()));
            for (_, reply) in &given {
                for child in reply.view().children() {
                    if !is_union || seen.insert(child.text()) {
                        builder.add_part(reply, child);
                    }
                }
            }
            builder.end();
        }
        Together::ByServer => {
            builder.open(Kind::RREDIS_REPLY_MAP);
            for (endpoint, reply) in &given {
                builder.add_text(Kind::RREDIS_REPLY_STRING, endpoint.as_bytes());
                builder.add_part(reply, reply.view());
            }
            builder.end();
        }
        Together::First | Together::One | Together::Joined | Together::Union => {
            return match given.is_empty() {
                true => Err(Error::new(Status::Panic, "no server was asked").with_outcome(Outcome::Unknown)),
                false => Ok(given.swap_remove(0).1),
            };
        }
    }
    builder.take().map_err(|error| error.with_outcome(Outcome::Ran))
}

/// Replies to the parts of a command, element by element: `places` has, for each element of the whole, its part, and its index in
/// that part's reply.
pub(super) fn put_in_order(given: &[FromServer], places: &[(usize, usize)], limits: Limits) -> Result<Reply> {
    let mut builder = Builder::with_limits(limits);
    builder.open(Kind::RREDIS_REPLY_ARRAY);
    for (part, index) in places {
        let found = given.get(*part).and_then(|(_, reply)| Some((reply, reply.view().get(*index)?)));
        let Some((reply, element)) = found else {
            let text = "a part of the command was answered with another number of elements than it has keys";
            return Err(Error::new(Status::Protocol, text).with_outcome(Outcome::Ran));
        };
        builder.add_part(reply, element);
    }
    builder.end();
    builder.take().map_err(|error| error.with_outcome(Outcome::Ran))
}

/// Add one of several that are alike: numbers become one, and the rest is the first one's.
fn add_folded(builder: &mut Builder, fold: Fold, views: &[View<'_>], depth: u32) {
    let Some(first) = views.first().copied() else { return builder.add_null() };
    let are_alike = views.iter().all(|view| view.kind() == first.kind() && view.len() == first.len());
    match number(first) {
        _ if fold == Fold::Min && views.iter().any(|view| view.is_null()) => builder.add_null(),
        Some(_) if are_alike => {
            let numbers = views.iter().filter_map(|view| number(*view));
            let folded = match fold {
                Fold::Sum => Some(numbers.fold(0, i64::saturating_add)),
                Fold::Min => numbers.min(),
                Fold::Max => numbers.max(),
            };
            builder.add_integer(first.kind(), folded.unwrap_or_default());
        }
        None if are_alike && is_list(first) && depth > 0 => {
            builder.open(first.kind());
            for index in 0..first.children().len() {
                let children: Vec<View<'_>> = views.iter().filter_map(|view| view.get(index)).collect();
                add_folded(builder, fold, &children, depth - 1);
            }
            builder.end();
        }
        _ => builder.add_reply(first.node()),
    }
}

fn number(view: View<'_>) -> Option<i64> {
    match view.kind() {
        Kind::RREDIS_REPLY_INTEGER | Kind::RREDIS_REPLY_BOOL => Some(view.node().integer),
        _ => None,
    }
}

fn is_list(view: View<'_>) -> bool {
    matches!(view.kind(), Kind::RREDIS_REPLY_ARRAY | Kind::RREDIS_REPLY_SET | Kind::RREDIS_REPLY_MAP)
}

/// Numbers of commands that are folded stand no deeper.
const FOLDED_DEPTH_MAX: u32 = 3;
