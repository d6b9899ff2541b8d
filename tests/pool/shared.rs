//! The connection that callers share: whose reply is whose, what becomes of each when one is late, ends or is lost with the others,
//! and which commands stay alone.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::c::{CErr, Client, Options, Outcome, Reply, Status, call, option, stat};
use crate::support::over::Over;
use crate::support::peer::{Hello, Peer};
use crate::support::raw::rredis_options_on_interrupt;
use crate::support::server::{Server, eventually};

const BUSY: i64 = 1;
const ALWAYS: i64 = 2;

fn sharing(url: &str) -> Options {
    Options::at(url).int(option::SHARE, ALWAYS).int(option::RETRY_MAX, 0)
}

/// So many calls at once of a client, each with its number, and what they came to in that order. Each begins when the one before
/// has boarded.
fn at_once(
    client: &Client,
    count: usize,
    call: impl Fn(usize) -> Result<Reply, CErr> + Sync,
) -> Vec<Result<Reply, CErr>> {
    let before = client.stat(stat::RIDES);
    thread::scope(|scope| {
        let calls: Vec<_> = (0..count)
            .map(|number| {
                let running = scope.spawn({
                    let call = &call;
                    move || call(number)
                });
                eventually("it boards", || client.stat(stat::RIDES) > before + number as i64);
                running
            })
            .collect();
        calls.into_iter().map(|call| call.join().expect("no panic")).collect()
    })
}

fn bulk(text: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat()
}

#[test]
fn callers_share_one_connection_and_each_gets_its_own_reply() {
    let server = Server::start(&[]);
    for url in [server.url(), server.unix_url()] {
        let client = sharing(&url).client();
        thread::scope(|scope| {
            for number in 0..16 {
                let client = &client;
                scope.spawn(move || {
                    for count in 0..500 {
                        // From nothing to what takes several reads, and errors among them.
                        let mark = format!("{number}.{count}.").repeat(count * count % 1500);
                        assert_eq!(client.command(&["ECHO", &mark]).expect("it answers").text(), mark.as_bytes());
                        let err = client.command(&["NO.SUCH", "x"]).expect_err("it knows no such command");
                        assert_eq!(err.status, Status::SERVER);
                        let err = client.command(&["LPUSH", &format!("s{number}")]).expect_err("too few arguments");
                        assert_eq!((err.status, err.outcome), (Status::SERVER, Outcome::REFUSED), "{err:?}");
                    }
                });
            }
        });
        let (rides, batches) = (client.stat(stat::RIDES), client.stat(stat::BATCHES));
        assert_eq!(rides, 16 * 500 * 2, "what is in no table goes alone");
        assert!(batches > 0 && batches < rides, "{batches} of {rides}");
        assert_eq!(client.stat(stat::CONNECTIONS_IN_USE), 0);
    }
}

/// By default callers are alone until they are many.
#[test]
fn callers_begin_to_share_when_they_are_many_and_stop_when_they_are_few() {
    let server = Server::start(&[]);
    let client = Options::at(&server.url()).int(option::SHARE, BUSY).int(option::POOL_MAX, 2).client();
    (0..100).for_each(|_| assert_eq!(client.ask(&["PING"]), "+PONG"));
    assert_eq!(client.stat(stat::RIDES), 0);
    thread::scope(|scope| {
        for _ in 0..16 {
            let client = &client;
            scope.spawn(move || (0..500).for_each(|_| assert_eq!(client.ask(&["PING"]), "+PONG")));
        }
    });
    let rides = client.stat(stat::RIDES);
    assert!(rides > 0, "{rides}");
    assert!(client.stat(stat::CONNECTIONS_CREATED) <= 2);
    // One caller is few, and after a while alone again.
    (0..100).for_each(|_| assert_eq!(client.ask(&["PING"]), "+PONG"));
    let rides = client.stat(stat::RIDES);
    (0..100).for_each(|_| assert_eq!(client.ask(&["PING"]), "+PONG"));
    assert_eq!(client.stat(stat::RIDES), rides);
}

