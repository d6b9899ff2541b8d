//! A reply is never given to another command: four probes, late replies, and a cut after every byte.

use std::time::Duration;

use crate::support::c::{Client, Options, Outcome, Status, call, option};
use crate::support::peer::{Hello, Peer, honest};

/// How long a command may take, where that is not what the test is about.
const PATIENCE_MS: i64 = 60_000;

const EITHER: [Hello; 2] = [Hello::Resp3, Hello::Resp2];

/// One connection at the most, so that what one command leaves behind is what the next would find.
fn client(peer: &Peer) -> Client {
    Options::at(&peer.url())
        .int(option::POOL_MAX, 1)
        .int(option::COMMAND_TIMEOUT_MS, PATIENCE_MS)
        .int(option::RETRY_MAX, 0)
        .client()
}

/// Listen on TCP, then on a Unix socket: what is true of one must be of the other.
fn on_both(hello: Hello, script: fn(&mut crate::support::peer::Line) -> std::io::Result<()>) -> [Peer; 2] {
    [Peer::tcp(hello, script), Peer::unix(hello, script)]
}

/// Ask for key after key, and let no answer be another's.
fn never_anothers(client: &Client, peer: &Peer) {
    for number in 0..20 {
        let key = format!("k{number}");
        assert_eq!(client.ask(&["GET", &key]), format!("\"v:{key}\""), "of {} connections", peer.connections());
    }
}

#[test]
fn an_attribute_before_a_reply_is_not_a_reply() {
    for hello in EITHER {
        let peers = on_both(hello, |line| {
            loop {
                let command = line.command()?;
                line.send(b"|1\r\n+key-popularity\r\n*1\r\n:7\r\n")?;
                line.send(&honest(&command))?;
            }
        });
        for peer in &peers {
            never_anothers(&client(peer), peer);
            assert_eq!(peer.connections(), 1, "{hello:?}: an attribute is no reason to leave");
        }
    }
}

#[test]
fn an_extra_reply_is_given_to_nobody() {
    for hello in EITHER {
        let peers = on_both(hello, |line| {
            let command = line.command()?;
            line.send(&honest(&command))?;
            if line.number == 0 {
                line.send(b"$4\r\nEVIL\r\n")?;
            }
            line.mark();
            line.serve()
        });
        for peer in &peers {
            let client = client(peer);
            assert_eq!(client.ask(&["GET", "first"]), "\"v:first\"", "{hello:?}");
            peer.until_marks(1);
            never_anothers(&client, peer);
            assert_eq!(peer.connections(), 2, "{hello:?}: what has something unread is not used again");
        }
    }
}

#[test]
fn an_extra_reply_that_came_together_with_its_forerunner_costs_nobody_anything() {
    for hello in EITHER {
        let peers = on_both(hello, |line| {
            loop {
                let command = line.command()?;
                line.send(&[honest(&command).as_slice(), b"$4\r\nEVIL\r\n"].concat())?;
            }
        });
        for peer in &peers {
            never_anothers(&client(peer), peer);
            assert_eq!(peer.connections(), 20, "{hello:?}: each poisoned connection is left");
        }
    }
}

/// Answer one command, and then something that nobody asked for: in one segment, or in two.
fn one_too_many(line: &mut crate::support::peer::Line, together: bool) -> std::io::Result<()> {
    let command = line.command()?;
    let reply = if command[0] == b"WATCH" { b"+OK\r\n".to_vec() } else { honest(&command) };
    if together {
        line.send(&[&reply[..], b"$4\r\nEVIL\r\n"].concat())?;
    } else {
        line.send(&reply)?;
        line.send(b"$4\r\nEVIL\r\n")?;
    }
    line.mark();
    line.serve()
}

/// A connection of one's own, and one that watches, rest between commands as those of the pool do.
#[test]
fn an_extra_reply_is_given_to_nobody_who_kept_the_connection() {
    for hello in EITHER {
        let together = on_both(hello, |line| one_too_many(line, true));
        let behind = on_both(hello, |line| one_too_many(line, false));
        for peer in together.iter().chain(&behind) {
            let client = client(peer);
            let mut conn = client.conn().expect("a connection");
            conn.command(&["GET", "first"]).expect("a reply");
            peer.until_marks(1);
            let err = conn.command(&["GET", "second"]).expect_err("there is something on the line");
            assert_eq!((err.status, err.outcome), (Status::PROTOCOL, Outcome::NOT_SENT), "{hello:?} {err:?}");
            drop(conn);
            let mut pipeline = crate::support::pipeline::Pipeline::of(&client);
            pipeline.watch(&["k"]).expect("watched");
            peer.until_marks(2);
            let err = pipeline.command(&["GET", "second"]).expect_err("there is something on the line");
            assert_eq!(err.outcome, Outcome::NOT_SENT, "{hello:?} {err:?}");
            drop(pipeline);
            let mut conn = client.conn().expect("a connection");
            conn.command(&["GET", "first"]).expect("a reply");
            peer.until_marks(3);
            let err = conn.send(&["GET", "second"]).expect_err("there is something on the line");
            assert_eq!((err.status, err.outcome), (Status::PROTOCOL, Outcome::NOT_SENT), "{hello:?} {err:?}");
        }
    }
}

