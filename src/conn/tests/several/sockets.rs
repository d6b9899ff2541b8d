//! Several connections at once over sockets: silent peers, slow ones, and those whose descriptor says what is not so.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;

use super::super::turns::counted;
use super::super::waits::{Said, greeted_by};
use super::*;
use crate::ongoing::Interrupt;
use crate::transport::Plain;

/// A peer on a socket: it greets, and then does this.
fn peer(acts: impl FnOnce(TcpStream) + Send + 'static) -> Connection {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = Options::new();
    options.set_int(Key::Port, listener.local_addr().unwrap().port().into()).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; HELLO.len()]).unwrap();
        stream.write_all(GREETED.as_bytes()).unwrap();
        acts(stream);
    });
    Dial::new(options, None, None).unwrap().open(Deadline::after_ms(10_000)).unwrap()
}

const COMMANDS: usize = 20_000;
const LONG: usize = 400;

/// Answer each command of such a length with as many bytes, and take no further one before that is written.
fn answer(mut stream: TcpStream, len: usize, replies: usize, at_once: usize) {
    let reply = format!("${LONG}\r\n{}\r\n", "v".repeat(LONG)).repeat(at_once);
    for _ in 0..replies / at_once {
        if stream.read_exact(&mut vec![0; len * at_once]).is_err() || stream.write_all(reply.as_bytes()).is_err() {
            return;
        }
    }
    let _ = stream.read(&mut [0]);
}

#[test]
fn many_bytes_each_way_on_three_connections_never_make_both_sides_wait() {
    let command = format!("*2\r\n$3\r\nGET\r\n${LONG}\r\n{}\r\n", "k".repeat(LONG));
    let len = command.len();
    let mut connections: Vec<Connection> =
        [1, 10, 100].into_iter().map(|at_once| peer(move |stream| answer(stream, len, COMMANDS, at_once))).collect();
    for connection in &mut connections {
        connection.begin_burst(&mut command.repeat(COMMANDS).into_bytes(), 0, COMMANDS).unwrap();
    }
    let mut kept: Vec<Kept> = connections.iter().map(|_| Kept::new(true, 1000)).collect();
    let came = drive(&mut connections, &mut kept, usize::MAX, 60_000);
    for (replies, result) in came {
        assert_eq!((replies.len(), result), (COMMANDS, Some(Ok(()))));
        assert!(replies.iter().all(|reply| reply.len() == LONG));
    }
}

#[test]
fn one_that_is_silent_closed_or_slow_costs_the_others_nothing() {
    const FEW: usize = 10;
    const STILL_MS: i64 = 500;
    let slow = |mut stream: TcpStream| {
        let _ = stream.read_exact(&mut [0; GET.len() * FEW]);
        for _ in 0..FEW {
            thread::sleep(Duration::from_millis(STILL_MS as u64 / 5));
            stream.write_all(b"+v\r\n").unwrap();
        }
    };
    let silent = |mut stream: TcpStream| while stream.read(&mut [0; 1000]).is_ok_and(|len| len > 0) {};
    let closed = |mut stream: TcpStream| {
        let _ = stream.read_exact(&mut [0; GET.len() * FEW]);
        stream.write_all(b"+v\r\n").unwrap();
    };
    let mut connections = [peer(slow), peer(silent), peer(closed), peer(|stream| answer(stream, GET.len(), FEW, 1))];
    let mut kept = begun(&mut connections, FEW);
    let mut several = Several::with_room(4).unwrap();
    for (connection, kept) in connections.iter_mut().zip(&mut kept) {
        several.add(connection, kept, Taking(taken(FEW)));
    }
    let began = Instant::now();
    let mut ended = Vec::new();
    several.drive(
        || Until::still_for(STILL_MS),
        |index, _, _| {
            ended.push((index, began.elapsed()));
            false
        },
    );
    let came = came(several);
    let told = |index: usize| came[index].1.clone().unwrap().map_err(|error| error.status);
    assert_eq!([0, 1, 2, 3].map(told), [Ok(()), Err(Status::Timeout), Err(Status::Io), Ok(())], "{came:?}");
    assert_eq!([0, 1, 2, 3].map(|index: usize| came[index].0.len()), [FEW, 0, 1, FEW]);
    let order: Vec<usize> = ended.iter().map(|(index, _)| *index).collect();
    assert!(order[2..] == [1, 0], "the silent one ends at its own time, and the slow one later: {ended:?}");
    assert!(ended[2].1 >= Duration::from_millis(STILL_MS as u64), "{ended:?}");
    assert!(ended[3].1 >= Duration::from_millis(2 * STILL_MS as u64), "{ended:?}");
}