#[test]
fn what_blocks_or_is_long_or_wants_to_be_alone_does_not_share() {
    let server = Server::start(&[]);
    let client = sharing(&server.url()).client();
    let alone = |args: &[&str], flags| {
        let before = client.stat(stat::RIDES);
        let answer = client.command_with(args, flags | call::ERROR_REPLY, 0).expect("it answers").dump();
        (client.stat(stat::RIDES) == before, answer)
    };
    let long = "x".repeat(16 << 10);
    for (args, flags, is_alone) in [
        (&["SET", "k", "v"] as &[&str], call::DEFAULT, false),
        (&["SET", "k", "v"], call::ALONE, true),
        (&["SET", "k", &long], call::DEFAULT, true),
        (&["SET", "k", &long[200..]], call::DEFAULT, false),
        (&["BLPOP", "none", "0.01"], call::DEFAULT, true),
        (&["XREAD", "BLOCK", "1", "STREAMS", "s", "$"], call::DEFAULT, true),
        (&["XREAD", "STREAMS", "s", "0"], call::DEFAULT, false),
        (&["WAIT", "0", "1"], call::DEFAULT, true),
        (&["NO.SUCH"], call::DEFAULT, true),
        (&["CLIENT", "ID"], call::DEFAULT, false),
    ] {
        let (was_alone, answer) = alone(args, flags);
        assert_eq!(was_alone, is_alone, "{:?}, {flags}: {answer}", args[0]);
    }
}

/// A connection that is shared is given to who waits for one; and who shares has a turn as well, however many wait.
#[test]
fn who_shares_has_a_turn_among_those_who_go_alone() {
    let server = Server::start(&[]);
    let client = sharing(&server.url()).int(option::POOL_MAX, 1).int(option::POOL_WAIT_MS, -1).client();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _over_at_the_end = Over(&over);
        let alone: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut count = 0;
                    while !over.load(Ordering::Relaxed) {
                        let done = client.command_with(&["SET", "k", "v"], call::ALONE | call::TIMEOUT, 30_000);
                        assert!(done.is_ok(), "{done:?}");
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        for number in 0..20 {
            let shared = client.command_within(&["ECHO", &number.to_string()], 0, 10_000);
            assert_eq!(shared.map(|reply| reply.dump()), Ok(format!("\"{number}\"")));
        }
        over.store(true, Ordering::Relaxed);
        assert!(alone.into_iter().all(|alone| alone.join().expect("no panic") > 0));
    });
    assert_eq!(client.stat(stat::RIDES), 20);
}

/// The one that is late was sent: it is UNKNOWN, and its reply goes to nobody. The others go on waiting.
#[test]
fn a_caller_that_is_late_disturbs_no_neighbour() {
    for late in [0, 1, 3] {
        let peer = Peer::tcp(Hello::Resp3, |line| {
            let mut commands = Vec::new();
            for _ in 0..4 {
                commands.push(line.command()?);
                line.mark();
            }
            thread::sleep(Duration::from_millis(400));
            for command in commands {
                line.send(&bulk(&command[1]))?;
            }
            line.serve()
        });
        let client = sharing(&peer.url()).client();
        let ends = at_once(&client, 4, |number| {
            let time = if number == late { 100 } else { 60_000 };
            let begin = Instant::now();
            let end = client.command_with(&["GET", &format!("k{number}")], call::TIMEOUT, time);
            assert!(number != late || begin.elapsed() >= Duration::from_millis(100));
            end
        });
        for (number, end) in ends.into_iter().enumerate() {
            match end {
                Ok(reply) => assert_eq!(reply.text(), format!("k{number}").as_bytes()),
                Err(err) => {
                    assert_eq!((number, err.status, err.outcome), (late, Status::TIMEOUT, Outcome::UNKNOWN), "{err:?}");
                }
            }
        }
        assert_eq!(client.ask(&["GET", "next"]), "\"v:next\"", "{late}");
        assert_eq!((peer.connections(), client.stat(stat::CONNECTIONS_LOST)), (1, 0), "{late}");
    }
}

