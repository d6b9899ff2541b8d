//! Connecting and the greeting in steps, and what is told where they fail.

use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;

use super::waits::Said;
use super::*;
use crate::transport::{self, Awaited};

/// A connection to be opened in steps over a transport that says this of itself, so long at the most.
fn stepped(said: &Said, may_wait: bool, timeout_ms: i64, steps: impl IntoIterator<Item = Step>) -> (Stepped, Script) {
    let script = Script::new(steps);
    let said = Said { script: Some(script.clone()), ..said.clone() };
    let mut options = Options::new();
    options.set_int(Key::ConnectTimeoutMs, timeout_ms).unwrap();
    let dial = Dial::new(options, Some(Arc::new(said)), None).unwrap();
    (Stepped::new(&dial, may_wait), script)
}

/// What says that it has a descriptor, and the other end of that.
fn watched() -> (Said, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (Said { socket: Some(Arc::new(ours)), ..Said::default() }, theirs)
}

fn waits(stepped: &mut Stepped) -> Awaited {
    match stepped.go_on().unwrap() {
        transport::Step::Wait(awaited) => awaited,
        transport::Step::Done(_) => panic!("it is open"),
    }
}

fn is_open(stepped: &mut Stepped) -> bool {
    match stepped.go_on().unwrap() {
        transport::Step::Wait(_) => false,
        transport::Step::Done(connection) => connection.is_clean(),
    }
}

fn fails(stepped: &mut Stepped) -> Error {
    let error = stepped.go_on().map(drop).unwrap_err();
    assert_eq!(error.outcome, Outcome::NotSent, "{error}");
    error
}

#[test]
fn a_greeting_goes_as_far_as_it_can_and_says_what_it_waits_for() {
    let (said, _theirs) = watched();
    let (first, rest) = GREETED.split_at(5);
    let (mut stepped, script) = stepped(&said, false, 10_000, [Step::Block, expect(HELLO)]);
    let awaited = waits(&mut stepped);
    assert!(awaited.fd.is_some() && awaited.read && awaited.write && !awaited.until.has_passed());
    script.add(give(first));
    let awaited = waits(&mut stepped);
    assert!(awaited.fd.is_some() && awaited.read && !awaited.write && !awaited.until.has_passed());
    // The descriptor does not show what lies in the transport.
    said.pending.store(true, Ordering::Relaxed);
    assert!(waits(&mut stepped).until.has_passed());
    script.add(give(rest));
    assert!(is_open(&mut stepped));
    assert_eq!(fails(&mut stepped).status, Status::State, "it was given away");
}

#[test]
fn a_server_that_answers_before_it_was_asked_is_none() {
    let (said, _theirs) = watched();
    let (mut stepped, _script) = stepped(&said, false, 10_000, [give(GREETED), Step::Block, Step::Block, Step::Block]);
    let error = fails(&mut stepped);
    assert_eq!(error.status, Status::Protocol);
    assert!(error.to_string().ends_with("handshake: the server answered before it was asked"), "{error}");
}

#[test]
fn a_greeting_in_steps_ends_with_its_time() {
    let (said, _theirs) = watched();
    let (mut stepped, _script) = stepped(&said, false, 20, [expect(HELLO)]);
    let error = loop {
        match stepped.go_on() {
            Ok(transport::Step::Wait(_)) => std::thread::sleep(Duration::from_millis(1)),
            Ok(transport::Step::Done(_)) => panic!("it is open"),
            Err(error) => break error,
        }
    };
    assert_eq!((error.status, error.outcome), (Status::Timeout, Outcome::NotSent));
    assert!(error.to_string().starts_with("127.0.0.1:6379: handshake: the server did not answer within "), "{error}");
}

#[test]
fn a_flood_before_the_greeting_is_over_is_taken_in_steps() {
    let (said, _theirs) = watched();
    let flood = ">1\r\n+p\r\n".repeat(20_000);
    let (mut stepped, _script) = stepped(&said, false, 10_000, [expect(HELLO), give(&flood), give(GREETED)]);
    let steps = (0..100).take_while(|_| !is_open(&mut stepped)).count();
    // No step takes in more than 64 KiB and one read.
    assert!((1..10).contains(&steps), "{steps} steps");
}

