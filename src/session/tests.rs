//! A conversation whose replies are taken in other ways than by `poll`: the next short one, and those of a burst.

use super::*;
use crate::commands::{self, Effect, Shape};
use crate::limits::Limits;
use crate::options::{ParserChoice, Secret};
use crate::resp::{self, Frame};

mod bursts;
mod heard;
mod messages;
mod misnoted;
mod told;

const PARSERS: [ParserChoice; 2] = [ParserChoice::Fast, ParserChoice::Simple];

fn session(parser: ParserChoice, greeting: Greeting) -> Session {
    Session::new(resp::parser(parser, Limits::default()), greeting).unwrap()
}

fn plain(parser: ParserChoice) -> Session {
    session(parser, Greeting { protocol: 2, ..Greeting::default() })
}

/// Hand over all that waits.
fn hand_over(session: &mut Session) {
    session.sent(session.outgoing().len());
}

#[test]
fn a_short_reply_is_nobodys_whose_command_has_not_begun_to_leave() {
    for parser in PARSERS {
        let mut session = plain(parser);
        let ticket = session.submit(Asked::plain(&[b"GET", b"a"], Shape::KEEP)).unwrap().ticket;
        session.receive(b"+EVIL\r\n").unwrap();
        assert!(session.poll_leaf().unwrap().is_none());
        assert_eq!(session.poll().unwrap_err().status, Status::Protocol);
        assert_eq!(session.fate(ticket), Outcome::NotSent);
        // Behind one that has left, too.
        let mut session = plain(parser);
        session.submit(Asked::plain(&[b"GET", b"a"], Shape::KEEP)).unwrap();
        hand_over(&mut session);
        session.submit(Asked::plain(&[b"GET", b"b"], Shape::KEEP)).unwrap();
        session.receive(b"+a\r\n+EVIL\r\n").unwrap();
        let taken = session.poll_leaf().unwrap().map(|leaf| leaf.reply.text().to_vec());
        if taken.is_none() {
            assert!(
                matches!(session.poll().unwrap(), Some(Event::Reply { ticket: 1, reply, .. }) if reply.text() == b"a")
            );
        }
        assert!(taken.is_none_or(|text| text == b"a") && session.poll_leaf().unwrap().is_none());
        assert_eq!(session.poll().unwrap_err().status, Status::Protocol);
    }
}

/// Takes the replies of a burst.
#[derive(Default)]
struct Taken {
    replies: Vec<Reply>,
    handed: Vec<usize>,
    most: Option<usize>,
}

impl TakeReplies for Taken {
    fn take(&mut self, frame: &mut Frame<'_>, handed: usize) -> Result<()> {
        self.replies.push(Reply::build_from(frame)?);
        self.handed.push(handed);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.most.is_some_and(|most| self.replies.len() >= most)
    }
}

