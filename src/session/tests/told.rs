//! Distinguishing replies from pushes, and the fast path, step by step.

use super::*;
use crate::commands::{Shape, Topic};
use crate::reply::Kind;
use crate::session::push;

fn reply(bytes: &[u8]) -> Reply {
    let mut parser = resp::parser(ParserChoice::Fast, Limits::default());
    parser.room(bytes.len()).unwrap().bytes()[..bytes.len()].copy_from_slice(bytes);
    parser.filled(bytes.len()).unwrap();
    Reply::build(parser.next().unwrap().unwrap()).unwrap()
}

fn list(kind: char, words: &[&str]) -> Reply {
    let words: String = words.iter().map(|word| format!("+{word}\r\n")).collect();
    reply(format!("{kind}{}\r\n{words}", words.matches('+').count()).as_bytes())
}

#[test]
fn a_message_is_an_array_that_begins_with_its_word() {
    for word in ["message", "pmessage", "smessage"] {
        assert!(push::is_message(&list('*', &[word, "a", "b"])) && push::is_published(&list('>', &[word, "a", "b"])));
        assert!(!push::is_message(&list('~', &[word, "a", "b"])));
    }
    assert!(
        push::is_message(&list('*', &["sunsubscribe", "a"])) && !push::is_published(&list('>', &["subscribe", "a"]))
    );
    assert!(!push::is_message(&list('*', &["messages", "a"])) && !push::is_message(&list('*', &[])));
    assert!(push::is_monitor_line(&reply(b"+1.2 [0 c]\r\n")));
    assert!(!push::is_monitor_line(&reply(b"$3\r\n1.2\r\n")) && !push::is_monitor_line(&reply(b"+OK\r\n")));
}

#[test]
fn a_confirmation_says_what_was_subscribed_or_is_no_more() {
    for (word, topic, subscribed) in [
        ("subscribe", Topic::Channel, true),
        ("unsubscribe", Topic::Channel, false),
        ("psubscribe", Topic::Pattern, true),
        ("punsubscribe", Topic::Pattern, false),
        ("ssubscribe", Topic::Shard, true),
        ("sunsubscribe", Topic::Shard, false),
    ] {
        let confirmation = push::confirmation(&list('>', &[word, "a"])).unwrap().unwrap();
        assert_eq!((confirmation.topic as usize, confirmation.subscribed), (topic as usize, subscribed));
        assert_eq!(confirmation.name.as_deref(), Some(b"a".as_slice()));
    }
    let nothing = push::confirmation(&reply(b">3\r\n$11\r\nunsubscribe\r\n_\r\n:0\r\n")).unwrap().unwrap();
    assert!(nothing.name.is_none(), "there was nothing to unsubscribe from");
    assert!(push::confirmation(&list('>', &["message", "a"])).unwrap().is_none());
}

fn shape_of(args: &[&[u8]]) -> Shape {
    commands::shape_of(commands::find(args), args)
}

/// Commands of a transaction, each with what it was answered; and then EXEC's answer, with this shape asked for.
fn executed(answers: &[&[u8]], exec: &[u8], shape: Shape) -> Reply {
    let mut queued = Queued::default();
    for answer in answers {
        queued.answered(shape_of(&[b"HGETALL", b"h"]), reply(answer), true).unwrap();
    }
    queued.answered(shape, reply(exec), false).unwrap()
}

#[test]
fn what_was_queued_and_nothing_else_has_an_element_in_the_answer_to_exec() {
    let exec = shape_of(&[b"EXEC"]);
    let is_map = |reply: &Reply| reply.view().get(0).unwrap().kind() == Kind::RREDIS_REPLY_MAP;
    const ONE: &[u8] = b"*1\r\n*2\r\n+f\r\n+v\r\n";
    const QUEUED: &[u8] = b"+QUEUED\r\n";
    assert!(is_map(&executed(&[QUEUED], ONE, exec)));
    assert!(is_map(&executed(&[b"-ERR no\r\n", b"+OK\r\n", b"$6\r\nQUEUED\r\n", QUEUED], ONE, exec)));
    assert!(!is_map(&executed(&[QUEUED, QUEUED], ONE, exec)), "it answers something else");
    assert!(!is_map(&executed(&[QUEUED], b"~1\r\n*2\r\n+f\r\n+v\r\n", exec)));
    assert!(!is_map(&executed(&[QUEUED], ONE, Shape::KEEP)), "EXEC was asked for as it comes");
    let attributed = executed(&[QUEUED], b"|1\r\n+k\r\n+v\r\n*1\r\n*2\r\n+f\r\n+v\r\n", exec);
    assert!(is_map(&attributed) && attributed.attributes(attributed.root()).is_some());
}

fn ask(session: &mut Session, args: &[&[u8]]) {
    session.submit(Asked::any(args, shape_of(args))).unwrap();
    hand_over(session);
}

