//! Servers and proxies of another make: what they answer to a greeting is believed, what is left is tried on the same
//! connection, and nobody waits for ever for what they say otherwise.

use std::io;

use rredis::error::{Error, Status as Why};

use crate::support::c::{Options, Outcome, Status, option, stat};
use crate::support::own::{Came, Own};
use crate::support::peer::{Command, Hello, Line, Peer, honest};
use crate::support::pubsub::LONG_MS;

/// HELLO's answer in RESP3, and in RESP2 from one that speaks nothing else.
const RESP3: &[u8] = b"%2\r\n$6\r\nserver\r\n$4\r\nmake\r\n$5\r\nproto\r\n:3\r\n";
const RESP2: &[u8] = b"*4\r\n$6\r\nserver\r\n$4\r\nmake\r\n$5\r\nproto\r\n:2\r\n";
const NOAUTH: &[u8] = b"-NOAUTH Authentication required.\r\n";

/// How a peer answers one command: the words that are told of its state, and what comes next.
type Answer = fn(&mut State, &[&str]) -> Vec<u8>;

#[derive(Default)]
struct State {
    authenticated: bool,
    resp3: bool,
}

/// A peer of some make: its own answers, and otherwise those of a server that behaves.
fn make(answer: Answer) -> Peer {
    Peer::tcp(Hello::Resp3, move |line| serve(line, answer))
}

fn serve(line: &mut Line, answer: Answer) -> io::Result<()> {
    let mut state = State::default();
    loop {
        let command = line.any_command()?;
        let words: Vec<String> = command.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let own = answer(&mut state, &words);
        let answer = match own.is_empty() {
            true => line.handshake_answer(&command).unwrap_or_else(|| honest(&command)),
            false => own,
        };
        line.send(&answer)?;
    }
}

/// What came on connection `number`, as lines.
fn said(peer: &Peer, number: usize) -> Vec<String> {
    let line =
        |command: &Command| command.iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>().join(" ");
    peer.commands(number).iter().map(line).collect()
}

/// Who looks at AUTH alone, as some proxies do.
fn proxy(state: &mut State, words: &[&str]) -> Vec<u8> {
    match words {
        ["AUTH", "sesame"] | ["AUTH", "default" | "ann", "sesame"] => {
            state.authenticated = true;
            b"+OK\r\n".to_vec()
        }
        ["AUTH", ..] => b"-WRONGPASS invalid username-password pair or user is disabled.\r\n".to_vec(),
        _ if !state.authenticated => NOAUTH.to_vec(),
        ["HELLO", ..] => RESP3.to_vec(),
        _ => Vec::new(),
    }
}

/// A server before Redis 6: one password, and no users.
fn without_users(state: &mut State, words: &[&str]) -> Vec<u8> {
    match words {
        ["HELLO", ..] => b"-ERR unknown command 'HELLO'\r\n".to_vec(),
        ["AUTH", "sesame"] => {
            state.authenticated = true;
            b"+OK\r\n".to_vec()
        }
        ["AUTH", _] => b"-ERR invalid password\r\n".to_vec(),
        ["AUTH", ..] => b"-ERR wrong number of arguments for 'auth' command\r\n".to_vec(),
        _ if !state.authenticated => NOAUTH.to_vec(),
        _ => Vec::new(),
    }
}

/// One that knows HELLO, and answers in RESP2 whatever it is asked for.
fn resp2_alone(_: &mut State, words: &[&str]) -> Vec<u8> {
    match words {
        ["HELLO", ..] => RESP2.to_vec(),
        ["SUBSCRIBE", names @ ..] => subscribed(names, "*"),
        _ => Vec::new(),
    }
}

/// One that says it speaks RESP3, and says messages as in RESP2.
fn resp3_by_name(state: &mut State, words: &[&str]) -> Vec<u8> {
    match words {
        ["HELLO", ..] => {
            state.resp3 = true;
            RESP3.to_vec()
        }
        ["SUBSCRIBE", names @ ..] => subscribed(names, "*"),
        _ => Vec::new(),
    }
}

/// One that speaks RESP2, and pushes all the same.
fn resp2_with_pushes(_: &mut State, words: &[&str]) -> Vec<u8> {
    match words {
        ["HELLO", ..] => RESP2.to_vec(),
        ["SUBSCRIBE", names @ ..] => subscribed(names, ">"),
        _ => Vec::new(),
    }
}

/// One that says OK to a subscription, and nothing else ever.
fn obliging(_: &mut State, words: &[&str]) -> Vec<u8> {
    match words {
        ["HELLO", ..] => RESP3.to_vec(),
        ["SUBSCRIBE", ..] => b"+OK\r\n".to_vec(),
        _ => Vec::new(),
    }
}