/// Another thread ends one call. The others go on, whoever it was that read for all.
#[test]
fn a_caller_that_is_woken_disturbs_no_neighbour() {
    for woken in 0..4 {
        let peer = Peer::tcp(Hello::Resp3, |line| {
            let mut commands = Vec::new();
            for _ in 0..4 {
                commands.push(line.command()?);
                line.mark();
            }
            // Until one of them was ended.
            assert_eq!(line.command()?[1], b"go on");
            for command in commands {
                line.send(&bulk(&command[1]))?;
            }
            line.send(&bulk(b"go on"))?;
            line.serve()
        });
        let client = sharing(&peer.url()).int(option::COMMAND_TIMEOUT_MS, 60_000).client();
        let data = &[0u8; 4];
        let place = |number: usize| ptr::from_ref(&data[number]).cast_mut().cast();
        let (client, place) = (&client, &place);
        let ends = thread::scope(|scope| {
            let peer = &peer;
            scope.spawn(move || {
                peer.until_marks(4);
                let end = Instant::now() + Duration::from_secs(60);
                while client.wake(ptr::from_ref(&data[woken]).cast()) == 0 {
                    assert!(Instant::now() < end, "there was no call to wake");
                }
                eventually("it has ended", || client.stat(stat::UNKNOWN) == 1);
                assert_eq!(client.ask(&["GET", "go on"]), "\"go on\"");
            });
            at_once(client, 4, |number| {
                client.command_for(&["GET", &format!("k{number}")], call::DEFAULT, 0, place(number))
            })
        });
        for (number, end) in ends.into_iter().enumerate() {
            match end {
                Ok(reply) => assert_eq!(reply.text(), format!("k{number}").as_bytes()),
                Err(err) => {
                    assert_eq!((number, err.status, err.outcome), (woken, Status::WOKEN, Outcome::UNKNOWN), "{err:?}");
                }
            }
        }
        assert_eq!((peer.connections(), client.stat(stat::CONNECTIONS_LOST)), (1, 0), "{woken}");
    }
}

/// Replies that come one by one, each sooner than a conductor takes for long: the last of many callers is ended in the midst of it.
#[test]
fn a_caller_behind_many_quick_conductors_is_woken() {
    const CALLERS: usize = 100;
    let answered = Arc::new(AtomicUsize::new(0));
    let peer = Peer::tcp(Hello::Resp3, {
        let answered = Arc::clone(&answered);
        move |line| {
            for _ in 0..CALLERS {
                let command = line.command()?;
                thread::sleep(Duration::from_millis(8));
                answered.fetch_add(1, Ordering::SeqCst);
                line.send(&bulk(&command[1]))?;
            }
            line.serve()
        }
    });
    let client = sharing(&peer.url()).int(option::COMMAND_TIMEOUT_MS, 60_000).client();
    let data = [0u8; CALLERS];
    let place = |number: usize| ptr::from_ref(&data[number]).cast_mut().cast::<c_void>();
    let (client, place, answered) = (&client, &place, &answered);
    let ends = thread::scope(|scope| {
        scope.spawn(move || {
            while client.wake(place(CALLERS - 1).cast_const()) == 0 {
                assert!(answered.load(Ordering::SeqCst) < CALLERS * 4 / 5, "nobody ends the call");
                thread::sleep(Duration::from_millis(1));
            }
        });
        at_once(client, CALLERS, |number| {
            let end = client.command_for(&["GET", &format!("k{number}")], call::DEFAULT, 0, place(number));
            assert!(number < CALLERS - 1 || answered.load(Ordering::SeqCst) < CALLERS * 9 / 10, "it is ended late");
            end
        })
    });
    for (number, end) in ends.into_iter().enumerate() {
        match end {
            Ok(reply) => assert!(number < CALLERS - 1 && reply.text() == format!("k{number}").as_bytes()),
            Err(err) => assert_eq!((number, err.status), (CALLERS - 1, Status::WOKEN), "{err:?}"),
        }
    }
    assert_eq!(peer.connections(), 1);
}

/// Nobody knows of those that were sent, except for the one whose reply had begun and is refused.
#[test]
fn a_lost_connection_ends_each_with_an_outcome_of_its_own() {
    let peer = Peer::tcp(Hello::Resp3, |line| match line.number {
        0 => {
            for _ in 0..3 {
                line.command()?;
                line.mark();
            }
            line.send(b"$2147483648\r\n")
        }
        1 => {
            for _ in 0..3 {
                line.command()?;
            }
            line.fin()
        }
        _ => line.serve(),
    });
    let client = sharing(&peer.url()).client();
    for (status, first) in [(Status::LIMIT, Outcome::RAN), (Status::IO, Outcome::UNKNOWN)] {
        let ends = at_once(&client, 3, |number| client.command(&["INCR", &format!("k{number}")]));
        let told: Vec<_> =
            ends.into_iter().map(|end| end.expect_err("it is lost")).map(|err| (err.status, err.outcome)).collect();
        assert_eq!(told, [(status, first), (status, Outcome::UNKNOWN), (status, Outcome::UNKNOWN)]);
    }
    assert_eq!(client.ask(&["GET", "next"]), "\"v:next\"");
    assert_eq!((peer.connections(), client.stat(stat::CONNECTIONS_LOST)), (3, 2));
}