/// As whoever steps takes them: on the short way first.
fn next(session: &mut Session) -> Option<(bool, Reply)> {
    match session.poll_leaf().unwrap() {
        Some(leaf) => Some((false, leaf.reply)),
        None => session.poll().unwrap().map(|event| (matches!(event, Event::Push { .. }), event.into_reply())),
    }
}

#[test]
fn the_short_way_leads_to_what_the_long_one_leads_to() {
    for parser in PARSERS {
        let mut session = plain(parser);
        for (args, answer) in [
            (&[b"MULTI".as_slice()] as &[&[u8]], b"+OK\r\n".as_slice()),
            (&[b"HGETALL", b"h"], b"+QUEUED\r\n"),
            (&[b"GET", b"a"], b"+QUEUED\r\n"),
        ] {
            ask(&mut session, args);
            session.receive(answer).unwrap();
            assert!(session.holds_more() && next(&mut session).is_some() && !session.holds_more());
        }
        ask(&mut session, &[b"EXEC"]);
        session.receive(b"*2\r\n*2\r\n+f\r\n+v\r\n+a\r\n").unwrap();
        let (_, executed) = next(&mut session).unwrap();
        assert_eq!(executed.view().get(0).unwrap().kind(), Kind::RREDIS_REPLY_MAP);

        ask(&mut session, &[b"MONITOR"]);
        session.receive(b"+OK\r\n").unwrap();
        assert!(next(&mut session).is_some());
        ask(&mut session, &[b"ECHO", b"a"]);
        session.receive(b"+1.2 [0 c]\r\n$1\r\na\r\n").unwrap();
        let (is_push, line) = next(&mut session).unwrap();
        assert!(is_push && line.text() == b"1.2 [0 c]");
        assert!(next(&mut session).is_some_and(|(is_push, reply)| !is_push && reply.text() == b"a"));

        let mut session = plain(parser);
        ask(&mut session, &[b"GET", b"a"]);
        session.receive(b"+a\r\n").unwrap();
        session.fail(Error::new(Status::Timeout, "given up"));
        assert!(session.poll_leaf().unwrap().is_none() && session.holds_more());
    }
}

#[test]
fn what_waits_is_known_by_its_place_and_its_time_and_can_be_taken_back() {
    let mut session = plain(ParserChoice::Fast);
    assert!(session.oldest().is_none() && !session.oldest_is_nobodys() && session.deadline().is_none());
    let deadline = Some(std::time::Instant::now());
    for asker in [Asker { token: 7, deadline }, Asker::default()] {
        session.submit(Asked::plain(&[b"GET", b"a"], Shape::KEEP).by(asker)).unwrap();
    }
    assert_eq!((session.oldest(), session.newest(), session.deadline()), (Some(1), 2, deadline));
    assert!(!session.oldest_is_nobodys() && session.begins_anew());
    session.withdraw(0, |command| command.ticket == 1);
    assert_eq!((session.oldest(), session.oldest_is_nobodys(), session.under_way().0), (Some(2), true, 1));
}

/// What comes unasked right behind a greeting may repeat what was said in it.
#[test]
fn an_error_that_nobody_asked_for_is_shown_where_no_secret_can_be_in_it() {
    let greeting = || Greeting { protocol: 2, password: Some(Secret::new(b"s3cret").unwrap()), ..Greeting::default() };
    for asks in [false, true] {
        let mut session = session(ParserChoice::Fast, greeting());
        hand_over(&mut session);
        session.receive(b"+OK\r\n").unwrap();
        assert!(session.poll().unwrap().is_none() && session.is_ready());
        if asks {
            ask(&mut session, &[b"GET", b"a"]);
            session.receive(b"+a\r\n").unwrap();
            assert!(session.poll().unwrap().is_some());
        }
        session.receive(b"-ERR s3cret\r\n").unwrap();
        let error = session.poll().unwrap_err().to_string();
        assert_eq!(error.contains("s3cret"), asks, "{error}");
    }
    let mut session = session(ParserChoice::Fast, greeting());
    hand_over(&mut session);
    let received = session.receive(b":s3cret\r\n");
    let error = received.err().unwrap_or_else(|| session.poll().unwrap_err()).to_string();
    assert!(!error.contains("s3cret") && !error.contains("the parser"), "{error}");
}

#[test]
fn a_command_whose_time_is_up_is_told_and_its_reply_is_nobodys() {
    let mut session = plain(ParserChoice::Fast);
    let now = std::time::Instant::now();
    for token in [7, 8] {
        let asker = Asker { token, deadline: Some(now) };
        session.submit(Asked::plain(&[b"GET", b"a"], Shape::KEEP).by(asker)).unwrap();
    }
    session.sent(1);
    let mut told = Vec::new();
    session.expire(now, 0, |ticket, token, outcome| told.push((ticket, token, outcome)));
    assert_eq!(told, [(1, 7, Outcome::Unknown), (2, 8, Outcome::NotSent)]);
    assert!(session.oldest_is_nobodys() && session.under_way().0 == 1);
}
