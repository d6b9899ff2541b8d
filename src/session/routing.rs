//! Assigning a reply to the handshake or a command, or treating it as a push; and the state of the connection after it.

use crate::commands::Effect;
use crate::error::{Error, Result, Status};
use crate::reply::{Kind, Reply};

use super::asked::Token;
use super::inflight::{Answered, Due};
use super::parsed::Parsed;
use super::{Event, Session, push};

impl Session {
    /// Give messages of channels four elements, as those of patterns have: the second is null.
    pub fn give_null_patterns(&mut self) {
        self.null_patterns = true;
    }

    /// Give a reply to whom it belongs, as the event that it is.
    pub(super) fn route(&mut self, Parsed { reply, wire_len, shaped, .. }: Parsed) -> Result<Option<Event>> {
        if reply.kind() == Kind::RREDIS_REPLY_PUSH {
            let ends = self.confirm(&reply)?;
            return Ok(Some(Event::Push { push: reply, wire_len, ends }));
        }
        if let Some(handshake) = &mut self.handshake {
            let answered = handshake.answered(&reply, &mut self.inflight, &mut self.state);
            if self.secretive_until.is_some() {
                reply.wipe();
            }
            if answered?.is_over() {
                self.speaks_resp2 = handshake.speaks_resp2();
                self.handshake = None;
                self.inflight.end_greeting()?;
                self.secretive_until = self.secretive_until.map(|_| self.inflight.handed());
                self.parser.hold_secrets(false);
            }
            return Ok(None);
        }
        // In RESP2 a message is an array like any other: only the state of the connection tells them apart.
        if self.may_be_message() && push::is_message(&reply) {
            // Some servers agree on RESP3, and say their messages in RESP2.
            self.speaks_resp2 |= self.state.is_resp3();
            self.state.speaks_resp3(false);
            let ends = self.confirm(&reply)?;
            return Ok(Some(Event::Push { push: reply.into_push(), wire_len, ends }));
        }
        if self.state.is_monitoring() && push::is_monitor_line(&reply) {
            return Ok(Some(Event::Push { push: reply, wire_len, ends: None }));
        }
        // It stays with what is due: nothing says that it ran.
        if self.inflight.next_confirms() && !reply.is_error() {
            return Err(Error::new(Status::Protocol, "a subscription was answered with something else"));
        }
        let Answered { ticket, token, due, shape } = self.asked_for(&reply)?;
        if let Due::Reply(effect) = due {
            self.state.became(effect, &reply);
            if matches!(effect, Effect::Monitor | Effect::Reset) {
                self.parser.expect_monitor(self.state.is_monitoring());
            }
        }
        let reply = if shaped { reply } else { shape.reshape(&reply)?.unwrap_or(reply) };
        let reply = self.queued.answered(shape, reply, self.state.is_queueing())?;
        Ok(Some(Event::Reply { ticket, token, reply }))
    }

    /// Whether an array that looks like a message, or like a confirmation, is one. In RESP3 it is where it can be no reply.
    #[inline(always)]
    pub(super) fn may_be_message(&self) -> bool {
        let confirms = self.inflight.next_confirms();
        match self.state.is_resp3() {
            false => confirms || self.state.expects_messages(),
            true => confirms || (self.state.expects_messages() && !self.inflight.owes()),
        }
    }