/// Confirmations, and a message for each name.
fn subscribed(names: &[&str], sign: &str) -> Vec<u8> {
    let confirmed = names
        .iter()
        .enumerate()
        .map(|(at, name)| format!("{sign}3\r\n$9\r\nsubscribe\r\n${}\r\n{name}\r\n:{}\r\n", name.len(), at + 1));
    let told =
        names.iter().map(|name| format!("{sign}3\r\n$7\r\nmessage\r\n${}\r\n{name}\r\n$2\r\nhi\r\n", name.len()));
    confirmed.chain(told).collect::<String>().into_bytes()
}

#[test]
fn who_does_not_look_into_hello_is_told_by_auth() {
    let peer = make(proxy);
    for (number, user) in ["", "ann", "default"].into_iter().enumerate() {
        let options = Options::at(&peer.url()).text(option::USERNAME, user).text(option::PASSWORD, "sesame");
        let client = options.int(option::DATABASE, 2).int(option::RETRY_MAX, 0).client();
        assert_eq!(client.ask(&["GET", "k"]), "\"v:k\"", "{user}");
        assert_eq!(client.stat(stat::CONNECTIONS_CREATED), 1);
        let name = if user.is_empty() { "default" } else { user };
        let auth = if user.is_empty() { "AUTH sesame".to_owned() } else { format!("AUTH {user} sesame") };
        let wanted = [&format!("HELLO 3 AUTH {name} sesame"), "SELECT 2", &auth, "HELLO 3", "SELECT 2", "GET k"]
            .map(str::to_owned);
        assert_eq!(said(&peer, number), wanted);
    }
    // A wrong password is said twice, for nobody looked at it before; and not a third time.
    let client = Options::at(&peer.url()).text(option::PASSWORD, "wrong").client();
    let err = client.command(&["GET", "k"]).expect_err("it is wrong");
    assert_eq!((err.status, err.outcome, err.attempts), (Status::AUTH, Outcome::NOT_SENT, 1), "{err:?}");
    assert!(err.message.contains("WRONGPASS"), "{err:?}");
    // None at all is asked for.
    let err = Options::at(&peer.url()).client().command(&["GET", "k"]).expect_err("there is none");
    assert_eq!((err.status, err.outcome), (Status::AUTH, Outcome::NOT_SENT), "{err:?}");
    assert!(err.message.contains("NOAUTH") && err.message.contains("password"), "{err:?}");
    // It speaks RESP3, and that is what it is spoken to in.
    let client = Options::at(&peer.url()).text(option::PASSWORD, "sesame").int(option::PROTOCOL, 3).client();
    assert_eq!(client.ask(&["GET", "k"]), "\"v:k\"");
}

#[test]
fn a_server_without_users_takes_the_password_alone() {
    for protocol in [0, 2] {
        for user in ["default", "h"] {
            let peer = make(without_users);
            let url = peer.url().replace("redis://", &format!("redis://{user}:sesame@"));
            let options = Options::at(&url).int(option::PROTOCOL, protocol).int(option::RETRY_MAX, 0);
            let client = options.client();
            assert_eq!(client.ask(&["GET", "k"]), "\"v:k\"", "{user}");
            assert_eq!(client.stat(stat::CONNECTIONS_CREATED), 1);
            let said = said(&peer, 0);
            assert_eq!(said[said.len() - 3..], [&format!("AUTH {user} sesame"), "AUTH sesame", "GET k"], "{said:?}");
            // The wrong one is refused, and is not another's.
            let err = options.text(option::PASSWORD, "wrong").client().command(&["GET", "k"]).expect_err("wrong");
            assert_eq!((err.status, err.outcome), (Status::AUTH, Outcome::NOT_SENT), "{err:?}");
        }
    }
}

#[test]
fn who_refuses_hello_and_hangs_up_is_not_asked_again() {
    let peer = Peer::tcp(Hello::Resp2, |line| {
        let command = line.any_command()?;
        if command[0] == b"HELLO" {
            return line.send(b"-ERR unknown command 'HELLO'\r\n");
        }
        line.send(b"+OK\r\n")?;
        line.serve()
    });
    let options = Options::at(&peer.url()).text(option::PASSWORD, "sesame").int(option::BACKOFF_MS, 1);
    assert_eq!(options.client().ask(&["GET", "k"]), "\"v:k\"");
    assert_eq!(
        (said(&peer, 0)[0].as_str(), said(&peer, 1)),
        ("HELLO 3 AUTH default sesame", vec!["AUTH sesame".into(), "GET k".into()])
    );
}

