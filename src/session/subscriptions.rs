//! Subscriptions: the wanted names, the commands under way for them, and restoring them on a new connection.

mod callers;

use std::collections::{HashMap, VecDeque};

use crate::commands::{Refusal, Shape, Topic, slot};
use crate::error::{Error, Outcome, Result, Status, head};
use crate::memory::{self, copied};
use crate::reply::Reply;
use crate::resp;

use super::push::{self, Confirmation};
use super::{Asked as Submit, Event, Session, Ticket, Token};

/// The names that somebody wants to hear of, whatever becomes of the connections they are subscribed on.
#[derive(Default)]
pub struct Subscriptions {
    /// By topic: each name.
    wanted: [HashMap<Vec<u8>, Wish>; 3],
    wishes: u64,
    /// What the present connection was asked and has not confirmed, in order.
    asked: VecDeque<AskedNames>,
    /// Shard channels are of different slots, whose servers change.
    is_of_slots: bool,
}

/// A name that is wanted.
struct Wish {
    /// Which one it was in the order of wishing.
    order: u64,
    /// The server ended it, and was asked for it again. Until that is confirmed it is not asked once more.
    is_asked_again: bool,
}

/// One command of the present connection's.
struct AskedNames {
    ticket: Ticket,
    topic: Topic,
    subscribes: bool,
    names: Vec<Vec<u8>>,
    /// Confirmations that are still due, where it names what it is about.
    left: usize,
    /// It is somebody else's command, and what is wanted goes by what becomes of it.
    passing: bool,
}

/// What an event of the conversation is to whoever subscribed.
#[derive(Debug)]
pub enum Heard {
    /// A message, as the wire has it.
    Message(Reply),
    /// A confirmation, as the wire has it.
    Confirmation(Reply),
    /// A push that has nothing to do with subscriptions.
    Other(Reply),
    /// The reply to another command, of this ticket and this token.
    Reply(Ticket, Token, Reply),
    /// The server refuses a name for good: it is wanted no more.
    Refused(Error),
    /// The server refuses what may be granted later: the conversation should begin anew.
    NotNow(Error),
    /// The server itself has ended a subscription that is wanted; it has been asked for again.
    Dropped(Reply),
    /// Another server has these names: they are wanted here no more.
    Adrift {
        /// The names, all of one slot.
        names: Vec<Vec<u8>>,
        /// The server's words, where it says who has them.
        said: Option<Vec<u8>>,
    },
    /// Nothing that anybody should know.
    Nothing,
}

impl Subscriptions {
    /// Want these names, and ask for them where there is a conversation.
    pub fn subscribe(&mut self, session: Option<&mut Session>, topic: Topic, names: &[&[u8]]) -> Result<()> {
        resp::check(&command(word(topic, true), names)?)?;
        self.wanted[topic as usize].try_reserve(names.len()).map_err(|_| Error::memory("a subscription"))?;
        let copies = copies(names)?;
        if let Some(session) = session {
            self.ask(session, topic, true, names)?;
        }
        for name in copies {
            self.wishes += 1;
            let wish = Wish { order: self.wishes, is_asked_again: false };
            self.wanted[topic as usize].entry(name).or_insert(wish);
        }
        Ok(())
    }

    /// Want these names no more, or none of the topic where no name is given.
    pub fn unsubscribe(&mut self, session: Option<&mut Session>, topic: Topic, names: &[&[u8]]) -> Result<()> {
        resp::check(&command(word(topic, false), names)?)?;
        if let Some(session) = session {
            let all = if names.is_empty() { self.in_order(topic)? } else { Vec::new() };
            match all.is_empty() {
                true => self.ask(session, topic, false, names)?,
                false => self.ask_in_batches(session, topic, false, &all)?,
            }
        }
        let wanted = &mut self.wanted[topic as usize];
        if names.is_empty() {
            wanted.clear();
        }
        for name in names {
            wanted.remove(*name);
        }
        Ok(())
    }

    /// Ask a new conversation for all that is wanted, in the order in which it was wished for.
    pub fn again(&mut self, session: &mut Session) -> Result<()> {
        self.asked.clear();
        for topic in TOPICS {
            self.wanted[topic as usize].values_mut().for_each(|wish| wish.is_asked_again = false);
            let mut names = self.in_order(topic)?;
            if self.is_of_slots && topic == Topic::Shard {
                memory::sort(&mut names, "the subscriptions", |one, other| slot(one).cmp(&slot(other)))?;
                for names in names.chunk_by(|one, other| slot(one) == slot(other)) {
                    self.ask_in_batches(session, topic, true, names)?;
                }
                continue;
            }
            self.ask_in_batches(session, topic, true, &names)?;
        }
        Ok(())
    }

