//! Parts of a command that were redirected: those that another known server has by now, or takes behind ASKING, go there, all of them
//! at once.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::conn::Kept;

use super::super::aim::Aim;
use super::super::cluster::redirect::Redirect;
use super::super::many::Many;
use super::super::rules::{self, Met, Next, Steps};
use super::super::walk::{Aside, Walk};
use super::portion::{Destination, Portion};

/// Let what was answered MOVED or ASK begin anew at the server that it names, if that is known and can be used. True: there is any.
pub(super) fn follow_redirects(many: &Many, parts: &mut [Portion<'_>], failover_wait_ms: i64, kept: &mut Kept) -> bool {
    let mut is_any = false;
    for part in parts.iter_mut().filter(|part| part.came.is_none()) {
        is_any |= begin_anew(many, part, failover_wait_ms, kept).is_some();
    }
    is_any
}

/// None: it goes on by itself, from what it was answered.
fn begin_anew(many: &Many, part: &mut Portion<'_>, failover_wait_ms: i64, kept: &mut Kept) -> Option<()> {
    let Destination::Slot(slot) = part.to else { return None };
    let Some((target, Ok(reply))) = &part.begun else { return None };
    let said = many.redirect(reply.text(), &target.server).filter(|said| leads_to_another(many, said))?;
    let walk = Walk::new(many, &part.order, Aim::Slot(slot), None, failover_wait_ms);
    let met = Met::Refused(reply.text(), Some(said));
    let Next::Go(redirect, pause) = rules::next(&walk.facts, &mut Steps::default(), &met) else { return None };
    if !pause.is_zero() {
        return None;
    }
    let aside = many.follow(&redirect, &target.server, Some(slot), walk.patience, kept).ok()?;
    drop(walk);
    let map = Arc::clone(&many.map());
    if let Some(Aside { server, asking }) = aside {
        // It waits there by itself.
        if asking && many.has_missed(&server) {
            return None;
        }
        part.gate = map.gate_of(&server.endpoint).cloned().unwrap_or_default();
        (part.begun, part.server, part.asking) = (None, Some(server), asking);
        return Some(());
    }
    let shard = map.shard_of(slot).filter(|shard| !shard.gate.is_shut());
    // Where there is none, it waits for one by itself.
    (part.begun, part.asking) = (None, false);
    part.server = shard.map(|shard| Arc::clone(&shard.primary));
    if let Some(shard) = shard {
        part.gate = Arc::clone(&shard.gate);
    }
    Some(())
}

/// Whether it leads to a server that is known, so that nobody waits to hear of it.
fn leads_to_another(many: &Many, said: &Redirect) -> bool {
    matches!(said, Redirect::Moved { to, .. } | Redirect::Ask { to, .. } if many.map().server_at(to).is_some())
}
