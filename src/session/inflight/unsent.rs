//! Commands of which no byte has left: taken back, or carried to the next connection.

use crate::commands::Shape;
use crate::error::{Error, Result};
use crate::memory;

use super::{Due, Entry, Inflight};
use crate::session::Ticket;

impl Inflight {
    /// Queue a command that was encoded before.
    pub(in crate::session) fn submit_encoded(&mut self, bytes: &[u8], due: Due, shape: Shape) -> Result<Ticket> {
        self.queue.try_reserve(1).map_err(|_| Error::memory("the command"))?;
        memory::append(&mut self.bytes, bytes, "the command")?;
        let start = self.queued;
        self.queued += bytes.len() as u64;
        self.tickets += 1;
        self.queue.push_back(Entry { ticket: self.tickets, start, end: self.queued, due, shape });
        Ok(self.tickets)
    }

    /// The oldest command that is still owed something.
    pub(in crate::session) fn oldest(&self) -> Option<Ticket> {
        self.queue.front().map(|entry| entry.ticket)
    }

    /// The command that was queued last.
    pub(in crate::session) fn newest(&self) -> Ticket {
        self.tickets
    }

    /// Whether no byte left of the oldest command that is due something.
    pub(in crate::session) fn begins_anew(&self) -> bool {
        self.queue.front().is_some_and(|entry| self.handed <= entry.start)
    }

    /// Each command of which no byte was handed over, its bytes and its shape, oldest first.
    pub(in crate::session) fn unsent(&self) -> impl Iterator<Item = (Ticket, &[u8], Shape)> {
        let first = self.queue.partition_point(|entry| entry.start < self.handed);
        self.queue.range(first..).map(|entry| (entry.ticket, &self.bytes[self.places(entry)], entry.shape))
    }

    /// Take back those commands that `wanted` says no to, of which no byte was handed over nor is among the next `offered`.
    /// Only where every command that was queued is due something: of the others nothing is kept but their bytes.
    pub(in crate::session) fn withdraw(&mut self, offered: usize, mut unwanted: impl FnMut(Ticket) -> bool) {
        let (fixed, base) = (self.handed + offered as u64, self.handed - self.sent as u64);
        let bytes = &mut self.bytes;
        let mut gone = 0u64;
        self.queue.retain_mut(|entry| {
            if entry.start < fixed {
                return true;
            }
            if unwanted(entry.ticket) {
                gone += entry.end - entry.start;
                return false;
            }
            let (from, to) = ((entry.start - base) as usize, (entry.end - base) as usize);
            bytes.copy_within(from..to, from - gone as usize);
            (entry.start, entry.end) = (entry.start - gone, entry.end - gone);
            true
        });
        self.queued -= gone;
        self.bytes.truncate(self.bytes.len() - gone as usize);
        self.sent(0);
    }

