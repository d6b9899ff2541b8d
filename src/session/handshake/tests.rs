//! Greetings, row by row: what is said, what the server answers, and what is made of it.

use super::*;
use crate::limits::Limits;
use crate::options::ParserChoice;
use crate::resp;
use crate::session::Session;

/// What came of a greeting: whether the conversation is RESP3, and whether the server speaks RESP2 alone; or an error, and a
/// part of its message.
type End = std::result::Result<(bool, bool), (Status, &'static str)>;

const RESP3: End = Ok((true, false));
const RESP2: End = Ok((false, true));
/// RESP2 this time.
const FOR_NOW: End = Ok((false, false));

const THREE: &str = "%1\r\n$5\r\nproto\r\n:3\r\n";
const TWO: &str = "*2\r\n$5\r\nproto\r\n:2\r\n";
const OK: &str = "+OK\r\n";
const UNKNOWN: &str = "-ERR unknown command 'HELLO'\r\n";
const SYNTAX: &str = "-ERR syntax error\r\n";
const WRONG_COUNT: &str = "-ERR wrong number of arguments for 'auth' command\r\n";

/// The best there is, with no more to say.
fn plain() -> Greeting {
    Greeting::default()
}

/// The same, and nothing less than RESP3.
fn three() -> Greeting {
    Greeting { protocol: 3, ..plain() }
}

fn named(greeting: Greeting) -> Greeting {
    Greeting { client_name: Some(b"n".to_vec()), ..greeting }
}

fn known(username: Option<&str>, greeting: Greeting) -> Greeting {
    let secret = |text: &str| Some(Secret::new(text.as_bytes()).unwrap());
    Greeting { username: username.and_then(secret), password: secret("s3cret"), ..greeting }
}

fn two(username: Option<&str>) -> Greeting {
    known(username, Greeting { protocol: 2, ..plain() })
}

fn at(database: u32, greeting: Greeting) -> Greeting {
    Greeting { database, ..greeting }
}

/// A new conversation, and the words of the commands that wait to be sent in it.
fn session(greeting: Greeting) -> Session {
    Session::new(resp::parser(ParserChoice::Fast, Limits::default()), greeting).unwrap()
}

fn said(session: &Session) -> String {
    let text = String::from_utf8(session.outgoing().to_vec()).unwrap();
    let words = text.split("\r\n").filter(|part| !part.starts_with('$') && !part.is_empty());
    let words: Vec<&str> = words.map(|word| if word.starts_with('*') { "|" } else { word }).collect();
    words.join(" ").trim_start_matches("| ").to_owned()
}

/// What is said each time, and what is answered to that.
fn check(greeting: Greeting, turns: &[(&str, &[&str])], end: End) {
    let shown = format!("{greeting:?} {turns:?}");
    let mut session = session(greeting);
    for (expected, answers) in turns {
        assert!(!session.is_ready(), "{shown}");
        assert_eq!(said(&session), *expected, "{shown}");
        session.sent(session.outgoing().len());
        session.receive(answers.concat().as_bytes()).unwrap();
        if let Err(error) = session.poll() {
            let Err((status, part)) = end else { panic!("{shown}: {error}") };
            assert_eq!(error.status, status, "{shown}: {error}");
            assert!(error.to_string().contains(part) && !error.to_string().contains("s3cret"), "{shown}: {error}");
            assert!(!session.is_ready());
            return;
        }
    }
    assert!(session.is_ready() && session.is_clean(), "{shown}");
    assert_eq!(Ok((session.is_resp3(), session.speaks_resp2())), end, "{shown}");
}

#[test]
fn hello_is_answered_with_the_protocol_that_the_server_speaks() {
    let hello = |greeting: Greeting, answer, end| check(greeting, &[("HELLO 3", &[answer])], end);
    for (answer, end) in [
        (THREE, RESP3),
        (TWO, RESP2),
        ("%1\r\n$5\r\nproto\r\n:2\r\n", RESP2),
        ("*2\r\n$5\r\nproto\r\n:3\r\n", RESP3),
        ("%2\r\n$7\r\nversion\r\n:2\r\n$5\r\nproto\r\n:3\r\n", RESP3),
        // Where it does not say, the kind of its answer does.
        ("%1\r\n$7\r\nversion\r\n:2\r\n", RESP3),
        ("*2\r\n$7\r\nversion\r\n:3\r\n", RESP2),
        ("%1\r\n$5\r\nproto\r\n:4\r\n", RESP3),
        ("*2\r\n$5\r\nproto\r\n$1\r\nx\r\n", RESP2),
        ("+OK\r\n", Err((Status::Protocol, "not answered with a map"))),
        (UNKNOWN, RESP2),
        ("-NOPROTO no\r\n", RESP2),
        ("-NOPERM no\r\n", RESP2),
        ("-LOADING Redis is loading the dataset in memory\r\n", FOR_NOW),
        ("-what\r\n", FOR_NOW),
        ("-NOAUTH no\r\n", Err((Status::Auth, "see password"))),
        ("-ERR max number of clients reached\r\n", Err((Status::Connect, "max number of clients"))),
        ("-DENIED no\r\n", Err((Status::Connect, "DENIED no"))),
    ] {
        hello(plain(), answer, end);
    }
    for (answer, end) in [
        (THREE, RESP3),
        (TWO, Err((Status::Unsupported, "asks for RESP3"))),
        (UNKNOWN, Err((Status::Unsupported, "unknown command (to HELLO; RESP3 was demanded"))),
        ("-NOPROTO no\r\n", Err((Status::Unsupported, "RESP3 was demanded"))),
        ("-NOPERM no\r\n", Err((Status::Unsupported, "RESP3 was demanded"))),
        ("-what\r\n", Err((Status::Unsupported, "what"))),
        ("-LOADING Redis is loading the dataset in memory\r\n", Err((Status::Connect, "LOADING"))),
    ] {
        hello(three(), answer, end);
    }
}

/// What the server may not like is what stands behind the protocol: then it is said beside HELLO.
#[test]
fn hello_is_said_once_more_without_what_may_have_been_refused_in_it() {
    const NAMED: &str = "HELLO 3 SETNAME n";
    const BARE: &str = "HELLO 3 | CLIENT SETNAME n";
    for refused in [SYNTAX, "-NOPERM no\r\n"] {
        check(named(plain()), &[(NAMED, &[refused]), (BARE, &[THREE, OK])], RESP3);
        check(named(three()), &[(NAMED, &[refused]), (BARE, &[THREE, "-ERR no\r\n"])], RESP3);
    }
    check(named(plain()), &[(NAMED, &[SYNTAX]), (BARE, &[SYNTAX, OK])], RESP2);
    check(named(plain()), &[(NAMED, &[UNKNOWN]), ("CLIENT SETNAME n", &[OK])], RESP2);
    check(
        named(plain()),
        &[(NAMED, &["-NOPROTO no\r\n"]), ("CLIENT SETNAME n", &["-NOAUTH no\r\n"])],
        Err((Status::Auth, "see password")),
    );
    check(named(three()), &[(NAMED, &[SYNTAX]), (BARE, &[SYNTAX, OK])], Err((Status::Unsupported, "syntax error")));

    const KNOWN: &str = "HELLO 3 AUTH u s3cret";
    const APART: &str = "AUTH u s3cret | HELLO 3";
    for refused in [SYNTAX, "-NOAUTH no\r\n"] {
        check(known(Some("u"), plain()), &[(KNOWN, &[refused]), (APART, &[OK, THREE])], RESP3);
        check(known(Some("u"), three()), &[(KNOWN, &[refused]), (APART, &[OK, THREE])], RESP3);
    }
    check(known(Some("u"), plain()), &[(KNOWN, &[UNKNOWN]), ("AUTH u s3cret", &[OK])], RESP2);
    check(known(None, plain()), &[("HELLO 3 AUTH default s3cret", &[UNKNOWN]), ("AUTH s3cret", &[OK])], RESP2);
    check(
        known(Some("u"), plain()),
        &[(KNOWN, &["-NOAUTH no\r\n"]), (APART, &[OK, "-NOAUTH no\r\n"])],
        Err((Status::Auth, "NOAUTH (what is behind it could repeat a secret)")),
    );
    check(known(Some("u"), plain()), &[(KNOWN, &["-WRONGPASS s3cret\r\n"])], Err((Status::Auth, "WRONGPASS")));
}

#[test]
fn auth_is_said_without_a_name_where_its_form_was_refused() {
    const WITHOUT: &str = "-ERR Client sent AUTH, but no password is set\r\n";
    let no = |part| Err((Status::Auth, part));
    check(two(Some("u")), &[("AUTH u s3cret", &[WRONG_COUNT]), ("AUTH s3cret", &[OK])], FOR_NOW);
    check(two(None), &[("AUTH s3cret", &[WRONG_COUNT])], no("wrong number of arguments"));
    check(two(Some("u")), &[("AUTH u s3cret", &[WITHOUT])], no("it has no password"));
    check(two(Some("u")), &[("AUTH u s3cret", &["-ERR s3cret\r\n"])], no("ERR (what"));
    let default = "AUTH default s3cret";
    check(two(Some("default")), &[(default, &["-ERR no\r\n"]), ("AUTH s3cret", &[OK])], FOR_NOW);
    check(two(Some("default")), &[(default, &[WITHOUT]), ("AUTH s3cret", &[WITHOUT])], no("it has no password"));
    check(two(Some("default")), &[(default, &["-ERR invalid password\r\n"])], no("invalid password (to AUTH)"));
    check(two(Some("default")), &[(default, &["-NOPERM no\r\n"])], no("NOPERM"));
    check(two(Some("default")), &[(default, &["-WRONGPASS no\r\n"])], no("WRONGPASS"));
    // Nothing repeats a password that is empty.
    let empty = Greeting { password: Some(Secret::new(b"").unwrap()), protocol: 2, ..plain() };
    check(empty, &[("AUTH", &["-ERR some reason\r\n"])], no("ERR some reason (to AUTH)"));
}

#[test]
fn what_a_refused_select_says_is_the_databases_or_the_passwords() {
    let select =
        |greeting: Greeting, answer, end| check(at(9, greeting), &[("HELLO 3 | SELECT 9", &[THREE, answer])], end);
    select(plain(), OK, RESP3);
    select(plain(), "-ERR some reason\r\n", Err((Status::Config, "database 9: ERR some reason")));
    select(plain(), "-NOAUTH no\r\n", Err((Status::Auth, "see password")));
    select(plain(), "-NOPERM no\r\n", Err((Status::Auth, "NOPERM")));
    select(plain(), "-MASTERDOWN no\r\n", Err((Status::Connect, "MASTERDOWN no (to SELECT)")));
    let secretive = [("AUTH s3cret | SELECT 9", [OK, "-ERR s3cret\r\n"].as_slice())];
    check(at(9, two(None)), &secretive, Err((Status::Config, "database 9: ERR (what")));
    // In every way of greeting it is said again.
    check(at(9, plain()), &[("HELLO 3 | SELECT 9", &[UNKNOWN, OK]), ("SELECT 9", &[OK])], RESP2);
}

#[test]
fn a_name_that_is_refused_is_done_without() {
    let greeting = Greeting { library_name: Some(b"l".to_vec()), ..plain() };
    check(greeting, &[("HELLO 3 | CLIENT SETINFO LIB-NAME l", &[THREE, "-ERR no\r\n"])], RESP3);
}

/// Who asks for a primary is not given anything else, whichever way the server says what it is.
#[test]
fn a_server_that_is_to_be_a_primary_is_refused_where_it_says_that_it_is_none() {
    let primary = |greeting| Greeting { duty: Duty::Primary, ..greeting };
    let hello = |field: &str, value: &str| {
        format!("%2\r\n$5\r\nproto\r\n:3\r\n${}\r\n{field}\r\n${}\r\n{value}\r\n", field.len(), value.len())
    };
    let no = |part| Err((Status::Connect, part));
    for (field, value, end) in [
        ("role", "master", RESP3),
        ("role", "primary", RESP3),
        ("role", "replica", no("no primary: it says that it is a replica")),
        ("role", "slave", no("a replica")),
        ("role", "s3cret", no("something else")),
        ("mode", "sentinel", no("a Sentinel")),
        ("mode", "standalone", RESP3),
        ("other", "replica", RESP3),
    ] {
        check(primary(plain()), &[("HELLO 3", &[&hello(field, value)])], end);
        check(plain(), &[("HELLO 3", &[&hello(field, value)])], RESP3);
    }
    let role = |role: &str| format!("*3\r\n${}\r\n{role}\r\n:0\r\n*0\r\n", role.len());
    let resp2 = Greeting { protocol: 2, ..primary(plain()) };
    for (answer, end) in [
        (role("master"), FOR_NOW),
        (role("slave"), no("a replica")),
        (role("sentinel"), no("a Sentinel")),
        ("-NOPERM no\r\n".to_owned(), FOR_NOW),
        ("-ERR unknown command 'ROLE'\r\n".to_owned(), FOR_NOW),
        ("-NOAUTH no\r\n".to_owned(), Err((Status::Auth, "see password"))),
    ] {
        check(resp2.clone(), &[("ROLE", &[&answer])], end);
        let end = if end == FOR_NOW { RESP2 } else { end };
        check(primary(plain()), &[("HELLO 3", &[UNKNOWN]), ("ROLE", &[&answer])], end);
    }
    let all = at(9, known(None, primary(plain())));
    check(
        all,
        &[
            ("HELLO 3 AUTH default s3cret | SELECT 9", &[UNKNOWN, OK]),
            ("AUTH s3cret | ROLE | SELECT 9", &[OK, &role("slave")]),
        ],
        no("a replica"),
    );
}

/// A server that is full says so before it is asked. Anything else that early answers nothing.
#[test]
fn what_is_said_before_the_greeting_is_no_answer_to_it() {
    for (secretive, heard, status, part) in [
        (
            false,
            "-ERR max number of clients reached\r\n",
            Status::Connect,
            "the server says: ERR max number of clients",
        ),
        (false, "-ERR some reason\r\n", Status::Protocol, "ERR some reason"),
        (true, "-ERR s3cret\r\n", Status::Protocol, "could repeat a secret"),
        (false, "+hello\r\n", Status::Protocol, "answered before it was asked"),
        (false, THREE, Status::Protocol, "answered before it was asked"),
    ] {
        let mut session = session(if secretive { two(None) } else { plain() });
        session.receive(heard.as_bytes()).unwrap();
        let error = session.poll().unwrap_err();
        let text = error.to_string();
        assert_eq!(error.status, status, "{text}");
        assert!(text.contains(part) && !text.contains("s3cret") && !text.contains("hello"), "{text}");
    }
}

#[test]
fn a_server_that_answered_the_first_word_of_a_greeting_was_heard() {
    let mut session = session(at(9, plain()));
    session.sent(session.outgoing().len());
    assert_eq!(session.unheard(), Some("HELLO"));
    session.receive(THREE.as_bytes()).unwrap();
    assert!(session.poll().unwrap().is_none() && !session.is_ready());
    assert_eq!(session.unheard(), None);
}
