//! The replies of a burst, short and long, as they come.

use super::*;

/// Takes short replies on the short way.
#[derive(Default)]
struct Leaves {
    taken: Vec<Vec<u8>>,
    /// A reply fails with this.
    fails: Option<Status>,
}

impl Leaves {
    fn can_take(&self) -> Result<()> {
        self.fails.map_or(Ok(()), |status| Err(Error::new(status, "it cannot be taken")))
    }
}

impl TakeReplies for Leaves {
    fn take(&mut self, frame: &mut Frame<'_>, _handed: usize) -> Result<()> {
        self.can_take()?;
        self.taken.push(Reply::build_from(frame)?.text().to_vec());
        Ok(())
    }

    fn take_leaf(&mut self, _entry: Entry, bytes: &[u8], _handed: usize) -> Result<bool> {
        self.can_take()?;
        self.taken.push(bytes.to_vec());
        Ok(true)
    }
}

#[test]
fn a_short_reply_before_the_burst_was_sent_is_nobodys() {
    for parser in PARSERS {
        let mut session = plain(parser);
        let mut bytes = burst(&[&[b"GET", b"a"]]);
        session.begin_burst(&mut bytes, 0, 1).unwrap();
        session.receive(b"+EVIL\r\n").unwrap();
        let mut leaves = Leaves::default();
        assert_eq!(session.poll_burst(&mut leaves).unwrap_err().status, Status::Protocol);
        assert!(leaves.taken.is_empty() && !session.ended_in_a_reply());
    }
}

#[test]
fn what_comes_behind_the_last_short_reply_is_none_of_the_burst() {
    for parser in PARSERS {
        let mut session = plain(parser);
        let mut bytes = burst(&[&[b"GET", b"a"], &[b"GET", b"b"]]);
        session.begin_burst(&mut bytes, 0, 2).unwrap();
        hand_over(&mut session);
        session.receive(b"+a\r\n+b\r\n+EVIL\r\n").unwrap();
        let mut leaves = Leaves::default();
        assert!(session.poll_burst(&mut leaves).unwrap().is_none());
        assert_eq!((leaves.taken.len(), session.burst_due()), (2, 0));
        session.end_burst(&mut bytes);
        assert!(!session.is_clean() && session.has_unread() && session.failure().is_none());
    }
}

#[test]
fn all_replies_that_have_come_are_taken_at_once() {
    for parser in PARSERS {
        let mut session = plain(parser);
        let mut bytes = burst(&[&[b"GET", b"a"], &[b"GET", b"b"], &[b"GET", b"c"]]);
        session.begin_burst(&mut bytes, 0, 3).unwrap();
        hand_over(&mut session);
        session.receive(b"*1\r\n+a\r\n*1\r\n+b\r\n").unwrap();
        let mut taken = Taken::default();
        assert!(session.poll_burst(&mut taken).unwrap().is_none());
        assert_eq!((taken.replies.len(), session.burst_due()), (2, 1));
    }
}

/// What there is no memory to take has arrived: its command ran. What somebody else made of it is another matter.
#[test]
fn a_burst_ended_in_a_reply_where_there_was_no_memory_to_take_it() {
    for (status, begun) in [(Status::Memory, true), (Status::Callback, false)] {
        let mut session = plain(ParserChoice::Fast);
        let mut bytes = burst(&[&[b"GET", b"a"]]);
        session.begin_burst(&mut bytes, 0, 1).unwrap();
        hand_over(&mut session);
        session.receive(b"*1\r\n+a\r\n").unwrap();
        let mut leaves = Leaves { fails: Some(status), ..Leaves::default() };
        assert_eq!(session.poll_burst(&mut leaves).unwrap_err().status, status);
        assert_eq!(session.ended_in_a_reply(), begun);
    }
}

#[test]
fn a_transaction_that_went_over_in_a_burst_ends_the_watching() {
    let mut session = plain(ParserChoice::Fast);
    session.submit(Asked::any(&[b"WATCH", b"a"], Shape::KEEP)).unwrap();
    hand_over(&mut session);
    session.receive(b"+OK\r\n").unwrap();
    assert!(session.poll().unwrap().is_some() && !session.is_clean());
    session.executed();
    assert!(session.is_clean());
}

/// A short reply on the short way, too.
#[test]
fn a_burst_ended_in_a_short_reply_where_there_was_no_memory_to_take_it() {
    for parser in PARSERS {
        let mut session = plain(parser);
        let mut bytes = burst(&[&[b"GET", b"a"]]);
        session.begin_burst(&mut bytes, 0, 1).unwrap();
        hand_over(&mut session);
        session.receive(b"+a\r\n").unwrap();
        let mut leaves = Leaves { fails: Some(Status::Memory), ..Leaves::default() };
        assert_eq!(session.poll_burst(&mut leaves).unwrap_err().status, Status::Memory);
        assert!(session.ended_in_a_reply());
    }
}

#[test]
fn an_end_of_the_stream_that_cannot_be_taken_for_a_reply_is_an_error() {
    let mut session = plain(ParserChoice::Fast);
    let mut bytes = burst(&[&[b"SHUTDOWN"]]);
    session.begin_burst(&mut bytes, 0, 1).unwrap();
    hand_over(&mut session);
    assert!(session.end_is_an_answer().unwrap());
    let mut leaves = Leaves { fails: Some(Status::Callback), ..Leaves::default() };
    assert_eq!(session.poll_burst(&mut leaves).unwrap_err().status, Status::Callback);
}