#[test]
fn who_answers_hello_in_resp2_is_spoken_to_in_resp2() {
    let peer = make(resp2_alone);
    let options = Options::at(&peer.url()).int(option::RETRY_MAX, 0);
    let client = options.client();
    assert_eq!(client.ask(&["GET", "k"]), "\"v:k\"");
    let pubsub = client.pubsub();
    pubsub.subscribe(&["a", "b"]);
    assert_eq!(pubsub.expect(), ">[\"message\" (nil) \"a\" \"hi\"]");
    assert_eq!(pubsub.expect(), ">[\"message\" (nil) \"b\" \"hi\"]");
    let mut conn = client.conn().expect("a connection");
    assert_eq!(conn.ask(&["SUBSCRIBE", "a"]), "(nil)");
    assert_eq!(conn.receive(20_000).expect("a").dump(), ">[\"subscribe\" \"a\" :1]");
    // Who demands RESP3 is told that there is none.
    let err = options.int(option::PROTOCOL, 3).client().command(&["GET", "k"]).expect_err("it speaks RESP2");
    assert_eq!((err.status, err.outcome), (Status::UNSUPPORTED, Outcome::NOT_SENT), "{err:?}");
    assert!(err.message.contains("protocol"), "which option asks for it: {err:?}");
    // Beside commands there are no subscriptions in RESP2, and that is said.
    let mut own = Own::at(&peer.url());
    own.submit(1, &["GET", "k"]);
    assert!(matches!(own.next(), Came::Of(1, Ok(_))));
    assert_eq!(own.try_submit(2, &["SUBSCRIBE", "a"], 0, 0).expect_err("in RESP2").status, Why::Unsupported);
}

#[test]
fn a_subscriber_hears_what_is_said_in_the_other_shape() {
    for answer in [resp3_by_name as Answer, resp2_with_pushes] {
        for protocol in [0, 2] {
            let peer = make(answer);
            let client = Options::at(&peer.url()).int(option::PROTOCOL, protocol).int(option::RETRY_MAX, 0).client();
            let pubsub = client.pubsub();
            pubsub.subscribe(&["a"]);
            assert_eq!(pubsub.expect(), ">[\"message\" (nil) \"a\" \"hi\"]");
            pubsub.subscribe(&["b"]);
            assert_eq!(pubsub.expect(), ">[\"message\" (nil) \"b\" \"hi\"]");
            assert_eq!(peer.connections(), 1, "it was lost");
            let mut conn = client.conn().expect("a connection");
            assert_eq!(conn.ask(&["SUBSCRIBE", "c"]), "(nil)");
            assert_eq!(conn.receive(20_000).expect("c").dump(), ">[\"subscribe\" \"c\" :1]");
            assert_eq!(conn.receive(20_000).expect("c").dump(), ">[\"message\" \"c\" \"hi\"]");
        }
    }
}

/// Go on until an error comes; what else came before.
fn until_error(own: &mut Own) -> (Vec<String>, Error) {
    let mut before = Vec::new();
    loop {
        match own.next() {
            Came::Of(_, Err(error)) => return (before, error),
            other => before.push(format!("{other:?}")),
        }
    }
}

#[test]
fn a_loop_that_cannot_tell_messages_from_replies_says_so() {
    let peer = make(resp3_by_name);
    let mut own = Own::at(&peer.url());
    own.submit(1, &["SUBSCRIBE", "a"]);
    let (before, error) = until_error(&mut own);
    assert_eq!(error.status, Why::Unsupported, "{before:?} {error}");
    // Commands go on, on a connection that is as a new one.
    own.submit(2, &["GET", "k"]);
    loop {
        match own.next() {
            Came::Of(2, result) => break assert_eq!(result.expect("a reply"), "v:k"),
            Came::Of(_, Err(error)) => assert_eq!(error.status, Why::Unsupported, "{error}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(own.try_submit(3, &["SUBSCRIBE", "a"], 0, 0).expect_err("by now it is known").status, Why::Unsupported);
}

#[test]
fn who_is_answered_with_something_else_is_told_and_does_not_wait() {
    let peer = make(obliging);
    let pubsub = Options::at(&peer.url()).int(option::BACKOFF_MS, 1).int(option::BACKOFF_MS_MAX, 2).client().pubsub();
    pubsub.subscribe(&["a"]);
    for _ in 0..2 {
        let err = pubsub.next(LONG_MS).expect_err("it is no confirmation");
        assert_eq!(err.status, Status::PROTOCOL, "{err:?}");
        assert!(err.message.contains("a subscription was answered with something else"), "{err:?}");
    }
    let mut own = Own::with(&peer.url(), |setup| {
        setup.options.set_int(rredis::options::Key::BackoffMsMax, 10).expect("a good value");
    });
    own.submit(1, &["SUBSCRIBE", "a"]);
    // The command first; and again, as often as it is tried and was told.
    for _ in 0..2 {
        let (before, error) = until_error(&mut own);
        assert_eq!(error.status, Why::Protocol, "{before:?} {error}");
    }
}
