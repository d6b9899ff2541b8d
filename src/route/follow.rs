//! Where a redirect leads a command.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::conn::Kept;
use crate::error::Result;
use crate::reply::Reply;
use crate::transport::Deadline;

use super::cluster::redirect::{Redirect, redirect};
use super::cluster::refresh::Whom;
use super::many::{Many, Why, count};
use super::map::Server;
use super::walk::{Aside, Target, Walk};

impl Walk<'_> {
    /// The redirect that an error reply is. None: it is none, or leads back to the server that gave it.
    pub(super) fn redirect(&self, reply: &Reply, target: &Target) -> Option<Redirect> {
        self.many.redirect(reply.text(), &target.server)
    }

    /// Where a redirect leads. An error: the call was woken.
    pub(super) fn follow(&mut self, redirect: &Redirect, target: &Target, kept: &mut Kept) -> Result<()> {
        self.aside = self.many.follow(redirect, &target.server, self.facts.slot, self.patience, kept)?;
        Ok(())
    }
}

impl Many {
    /// The redirect that an error reply of this server is. None: it is none, or leads back to that server.
    pub(super) fn redirect(&self, error: &[u8], by: &Server) -> Option<Redirect> {
        if !self.is_cluster() {
            return None;
        }
        let said = redirect(error, &by.endpoint, &|announced| self.reachable(announced))?;
        match &said {
            Redirect::Moved { to, .. } | Redirect::Ask { to, .. } if *to == by.endpoint => None,
            _ => Some(said),
        }
    }

    /// Where a redirect by this server leads a command whose keys have the slot `own`. None: to the owner of that slot, which may
    /// be another one from now on. An error: the call was woken.
    pub(super) fn follow(
        &self,
        redirect: &Redirect,
        by: &Arc<Server>,
        own: Option<u16>,
        patience: Deadline,
        kept: &mut Kept,
    ) -> Result<Option<Aside>> {
        let (to, slot, asking) = match redirect {
            Redirect::Moved { slot, to } => (Some(to), *slot, false),
            Redirect::Nameless { slot } => (None, *slot, false),
            Redirect::Ask { slot, to } => (Some(to), *slot, true),
        };
        count(if asking { &self.figures.asked } else { &self.figures.moved });
        let known = to.and_then(|to| self.map().server_at(to).cloned());
        let known = match (known, to) {
            (None, Some(to)) => self.learn(to, by, patience, kept)?,
            (None, None) => {
                self.refresh(Why::Sick, Whom { first: Some(by), ..Whom::ALL }, patience, kept);
                None
            }
            (known, _) => known,
        };
        let Some(server) = known else { return Ok(None) };
        if asking || own != Some(slot) {
            return Ok(Some(Aside { server, asking }));
        }
        self.change(|present| {
            let is_owner = present.shard_of(slot).is_some_and(|shard| shard.primary.endpoint == server.endpoint);
            (!is_owner).then(|| present.with_slot(slot, &server))
        });
        Ok(None)
    }
}
