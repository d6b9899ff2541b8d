//! How a command is queued: what it is due, and whether it may be.

use crate::commands::{self, Effect, Shape};
use crate::error::{Error, Result, Status};
use crate::resp;

use super::asked::{Asked, Asker, Submitted, Words};
use super::inflight::Due;
use super::{Session, Ticket, ending};

impl Session {
    /// Queue a command.
    #[inline(always)]
    pub fn submit(&mut self, asked: Asked<'_>) -> Result<Submitted> {
        self.may_submit()?;
        let Asked { words, shape, asker } = asked;
        let ticket = match words {
            Words::Plain(args, Some(room)) => self.inflight.submit(args, room, due_to(args), shape, asker)?,
            Words::Plain(args, None) => {
                let room = resp::checked_room(args)?;
                self.inflight.submit(args, room, due_to(args), shape, asker)?
            }
            Words::Any(args, Some((room, effect))) => return self.submit_any(args, room, effect, shape, asker),
            Words::Any(args, None) => {
                let room = resp::checked_room(args)?;
                return self.submit_any(args, room, commands::effect(args), shape, asker);
            }
            Words::Encoded(bytes, effect) => {
                let due = match effect {
                    Effect::None if ending::is_shutdown(bytes)? => Due::Reply(Effect::Shutdown),
                    effect => self.state.due(effect, &[]),
                };
                self.inflight.submit_encoded(bytes, due, shape, asker)?
            }
        };
        Ok(Submitted { ticket, answered: true })
    }

    /// Queue commands that were encoded before, one behind the other in these bytes, which are used up: how long each is, the shape
    /// of its reply, and who asks. None of them changes the connection or is SHUTDOWN. An error: none is queued.
    pub fn submit_run(
        &mut self,
        bytes: &mut Vec<u8>,
        commands: impl ExactSizeIterator<Item = (usize, Shape, Asker)>,
    ) -> Result<()> {
        self.may_submit()?;
        self.inflight.submit_run(bytes, commands)
    }

    /// The same as `Asked::checked`, on the shortest way, for a command of which it is known what it does: nothing, or SHUTDOWN.
    #[inline(always)]
    pub fn submit_known(
        &mut self,
        args: &[&[u8]],
        room: usize,
        effect: Effect,
        shape: Shape,
        asker: Asker,
    ) -> Result<Ticket> {
        self.may_submit()?;
        self.inflight.submit(args, room, Due::Reply(effect), shape, asker)
    }

    fn submit_any(
        &mut self,
        args: &[&[u8]],
        room: usize,
        effect: Effect,
        shape: Shape,
        asker: Asker,
    ) -> Result<Submitted> {
        self.state.refuse_in_transaction(effect, !self.inflight.owes())?;
        // What the connection becomes by it is noted only when nothing can keep it from being queued any more.
        self.inflight.make_room(args)?;
        let due = self.state.due(effect, args);
        if effect == Effect::Monitor && due == Due::Nothing {
            self.parser.expect_monitor(true);
        }
        let ticket = self.inflight.submit(args, room, due, shape, asker)?;
        Ok(Submitted { ticket, answered: matches!(due, Due::Reply(_)) })
    }

    /// A burst has the stream to itself.
    #[inline(always)]
    fn may_submit(&self) -> Result<()> {
        match self.inflight.burst {
            None => self.ready(),
            Some(_) => Err(Error::new(Status::State, "a burst of commands is on its way")),
        }
    }
}