    /// Where the bytes of a command lie that were not handed over yet.
    fn places(&self, entry: &Entry) -> std::ops::Range<usize> {
        let base = self.handed - self.sent as u64;
        (entry.start - base) as usize..(entry.end - base) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Effect;
    use crate::limits::REST_BYTES_MAX;

    fn of(words: &[&str]) -> Inflight {
        let mut inflight = Inflight::default();
        for word in words {
            inflight.submit(&[word.as_bytes()], Due::Reply(Effect::None), Shape::KEEP).unwrap();
        }
        inflight
    }

    fn encoded(words: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        words.split_terminator(' ').for_each(|word| crate::resp::encode(&[word.as_bytes()], &mut bytes).unwrap());
        bytes
    }

    #[test]
    fn what_is_taken_back_is_not_handed_over_and_the_rest_keeps_its_order() {
        let one = encoded("A").len();
        // So many bytes handed over, and offered behind them: what may still be taken back.
        for (handed, offered, stays) in [
            (0, 0, "B D"),
            (1, 0, "A B D"),
            (1, one - 1, "A B D"),
            (one, 1, "B D"),
            (one, one + 1, "B C D"),
            (2 * one, 0, "D"),
        ] {
            let mut inflight = of(&["A", "B", "C", "D", "E"]);
            inflight.sent(handed);
            inflight.withdraw(offered, |ticket| [1, 3, 5].contains(&ticket));
            let whole = encoded(stays);
            let gone = if handed >= one { handed - one * (handed / one) } else { handed };
            let stays_from = if handed == one { 0 } else { gone };
            assert_eq!(inflight.outgoing(), &whole[stays_from..], "{handed} {offered}");
            let left = inflight.outgoing().len();
            inflight.sent(left);
            assert!(inflight.outgoing().is_empty());
            let last = inflight.submit(&[b"F"], Due::Reply(Effect::None), Shape::KEEP).unwrap();
            assert_eq!((last, inflight.outgoing()), (6, &encoded("F")[..]));
        }
    }

    /// The same in a conversation that has gone on for a while: what is left is still told from what left.
    #[test]
    fn what_is_left_after_something_was_taken_back_is_still_known_one_by_one() {
        let one = encoded("A").len();
        let mut inflight = of(&["X", "Y"]);
        inflight.sent(2 * one);
        let submit = |inflight: &mut Inflight, word: &str| {
            inflight.submit(&[word.as_bytes()], Due::Reply(Effect::None), Shape::KEEP).unwrap()
        };
        for word in ["A", "B", "C", "D", "E"] {
            submit(&mut inflight, word);
        }
        inflight.sent(1);
        // B and D.
        inflight.withdraw(0, |ticket| [4, 6].contains(&ticket));
        assert_eq!(submit(&mut inflight, "F"), 8);
        let unsent = |inflight: &Inflight| {
            inflight.unsent().map(|(ticket, bytes, _)| (ticket, bytes.to_vec())).collect::<Vec<_>>()
        };
        let left = [(5, encoded("C")), (7, encoded("E")), (8, encoded("F"))];
        assert_eq!(unsent(&inflight), left);
        assert_eq!(inflight.outgoing(), &encoded("A C E F")[1..]);
        let fates = |inflight: &Inflight| [3, 5, 7, 8].map(|ticket| inflight.fate(ticket, false));
        use crate::error::Outcome::{NotSent, Unknown};
        assert_eq!(fates(&inflight), [Unknown, NotSent, NotSent, NotSent]);
        inflight.sent(one);
        assert_eq!(fates(&inflight), [Unknown, Unknown, NotSent, NotSent]);
        assert_eq!(unsent(&inflight), left[1..]);
        for ticket in [1, 2, 3, 5] {
            assert_eq!(inflight.answered().unwrap().0, ticket);
        }
        inflight.sent(one - 1);
        assert!(inflight.begins_anew());
        assert!(inflight.answered().is_err(), "no byte of it has left");
    }

    #[test]
    fn nothing_is_left_where_all_behind_what_was_sent_is_taken_back() {
        let mut inflight = of(&["A", "B"]);
        inflight.sent(encoded("A").len());
        inflight.withdraw(0, |_| true);
        assert!(inflight.outgoing().is_empty() && !inflight.is_empty());
        assert_eq!(inflight.answered().unwrap().0, 1);
        assert!(inflight.is_empty());
    }

    #[test]
    fn a_conversation_begins_anew_where_nothing_is_owed_to_what_has_left() {
        let one = encoded("A").len();
        let mut inflight = of(&["A", "B"]);
        assert!(inflight.begins_anew());
        inflight.sent(1);
        assert!(!inflight.begins_anew());
        inflight.sent(one - 1);
        assert!(!inflight.begins_anew());
        inflight.answered().unwrap();
        assert!(inflight.begins_anew());
        inflight.sent(one);
        assert!(!inflight.begins_anew());
        inflight.answered().unwrap();
        assert!(!inflight.begins_anew(), "there is nothing to begin with");
    }

    #[test]
    fn all_of_it_can_be_taken_back() {
        let mut inflight = of(&["A", "B"]);
        inflight.withdraw(0, |_| true);
        assert!(inflight.is_empty() && inflight.oldest().is_none());
    }

    #[test]
    fn what_did_not_leave_can_be_queued_elsewhere() {
        let mut inflight = of(&["A", "B", "C"]);
        inflight.sent(encoded("A").len() + 1);
        let unsent: Vec<_> = inflight.unsent().map(|(ticket, bytes, _)| (ticket, bytes)).collect();
        assert_eq!(unsent, [(3, &encoded("C")[..])]);
        let mut next = of(&["X"]);
        assert_eq!(next.submit_encoded(unsent[0].1, Due::Reply(Effect::None), Shape::KEEP).unwrap(), 2);
        assert_eq!(next.outgoing(), encoded("X C"));
        assert_eq!((next.oldest(), next.unsent().count()), (Some(1), 2));
    }

    #[test]
    fn what_a_large_command_made_grow_is_given_back_once_all_of_it_has_left() {
        let mut inflight = Inflight::default();
        inflight.submit(&[&vec![b'v'; 1 << 20]], Due::Reply(Effect::None), Shape::KEEP).unwrap();
        inflight.sent(1 << 19);
        let rest = inflight.outgoing().to_vec();
        inflight.rest();
        assert_eq!(inflight.outgoing(), rest);
        inflight.sent(rest.len());
        assert!(inflight.bytes.capacity() > REST_BYTES_MAX);
        inflight.rest();
        assert_eq!(inflight.bytes.capacity(), 0);
        inflight.bytes = Vec::with_capacity(REST_BYTES_MAX);
        inflight.rest();
        assert_eq!(inflight.bytes.capacity(), REST_BYTES_MAX, "little is kept for the next command");
    }
}
