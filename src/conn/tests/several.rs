//! Several connections at once: each has its replies and its end, whatever the others do.

mod sockets;

use super::bursts::{Taken, taken};
use super::*;

const REPLIES: &str = "+one\r\n>1\r\n+news\r\n$3\r\ntwo\r\n";

/// Connections with a burst of so many commands on each.
fn begun(connections: &mut [Connection], count: usize) -> Vec<Kept> {
    for connection in connections.iter_mut() {
        connection.begin_burst(&mut GET.repeat(count).into_bytes(), 0, count).unwrap();
    }
    connections.iter().map(|_| Kept::new(true, 1000)).collect()
}

type Came = (Vec<Vec<u8>>, Option<Result<()>>);

/// What comes of bursts that were begun, each of which is to have so many replies.
fn drive(connections: &mut [Connection], kept: &mut [Kept], most: usize, still_ms: i64) -> Vec<Came> {
    let mut several = Several::with_room(connections.len()).unwrap();
    for (connection, kept) in connections.iter_mut().zip(kept) {
        several.add(connection, kept, Taking(taken(most)));
    }
    several.drive(|| Until::still_for(still_ms), |_, _, _| false);
    came(several)
}

fn came(several: Several<'_, Taking<Taken>>) -> Vec<Came> {
    several.end().map(|Ended { goal, result }| (goal.0.replies, result)).collect()
}

fn is_whole(came: &Came) -> bool {
    *came == (vec![b"one".to_vec(), b"two".to_vec()], Some(Ok(())))
}

/// What is to be written and what is given, cut there: a peer takes and gives no more at once.
fn cut(written: usize, given: usize) -> Vec<Step> {
    let sent = GET.repeat(2);
    let (first, second) = sent.split_at(written);
    let (gives, rest) = REPLIES.split_at(given);
    let steps = [expect(first), Step::Block, expect(second), give(gives), Step::Block, give(rest)];
    let empty = |step: &Step| matches!(step, Step::Expect(bytes) | Step::Give(bytes) if bytes.is_empty());
    // Behind the last of it nobody reads.
    let count = if rest.is_empty() { 4 } else { 6 };
    steps.into_iter().take(count).filter(|step| !empty(step)).collect()
}

#[test]
fn three_peers_answer_at_once_wherever_their_bytes_are_cut() {
    let (sent, given) = (2 * GET.len(), REPLIES.len());
    for place in 0..=sent.max(given) {
        let places = [place, place + sent / 3, place + sent / 2];
        let made = places.map(|at| greeted(cut(at % (sent + 1), (given - at % given) % (given + 1))));
        let (connections, scripts): (Vec<_>, Vec<_>) = made.into_iter().unzip();
        let mut connections: [Connection; 3] = connections.try_into().ok().unwrap();
        let mut kept = begun(&mut connections, 2);
        let came = drive(&mut connections, &mut kept, 10, 5000);
        assert!(came.iter().all(is_whole), "{place}: {came:?}");
        for ((connection, script), kept) in connections.iter_mut().zip(&scripts).zip(&mut kept) {
            assert!(script.is_done());
            assert_eq!(kept.take().unwrap().view().get(0).unwrap().text(), b"news", "each has its own");
            let mut bytes = Vec::new();
            assert_eq!(connection.end_burst(&mut bytes).bytes, sent);
            assert!(connection.is_clean() && bytes == GET.repeat(2).into_bytes());
        }
    }
}

