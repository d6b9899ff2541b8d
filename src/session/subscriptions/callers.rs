//! Subscriptions made with the caller's own SUBSCRIBE commands. Names that the server confirmed are wanted from then
//! on. A command that was refused or not sent changes nothing.

use crate::commands::{Effect, Topic};
use crate::error::{Error, Result};
use crate::memory::copied;

use super::super::Ticket;
use super::{AskedNames, Subscriptions, Wish, room_for};

impl Subscriptions {
    /// A command of somebody else's, of SUBSCRIBE's kin, that `submit` gives to the present conversation.
    pub fn pass(
        &mut self,
        effect: Effect,
        names: &[Vec<u8>],
        submit: impl FnOnce() -> Result<Ticket>,
    ) -> Result<Ticket> {
        let (topic, subscribes) = match effect {
            Effect::Subscribe { topic, .. } => (topic, true),
            Effect::Unsubscribe { topic, .. } => (topic, false),
            _ => return submit(),
        };
        self.asked.try_reserve(1).map_err(|_| Error::memory("a subscription"))?;
        let mut copies = room_for(names.len())?;
        for name in names {
            copies.push(copied(name, "a subscription")?);
        }
        let ticket = submit()?;
        self.asked.push_back(AskedNames { ticket, topic, subscribes, left: names.len(), names: copies, passing: true });
        Ok(ticket)
    }

    /// It was taken back before it was sent.
    pub fn withdrawn(&mut self, ticket: Ticket) {
        self.asked.retain(|asked| asked.ticket != ticket);
    }

    /// The connection was lost. Where nobody knows whether a command was obeyed that was sent, what it asked for is wanted; without
    /// memory for a name, it is as if it had not been sent.
    pub fn interrupted(&mut self, was_sent: impl Fn(Ticket) -> bool) {
        for AskedNames { ticket, topic, subscribes, names, passing, .. } in std::mem::take(&mut self.asked) {
            if !passing || !was_sent(ticket) {
                continue;
            }
            if names.is_empty() {
                let _ = self.note(topic, subscribes, None);
            }
            for name in names {
                let _ = self.note(topic, subscribes, Some(&name));
            }
        }
    }

    /// Whether anything was asked of the present conversation that is no command of somebody else's, and is not confirmed.
    pub fn asks_again(&self) -> bool {
        self.asked.iter().any(|asked| !asked.passing)
    }

    /// Want nothing any more. False: nothing was wanted.
    pub fn give_up(&mut self) -> bool {
        let wanted = !self.is_empty();
        *self = Subscriptions { is_of_slots: self.is_of_slots, ..Subscriptions::default() };
        wanted
    }

    /// The server obeyed, as far as this name. None: there was nothing of the topic left.
    pub(super) fn note(&mut self, topic: Topic, subscribes: bool, name: Option<&[u8]>) -> Result<()> {
        let wanted = &mut self.wanted[topic as usize];
        match name {
            Some(name) if subscribes => {
                if !wanted.contains_key(name) {
                    wanted.try_reserve(1).map_err(|_| Error::memory("a subscription"))?;
                    self.wishes += 1;
                    let wish = Wish { order: self.wishes, is_asked_again: false };
                    wanted.insert(copied(name, "a subscription")?, wish);
                }
            }
            Some(name) => drop(wanted.remove(name)),
            None => wanted.clear(),
        }
        Ok(())
    }
}