/// What a command is due that leaves the connection as it is.
#[inline(always)]
fn due_to(args: &[&[u8]]) -> Due {
    Due::Reply(if commands::is_shutdown(args) { Effect::Shutdown } else { Effect::None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::options::ParserChoice;
    use crate::session::Greeting;

    fn session(limits: Limits) -> Session {
        let greeting = Greeting { protocol: 2, ..Greeting::default() };
        Session::new(resp::parser(ParserChoice::Fast, limits), greeting).unwrap()
    }

    fn hand_over(session: &mut Session) {
        session.sent(session.outgoing().len());
    }

    /// A command that waited for a connection is asked again as its bytes, and what it is counts all the same.
    #[test]
    fn the_end_of_the_stream_answers_an_encoded_command_where_that_is_shutdown() {
        for (args, is_answer) in [(&[b"SHUTDOWN".as_slice(), b"NOSAVE"] as &[&[u8]], true), (&[b"GET", b"a"], false)] {
            let mut session = session(Limits::default());
            let mut bytes = Vec::new();
            resp::encode(args, &mut bytes).unwrap();
            let submitted = session.submit(Asked::encoded(&bytes, Effect::None, Shape::KEEP)).unwrap();
            assert!(submitted.answered);
            hand_over(&mut session);
            assert_eq!(session.end_is_an_answer().unwrap(), is_answer);
        }
    }

    #[test]
    fn a_command_that_leaves_the_connection_as_it_is_has_a_reply_of_its_own() {
        let mut session = session(Limits::default());
        let room = resp::checked_room(&[b"GET", b"a"]).unwrap();
        for asked in [
            Asked::plain(&[b"GET", b"a"], Shape::KEEP),
            Asked::checked(&[b"GET", b"a"], room, Shape::KEEP),
            Asked::any(&[b"GET", b"a"], Shape::KEEP),
        ] {
            assert!(session.submit(asked).unwrap().answered);
        }
    }

    /// As large as what no machine has the addresses for: one piece, as often as a command has arguments.
    #[cfg(target_pointer_width = "64")]
    #[test]
    fn a_command_that_there_is_no_memory_for_leaves_the_conversation_as_it_was() {
        let piece = vec![0; 1 << 28];
        let args: Vec<&[u8]> =
            [b"AUTH".as_slice()].into_iter().chain(std::iter::repeat_n(&piece[..], (1 << 20) - 1)).collect();
        let room = resp::checked_room(&args).unwrap();
        for asked in
            [Asked::any(&args, Shape::KEEP), Asked::plain(&args, Shape::KEEP), Asked::checked(&args, room, Shape::KEEP)]
        {
            let mut session = session(Limits::default());
            assert_eq!(session.submit(asked).unwrap_err().status, Status::Memory);
            assert!(session.is_clean() && session.newest() == 0);
        }
    }

    /// Until MONITOR is answered, no line is one of it.
    #[test]
    fn a_reply_before_that_to_monitor_is_no_longer_than_any_other() {
        let mut session = session(Limits { line: 32, ..Limits::default() });
        let long = [b"+".as_slice(), &[b'1'; 100], b"\r\n"].concat();
        session.submit(Asked::plain(&[b"PING"], Shape::KEEP)).unwrap();
        session.submit(Asked::any(&[b"MONITOR"], Shape::KEEP)).unwrap();
        hand_over(&mut session);
        let failed = session.receive(&long).err().unwrap_or_else(|| session.poll().unwrap_err());
        assert_eq!(failed.status, Status::Limit);
    }

    /// A line of MONITOR is as long as somebody else's command, and no other line is.
    #[test]
    fn a_line_is_longer_than_the_limit_where_it_may_be_one_of_monitor() {
        const SKIP: &[&[u8]] = &[b"CLIENT", b"REPLY", b"SKIP"];
        let long = [b"+1.2 ".as_slice(), &[b'x'; 100], b"\r\n"].concat();
        for (commands, answers, is_line) in [
            (&[&[b"MONITOR".as_slice()] as &[&[u8]]] as &[&[&[u8]]], b"+OK\r\n".as_slice(), true),
            (&[&[b"MONITOR"]], b"-ERR no\r\n", false),
            (&[&[b"MONITOR"], &[b"RESET"]], b"+OK\r\n+RESET\r\n", false),
            (&[SKIP, &[b"MONITOR"]], b"", true),
            (&[SKIP, &[b"GET", b"a"]], b"", false),
        ] {
            let mut session = session(Limits { line: 32, ..Limits::default() });
            for args in commands {
                session.submit(Asked::any(args, Shape::KEEP)).unwrap();
            }
            hand_over(&mut session);
            session.receive(answers).unwrap();
            while session.poll().unwrap().is_some() {}
            let heard = session.receive(&long).and_then(|()| session.poll());
            match is_line {
                true => assert!(heard.unwrap().is_some(), "{commands:?}"),
                false => assert!(heard.is_err(), "{commands:?}"),
            }
        }
    }

    #[test]
    fn what_is_refused_inside_a_transaction_is_not_queued() {
        let mut session = session(Limits::default());
        session.submit(Asked::any(&[b"MULTI"], Shape::KEEP)).unwrap();
        hand_over(&mut session);
        let refused = session.submit(Asked::any(&[b"SUBSCRIBE", b"a"], Shape::KEEP)).unwrap_err();
        assert_eq!(refused.status, Status::State);
        assert!(session.outgoing().is_empty() && session.newest() == 1);
    }
}