#[test]
fn without_a_descriptor_it_is_waited_for_or_refused() {
    let (mut waiting, _script) = stepped(&Said::default(), true, 10_000, [expect(HELLO), Step::Block, give(GREETED)]);
    assert!(is_open(&mut waiting));
    assert_eq!(fails(&mut waiting).status, Status::State);
    let (mut refused, script) = stepped(&Said::default(), false, 10_000, []);
    assert_eq!(fails(&mut refused).status, Status::Unsupported);
    assert_eq!((fails(&mut refused).status, script.closed()), (Status::State, 1));
}

#[test]
fn a_greeting_that_fails_says_why_alike_in_steps_and_at_once() {
    let (said, _theirs) = watched();
    let full = "-ERR max number of clients reached\r\n";
    let hello_hint = "handshake: read: the server closed the connection \
                      (it may know no HELLO: see protocol; or want TLS: see tls)";
    for (steps, status, told) in [
        (vec![expect(HELLO), Step::End], Status::Connect, hello_hint),
        (vec![expect(HELLO), give(GREETED), give("+EVIL\r\n"), Step::End], Status::Protocol, ""),
        (vec![expect(HELLO), give("HTTP/1.1 400\r\n"), Step::End], Status::Protocol, "handshake: "),
        // What the peer said before it stopped to take anything is heard.
        (vec![give(full), Step::Fail(libc::EPIPE)], Status::Connect, "max number of clients reached"),
    ] {
        let (mut greeted, _script) = stepped(&said, false, 10_000, steps.clone());
        let (mut waited, _script) = stepped(&Said::default(), true, 10_000, steps);
        for stepped in [&mut greeted, &mut waited] {
            match stepped.go_on() {
                Ok(_) => assert!(told.is_empty(), "{told}"),
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.starts_with("127.0.0.1:6379: ") && text.contains(told), "{text}");
                    assert_eq!((error.status, error.outcome), (status, Outcome::NotSent), "{text}");
                }
            }
        }
    }
}

#[test]
fn a_peer_that_closes_without_a_word_may_want_tls_and_one_that_spoke_does_not() {
    const AUTH: &str = "*2\r\n$4\r\nAUTH\r\n$6\r\nsesame\r\n";
    let open = |steps: Vec<Step>| {
        let mut options = Options::new();
        options.set_int(Key::Protocol, 2).unwrap();
        options.set_text(Key::Password, b"sesame").unwrap();
        let dial = Dial::new(options, Some(Arc::new(Scripts::new([Script::new(steps)]))), None).unwrap();
        dial.open(Deadline::after_ms(10_000)).map(drop).unwrap_err().to_string()
    };
    let silent = open(vec![expect(AUTH), Step::End]);
    assert!(silent.ends_with("read: the server closed the connection (it may want TLS: see tls)"), "{silent}");
    let spoke = open(vec![expect(AUTH), give("+O"), Step::End]);
    assert!(spoke.ends_with("read: the server closed the connection in the middle of a reply"), "{spoke}");
}

#[test]
fn a_hint_says_what_may_be_wrong_and_is_not_done_already() {
    let hint = |tls: i64, protocol: i64, status: Status, text: &[u8]| {
        let mut options = Options::new();
        options.set_int(Key::Tls, tls).unwrap();
        options.set_int(Key::Protocol, protocol).unwrap();
        options.set_text(Key::Password, b"sesame").unwrap();
        let dial = Dial::new(options, None, None).unwrap();
        let session = dial.session().unwrap();
        let mut connection = Connection::new(0, session, Script::new([]).transport(), dial);
        connection.opened = Instant::now() + Duration::from_secs(60);
        let late = connection.greeting_ended(Ok(None)).unwrap_err();
        assert!(late.to_string().ends_with(transport::NO_TIME_LEFT), "{late}");
        let told = connection.with_hint(Error { message: text.to_vec(), ..Error::new(status, "") }).message;
        String::from_utf8(told[text.len()..].to_vec()).unwrap()
    };
    let is_tls = crate::resp::IT_IS_TLS;
    assert_eq!(hint(0, 0, Status::Protocol, is_tls), " (is this the port for TLS? see tls, or rediss:// in a URL)");
    assert_eq!(hint(1, 0, Status::Protocol, is_tls), "");
    assert_eq!(hint(0, 0, Status::Protocol, b"else"), "");
    assert_eq!(hint(0, 0, Status::Io, b""), " (it may know no HELLO: see protocol; or want TLS: see tls)");
    assert_eq!(hint(1, 0, Status::Io, b""), " (it may know no HELLO: see protocol)");
    assert_eq!(hint(0, 2, Status::Io, b""), " (it may want TLS: see tls)");
    assert_eq!(hint(1, 2, Status::Io, b""), "");
}