/// Where an extra reply is cut: part of it is there before the next command, the rest would come behind it.
#[test]
fn half_an_extra_reply_is_as_bad_as_a_whole_one() {
    const EVIL: &[u8] = b"$4\r\nEVIL\r\n";
    for hello in EITHER {
        for at in 1..EVIL.len() {
            for together in [true, false] {
                let peer = Peer::tcp(hello, move |line| {
                    let command = line.command()?;
                    if line.number > 0 {
                        line.send(&honest(&command))?;
                        return line.serve();
                    }
                    if together {
                        line.send(&[&honest(&command), &EVIL[..at]].concat())?;
                    } else {
                        line.send(&honest(&command))?;
                        line.send(&EVIL[..at])?;
                    }
                    line.mark();
                    let command = line.command()?;
                    line.send(&EVIL[at..])?;
                    line.send(&honest(&command))?;
                    line.serve()
                });
                let client = client(&peer);
                assert_eq!(client.ask(&["GET", "first"]), "\"v:first\"");
                peer.until_marks(1);
                never_anothers(&client, &peer);
                assert_eq!(peer.connections(), 2, "{hello:?}, cut at {at}");
            }
        }
    }
}

#[test]
fn a_push_inside_an_array_does_not_shift_it() {
    for hello in EITHER {
        let peers = on_both(hello, |line| {
            loop {
                let command = line.command()?;
                let mut answer = b"*2\r\n>2\r\n+invalidate\r\n*1\r\n+x\r\n".to_vec();
                answer.extend_from_slice(&honest(&command));
                answer.extend_from_slice(b":1\r\n");
                line.send(&answer)?;
            }
        });
        for peer in &peers {
            let client = client(peer);
            for key in ["a", "b", "c"] {
                assert_eq!(client.ask(&["GET", key]), format!("[\"v:{key}\" :1]"), "{hello:?}");
            }
            assert_eq!(peer.connections(), 1, "{hello:?}");
        }
    }
}

#[test]
fn a_wrong_length_fails_and_is_not_a_short_value() {
    for hello in EITHER {
        let peers = on_both(hello, |line| {
            if line.number > 0 {
                return line.serve();
            }
            line.command()?;
            line.send(b"$1\r\nv:first\r\n")?;
            line.serve()
        });
        for peer in &peers {
            let client = client(peer);
            let err = client.command(&["GET", "first"]).expect_err("its end is not CRLF");
            assert_eq!((err.status, err.outcome), (Status::PROTOCOL, Outcome::UNKNOWN), "{hello:?}: {err:?}");
            never_anothers(&client, peer);
            assert_eq!(peer.connections(), 2, "{hello:?}");
        }
    }
}

#[test]
fn a_reply_that_is_late_is_never_the_next_commands() {
    for hello in EITHER {
        let peers = on_both(hello, |line| {
            let command = line.command()?;
            if line.number == 0 {
                // Past the deadline of the command, and within that of the next.
                line.wait(Duration::from_millis(1000))?;
            }
            line.send(&honest(&command))?;
            line.serve()
        });
        for peer in &peers {
            let client = client(peer);
            // Connected, so that the time is the command's alone.
            drop(client.conn());
            let err = client.command_with(&["GET", "late"], call::TIMEOUT, 100).expect_err("no answer in time");
            assert_eq!((err.status, err.outcome), (Status::TIMEOUT, Outcome::UNKNOWN), "{hello:?}: {err:?}");
            never_anothers(&client, peer);
            assert_eq!(peer.connections(), 2, "{hello:?}: what still owes a reply is not used again");
        }
    }
}

