//! Commands of which no byte was sent: to the byte, and to the moment.

use super::*;
use crate::commands::Effect;
use crate::limits::{Limits, REST_BYTES_MAX};
use crate::options::ParserChoice;
use crate::resp;
use crate::session::{Asked, Greeting, Session};

fn of(words: &[&str]) -> Inflight {
    let mut inflight = Inflight::default();
    for word in words {
        submit(&mut inflight, word, Asker::default());
    }
    inflight
}

fn submit(inflight: &mut Inflight, word: &str, asker: Asker) -> Ticket {
    let args = [word.as_bytes()];
    let room = resp::checked_room(&args).unwrap();
    inflight.submit(&args, room, Due::Reply(Effect::None), Shape::KEEP, asker).unwrap()
}

fn encoded(words: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    words.split_terminator(' ').for_each(|word| resp::encode(&[word.as_bytes()], &mut bytes).unwrap());
    bytes
}

#[test]
fn what_is_taken_back_is_not_handed_over_and_the_rest_keeps_its_order() {
    let one = encoded("A").len();
    // So many bytes handed over, and offered behind them: what may still be taken back.
    for (handed, offered, stays) in [
        (0, 0, "B D"),
        (1, 0, "A B D"),
        (1, one - 1, "A B D"),
        (one, 1, "B D"),
        (one, one + 1, "B C D"),
        (2 * one, 0, "D"),
    ] {
        let mut inflight = of(&["A", "B", "C", "D", "E"]);
        inflight.sent(handed);
        inflight.withdraw(offered, |command| [1, 3, 5].contains(&command.ticket));
        let whole = encoded(stays);
        let gone = if handed >= one { handed - one * (handed / one) } else { handed };
        let stays_from = if handed == one { 0 } else { gone };
        assert_eq!(inflight.outgoing(), &whole[stays_from..], "{handed} {offered}");
        let left = inflight.outgoing().len();
        inflight.sent(left);
        assert!(inflight.outgoing().is_empty());
        let last = submit(&mut inflight, "F", Asker::default());
        assert_eq!((last, inflight.outgoing()), (6, &encoded("F")[..]));
    }
}

/// The same in a conversation that has gone on for a while: what is left is still told from what left.
#[test]
fn what_is_left_after_something_was_taken_back_is_still_known_one_by_one() {
    use Outcome::{NotSent, Unknown};
    let one = encoded("A").len();
    let mut inflight = of(&["X", "Y"]);
    inflight.sent(2 * one);
    for word in ["A", "B", "C", "D", "E"] {
        submit(&mut inflight, word, Asker::default());
    }
    inflight.sent(1);
    // B and D.
    inflight.withdraw(0, |command| [4, 6].contains(&command.ticket));
    assert_eq!(submit(&mut inflight, "F", Asker::default()), 8);
    let unsent = |inflight: &Inflight| {
        let left = inflight.left(false).filter(|left| left.outcome == NotSent);
        left.map(|left| (left.command.ticket, left.command.bytes.to_vec())).collect::<Vec<_>>()
    };
    let left = [(5, encoded("C")), (7, encoded("E")), (8, encoded("F"))];
    assert_eq!(unsent(&inflight), left);
    assert_eq!(inflight.outgoing(), &encoded("A C E F")[1..]);
    let fates = |inflight: &Inflight| [3, 5, 7, 8].map(|ticket| inflight.fate(ticket, false));
    assert_eq!(fates(&inflight), [Unknown, NotSent, NotSent, NotSent]);
    inflight.sent(one);
    assert_eq!(fates(&inflight), [Unknown, Unknown, NotSent, NotSent]);
    assert_eq!(unsent(&inflight), left[1..]);
    for ticket in [1, 2, 3, 5] {
        assert_eq!(inflight.answered().unwrap().ticket, ticket);
    }
    inflight.sent(one - 1);
    assert!(inflight.begins_anew());
    assert!(inflight.answered().is_err(), "no byte of it has left");
}

