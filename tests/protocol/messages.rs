//! What the server sends unasked, on a connection kept for oneself: messages, confirmations, MONITOR's lines; each told apart
//! from replies, in RESP2 too, where they look alike.

use crate::support::c::{Client, Options, Outcome, Status, option};
use crate::support::server::Server;

#[test]
fn messages_and_confirmations_are_received_in_order() {
    let server = Server::start(&[]);
    for protocol in [2, 3] {
        let client = Options::at(&server.url()).int(option::PROTOCOL, protocol).client();
        let mut conn = client.conn().expect("a connection");
        assert_eq!(conn.ask(&["SUBSCRIBE", "a", "b"]), "(nil)", "the answers are pushes");
        assert_eq!(conn.receive(20_000).expect("a").dump(), ">[\"subscribe\" \"a\" :1]", "RESP{protocol}");
        assert_eq!(conn.receive(20_000).expect("b").dump(), ">[\"subscribe\" \"b\" :2]");
        assert_eq!(conn.receive(20).expect_err("nothing yet").status, Status::AGAIN);
        assert_eq!(client.ask(&["PUBLISH", "b", "hello"]), ":1");
        assert_eq!(conn.receive(20_000).expect("hello").dump(), ">[\"message\" \"b\" \"hello\"]");
        assert_eq!(conn.ask(&["PSUBSCRIBE", "a*"]), "(nil)");
        assert_eq!(conn.receive(20_000).expect("a*").dump(), ">[\"psubscribe\" \"a*\" :3]");
        assert_eq!(client.ask(&["PUBLISH", "a", "x"]), ":2");
        assert_eq!(conn.receive(20_000).expect("x").dump(), ">[\"message\" \"a\" \"x\"]");
        assert_eq!(conn.receive(20_000).expect("x").dump(), ">[\"pmessage\" \"a*\" \"a\" \"x\"]");
        assert_eq!(conn.ask(&["UNSUBSCRIBE"]), "(nil)");
        assert!(conn.receive(20_000).expect("one").dump().starts_with(">[\"unsubscribe\" "));
        assert!(conn.receive(20_000).expect("the other").dump().starts_with(">[\"unsubscribe\" "));
        assert_eq!(conn.ask(&["PUNSUBSCRIBE", "a*"]), "(nil)");
        assert_eq!(conn.receive(20_000).expect("a*").dump(), ">[\"punsubscribe\" \"a*\" :0]");
        assert_eq!(conn.ask(&["ECHO", "back"]), "\"back\"");
    }
}

#[test]
fn a_command_need_not_wait_for_confirmations_to_be_received() {
    let server = Server::start(&[]);
    let client = Options::at(&server.url()).int(option::PROTOCOL, 3).client();
    let mut conn = client.conn().expect("a connection");
    assert_eq!(conn.ask(&["SUBSCRIBE", "a"]), "(nil)");
    assert_eq!(conn.ask(&["SUBSCRIBE", "b"]), "(nil)");
    assert_eq!(conn.ask(&["ECHO", "x"]), "\"x\"");
    assert_eq!(conn.receive(20_000).expect("a").dump(), ">[\"subscribe\" \"a\" :1]");
    assert_eq!(conn.receive(20_000).expect("b").dump(), ">[\"subscribe\" \"b\" :2]");
    conn.send(&["ECHO", "y"]).expect("it is sent");
    let err = conn.command(&["ECHO", "z"]).expect_err("a reply is due to somebody else");
    assert_eq!((err.status, err.outcome), (Status::STATE, Outcome::NOT_SENT), "{err:?}");
    assert_eq!(conn.receive(20_000).expect("y").dump(), "\"y\"");
}

#[test]
fn subscriptions_in_strange_places_are_told_apart_or_refused() {
    let server = Server::start(&[]);
    for protocol in [2, 3] {
        let client = Options::at(&server.url()).int(option::POOL_MAX, 1).int(option::PROTOCOL, protocol).client();
        let mut conn = client.conn().expect("a connection");
        assert_eq!(conn.ask(&["UNSUBSCRIBE"]), "(nil)");
        assert_eq!(conn.receive(20_000).expect("of nothing").dump(), ">[\"unsubscribe\" (nil) :0]", "RESP{protocol}");
        assert_eq!(conn.ask(&["MULTI"]), "+OK");
        let err = conn.command(&["subscribe", "c"]).expect_err("its confirmation would stand in EXEC's reply");
        assert_eq!((err.status, err.outcome), (Status::STATE, Outcome::NOT_SENT), "{err:?}");
        assert_eq!(conn.ask(&["ECHO", "x"]), "+QUEUED");
        assert_eq!(conn.ask(&["EXEC"]), "[\"x\"]");
        // With replies off, confirmations come all the same.
        assert_eq!(conn.ask(&["CLIENT", "REPLY", "OFF"]), "(nil)");
        assert_eq!(conn.ask(&["SUBSCRIBE", "c"]), "(nil)");
        assert_eq!(conn.receive(20_000).expect("c").dump(), ">[\"subscribe\" \"c\" :1]", "RESP{protocol}");
        assert_eq!(conn.ask(&["UNSUBSCRIBE", "c"]), "(nil)");
        assert_eq!(conn.receive(20_000).expect("c").dump(), ">[\"unsubscribe\" \"c\" :0]", "RESP{protocol}");
        assert_eq!(conn.ask(&["CLIENT", "REPLY", "ON"]), "+OK");
        assert_eq!(conn.ask(&["ECHO", "y"]), "\"y\"");
        drop(conn);
        assert!(client.ask(&["CLIENT", "INFO"]).contains("sub=0 "), "what was subscribed does not go back to the pool");
    }
}