#[test]
fn a_connection_that_fails_fails_alone() {
    let whole = || cut(5, 7);
    let sent = || expect(GET.repeat(2));
    let peers = [
        whole(),
        vec![sent(), give("+one\r\n"), Step::End],
        vec![expect(GET), Step::Fail(libc::ECONNRESET)],
        vec![sent(), give("+one\r\n$9\r\nhal")],
        vec![Step::Block; 10_000],
        vec![sent(), give("+one\r\n+two\r\n!!!\r\n")],
        vec![sent(), give("!!!\r\n")],
        // It says why it takes no more.
        vec![expect(GET), give("+one\r\n-ERR no more\r\n"), Step::Fail(libc::EPIPE)],
        whole(),
    ];
    let mut connections: Vec<Connection> = peers.into_iter().map(|steps| greeted(steps).0).collect();
    let mut kept = begun(&mut connections, 2);
    let came = drive(&mut connections, &mut kept, 10, 300);
    let told = |index: usize| came[index].1.clone().unwrap().map_err(|error: Error| error.to_string());
    assert!(is_whole(&came[0]) && is_whole(&came[8]) && is_whole(&came[5]));
    let at = |text: &str| Err(format!("127.0.0.1:6379: {text}"));
    assert_eq!(told(1), at("read: the server closed the connection"));
    assert_eq!(told(2), at("write: Connection reset by peer"));
    assert_eq!(told(3), at("read: nothing moved for 300 ms"));
    assert_eq!(told(4), at("write: nothing moved for 300 ms"));
    assert_eq!(came[6].1.clone().unwrap().unwrap_err().status, Status::Protocol);
    assert_eq!((&came[7].0[0][..], came[7].0.len(), told(7)), (&b"one"[..], 2, Ok(())));
    assert_eq!([1, 3].map(|index: usize| came[index].0.len()), [1, 1], "what had come is there");
    for (index, connection) in connections.iter().enumerate() {
        assert_eq!(connection.failure().is_some(), [1, 2, 3, 4, 6].contains(&index), "{index}");
    }
}

#[test]
fn what_is_full_stands_still_and_goes_on_where_it_stood() {
    let made = [cut(0, 6), cut(9, 20), cut(30, 2)].map(greeted);
    let (mut connections, scripts): (Vec<_>, Vec<_>) = made.into_iter().unzip();
    let mut kept = begun(&mut connections, 2);
    let mut several = Several::with_room(3).unwrap();
    for (connection, kept) in connections.iter_mut().zip(&mut kept) {
        several.add(connection, kept, Taking(taken(1)));
    }
    let mut ended = Vec::new();
    several.drive(
        || Until::still_for(5000),
        |index, _, _| {
            ended.push(index);
            false
        },
    );
    assert_eq!(ended.len(), 3);
    assert!((0..3).all(|index| several.goal(index).0.replies == [b"one"]));
    several.drive(|| unreachable!("all are full"), |_, _, _| false);
    (0..3).for_each(|index| several.goal(index).0 = taken(10));
    several.drive(|| Until::still_for(5000), |_, _, _| false);
    let came = came(several);
    assert!(came.iter().all(|came| *came == (vec![b"two".to_vec()], Some(Ok(())))), "{came:?}");
    assert!(scripts.iter().all(Script::is_done));
}

#[test]
fn where_enough_has_come_the_others_are_not_waited_for() {
    let silent = || vec![expect(GET.repeat(2))];
    let made = [silent(), cut(3, 3), silent(), vec![expect(GET), Step::End]].map(greeted);
    let mut connections: Vec<Connection> = made.into_iter().map(|(connection, _)| connection).collect();
    let mut kept = begun(&mut connections, 2);
    let mut several = Several::with_room(4).unwrap();
    for (connection, kept) in connections.iter_mut().zip(&mut kept) {
        several.add(connection, kept, Taking(taken(10)));
    }
    let mut failed = Vec::new();
    several.drive(
        || Until::still_for(-1),
        |index, taking, result| {
            failed.extend(result.is_err().then_some(index));
            assert!(result.is_err() || taking.0.replies.len() == 2);
            result.is_ok()
        },
    );
    let came = came(several);
    assert_eq!(failed, [3]);
    assert!(is_whole(&came[1]) && came[0].1.is_none() && came[2].1.is_none(), "{came:?}");
    assert!(!connections[0].is_clean() && connections[0].failure().is_none(), "it is still owed its replies");
}