/// Whether all of them end when the call does.
fn end_of_call(ongoing: &Arc<Ongoing>, wakes: bool) {
    let silent = |mut stream: TcpStream| while stream.read(&mut [0; 1000]).is_ok_and(|len| len > 0) {};
    let mut connections = [peer(silent), peer(silent), greeted([expect(GET)]).0];
    let mut kept = begun(&mut connections[..2], 1);
    kept.extend(begun(&mut connections[2..], 1));
    let calls = Arc::clone(ongoing);
    let waker = thread::spawn(move || {
        while wakes && calls.wake(std::ptr::null()) == 0 {
            thread::sleep(Duration::from_millis(1));
        }
    });
    let came = ongoing.during(std::ptr::null(), || drive(&mut connections, &mut kept, 10, -1));
    waker.join().unwrap();
    for (connection, (_, result)) in connections.iter().zip(came) {
        assert_eq!(result.unwrap().unwrap_err().status, Status::Woken);
        assert!(connection.failure().is_some());
    }
}

#[test]
fn whoever_ends_the_call_ends_all_of_them() {
    struct No;
    impl Interrupt for No {
        fn may_go_on(&self) -> bool {
            false
        }
    }
    end_of_call(&Arc::new(Ongoing::default()), true);
    end_of_call(&Arc::new(Ongoing::new(Some(Arc::new(No)))), false);
}

#[test]
fn what_no_descriptor_shows_is_read_all_the_same() {
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let socket = Some(Arc::new(ours));
    let shown = || Said { socket: socket.clone(), ..Said::default() };
    let made = [greeted_by(shown(), cut(0, 9)), greeted(cut(5, 5)), greeted_by(shown(), cut(20, 0))];
    let mut connections: Vec<Connection> = made.into_iter().map(|(connection, _)| connection).collect();
    let mut kept = begun(&mut connections, 2);
    let came = drive(&mut connections, &mut kept, 10, 5000);
    assert!(came.iter().all(is_whole), "{came:?}");
}

#[test]
fn a_descriptor_that_lies_is_paused_for() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.write_all(b"x").unwrap();
    let ((one, asks), (other, _)) = (counted(Some(ours.try_clone().unwrap())), counted(Some(ours)));
    let mut connections = [one, other];
    let mut kept = begun(&mut connections, 1);
    let came = drive(&mut connections, &mut kept, 10, 200);
    assert!(came.iter().all(|(_, result)| result.clone().unwrap().unwrap_err().status == Status::Timeout));
    let reads = asks.lock().reads.len();
    assert!((VAIN_TURNS_MAX as usize..2000).contains(&reads), "{reads} reads in 200 ms");
}

#[test]
fn what_is_no_descriptor_fails_alone() {
    let (mut none, _) = greeted([expect(GET)]);
    none.plain = Some(Plain { fd: -1, waits: false });
    let mut connections =
        [none, peer(|stream| answer(stream, GET.len(), 1, 1)), peer(|stream| answer(stream, GET.len(), 1, 1))];
    let mut kept = begun(&mut connections, 1);
    let came = drive(&mut connections, &mut kept, 10, 10_000);
    let failed = came[0].1.clone().unwrap().unwrap_err();
    assert_eq!((failed.status, failed.os_error), (Status::Io, libc::EBADF));
    assert!(came[1..].iter().all(|(replies, result)| replies.len() == 1 && *result == Some(Ok(()))), "{came:?}");
}

#[test]
fn one_that_takes_nothing_is_not_asked_again_before_its_descriptor_says_so() {
    let (mut ours, _theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    while ours.write(&[0; 4096]).is_ok() {}
    let (full, asks) = counted(Some(ours));
    asks.lock().takes = Ok(0);
    let trickling = peer(|mut stream| {
        stream.read_exact(&mut [0; 50 * GET.len()]).unwrap();
        for _ in 0..50 {
            stream.write_all(b"+v\r\n").unwrap();
            thread::sleep(Duration::from_millis(5));
        }
        let _ = stream.read(&mut [0]);
    });
    let mut connections = [trickling, full];
    let mut kept = begun(&mut connections, 50);
    let came = drive(&mut connections, &mut kept, 50, 200);
    assert_eq!((came[0].0.len(), came[0].1.clone()), (50, Some(Ok(()))));
    assert_eq!(came[1].1.clone().unwrap().unwrap_err().status, Status::Timeout);
    assert_eq!(asks.lock().writes.len(), 1);
}
