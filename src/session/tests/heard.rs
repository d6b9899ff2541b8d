//! Assigning what arrives: pushes without a request, and late replies.

use super::*;

/// In RESP3 the beginning of a push is a push's; in RESP2, which has none, it is nobody's.
#[test]
fn what_has_come_and_is_not_told_belongs_to_nothing_except_a_push() {
    let unread = |protocol: u8, heard: &[u8]| {
        let mut session = session(ParserChoice::Fast, Greeting { protocol, ..Greeting::default() });
        hand_over(&mut session);
        if protocol == 3 {
            session.receive(b"%1\r\n$5\r\nproto\r\n:3\r\n").unwrap();
        }
        assert!(session.poll().unwrap().is_none() && session.is_clean() && !session.has_unread());
        session.receive(heard).unwrap();
        assert!(!session.is_clean());
        session.has_unread()
    };
    assert!(!unread(3, b">1\r\n+ne") && unread(2, b">1\r\n+ne"));
    assert!(unread(3, b"$5\r\n") && unread(2, b"$5\r\n"));
}

#[test]
fn what_the_server_was_not_heard_to_answer_is_known_by_its_name() {
    let unheard = |protocol, password: Option<&[u8]>| {
        let password = password.map(|password| Secret::new(password).unwrap());
        session(ParserChoice::Fast, Greeting { protocol, password, ..Greeting::default() }).unheard()
    };
    assert_eq!((unheard(3, None), unheard(2, Some(b"s")), unheard(2, None)), (Some("HELLO"), Some("AUTH"), None));
    let mut session = session(ParserChoice::Fast, Greeting { protocol: 3, ..Greeting::default() });
    hand_over(&mut session);
    session.receive(b"%1\r\n$5\r\nproto\r\n:3\r\n").unwrap();
    assert!(session.poll().unwrap().is_none());
    assert_eq!(session.unheard(), None);
}

#[test]
fn messages_and_lines_of_monitor_may_come_where_they_were_asked_for() {
    for (args, answer) in [
        (&[b"MONITOR".as_slice()] as &[&[u8]], b"+OK\r\n".as_slice()),
        (&[b"SUBSCRIBE", b"a"], b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"),
    ] {
        let mut session = plain(ParserChoice::Fast);
        assert!(!session.is_told_things());
        session.submit(Asked::any(args, Shape::KEEP)).unwrap();
        hand_over(&mut session);
        session.receive(answer).unwrap();
        assert!(session.poll().unwrap().is_some() && session.is_told_things());
    }
}

#[test]
fn a_reply_has_begun_with_its_first_bytes_and_a_push_is_none() {
    let begun = |heard: &[u8]| {
        let mut session = plain(ParserChoice::Fast);
        session.submit(Asked::plain(&[b"GET", b"a"], Shape::KEEP)).unwrap();
        hand_over(&mut session);
        session.receive(heard).unwrap();
        assert!(session.poll().unwrap().is_none());
        session.has_begun()
    };
    assert!(!begun(b"") && begun(b"$5\r\nab") && begun(b"*2\r\n+a\r\n") && !begun(b">2\r\n+a\r\n"));
}

#[test]
fn what_a_conversation_owes_and_may_hear_is_known() {
    let mut session = plain(ParserChoice::Fast);
    let known = |session: &Session| (session.owes(), session.can_hear(), session.is_queueing());
    let mut ask = |args: &[&[u8]], answer: &[u8]| {
        session.submit(Asked::any(args, Shape::KEEP)).unwrap();
        let before = known(&session);
        hand_over(&mut session);
        session.receive(answer).unwrap();
        assert!(session.poll().unwrap().is_some());
        (before, known(&session))
    };
    assert_eq!(ask(&[b"MULTI"], b"+OK\r\n"), ((true, true, false), (false, false, true)));
    assert_eq!(ask(&[b"EXEC"], b"*0\r\n"), ((true, true, true), (false, false, false)));
    let confirmed = b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n";
    assert_eq!(ask(&[b"SUBSCRIBE", b"a"], confirmed), ((true, true, false), (false, true, false)));
}
