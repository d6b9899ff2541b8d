//! What is accepted beside subscriptions in RESP2. A message looks like a reply there, and the server itself takes little else.

use crate::commands::Effect;
use crate::error::{Error, Instead, Result, Status};
use crate::line;

use super::super::Call;
use super::Evented;

impl Evented {
    /// A command that subscribes, or that ends that, is to be accepted. In RESP2 it is where that was asked for by name: what
    /// was accepted for a server that may speak RESP3 may be under way already.
    pub(super) fn admit_subscription(&mut self) -> Result<()> {
        if self.client.0.route.dial().options().protocol() == 2 {
            self.listens = true;
        } else if self.line.is_resp2() {
            return Err(line::in_resp2());
        }
        Ok(())
    }

    /// Refuse what cannot be sent beside subscriptions.
    #[cold]
    pub(super) fn refuse_beside_subscriptions(&mut self, args: &[&[u8]], call: &Call) -> Result<()> {
        self.listens = self.line.is_listening();
        if !self.listens {
            return Ok(());
        }
        let terms = self.client.terms(args, call);
        let is_ping = terms.row.is_some_and(|row| row.name() == "PING");
        if is_ping || matches!(terms.effect, Effect::Subscribe { .. } | Effect::Unsubscribe { .. }) {
            return Ok(());
        }
        // What is refused on every connection of this kind says so itself.
        if terms.row.is_some_and(|row| row.connection_state().is_some()) {
            return Ok(());
        }
        let text = "in RESP2 a connection with subscriptions takes only SUBSCRIBE and related commands, and PING, until \
                    the last subscription has ended";
        Err(Error::new(Status::State, text).with_instead(Instead::Subscriber))
    }
}