#[test]
fn nothing_is_left_where_all_behind_what_was_sent_is_taken_back() {
    let mut inflight = of(&["A", "B"]);
    inflight.sent(encoded("A").len());
    inflight.withdraw(0, |_| true);
    assert!(inflight.outgoing().is_empty() && !inflight.is_empty());
    assert_eq!(inflight.answered().unwrap().ticket, 1);
    assert!(inflight.is_empty());
}

#[test]
fn a_conversation_begins_anew_where_nothing_is_owed_to_what_has_left() {
    let one = encoded("A").len();
    let mut inflight = of(&["A", "B"]);
    assert!(inflight.begins_anew());
    inflight.sent(1);
    assert!(!inflight.begins_anew());
    inflight.sent(one - 1);
    assert!(!inflight.begins_anew());
    inflight.answered().unwrap();
    assert!(inflight.begins_anew());
    inflight.sent(one);
    assert!(!inflight.begins_anew());
    inflight.answered().unwrap();
    assert!(!inflight.begins_anew(), "there is nothing to begin with");
}

#[test]
fn all_of_it_can_be_taken_back() {
    let mut inflight = of(&["A", "B"]);
    inflight.withdraw(0, |_| true);
    assert!(inflight.is_empty() && inflight.oldest().is_none());
}

#[test]
fn what_did_not_leave_can_be_queued_elsewhere() {
    let mut inflight = of(&["A", "B", "C"]);
    inflight.sent(encoded("A").len() + 1);
    let left: Vec<_> = inflight.left(true).map(|left| (left.outcome, left.command.bytes)).collect();
    let (sent, unsent) = (&b""[..], &encoded("C")[..]);
    assert_eq!(left, [(Outcome::Ran, sent), (Outcome::Unknown, sent), (Outcome::NotSent, unsent)]);
    let mut next = of(&["X"]);
    let asker = Asker { token: 7, deadline: None };
    assert_eq!(next.submit_encoded(left[2].1, Due::Reply(Effect::None), Shape::KEEP, asker).unwrap(), 2);
    assert_eq!(next.outgoing(), encoded("X C"));
    assert_eq!((next.oldest(), next.under_way()), (Some(1), (2, encoded("X C").len())));
}

/// To the byte: the first whose reply had begun to arrive ran where all of it had left, and nothing is known of what began to.
#[test]
fn what_is_left_of_each_is_its_fate() {
    use Outcome::{NotSent, Ran, Unknown};
    let one = encoded("A").len();
    for handed in 0..=3 * one {
        for begun in [false, true] {
            let mut inflight = of(&["A", "B", "C"]);
            inflight.sent(handed);
            let expected = [0, 1, 2].map(|at| match handed {
                _ if handed <= at * one => NotSent,
                _ if at == 0 && begun && handed >= one => Ran,
                _ => Unknown,
            });
            let left: Vec<_> = inflight.left(begun).map(|left| (left.command.ticket, left.outcome)).collect();
            assert_eq!(left, [(1, expected[0]), (2, expected[1]), (3, expected[2])], "{handed} {begun}");
            assert_eq!([1, 2, 3].map(|ticket| inflight.fate(ticket, begun)), expected, "{handed} {begun}");
        }
    }
}

/// A command is late from its deadline on; one byte of it, sent or offered, keeps it from being taken back.
#[test]
fn a_command_whose_time_is_up_is_taken_back_to_the_last_byte_before_it() {
    let now = Instant::now();
    let one = encoded("A").len();
    for (handed, offered, outcome) in [
        (one, 0, Outcome::NotSent),
        (one + 1, 0, Outcome::Unknown),
        (one, 1, Outcome::Unknown),
        (one - 1, 1, Outcome::NotSent),
        (one - 1, 2, Outcome::Unknown),
    ] {
        let mut inflight = of(&["A"]);
        submit(&mut inflight, "B", Asker { token: 7, deadline: Some(now) });
        inflight.sent(handed);
        assert_eq!(inflight.deadline(), Some(now));
        let mut told = Vec::new();
        inflight.expire(now, offered, |ticket, token, outcome| told.push((ticket, token, outcome)));
        assert_eq!(told, [(2, 7, outcome)], "{handed} {offered}");
        inflight.expire(now, 0, |_, _, _| panic!("it is told once"));
        assert_eq!((inflight.deadline(), inflight.oldest(), inflight.newest()), (None, Some(1), 2));
    }
}