fn burst(commands: &[&[&[u8]]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    commands.iter().for_each(|args| resp::encode(args, &mut bytes).unwrap());
    bytes
}

#[test]
fn a_burst_has_the_stream_to_itself_until_it_is_over() {
    for parser in PARSERS {
        let mut session = plain(parser);
        let mut bytes = burst(&[&[b"GET", b"a"], &[b"GET", b"b"]]);
        let lent = bytes.clone();
        session.begin_burst(&mut bytes, 0, 2).unwrap();
        assert_eq!((session.outgoing(), session.burst_bytes(), session.burst_due()), (&lent[..], &lent[..], 2));
        let mut other = burst(&[&[b"PING"]]);
        assert_eq!(session.begin_burst(&mut other, 0, 1).unwrap_err().status, Status::State);
        assert_eq!(other, burst(&[&[b"PING"]]), "what is refused is not taken");
        for refused in [
            session.submit(Asked::plain(&[b"PING"], Shape::KEEP)).unwrap_err(),
            session.submit(Asked::any(&[b"PING"], Shape::KEEP)).unwrap_err(),
            session.submit(Asked::checked(&[b"PING"], 64, Shape::KEEP)).unwrap_err(),
        ] {
            assert_eq!(refused.status, Status::State);
        }
        assert!(!session.is_clean() && session.burst_owes());
        hand_over(&mut session);
        assert!(!session.is_clean());
        session.receive(b"+a\r\n>1\r\n+news\r\n$1\r\nb\r\n").unwrap();
        let mut taken = Taken { most: Some(1), ..Taken::default() };
        assert!(session.poll_burst(&mut taken).unwrap().is_none());
        assert_eq!((taken.replies.len(), session.burst_due()), (1, 1), "no more than is wanted");
        taken.most = None;
        let push = session.poll_burst(&mut taken).unwrap();
        assert!(matches!(push, Some(Event::Push { push, .. }) if push.view().get(0).unwrap().text() == b"news"));
        assert!(session.poll_burst(&mut taken).unwrap().is_none());
        assert_eq!([taken.replies[0].text(), taken.replies[1].text()], [b"a", b"b"]);
        assert_eq!(taken.handed, [lent.len(); 2]);
        assert!(!session.burst_owes() && !session.is_clean(), "its bytes have not come back");
        assert_eq!((session.end_burst(&mut bytes), &bytes), (lent.len(), &lent));
        assert!(session.is_clean() && session.burst_bytes().is_empty() && session.burst_due() == 0);
        assert_eq!(session.end_burst(&mut bytes), 0, "it has come back");
        assert_eq!(bytes, lent);
        // And not while anything else is under way.
        session.submit(Asked::plain(&[b"PING"], Shape::KEEP)).unwrap();
        assert_eq!(session.begin_burst(&mut bytes, 0, 2).unwrap_err().status, Status::State);
        hand_over(&mut session);
        assert_eq!(session.begin_burst(&mut bytes, 0, 2).unwrap_err().status, Status::State);
    }
}

#[test]
fn a_burst_that_is_answered_before_it_is_sent_ends_the_conversation() {
    for parser in PARSERS {
        let mut session = plain(parser);
        let mut bytes = burst(&[&[b"GET", b"a"], &[b"GET", b"b"]]);
        session.begin_burst(&mut bytes, 0, 2).unwrap();
        session.receive(b"+a\r\n").unwrap();
        let mut taken = Taken::default();
        assert_eq!(session.poll_burst(&mut taken).unwrap_err().status, Status::Protocol);
        assert!(taken.replies.is_empty());
        assert_eq!(session.end_burst(&mut bytes), 0);
        assert_eq!(session.poll().unwrap_err().status, Status::Protocol);
        // All is answered, and a part was never sent.
        let mut session = plain(parser);
        session.begin_burst(&mut bytes, 0, 2).unwrap();
        session.sent(bytes.len().max(1));
        session.receive(b"+a\r\n+b\r\n").unwrap();
        assert!(session.poll_burst(&mut Taken::default()).unwrap().is_none());
        let (all, len) = (burst(&[&[b"GET", b"a"], &[b"GET", b"b"]]), session.end_burst(&mut bytes));
        assert_eq!(bytes, all);
        assert!(!session.is_clean(), "{len} bytes of {} were handed over", all.len());
        assert_eq!(session.failure().unwrap().status, Status::Protocol);
    }
}

/// The end of the stream answers SHUTDOWN alone, where all of it was handed over and nothing else is due.
#[test]
fn the_end_of_the_stream_answers_a_shutdown_that_was_handed_over_whole() {
    const SHUTDOWN: &[&[u8]] = &[b"SHUTDOWN", b"NOSAVE"];
    for parser in PARSERS {
        let mut session = plain(parser);
        assert!(!session.end_is_an_answer().unwrap(), "nothing was asked");
        let ticket = session.submit(Asked::plain(SHUTDOWN, Shape::KEEP)).unwrap().ticket;
        session.sent(session.outgoing().len() - 1);
        assert!(!session.end_is_an_answer().unwrap(), "a byte of it is left");
        session.sent(1);
        session.receive(b"-").unwrap();
        assert!(!session.end_is_an_answer().unwrap(), "another answer had begun");

        let mut session = plain(parser);
        session.submit(Asked::plain(&[b"GET", b"a"], Shape::KEEP)).unwrap();
        session.submit(Asked::plain(SHUTDOWN, Shape::KEEP)).unwrap();
        hand_over(&mut session);
        assert!(!session.end_is_an_answer().unwrap(), "another reply is due before");

        let mut session = plain(parser);
        session.submit(Asked::plain(SHUTDOWN, Shape::KEEP)).unwrap();
        hand_over(&mut session);
        assert!(session.end_is_an_answer().unwrap());
        assert!(
            matches!(session.poll().unwrap(), Some(Event::Reply { ticket: of, reply, .. }) if of == ticket && reply.view().integer() == Some(1))
        );
        assert_eq!(session.poll().unwrap_err().status, Status::Io, "and then it is over");
    }
}

#[test]
fn the_end_of_the_stream_answers_the_shutdown_that_ends_a_burst() {
    const SHUTDOWN: &[&[u8]] = &[b"SHUTDOWN"];
    let ask = |commands: &[&[&[u8]]], left: usize, heard: &[u8], parser| {
        let mut session = plain(parser);
        let mut bytes = burst(commands);
        session.begin_burst(&mut bytes, 0, commands.len()).unwrap();
        session.sent(session.outgoing().len() - left);
        session.receive(heard).unwrap();
        let mut taken = Taken::default();
        assert!(session.poll_burst(&mut taken).unwrap().is_none());
        let is_answer = session.end_is_an_answer().unwrap();
        if is_answer {
            let before = taken.replies.len();
            assert!(session.poll_burst(&mut taken).unwrap().is_none());
            assert_eq!((taken.replies.len(), session.burst_due()), (before + 1, 0));
            assert_eq!(taken.replies[before].view().integer(), Some(1));
            assert_eq!(session.end_burst(&mut bytes), bytes.len());
            assert_eq!(session.poll().unwrap_err().status, Status::Io, "and then it is over");
        }
        is_answer
    };
    for parser in PARSERS {
        assert!(ask(&[SHUTDOWN], 0, b"", parser));
        assert!(ask(&[&[b"GET", b"a"], SHUTDOWN], 0, b"+a\r\n", parser));
        assert!(!ask(&[&[b"GET", b"a"], SHUTDOWN], 0, b"", parser), "another reply is due before");
        assert!(!ask(&[&[b"GET", b"a"], SHUTDOWN], 1, b"+a\r\n", parser), "a byte of it is left");
        assert!(!ask(&[&[b"GET", b"a"], SHUTDOWN], 0, b"+a\r\n-", parser), "another answer had begun");
        assert!(!ask(&[SHUTDOWN, &[b"GET", b"a"]], 0, b"-ERR\r\n", parser), "it is not the last");
        assert!(!ask(&[&[b"GET", b"a"]], 0, b"", parser));
        assert!(!ask(&[&[b"GET", &[b'k'; 1000]]], 0, b"", parser));
    }
}

/// A reply that is too long has begun to arrive: its command ran, and of a burst the next that is due.
#[test]
fn a_burst_that_ends_at_a_reply_that_is_too_long_ended_in_a_reply() {
    for parser in PARSERS {
        let limits = Limits { line: 32, ..Limits::default() };
        let greeting = Greeting { protocol: 2, ..Greeting::default() };
        for (bytes_heard, begun, status) in [
            (b"+0123456789012345678901234567890123456789\r\n".as_slice(), true, Status::Limit),
            (b">1\r\n+0123456789012345678901234567890123456789\r\n", false, Status::Limit),
            (b"?", false, Status::Protocol),
        ] {
            let mut session = Session::new(resp::parser(parser, limits), greeting.clone()).unwrap();
            let mut bytes = burst(&[&[b"GET", b"a"]]);
            session.begin_burst(&mut bytes, 0, 1).unwrap();
            hand_over(&mut session);
            let received = session.receive(bytes_heard);
            let error = received.err().unwrap_or_else(|| session.poll_burst(&mut Taken::default()).unwrap_err());
            session.fail(error.clone());
            assert_eq!((error.status, session.ended_in_a_reply()), (status, begun), "{parser:?}");
            session.end_burst(&mut bytes);
        }
    }
}

/// What a server says right behind a greeting with a secret may repeat it; behind commands it may not.
#[test]
fn what_is_unreadable_behind_a_burst_is_shown_where_no_secret_can_be_in_it() {
    let greeting = || Greeting { protocol: 2, password: Some(Secret::new(b"s3cret").unwrap()), ..Greeting::default() };
    for parser in PARSERS {
        for (sent, ended, is_shown) in [(true, false, true), (false, false, false), (true, true, true)] {
            let mut session = session(parser, greeting());
            hand_over(&mut session);
            session.receive(b"+OK\r\n").unwrap();
            assert!(session.poll().unwrap().is_none() && session.is_ready());
            let mut bytes = burst(&[&[b"GET", b"a"]]);
            session.begin_burst(&mut bytes, 0, 1).unwrap();
            if sent {
                hand_over(&mut session);
            }
            if ended {
                // What was said in a burst counts when it is over, too.
                session.inflight.burst.as_mut().unwrap().answered_at_once(1);
                session.end_burst(&mut bytes);
            }
            let received = session.receive(b":s3cret\r\n");
            let polled = |session: &mut Session| match ended {
                true => session.poll().map(drop),
                false => session.poll_burst(&mut Taken::default()).map(drop),
            };
            let error = received.err().unwrap_or_else(|| polled(&mut session).unwrap_err());
            assert_eq!(error.to_string().contains("s3cret"), is_shown, "{parser:?} {sent} {ended}: {error}");
        }
    }
}

/// The elements of EXEC's answer have the shapes that their commands asked for when they were queued.
#[test]
fn what_exec_answers_has_the_shapes_of_what_was_queued() {
    use crate::reply::Kind;
    for parser in PARSERS {
        for (exec, shaped) in [("*2\r\n*2\r\n+f\r\n+v\r\n+OK\r\n", true), ("*1\r\n*2\r\n+f\r\n+v\r\n", false)] {
            let mut session = plain(parser);
            let commands: [&[&[u8]]; 5] = [&[b"MULTI"], &[b"HGETALL", b"h"], &[b"NO.SUCH"], &[b"PING"], &[b"EXEC"]];
            for args in commands {
                session.submit(Asked::any(args, commands::shape_of(commands::find(args), args))).unwrap();
            }
            hand_over(&mut session);
            // What is refused is not queued, and has no element.
            let replies = ["+OK\r\n+QUEUED\r\n-ERR unknown\r\n+QUEUED\r\n", exec].concat();
            session.receive(replies.as_bytes()).unwrap();
            let mut replies = Vec::new();
            while let Some(event) = session.poll().unwrap() {
                replies.push(event.into_reply());
            }
            assert_eq!(replies.len(), 5);
            let first = replies[4].view().get(0).unwrap();
            assert_eq!(
                first.kind() == Kind::RREDIS_REPLY_MAP,
                shaped,
                "{exec}: an answer to something else is left alone"
            );
            assert!(session.is_clean());
        }
    }
}

#[test]
fn nothing_is_queued_in_a_conversation_that_is_over() {
    const GET: &[&[u8]] = &[b"GET", b"a"];
    let mut session = plain(ParserChoice::Fast);
    session.fail(Error::new(Status::Io, "the first reason"));
    session.fail(Error::new(Status::Memory, "another"));
    let room = resp::checked_room(GET).unwrap();
    let mut bytes = burst(&[GET]);
    for refused in [
        session.submit(Asked::plain(GET, Shape::KEEP)).err(),
        session.submit_known(GET, room, Effect::None, Shape::KEEP, Asker::default()).err(),
        session.submit(Asked::any(GET, Shape::KEEP)).err(),
        session.submit(Asked::encoded(&burst(&[GET]), Effect::None, Shape::KEEP)).err(),
        session.begin_burst(&mut bytes, 0, 1).err(),
        session.poll().err(),
    ] {
        assert_eq!(refused.unwrap().to_string(), "the first reason");
    }
    assert_eq!(bytes, burst(&[GET]));
    assert!(session.outgoing().is_empty() && !session.owes() && !session.is_ready() && !session.is_clean());
}

/// What is refused changes nothing: replies that were turned off for the next command are off for the next that is queued.
#[test]
fn a_command_that_cannot_be_queued_leaves_the_conversation_as_it_was() {
    let mut session = plain(ParserChoice::Fast);
    session.submit(Asked::any(&[b"CLIENT", b"REPLY", b"SKIP"], Shape::KEEP)).unwrap();
    let before = session.outgoing().len();
    assert_eq!(session.submit(Asked::any(&[], Shape::KEEP)).unwrap_err().status, Status::Argument);
    assert_eq!(session.outgoing().len(), before);
    let submitted = session.submit(Asked::any(&[b"GET", b"a"], Shape::KEEP)).unwrap();
    assert_eq!((submitted.ticket, submitted.answered), (2, false));
    assert!(session.submit(Asked::any(&[b"GET", b"b"], Shape::KEEP)).unwrap().answered);
}

/// A burst that is over takes no reply that comes later, and the reason stays.
#[test]
fn a_burst_that_was_given_up_takes_no_more_replies() {
    for parser in PARSERS {
        let mut session = plain(parser);
        let mut bytes = burst(&[&[b"GET", b"a"], &[b"GET", b"b"]]);
        session.begin_burst(&mut bytes, 0, 2).unwrap();
        hand_over(&mut session);
        session.receive(b"+a\r\n+b\r\n").unwrap();
        session.fail(Error::new(Status::Timeout, "given up"));
        let mut taken = Taken::default();
        assert_eq!(session.poll_burst(&mut taken).unwrap_err().to_string(), "given up");
        assert!(taken.replies.is_empty());
        // What the peer cannot have meant ends it too.
        let mut session = plain(parser);
        session.end_burst(&mut bytes);
        let mut bytes = burst(&[&[b"GET", b"a"]]);
        session.begin_burst(&mut bytes, 0, 1).unwrap();
        session.sent(5);
        session.receive(b":x\r\n").unwrap();
        assert_eq!(session.poll_burst(&mut taken).unwrap_err().status, Status::Protocol);
        assert!(session.failure().is_some() && session.outgoing().is_empty(), "nothing more of it is sent");
    }
}

/// Where there was no memory for a reply that had begun to arrive, its command ran; of any other end nobody knows.
#[test]
fn a_conversation_that_ends_for_want_of_memory_in_a_reply_knows_that_its_command_ran() {
    for (heard, status, outcome) in [
        (b"$5\r\nab".as_slice(), Status::Memory, Outcome::Ran),
        (b"$5\r\nab", Status::Io, Outcome::Unknown),
        (b"", Status::Memory, Outcome::Unknown),
    ] {
        let mut session = plain(ParserChoice::Fast);
        let ticket = session.submit(Asked::plain(&[b"GET", b"a"], Shape::KEEP)).unwrap().ticket;
        hand_over(&mut session);
        session.receive(heard).unwrap();
        assert!(session.poll().unwrap().is_none());
        session.fail(Error::new(status, ""));
        assert_eq!(session.fate(ticket), outcome);
    }
}