    /// What this event of the conversation is.
    pub fn heard(&mut self, session: &mut Session, event: Event) -> Result<Heard> {
        match event {
            Event::Push { push, .. } if push::is_published(&push) => Ok(Heard::Message(push)),
            Event::Push { push, .. } => match push::confirmation(&push)? {
                Some(confirmation) => self.confirmed(session, push, &confirmation),
                None => Ok(Heard::Other(push)),
            },
            Event::Reply { ticket, token, reply } => {
                let place = self.asked.iter().position(|asked| asked.ticket == ticket);
                match place.and_then(|at| self.asked.remove(at)) {
                    Some(asked) if !asked.passing => self.refused(session, asked, &reply),
                    _ => Ok(Heard::Reply(ticket, token, reply)),
                }
            }
        }
    }

    /// Let shard channels be of different slots, whose servers change: they are asked for one slot at a time, and what another
    /// server has is adrift.
    pub fn is_of_slots(&mut self) {
        self.is_of_slots = true;
    }

    /// Want no name of a topic any more: those that were wanted.
    pub fn take_names(&mut self, topic: Topic) -> Result<Vec<Vec<u8>>> {
        let names = self.in_order(topic)?;
        self.wanted[topic as usize].clear();
        Ok(names)
    }

    /// Whether nothing is wanted.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.wanted.iter().all(HashMap::is_empty)
    }

    /// Whether this name is wanted.
    pub fn wants(&self, topic: Topic, name: &[u8]) -> bool {
        self.wanted[topic as usize].contains_key(name)
    }

    /// Whether the server has confirmed all that it was asked.
    pub fn is_settled(&self) -> bool {
        self.asked.is_empty()
    }

    /// Every name that is wanted.
    pub fn names(&self) -> impl Iterator<Item = (Topic, &[u8])> {
        TOPICS.into_iter().flat_map(|topic| self.wanted[topic as usize].keys().map(move |name| (topic, &name[..])))
    }

    fn confirmed(&mut self, session: &mut Session, push: Reply, confirmation: &Confirmation) -> Result<Heard> {
        let front = self.asked.front_mut().filter(|asked| {
            let same = (asked.topic, asked.subscribes) == (confirmation.topic, confirmation.subscribed);
            same && asked.is_about(confirmation.name.as_deref())
        });
        if let Some(asked) = front {
            asked.left = asked.left.saturating_sub(1);
            let (topic, passing) = (asked.topic, asked.passing);
            // How many are subscribed, where none is named, only the conversation knows.
            let is_over = match asked.names.is_empty() {
                true => session.oldest().is_none_or(|oldest| oldest > asked.ticket),
                false => asked.left == 0,
            };
            if is_over {
                self.asked.pop_front();
            }
            if let Some(wish) = self.wish(confirmation).filter(|_| confirmation.subscribed) {
                wish.is_asked_again = false;
            }
            return match passing {
                true => self.note(topic, confirmation.subscribed, confirmation.name.as_deref()),
                false => Ok(()),
            }
            .map(|()| Heard::Confirmation(push));
        }
        // Nobody asked for this one: a shard's slot has moved. Who takes the names elsewhere asks there; otherwise the server
        // is asked again, and says where the slot is.
        let (topic, Some(name)) = (confirmation.topic, &confirmation.name) else {
            return Ok(Heard::Confirmation(push));
        };
        if self.is_of_slots && !confirmation.subscribed {
            return Ok(match self.wanted[topic as usize].remove_entry(name) {
                Some((name, _)) => Heard::Adrift { names: vec![name], said: None },
                None => Heard::Confirmation(push),
            });
        }
        let Some(wish) = self.wish(confirmation).filter(|_| !confirmation.subscribed) else {
            return Ok(Heard::Confirmation(push));
        };
        if !std::mem::replace(&mut wish.is_asked_again, true) {
            self.ask(session, topic, true, &[name])?;
        }
        Ok(Heard::Dropped(push))
    }

    fn wish(&mut self, confirmation: &Confirmation) -> Option<&mut Wish> {
        self.wanted[confirmation.topic as usize].get_mut(confirmation.name.as_deref()?)
    }

    /// A subscription was answered with an error. The server refuses a command as a whole, so that one name may have spoiled it
    /// for others: each is asked for on its own then.
    fn refused(&mut self, session: &mut Session, asked: AskedNames, reply: &Reply) -> Result<Heard> {
        let error = Error::new(Status::Server, head(reply.text())).with_outcome(Outcome::Refused);
        if Refusal::of(reply.text(), false) == Some(Refusal::Passes) || reply.text().starts_with(b"BUSY ") {
            return Ok(Heard::NotNow(error));
        }
        if !asked.subscribes {
            // Who has lost the slot has ended the subscriptions of its channels.
            if self.is_of_slots && reply.text().starts_with(b"MOVED ") {
                return Ok(Heard::Nothing);
            }
            // Some servers refuse to end what there is none of; that there is none is all that was wanted.
            return Ok(if reply.text().starts_with(b"NOSUB ") { Heard::Nothing } else { Heard::Refused(error) });
        }
        if self.is_of_slots && asked.topic == Topic::Shard && reply.text().starts_with(b"MOVED ") {
            let wanted = &mut self.wanted[asked.topic as usize];
            let names = asked.names.into_iter().filter(|name| wanted.remove(name).is_some()).collect();
            return Ok(Heard::Adrift { names, said: Some(reply.text().to_vec()) });
        }
        if let [name] = &asked.names[..] {
            self.wanted[asked.topic as usize].remove(name);
            let text = [reply.text(), b" (", word(asked.topic, true).as_bytes(), b" ", head(name), b")"].concat();
            return Ok(Heard::Refused(Error { message: head(&text).to_vec(), ..error }));
        }
        for name in asked.names {
            if self.wants(asked.topic, &name) {
                self.ask(session, asked.topic, true, &[&name])?;
            }
        }
        Ok(Heard::Nothing)
    }

    fn ask(&mut self, session: &mut Session, topic: Topic, subscribes: bool, names: &[&[u8]]) -> Result<()> {
        self.asked.try_reserve(1).map_err(|_| Error::memory("a subscription"))?;
        let copies = copies(names)?;
        let args = command(word(topic, subscribes), names)?;
        let ticket = session.submit(Submit::any(&args, Shape::KEEP))?.ticket;
        let left = copies.len();
        self.asked.push_back(AskedNames { ticket, topic, subscribes, left, names: copies, passing: false });
        Ok(())
    }

    fn ask_in_batches(
        &mut self,
        session: &mut Session,
        topic: Topic,
        subscribes: bool,
        names: &[Vec<u8>],
    ) -> Result<()> {
        for batch in names.chunks(BATCH) {
            let batch: Vec<&[u8]> = batch.iter().map(Vec::as_slice).collect();
            self.ask(session, topic, subscribes, &batch)?;
        }
        Ok(())
    }

    /// The wanted names of a topic, in the order in which they were wished for.
    fn in_order(&self, topic: Topic) -> Result<Vec<Vec<u8>>> {
        let wanted = &self.wanted[topic as usize];
        let mut names = room_for(wanted.len())?;
        names.extend(wanted.iter());
        memory::sort(&mut names, "the subscriptions", |(_, one), (_, other)| one.order.cmp(&other.order))?;
        let mut copies = room_for(names.len())?;
        for (name, _) in names {
            copies.push(copied(name, "a subscription")?);
        }
        Ok(copies)
    }
}