#[test]
fn the_oldest_is_nobodys_where_nobody_waits_for_it() {
    let mut inflight = of(&["A"]);
    assert!(inflight.oldest_is_nobodys());
    inflight.sent(1);
    inflight.answered().unwrap();
    assert!(!inflight.oldest_is_nobodys() && inflight.under_way() == (0, 0) && inflight.deadline().is_none());
    submit(&mut inflight, "B", Asker { token: 0, deadline: Some(Instant::now()) });
    assert!(!inflight.oldest_is_nobodys());
    inflight.sent(inflight.outgoing().len());
    inflight.answered().unwrap();
    assert!(inflight.deadline().is_none(), "nothing is left to be late");
}

#[test]
fn what_is_late_is_given_up_and_its_neighbours_are_not() {
    let start = Instant::now();
    let later = |seconds| start + std::time::Duration::from_secs(seconds);
    let mut inflight = Inflight::default();
    for (token, word, seconds) in [(11, "A", 1), (12, "B", 3), (13, "C", 1), (14, "D", 2)] {
        submit(&mut inflight, word, Asker { token, deadline: Some(later(seconds)) });
    }
    submit(&mut inflight, "E", Asker { token: 15, deadline: None });
    inflight.sent(1);
    let mut told = Vec::new();
    inflight.expire(start, 0, |_, _, _| panic!("nothing is late yet"));
    inflight.expire(later(1), 0, |ticket, token, outcome| told.push((ticket, token, outcome)));
    assert_eq!(told, [(1, 11, Outcome::Unknown), (3, 13, Outcome::NotSent)]);
    assert_eq!(inflight.outgoing(), &encoded("A B D E")[1..]);
    assert_eq!(inflight.deadline(), Some(later(2)));
    let answered: Vec<_> = (0..2)
        .map(|_| {
            inflight.sent(encoded("A").len());
            inflight.answered().unwrap().token
        })
        .collect();
    assert_eq!(answered, [NOBODY, 12], "the reply to what was given up is nobody's");
    // What was offered to a transport may have left.
    let mut told = Vec::new();
    inflight.expire(later(9), 100, |_, token, outcome| told.push((token, outcome)));
    assert_eq!((told, inflight.deadline()), (vec![(14, Outcome::Unknown)], None));
    assert_eq!(inflight.under_way().0, 2);
}

#[test]
fn what_a_large_command_made_grow_is_given_back_once_all_of_it_has_left() {
    let mut inflight = Inflight::default();
    let large = vec![b'v'; 1 << 20];
    let room = resp::checked_room(&[&large]).unwrap();
    inflight.submit(&[&large], room, Due::Reply(Effect::None), Shape::KEEP, Asker::default()).unwrap();
    inflight.sent(1 << 19);
    let rest = inflight.outgoing().to_vec();
    inflight.rest();
    assert_eq!(inflight.outgoing(), rest);
    inflight.sent(rest.len());
    assert!(inflight.bytes.capacity() > REST_BYTES_MAX);
    inflight.rest();
    assert_eq!(inflight.bytes.capacity(), 0);
    inflight.bytes = Vec::with_capacity(REST_BYTES_MAX);
    inflight.rest();
    assert_eq!(inflight.bytes.capacity(), REST_BYTES_MAX, "little is kept for the next command");
}

/// A session gives back what its commands made grow, and not the parser's part alone.
#[test]
fn a_conversation_that_rests_gives_back_what_a_large_command_made_grow() {
    let greeting = Greeting { protocol: 2, ..Greeting::default() };
    let mut session = Session::new(resp::parser(ParserChoice::Fast, Limits::default()), greeting).unwrap();
    session.submit(Asked::plain(&[b"ECHO", &[b'v'; 1 << 20]], Shape::KEEP)).unwrap();
    session.sent(session.outgoing().len());
    session.receive(b"+OK\r\n").unwrap();
    assert!(session.poll().unwrap().is_some() && session.inflight.bytes.capacity() > REST_BYTES_MAX);
    session.rest(u64::MAX);
    assert_eq!(session.inflight.bytes.capacity(), 0);
}