#[test]
fn in_resp3_a_message_is_a_push_and_an_array_never_is() {
    let server = Server::start(&[]);
    let client = Options::at(&server.url()).int(option::PROTOCOL, 3).client();
    assert_eq!(client.ask(&["RPUSH", "list", "message", "c", "not one"]), ":3");
    let mut conn = client.conn().expect("a connection");
    assert_eq!(conn.ask(&["SUBSCRIBE", "c"]), "(nil)");
    assert_eq!(conn.receive(20_000).expect("c").dump(), ">[\"subscribe\" \"c\" :1]");
    assert_eq!(conn.ask(&["LRANGE", "list", "0", "-1"]), "[\"message\" \"c\" \"not one\"]");
    assert_eq!(conn.ask(&["UNSUBSCRIBE", "c"]), "(nil)");
    assert_eq!(conn.receive(20_000).expect("c").dump(), ">[\"unsubscribe\" \"c\" :0]");
    assert_eq!(conn.ask(&["CLIENT", "REPLY", "OFF"]), "(nil)");
    assert_eq!(conn.ask(&["SUBSCRIBE", "d"]), "(nil)");
    assert_eq!(conn.receive(20_000).expect("d").dump(), ">[\"subscribe\" \"d\" :1]");
    assert_eq!(conn.ask(&["CLIENT", "REPLY", "ON"]), "+OK");
    assert_eq!(conn.ask(&["LRANGE", "list", "0", "-1"]), "[\"message\" \"c\" \"not one\"]");
}

#[test]
fn an_array_that_only_looks_like_a_message_is_a_reply() {
    let server = Server::start(&[]);
    let client = Options::at(&server.url()).int(option::PROTOCOL, 2).client();
    assert_eq!(client.ask(&["RPUSH", "list", "message", "c", "not one"]), ":3");
    assert_eq!(client.ask(&["LRANGE", "list", "0", "-1"]), "[\"message\" \"c\" \"not one\"]");
    let mut conn = client.conn().expect("a connection");
    assert_eq!(conn.ask(&["LRANGE", "list", "0", "-1"]), "[\"message\" \"c\" \"not one\"]");
    assert_eq!(conn.ask(&["SUBSCRIBE", "c"]), "(nil)");
    assert_eq!(conn.receive(20_000).expect("c").dump(), ">[\"subscribe\" \"c\" :1]");
    assert_eq!(conn.ask(&["PING", "message"]), "[\"pong\" \"message\"]");
    let err = conn.command(&["GET", "k"]).expect_err("not while subscribed in RESP2");
    assert_eq!((err.status, err.outcome), (Status::SERVER, Outcome::REFUSED), "{err:?}");
}

/// A command of somebody else's decides how long a line is: its binary bytes are four each there.
#[test]
fn monitor_shows_large_commands() {
    let server = Server::start(&[]);
    let binary = vec![0; 1 << 20];
    for (protocol, parser) in [(2, 1), (2, 2), (3, 1), (3, 2)] {
        let options = Options::at(&server.url()).int(option::PROTOCOL, protocol).int(option::PARSER, parser);
        let client = options.client();
        let mut conn = client.conn().expect("a connection");
        assert_eq!(conn.ask(&["MONITOR"]), "+OK");
        client.command(&[b"SET".as_slice(), b"large", &binary]).expect("it is set");
        assert_eq!(client.ask(&["ECHO", "the next"]), "\"the next\"");
        let mut lines = Vec::new();
        while lines.last().is_none_or(|line: &String| !line.contains("the next")) {
            let line = conn.receive(20_000).unwrap_or_else(|err| panic!("RESP{protocol} {parser}: {err:?}"));
            lines.push(String::from_utf8_lossy(line.text()).into_owned());
        }
        let large = lines.iter().find(|line| line.contains("\"SET\" \"large\"")).expect("the large command is shown");
        assert_eq!(large.matches("\\x00").count(), binary.len());
        // It is told from the replies all the while, and ends with RESET.
        assert_eq!(conn.ask(&["PING"]), "+PONG");
        assert_eq!(conn.ask(&["RESET"]), "+RESET");
    }
}

/// Nobody sees the OK of a MONITOR that was sent while replies were off: its lines come all the same.
#[test]
fn monitor_is_heard_where_its_answer_was_not() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let mut conn = client.conn().expect("a connection");
    assert_eq!(conn.ask(&["CLIENT", "REPLY", "OFF"]), "(nil)");
    assert_eq!(conn.ask(&["MONITOR"]), "(nil)");
    assert_eq!(conn.ask(&["CLIENT", "REPLY", "ON"]), "+OK");
    client.command(&[b"SET".as_slice(), b"large", &vec![b'x'; 100_000]]).expect("it is set");
    assert!((0..20).any(|_| conn.receive(20_000).expect("a line").text().len() > 100_000));
}

#[test]
fn monitor_shows_what_others_do() {
    let server = Server::start(&[]);
    for protocol in [2, 3] {
        let client = Options::at(&server.url()).int(option::PROTOCOL, protocol).client();
        let mut conn = client.conn().expect("a connection");
        assert_eq!(conn.ask(&["MONITOR"]), "+OK");
        assert_eq!(client.ask(&["ECHO", "look at me"]), "\"look at me\"");
        let shown = (0..20).any(|_| conn.receive(20_000).expect("a line").dump().contains("look at me"));
        assert!(shown, "RESP{protocol}");
    }
}
