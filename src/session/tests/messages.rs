//! Messages as they are given.

use super::*;

/// Messages of channels alone, as plain as servers send them; what is a reply stays one.
#[test]
fn a_null_is_given_in_the_place_of_a_pattern_where_that_is_wanted() {
    let texts = |texts: &[&str]| texts.iter().map(|text| format!("${}\r\n{text}\r\n", text.len())).collect::<String>();
    let large = "x".repeat(100_000);
    for parser in PARSERS {
        for (protocol, kind) in [(3, '>'), (2, '*')] {
            let mut session = giving_nulls(parser, protocol);
            // In RESP2 it is a message only where one may come.
            session.submit(Asked::any(&[b"LRANGE", b"l", b"0", b"2"], Shape::KEEP)).unwrap();
            session.submit(Asked::any(&[b"SUBSCRIBE", b"c"], Shape::KEEP)).unwrap();
            hand_over(&mut session);
            session.receive(format!("*3\r\n{}", texts(&["message", "c", "p"])).as_bytes()).unwrap();
            session.receive(format!("{kind}3\r\n{}:1\r\n", texts(&["subscribe", "c"])).as_bytes()).unwrap();
            for message in
                [&["message", "c", "p"], &["message", "c", &large], &["smessage", "s", ""], &["other", "c", "p"]]
            {
                let kind = if message[0] == "other" { '>' } else { kind };
                session.receive(format!("{kind}3\r\n{}", texts(message)).as_bytes()).unwrap();
            }
            session.receive(format!("{kind}4\r\n{}", texts(&["pmessage", "c*", "c", "p"])).as_bytes()).unwrap();
            session.receive(format!("{kind}3\r\n{}:7\r\n", texts(&["message", "c"])).as_bytes()).unwrap();
            let replies: Vec<Reply> = std::iter::from_fn(|| session.poll().unwrap().map(Event::into_reply)).collect();
            let shown = |reply: &Reply| {
                let texts = reply.view().children().map(|one| String::from_utf8_lossy(one.text()).into_owned());
                (texts.collect::<Vec<_>>().join(" "), reply.view().get(1).unwrap().is_null())
            };
            let wanted = [
                ("message c p".to_owned(), false),
                ("subscribe c ".to_owned(), false),
                ("message  c p".to_owned(), true),
                (format!("message  c {large}"), true),
                ("smessage  s ".to_owned(), true),
                ("other c p".to_owned(), false),
                ("pmessage c* c p".to_owned(), false),
                ("message c ".to_owned(), false),
            ];
            assert!(replies.iter().map(shown).eq(wanted), "{parser:?} RESP{protocol}: {replies:?}");
            assert!(!session.owes());
        }
    }
}

/// A greeted session that gives a null in the place of a pattern.
fn giving_nulls(parser: ParserChoice, protocol: u8) -> Session {
    let mut session = session(parser, Greeting { protocol, ..Greeting::default() });
    session.give_null_patterns();
    hand_over(&mut session);
    if protocol == 3 {
        session.receive(b"%1\r\n$5\r\nproto\r\n:3\r\n").unwrap();
    }
    assert!(session.poll().unwrap().is_none());
    session
}

/// Such a session that is subscribed to a channel, and waits for the reply to PING.
fn waiting(parser: ParserChoice, protocol: u8) -> Session {
    let mut session = giving_nulls(parser, protocol);
    session.submit(Asked::any(&[b"SUBSCRIBE", b"c"], Shape::KEEP)).unwrap();
    hand_over(&mut session);
    let kind = if protocol == 3 { '>' } else { '*' };
    session.receive(format!("{kind}3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n").as_bytes()).unwrap();
    assert!(matches!(session.poll().unwrap(), Some(Event::Push { .. })));
    session.submit(Asked::any(&[b"PING"], Shape::KEEP)).unwrap();
    hand_over(&mut session);
    session
}

const WORDS: &str = "3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\np\r\n";

#[test]
fn a_message_before_a_reply_that_is_due_is_given_its_null_too() {
    for parser in PARSERS {
        for (protocol, kind) in [(3, '>'), (2, '*')] {
            let mut session = waiting(parser, protocol);
            session.receive(format!("{kind}{WORDS}+PONG\r\n").as_bytes()).unwrap();
            let Some(Event::Push { push, .. }) = session.poll().unwrap() else { panic!("it is a message") };
            assert!(push.view().len() == 4 && push.view().get(1).unwrap().is_null(), "{parser:?} RESP{protocol}");
            assert!(matches!(session.poll().unwrap(), Some(Event::Reply { reply, .. }) if reply.text() == b"PONG"));
        }
    }
}

/// A set is no message, whatever its words are; nor is what is annotated with such words.
#[test]
fn a_reply_with_the_words_of_a_message_is_given_as_it_came() {
    for parser in PARSERS {
        let mut session = waiting(parser, 2);
        session.receive(format!("~{WORDS}|1\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\np\r\n").as_bytes()).unwrap();
        let Some(Event::Reply { reply, .. }) = session.poll().unwrap() else { panic!("it is a reply") };
        assert!(reply.view().len() == 3 && !reply.view().get(1).unwrap().is_null(), "{parser:?} {reply:?}");
        session.submit(Asked::any(&[b"PING"], Shape::KEEP)).unwrap();
        hand_over(&mut session);
        let Some(Event::Reply { reply, .. }) = session.poll().unwrap() else { panic!("it is a reply") };
        assert_eq!(reply.text(), b"p", "{parser:?}");
    }
}

/// By whichever of both ways: each comes once, in its order, and so does why it ends.
#[test]
fn messages_that_are_taken_alone_leave_all_else_to_be_polled() {
    for parser in PARSERS {
        let mut session = waiting(parser, 3);
        let more = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n";
        session.receive(format!(">{WORDS}{more}>{WORDS}+PONG\r\n>{WORDS}$x\r\n").as_bytes()).unwrap();
        let mut came = Vec::new();
        for alone in [true, true, true, false, true, true, false, true, true] {
            came.push(match alone {
                true => session.poll_message().map_or(0, |message| message.view().len()),
                false => session.poll().unwrap().map_or(0, |event| 10 + event.into_reply().view().len()),
            });
        }
        assert_eq!(came, [4, 0, 0, 12, 4, 0, 10, 4, 0], "{parser:?}");
        assert_eq!(session.poll().unwrap_err().status, Status::Protocol, "{parser:?}");
        assert!(session.poll_message().is_none());
    }
}