/// Where no connection can be opened, all that wait for it are told, and none waits for its turn to find out.
#[test]
fn a_connect_that_fails_is_told_to_all_that_wait_for_it() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("redis://{}", listener.local_addr().expect("it has an address"));
    drop(listener);
    let client = sharing(&url).client();
    let ends = at_once(&client, 8, |number| client.command(&["INCR", &format!("k{number}")]));
    for err in ends.into_iter().map(|end| end.expect_err("nobody is there")) {
        assert_eq!((err.status, err.outcome), (Status::CONNECT, Outcome::NOT_SENT), "{err:?}");
    }
}

/// Only what was written is in doubt: what waits for its turn is never sent, and says so.
#[test]
fn a_caller_that_is_late_before_it_is_taken_was_not_sent() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        // Nothing is read any more, so that what is written stays on the way.
        line.command()?;
        line.mark();
        line.stall()
    });
    let client = sharing(&peer.url()).int(option::COMMAND_TIMEOUT_MS, 2_000).client();
    let large = "x".repeat(15 << 10);
    let refused = AtomicUsize::new(0);
    thread::scope(|scope| {
        for number in 0..512 {
            let (client, large, refused) = (&client, &large, &refused);
            scope.spawn(move || {
                let err = client.command(&["SET", &format!("k{number}"), large]).expect_err("nobody answers");
                // So much of it boards; what comes then has a connection of its own, if there is one.
                assert!([Status::TIMEOUT, Status::BUSY].contains(&err.status), "{err:?}");
                refused.fetch_add(usize::from(err.outcome == Outcome::NOT_SENT), Ordering::Relaxed);
            });
        }
    });
    // The system takes some megabytes of it at the most.
    assert!(refused.load(Ordering::Relaxed) > 0);
    assert_eq!(client.stat(stat::CONNECTIONS_IN_USE), 0);
}

/// A reply that is not that long is waited for: the next command shares the connection.
#[test]
fn callers_board_behind_a_reply_that_is_not_long() {
    let peer = Peer::tcp(Hello::Resp3, |line| {
        line.command()?;
        line.send(b"$1000000\r\n")?;
        line.send(&vec![b'x'; 900_000])?;
        line.mark();
        let next = line.command()?;
        line.send(&vec![b'x'; 100_000])?;
        line.send(b"\r\n")?;
        line.send(&bulk(&next[1]))
    });
    let client = sharing(&peer.url()).int(option::COMMAND_TIMEOUT_MS, 60_000).client();
    thread::scope(|scope| {
        let long = scope.spawn(|| client.command(&["GET", "long"]));
        peer.until_marks(1);
        thread::sleep(Duration::from_millis(100));
        assert_eq!(client.ask(&["GET", "k"]), "\"k\"");
        assert_eq!(long.join().expect("no panic").expect("it came").text().len(), 1_000_000);
    });
    assert_eq!((peer.connections(), client.stat(stat::RIDES)), (1, 2));
}

/// Nobody is to wait behind a reply that takes long: the next command has a connection of its own.
#[test]
fn nobody_boards_behind_a_long_reply() {
    let peer = Peer::tcp(Hello::Resp3, |line| match line.number {
        0 => {
            line.command()?;
            line.send(b"$4194304\r\n")?;
            line.send(&vec![b'x'; 3 << 20])?;
            line.mark();
            line.until_left()
        }
        _ => line.serve(),
    });
    let client = sharing(&peer.url()).int(option::COMMAND_TIMEOUT_MS, 3_000).client();
    thread::scope(|scope| {
        let long = scope.spawn(|| client.command(&["GET", "long"]));
        peer.until_marks(1);
        let is_served = || client.command_with(&["GET", "k"], call::TIMEOUT, 500).is_ok();
        eventually("others go on", is_served);
        assert!(long.join().expect("no panic").is_err());
    });
}