fn question<'c>(connection: &'c mut Connection, kept: &'c mut Kept, commands: &'c [Asked<'c>]) -> Question<'c> {
    Question { connection, kept, commands }
}

#[test]
fn each_is_asked_what_it_is_asked_and_has_its_replies_or_its_error() {
    const INFO: &str = "*1\r\n$4\r\nINFO\r\n";
    let both = || [expect(INFO), expect(GET)];
    let peers = [
        [both().to_vec(), vec![give(">1\r\n+p\r\n+a\r\n-ERR b\r\n")]].concat(),
        vec![expect(GET), give("$1\r\nc\r\n")],
        [both().to_vec(), vec![give("+a\r\n"), Step::End]].concat(),
        vec![Step::Fail(libc::EPIPE)],
        both().to_vec(),
        vec![Step::Block; 10_000],
        vec![],
    ];
    let mut connections: Vec<Connection> = peers.into_iter().map(|steps| greeted(steps).0).collect();
    let two = [Asked::any(&[b"INFO"], Shape::KEEP), Asked::plain(&[b"GET", b"a"], Shape::KEEP)];
    let asked = |index| match index {
        1 => &two[1..],
        6 => &two[2..],
        _ => &two[..],
    };
    let mut kept: Vec<Kept> = connections.iter().map(|_| Kept::new(true, 1000)).collect();
    let questions = connections.iter_mut().zip(&mut kept).enumerate();
    let questions = questions.map(|(index, (connection, kept))| question(connection, kept, asked(index))).collect();
    let wait = Wait { deadline: Deadline::after_ms(300), allowed_ms: 300, name: b"INFO" };
    let mut told = [0; 7];
    let answers = ask_each(questions, &wait, |index, result| {
        told[index] += 1;
        assert!(result.is_err() || result.unwrap().len() == asked(index).len());
        false
    });
    assert_eq!(told, [1; 7]);
    let texts = |replies: Vec<Reply>| replies.iter().map(|reply| reply.text().to_vec()).collect::<Vec<_>>();
    let answers: Vec<_> = answers.unwrap().into_iter().map(|answer| answer.unwrap().map(texts)).collect();
    assert_eq!(answers[0].as_ref().unwrap(), &[b"a".to_vec(), b"ERR b".to_vec()]);
    assert_eq!(answers[1].as_ref().unwrap(), &[b"c"]);
    let failed = |index: usize| {
        let error: &Error = answers[index].as_ref().unwrap_err();
        (error.status, error.outcome)
    };
    assert_eq!(failed(2), (Status::Io, Outcome::Unknown));
    assert_eq!(failed(3), (Status::Io, Outcome::NotSent));
    assert_eq!(failed(4), (Status::Timeout, Outcome::Unknown));
    assert_eq!(failed(5), (Status::Timeout, Outcome::NotSent));
    assert!(answers[6].as_ref().unwrap().is_empty());
    assert!(!kept[0].is_empty() && kept[1].is_empty());
    let whole = |index: &usize| connections[*index].is_clean();
    assert_eq!((0..7).filter(whole).collect::<Vec<_>>(), [0, 1, 6]);
}

#[test]
fn the_first_answer_may_be_enough_and_so_may_a_refusal_to_ask() {
    let ask = |peers: Vec<Vec<Step>>, is_over: bool| {
        let mut connections: Vec<Connection> = peers.into_iter().map(|steps| greeted(steps).0).collect();
        if is_over {
            connections[1].end(Error::new(Status::Io, "it is over"));
        }
        let mut kept: Vec<Kept> = connections.iter().map(|_| Kept::new(true, 1000)).collect();
        let command = [Asked::plain(&[b"GET", b"a"], Shape::KEEP)];
        let questions = connections.iter_mut().zip(&mut kept);
        let questions = questions.map(|(connection, kept)| question(connection, kept, &command)).collect();
        let wait = Wait { deadline: Deadline::never(), allowed_ms: -1, name: b"GET" };
        let answers = ask_each(questions, &wait, |_, _| true).unwrap();
        answers.into_iter().map(|answer| answer.map(|answer| answer.is_ok())).collect::<Vec<_>>()
    };
    let silent = || vec![expect(GET)];
    let answers = vec![silent(), vec![expect(GET), Step::Block, give("+a\r\n")], silent()];
    assert_eq!(ask(answers, false), [None, Some(true), None]);
    assert_eq!(ask(vec![vec![], vec![], vec![]], true), [None, Some(false), None], "nothing was sent");
}

#[test]
fn one_is_driven_as_it_is_alone() {
    let (connection, script) = greeted(cut(7, 9));
    let mut connections = [connection];
    let mut kept = begun(&mut connections, 2);
    assert!(is_whole(&drive(&mut connections, &mut kept, 10, 5000)[0]));
    assert!(script.is_done());
    let (connection, _) = greeted([expect(GET.repeat(2)), give("+one\r\n")]);
    let mut connections = [connection];
    let mut kept = begun(&mut connections, 2);
    let came = drive(&mut connections, &mut kept, 10, 20);
    assert_eq!(came[0].1.clone().unwrap().unwrap_err().status, Status::Timeout);
    assert!(drive(&mut [], &mut [], 10, 20).is_empty());
}
