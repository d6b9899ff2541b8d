//! What has arrived and cannot be kept: a parser that notes it wrongly stands for memory that is wanting.

use super::*;
use crate::memory::Room;
use crate::resp::Parse;

/// Says of the last text of each reply that it is longer than it is.
struct Misnoting {
    parser: Box<dyn Parse>,
    tape: Vec<Entry>,
}

impl Parse for Misnoting {
    fn name(&self) -> &str {
        self.parser.name()
    }

    fn room(&mut self, wanted: usize) -> Result<Room<'_>> {
        self.parser.room(wanted)
    }

    fn filled(&mut self, len: usize) -> Result<()> {
        self.parser.filled(len)
    }

    fn next(&mut self) -> Result<Option<Frame<'_>>> {
        let Some(frame) = self.parser.next()? else { return Ok(None) };
        self.tape = frame.tape().to_vec();
        let last = self.tape.last_mut().unwrap();
        *last = last.resized(1 << 30);
        Ok(Some(frame.under(&mut self.tape, 0)))
    }

    fn peek(&mut self) -> Option<(Entry, &[u8])> {
        let (entry, bytes) = self.parser.peek()?;
        Some((entry.resized(1 << 30), bytes))
    }

    fn expect_monitor(&mut self, expected: bool) {
        self.parser.expect_monitor(expected);
    }

    fn is_empty(&self) -> bool {
        self.parser.is_empty()
    }

    fn unread_len(&self) -> usize {
        self.parser.unread_len()
    }

    fn has_begun(&self) -> bool {
        self.parser.has_begun()
    }

    fn rest(&mut self) {
        self.parser.rest();
    }

    fn hold_secrets(&mut self, secret: bool) {
        self.parser.hold_secrets(secret);
    }
}

/// A reply that cannot be kept says that its command ran. A message, or what may be one, says nothing of it.
#[test]
fn a_command_ran_where_its_reply_has_arrived_and_cannot_be_kept() {
    const LIST: &str = "2\r\n$1\r\na\r\n$1\r\nb\r\n";
    const MESSAGE: &str = "3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\np\r\n";
    for (heard, is_subscribed, gives_nulls, outcome) in [
        (format!("*{LIST}"), false, false, Outcome::Ran),
        (format!("*{LIST}"), false, true, Outcome::Ran),
        (format!(">{LIST}"), false, false, Outcome::Unknown),
        (format!(">{MESSAGE}"), false, true, Outcome::Unknown),
        (format!("*{MESSAGE}"), true, false, Outcome::Unknown),
        (format!("*{MESSAGE}"), true, true, Outcome::Unknown),
    ] {
        let mut session = plain(ParserChoice::Fast);
        if gives_nulls {
            session.give_null_patterns();
        }
        if is_subscribed {
            session.submit(Asked::any(&[b"SUBSCRIBE", b"c"], Shape::KEEP)).unwrap();
            hand_over(&mut session);
            session.receive(b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n").unwrap();
            assert!(session.poll().unwrap().is_some());
        }
        let parser = resp::parser(ParserChoice::Fast, Limits::default());
        session.parser = Box::new(Misnoting { parser, tape: Vec::new() });
        let ticket = session.submit(Asked::plain(&[b"PING"], Shape::KEEP)).unwrap().ticket;
        hand_over(&mut session);
        session.receive(heard.as_bytes()).unwrap();
        assert_eq!(session.poll().unwrap_err().status, Status::Panic, "{heard}");
        assert_eq!(session.fate(ticket), outcome, "{heard} {is_subscribed} {gives_nulls}");
    }
}

/// On the short way, too: the conversation is over, and says so again.
#[test]
fn a_conversation_is_over_where_a_short_reply_cannot_be_kept() {
    let mut session = plain(ParserChoice::Fast);
    let parser = resp::parser(ParserChoice::Fast, Limits::default());
    session.parser = Box::new(Misnoting { parser, tape: Vec::new() });
    session.submit(Asked::plain(&[b"GET", b"a"], Shape::KEEP)).unwrap();
    hand_over(&mut session);
    session.receive(b"$1\r\na\r\n").unwrap();
    assert_eq!(session.poll_leaf().err().unwrap().status, Status::Panic);
    assert_eq!(session.failure().unwrap().status, Status::Panic);
}