    /// A confirmation of SUBSCRIBE or its kin changes what is subscribed, and answers the command that asked.
    /// Some: that one had a token, and is due no more of them.
    fn confirm(&mut self, push: &Reply) -> Result<Option<Token>> {
        let Some(mut confirmation) = push::confirmation(push)? else { return Ok(None) };
        let emptied = self.state.confirmed(&mut confirmation)?;
        self.inflight.confirmed(&confirmation, emptied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Shape;
    use crate::limits::Limits;
    use crate::options::{ParserChoice, Secret};
    use crate::resp;
    use crate::session::{Asked, Greeting};

    const CONFIRMED: &str = "3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n";
    const MESSAGE: &str = "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n";

    fn greeted(protocol: u8) -> Session {
        let greeting = Greeting { protocol, ..Greeting::default() };
        let mut session = Session::new(resp::parser(ParserChoice::Fast, Limits::default()), greeting).unwrap();
        if protocol == 3 {
            hear(&mut session, "%1\r\n$5\r\nproto\r\n:3\r\n");
            assert!(session.poll().unwrap().is_none() && session.is_resp3());
        }
        session
    }

    fn ask(session: &mut Session, args: &[&[u8]]) {
        session.submit(Asked::any(args, Shape::KEEP)).unwrap();
    }

    /// After all that waits was handed over.
    fn hear(session: &mut Session, said: &str) {
        session.sent(session.outgoing().len());
        session.receive(said.as_bytes()).unwrap();
    }

    /// What comes next: a push, or a reply, and its first word.
    fn next(session: &mut Session) -> (bool, String) {
        let event = session.poll().unwrap().unwrap();
        let is_push = matches!(event, Event::Push { .. });
        let reply = event.into_reply();
        let word = reply.view().get(0).map_or_else(|| reply.text().to_vec(), |word| word.text().to_vec());
        (is_push, String::from_utf8(word).unwrap())
    }

    fn of(is_push: bool, word: &str) -> (bool, String) {
        (is_push, word.to_owned())
    }

    /// An array that looks like a message is one only where something is subscribed, and in RESP3 only where no reply is due.
    #[test]
    fn what_looks_like_a_message_is_the_reply_that_is_due() {
        for protocol in [2, 3] {
            for args in [&[b"LRANGE".as_slice(), b"l", b"0", b"-1"] as &[&[u8]], &[b"EXEC"]] {
                let mut session = greeted(protocol);
                ask(&mut session, args);
                hear(&mut session, MESSAGE);
                assert_eq!(next(&mut session), of(false, "message"));
                assert!(session.is_clean());
            }
        }
        let mut session = greeted(3);
        ask(&mut session, &[b"SUBSCRIBE", b"a"]);
        hear(&mut session, &format!(">{CONFIRMED}"));
        assert_eq!(next(&mut session), of(true, "subscribe"));
        for args in [&[b"LRANGE".as_slice(), b"l", b"0", b"-1"] as &[&[u8]], &[b"EXEC"]] {
            ask(&mut session, args);
            hear(&mut session, MESSAGE);
            assert_eq!(next(&mut session), of(false, "message"));
        }
        assert!(session.is_resp3() && !session.speaks_resp2());
        hear(&mut session, MESSAGE);
        assert_eq!(next(&mut session), of(true, "message"));
        assert!(!session.is_resp3() && session.speaks_resp2());
    }

    /// What is a message by its looks goes before the reply that is due, whatever shape that has.
    #[test]
    fn what_comes_unasked_is_not_the_reply_that_is_due() {
        let mut session = greeted(2);
        ask(&mut session, &[b"SUBSCRIBE", b"a"]);
        hear(&mut session, &format!("*{CONFIRMED}"));
        assert_eq!(next(&mut session), of(true, "subscribe"));
        ask(&mut session, &[b"PING"]);
        hear(&mut session, &format!("{MESSAGE}*2\r\n$4\r\npong\r\n$0\r\n\r\n"));
        assert_eq!([next(&mut session), next(&mut session)], [of(true, "message"), of(false, "pong")]);
        assert!(!session.speaks_resp2(), "it was asked for nothing else");

        let mut session = greeted(2);
        ask(&mut session, &[b"MONITOR"]);
        hear(&mut session, "+OK\r\n");
        assert_eq!(next(&mut session), of(false, "OK"));
        ask(&mut session, &[b"PING"]);
        hear(&mut session, "+1.2 [0 c] \"GET\"\r\n+PONG\r\n");
        assert_eq!([next(&mut session), next(&mut session)], [of(true, "1.2 [0 c] \"GET\""), of(false, "PONG")]);
    }

    #[test]
    fn a_server_that_agrees_on_resp3_and_says_messages_in_resp2_speaks_resp2() {
        let mut session = greeted(3);
        ask(&mut session, &[b"SUBSCRIBE", b"a"]);
        assert!(!session.speaks_resp2());
        hear(&mut session, &format!("*{CONFIRMED}"));
        assert_eq!(next(&mut session), of(true, "subscribe"));
        assert!(session.speaks_resp2() && !session.is_resp3());
    }

    /// The last command of a greeting is answered where all of it has left.
    #[test]
    fn a_greeting_is_not_answered_before_all_of_it_was_sent() {
        let password = Some(Secret::new(b"s3cret").unwrap());
        let greeting = Greeting { protocol: 2, password, ..Greeting::default() };
        let mut session = Session::new(resp::parser(ParserChoice::Fast, Limits::default()), greeting).unwrap();
        session.sent(session.outgoing().len() - 1);
        session.receive(b"+OK\r\n").unwrap();
        assert_eq!(session.poll().unwrap_err().status, Status::Protocol);
        assert!(!session.is_ready());
    }
}
