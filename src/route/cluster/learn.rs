//! A server that a redirect names and no map has: whether the server that gave the redirect knows it.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Instant;

use super::super::many::{Many, Why};
use super::super::map::Server;
use super::nodes;
use super::refresh::Whom;
use crate::commands::Shape;
use crate::conn::{Kept, Wait};
use crate::error::{Result, Status};
use crate::options::Endpoint;
use crate::transport::Deadline;

impl Many {
    /// Learn of a server that `by` named. None: nobody knows it, so that no connection to it is made. An error: the call was
    /// woken.
    pub(in crate::route) fn learn(
        &self,
        named: &Endpoint,
        by: &Arc<Server>,
        deadline: Deadline,
        kept: &mut Kept,
    ) -> Result<Option<Arc<Server>>> {
        self.refresh(Why::Sick, Whom { first: Some(by), ..Whom::ALL }, deadline, kept);
        if let Some(server) = self.map().server_at(named) {
            return Ok(Some(Arc::clone(server)));
        }
        // A server without slots is in no map: it has to be asked for by name.
        match self.knows(named, by, deadline, kept) {
            Ok(false) => Ok(None),
            Ok(true) => {
                let server = self.server(named, None);
                self.change(|present| present.server_at(named).is_none().then(|| present.with_server(&server)));
                Ok(self.map().server_at(named).cloned())
            }
            Err(error) if error.status == Status::Woken => Err(error),
            Err(_) => Ok(None),
        }
    }

    fn knows(&self, named: &Endpoint, by: &Arc<Server>, deadline: Deadline, kept: &mut Kept) -> Result<bool> {
        let deadline = deadline.earlier(Deadline::after_ms(ASK_MS));
        let wait = Wait { deadline, allowed_ms: ASK_MS, name: b"CLUSTER NODES" };
        let mut lease = by.pool.lease(&mut Instant::now(), deadline, ASK_MS, kept)?;
        let ticket = lease.submit(&[b"CLUSTER", b"NODES"], Shape::KEEP)?;
        let nodes = lease.reply_to(ticket, &wait, kept)?;
        lease.give_back();
        Ok(nodes::names(nodes.text(), &by.endpoint, &|announced| self.reachable(announced), named))
    }
}

/// How long the server may take to say whom it knows.
const ASK_MS: i64 = 300;
