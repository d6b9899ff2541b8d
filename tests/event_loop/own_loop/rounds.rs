//! What is submitted in a round: written where the round ends, or called for where the program leaves it.

use std::time::Duration;

use crate::support::own::{Came, Own};
use crate::support::peer::{Hello, Peer};
use crate::support::server::{Server, eventually};

/// One round to its end: what came.
fn round(own: &mut Own) -> Vec<Came> {
    assert!(own.turn_within(Duration::from_secs(30)), "nothing is to be done");
    std::iter::from_fn(|| own.try_next()).collect()
}

/// Rounds until so many commands have completed.
fn rounds(own: &mut Own, count: usize) {
    let mut came = 0;
    while came < count {
        came += round(own).len();
    }
}

/// Says a command's second word, or OK.
fn echoing() -> Peer {
    Peer::tcp(Hello::Resp3, |line| {
        loop {
            let command = line.any_command()?;
            let answer = match line.handshake_answer(&command) {
                _ if command[0] == b"ECHO" => [b"+", &command[1][..], b"\r\n"].concat(),
                answer => answer.unwrap_or_default(),
            };
            line.send(&answer)?;
        }
    })
}

/// A round in which the first command is taken and the next is submitted, up to where it would end.
fn next_submitted(own: &mut Own, next: usize) {
    loop {
        assert!(own.turn_within(Duration::from_secs(30)));
        if own.try_next().is_some() {
            return own.submit(next, &["ECHO", &next.to_string()]);
        }
    }
}

#[test]
fn what_is_submitted_in_a_round_is_written_at_its_end() {
    let peer = echoing();
    let mut own = Own::at(&peer.url());
    own.submit(1, &["ECHO", "1"]);
    rounds(&mut own, 1);
    own.submit(2, &["ECHO", "2"]);
    for next in 3..20 {
        next_submitted(&mut own, next);
        assert!(own.try_next().is_none(), "the round ends");
        let wanted = [b"ECHO".to_vec(), next.to_string().into_bytes()];
        eventually("no step is needed", || peer.commands(0).iter().any(|command| *command == wanted));
    }
    own.expect(19, "19");
}

/// The header lets a program take a part of what came, and wait: until it was told that there is no more, the descriptor is readable.
#[test]
fn who_leaves_a_round_is_called_back() {
    let peer = echoing();
    let mut own = Own::at(&peer.url());
    own.submit(1, &["ECHO", "1"]);
    rounds(&mut own, 1);
    own.submit(2, &["ECHO", "2"]);
    next_submitted(&mut own, 3);
    assert!(own.turn_within(Duration::from_secs(30)), "a moment later");
    own.expect(3, "3");
    // From now on at once.
    own.submit(4, &["ECHO", "4"]);
    assert!(!own.is_quiet());
    next_submitted(&mut own, 5);
    assert!(!own.is_quiet());
    own.expect(5, "5");
}

#[test]
fn commands_submitted_at_every_place_of_a_round_complete_once_in_their_order() {
    let server = Server::start(&[]);
    for window in [1, 2, 7, 100] {
        let mut own = Own::at(&server.url());
        let (mut submitted, mut came) = (0, 0);
        let submit = |own: &mut Own, submitted: &mut usize| {
            own.submit(*submitted, &["ECHO", &submitted.to_string()]);
            *submitted += 1;
        };
        (0..window).for_each(|_| submit(&mut own, &mut submitted));
        while came < 2000 {
            assert!(own.turn_within(Duration::from_secs(30)), "{came} of {submitted}");
            while let Some(Came::Of(mark, result)) = own.try_next() {
                assert_eq!((mark, result), (came, Ok(came.to_string())));
                came += 1;
                // Now and then none is submitted here, and two behind the round.
                if came % 50 != 0 {
                    submit(&mut own, &mut submitted);
                }
            }
            while submitted < came + window {
                submit(&mut own, &mut submitted);
            }
        }
    }
}