#[test]
fn a_reply_around_its_deadline_is_its_own_or_nobodys() {
    for hello in EITHER {
        let peer = Peer::tcp(hello, |line| {
            loop {
                let command = line.command()?;
                line.wait(Duration::from_millis(20))?;
                line.send(&honest(&command))?;
            }
        });
        let client = client(&peer);
        for number in 0..40 {
            let key = format!("k{number}");
            match client.command_with(&["GET", &key], call::TIMEOUT, 15 + number % 12) {
                Ok(reply) => assert_eq!(reply.dump(), format!("\"v:{key}\"")),
                // The time may run out before the command is written, too.
                Err(err) => assert_eq!(err.status, Status::TIMEOUT, "{hello:?}: {err:?}"),
            }
        }
    }
}

/// What a peer answers in the cut tests, and how each answer reads.
const REPLIES: [(&[u8], &str); 8] = [
    (b"+OK\r\n", "+OK"),
    (b":-42\r\n", ":-42"),
    (b"$11\r\nwith\r\nin\0it\r\n", "\"with\\r\\nin\\x00it\""),
    (b"*-1\r\n", "(nil)"),
    (b"*3\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n$0\r\n\r\n", "[\"a\" [:1 (nil)] \"\"]"),
    (b"%1\r\n+k\r\n,1.5\r\n", "%[+k ,1.5]"),
    (b"|1\r\n+a\r\n+b\r\n~2\r\n#t\r\n_\r\n", "~[#1 (nil)]"),
    (b"$?\r\n;1\r\na\r\n;1\r\nb\r\n;0\r\n", "\"ab\""),
];

/// How a connection is cut.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Fin,
    Rst,
}

#[test]
fn a_cut_after_every_byte_loses_only_what_had_not_arrived() {
    let total: usize = REPLIES.iter().map(|(bytes, _)| bytes.len()).sum();
    for hello in EITHER {
        for cut in [Cut::Fin, Cut::Rst] {
            for at in 0..=total {
                cut_at(hello, cut, at);
            }
        }
    }
}

/// Answer the commands of one connection until `at` bytes are sent, then cut; answer whole on every other.
fn cut_at(hello: Hello, cut: Cut, at: usize) {
    let peer = Peer::tcp(hello, move |line| {
        let mut left = if line.number == 0 { at } else { usize::MAX };
        loop {
            let command = line.command()?;
            let which: usize = String::from_utf8_lossy(&command[1]).parse().expect("the test asks by number");
            let bytes = REPLIES[which].0;
            line.send(&bytes[..bytes.len().min(left)])?;
            if bytes.len() >= left {
                return if let Cut::Rst = cut { line.rst() } else { Ok(()) };
            }
            left -= bytes.len();
        }
    });
    let client = client(&peer);
    let mut sent = 0;
    for (which, (bytes, wanted)) in REPLIES.iter().enumerate() {
        let result = client.command(&["GET", &which.to_string()]);
        let what = format!("{hello:?} {cut:?} at {at}, reply {which}: {result:?}");
        let (whole, begins_at_cut) = (sent + bytes.len() <= at || sent > at, sent == at);
        match result {
            Ok(reply) => {
                assert_eq!(reply.dump(), *wanted, "{what}");
                // Cut between two replies, the next command finds it out and goes elsewhere, or does not.
                assert!(whole || (begins_at_cut && at > 0), "{what}");
            }
            Err(err) => {
                assert_eq!(err.status, Status::IO, "{what}");
                assert!(!whole || begins_at_cut, "{what}");
                let in_between = begins_at_cut && at > 0 && err.outcome == Outcome::NOT_SENT;
                assert!(err.outcome == Outcome::UNKNOWN || in_between, "{what}");
            }
        }
        // What failed is over: from here on the second connection answers.
        sent += bytes.len();
    }
    assert!(peer.connections() <= 2, "{hello:?} {cut:?} at {at}: {} connections", peer.connections());
}

#[test]
fn a_cut_after_every_byte_of_the_handshake_sends_no_command() {
    for hello in EITHER {
        for at in 0.. {
            let peer = Peer::tcp(hello, move |line| {
                if line.number > 0 {
                    return line.serve();
                }
                let command = line.any_command()?;
                let answer = line.handshake_answer(&command).unwrap_or_default();
                // One more byte than the answer has is where this ends.
                line.send(answer.get(..at).unwrap_or_default())
            });
            let result = client(&peer).command(&["GET", "first"]);
            let err = result.expect_err("a connection that breaks in its handshake");
            assert_eq!((err.status, err.outcome), (Status::CONNECT, Outcome::NOT_SENT), "{hello:?} {at}: {err:?}");
            assert!(peer.commands(0).iter().all(|command| !command[0].eq_ignore_ascii_case(b"GET")), "{hello:?} {at}");
            if at > 20 {
                break;
            }
        }
    }
}