impl AskedNames {
    /// Whether a confirmation of this name may be one of those that are due. They come in the order of asking.
    fn is_about(&self, name: Option<&[u8]>) -> bool {
        let next = self.names.len().checked_sub(self.left).and_then(|at| self.names.get(at));
        match name {
            // UNSUBSCRIBE of nothing is about all there is: each of them, or once none.
            _ if self.names.is_empty() => true,
            Some(name) => next.is_some_and(|next| next == name) || self.names.iter().any(|asked| asked == name),
            None => false,
        }
    }
}

fn command<'a>(word: &'a str, names: &[&'a [u8]]) -> Result<Vec<&'a [u8]>> {
    let mut args = room_for(names.len() + 1)?;
    args.push(word.as_bytes());
    args.extend_from_slice(names);
    Ok(args)
}

/// Room for so many: there may be as many names as somebody wishes.
fn room_for<T>(count: usize) -> Result<Vec<T>> {
    let mut list = Vec::new();
    list.try_reserve_exact(count).map_err(|_| Error::memory("a subscription"))?;
    Ok(list)
}

fn copies(names: &[&[u8]]) -> Result<Vec<Vec<u8>>> {
    let mut copies = room_for(names.len())?;
    for name in names {
        copies.push(copied(name, "a subscription")?);
    }
    Ok(copies)
}

fn word(topic: Topic, subscribes: bool) -> &'static str {
    match (topic, subscribes) {
        (Topic::Channel, true) => "SUBSCRIBE",
        (Topic::Channel, false) => "UNSUBSCRIBE",
        (Topic::Pattern, true) => "PSUBSCRIBE",
        (Topic::Pattern, false) => "PUNSUBSCRIBE",
        (Topic::Shard, true) => "SSUBSCRIBE",
        (Topic::Shard, false) => "SUNSUBSCRIBE",
    }
}

/// By their numbers, which are those of the sets of names.
const TOPICS: [Topic; 3] = [Topic::Channel, Topic::Pattern, Topic::Shard];
/// Names of one command, where there are many: no command is so long that others wait for it.
const BATCH: usize = 1000;

#[cfg(test)]
mod tests;