/// A program's function may take as long as it likes, and nobody else is to wait for it.
#[test]
fn a_client_that_is_asked_whether_to_go_on_does_not_share() {
    let server = Server::start(&[]);
    let options = Options::new();
    let null = ptr::null_mut();
    // SAFETY: the options are alive, the function needs no data, and what went wrong need not be said.
    let set = unsafe { rredis_options_on_interrupt(options.raw(), Some(goes_on), null, None, ptr::null_mut()) };
    assert_eq!(set, 0);
    let pool = sharing(&server.url()).pool();
    let client = pool.client(Some(&options)).expect("a client");
    assert_eq!((client.ask(&["PING"]), pool.stat(stat::RIDES)), ("+PONG".to_owned(), 0));
    let err = options.int(option::SHARE, ALWAYS).try_client().map(drop).expect_err("it would have no effect");
    assert!(err.status == Status::CONFIG && err.message.contains("interrupt"), "{err:?}");
}

extern "C" fn goes_on(_: *mut c_void) -> u32 {
    0
}

/// What frees a server of what it does would wait behind that, if it went over the connection of it.
#[test]
fn a_script_that_does_not_end_is_killed_over_another_connection() {
    let server = Server::start(&[]);
    let client = sharing(&server.url()).int(option::COMMAND_TIMEOUT_MS, 60_000).client();
    thread::scope(|scope| {
        let endless = scope.spawn(|| client.command(&["EVAL", "while true do end", "0"]));
        let killed = || client.command(&["SCRIPT", "KILL"]).is_ok();
        eventually("it runs and is killed", killed);
        let err = endless.join().expect("no panic").expect_err("it was killed");
        assert_eq!(err.status, Status::SERVER, "{err:?}");
    });
}

/// The caller that reads for all is ended while its own command waits behind others for the peer to read on: it was not sent, and is
/// not sent later.
#[test]
fn what_was_not_sent_when_its_caller_was_ended_is_never_sent() {
    static LATER: AtomicUsize = AtomicUsize::new(0);
    let peer = Peer::tcp(Hello::Resp3, |line| {
        // Until all have boarded and one of them was ended.
        line.mark();
        while LATER.load(Ordering::SeqCst) == 0 {
            thread::sleep(Duration::from_millis(1));
        }
        line.serve()
    });
    let client = sharing(&peer.url()).int(option::COMMAND_TIMEOUT_MS, 60_000).client();
    let large = "x".repeat(15 << 10);
    const COUNT: usize = 700;
    let data = &[0u8; COUNT];
    let place = |number: usize| ptr::from_ref(&data[number]).cast_mut().cast();
    thread::scope(|scope| {
        let (client, large, place) = (&client, &large, &place);
        let calls: Vec<_> = (0..COUNT)
            .map(|number| {
                scope.spawn(move || {
                    client.command_for(&["GET", &format!("{number}:{large}")], call::DEFAULT, 0, place(number))
                })
            })
            .collect();
        peer.until_marks(1);
        // So much is more than the system takes: the last of what was taken is not on its way.
        thread::sleep(Duration::from_millis(500));
        assert_eq!(
            (0..COUNT).step_by(2).map(|number| client.wake(place(number).cast_const())).sum::<usize>(),
            COUNT / 2
        );
        eventually("they have ended", || client.stat(stat::ERRORS_NETWORK) >= (COUNT / 2) as i64);
        LATER.store(1, Ordering::SeqCst);
        let ends: Vec<_> = calls.into_iter().map(|call| call.join().expect("no panic")).collect();
        let sent: Vec<Vec<u8>> =
            (0..peer.connections()).flat_map(|number| peer.commands(number)).map(|args| args[1].clone()).collect();
        let mut unsent = 0;
        for (number, end) in ends.iter().enumerate() {
            let name = format!("{number}:");
            let was_sent = sent.iter().any(|key| key.starts_with(name.as_bytes()));
            match end {
                Ok(_) => assert!(was_sent, "{number}"),
                Err(err) if err.outcome == Outcome::NOT_SENT => {
                    unsent += 1;
                    assert!(!was_sent, "{number}: {err:?}");
                }
                Err(err) => assert_eq!((err.status, err.outcome), (Status::WOKEN, Outcome::UNKNOWN), "{err:?}"),
            }
        }
        assert!(unsent > 0, "all of it was on its way");
    });
}
