//! A wait that can be ended: by another thread in every phase of a call, by a signal handler, by a function of the program's.

mod support;

use std::ffi::c_void;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr};

use support::c::{CErr, Options, Outcome, Reply, Status, Waker, call, option};
use support::child::fork;
use support::peer::{Hello, Line, Peer};
use support::pipeline::Pipeline;
use support::program::{child, preload, watch};
use support::queue::full_queue;
use support::raw::{rredis_client_wake, rredis_options_on_interrupt};
use support::server::{Folder, Server, eventually};

/// No call ends by itself within this time, and none that is woken may take it.
const LONG_MS: i64 = 60_000;

/// A client whose calls wait for a minute, whatever they wait for.
fn patient(url: &str) -> Options {
    Options::at(url)
        .int(option::CONNECT_TIMEOUT_MS, LONG_MS)
        .int(option::COMMAND_TIMEOUT_MS, LONG_MS)
        .int(option::POOL_WAIT_MS, LONG_MS)
}

/// Run a call, and end it from another thread: now before it waits at all, now when it has waited long.
fn ended<T: Send>(wake: impl Fn() -> usize + Sync, call: impl Fn() -> Result<T, CErr> + Sync) -> Vec<CErr> {
    let wait_ms = [0, 5, 40, 150];
    let ends = wait_ms.map(|wait_ms| {
        thread::scope(|scope| {
            let woken = scope.spawn(|| {
                thread::sleep(Duration::from_millis(wait_ms));
                let begin = Instant::now();
                while wake() == 0 {
                    assert!(begin.elapsed() < Duration::from_secs(30), "no call was there to be woken");
                    thread::sleep(Duration::from_millis(1));
                }
                Instant::now()
            });
            let err = call().err().expect("it cannot succeed");
            let late = woken.join().expect("the other thread").elapsed();
            assert!(late < Duration::from_secs(10), "{late:?} after it was woken: {err:?}");
            assert_eq!(err.status, Status::WOKEN, "{err:?}");
            err
        })
    });
    ends.into()
}

fn outcomes(ends: &[CErr], allowed: &[Outcome]) {
    ends.iter().for_each(|err| assert!(allowed.contains(&err.outcome), "{err:?}"));
}

/// Says hello, and then nothing to any command.
fn silent(line: &mut Line) -> io::Result<()> {
    line.command()?;
    line.stall()
}

#[test]
fn a_read_and_a_write() {
    let peer = Peer::tcp(Hello::Resp3, silent);
    let client = patient(&peer.url()).client();
    let ends = ended(|| client.wake(ptr::null()), || client.command(&["INCR", "n"]));
    outcomes(&ends, &[Outcome::UNKNOWN, Outcome::NOT_SENT]);
    assert!(ends.iter().any(|err| err.outcome == Outcome::UNKNOWN), "the last of them had waited long: {ends:?}");
    let large = vec![b'x'; 32 << 20];
    let deaf = Peer::tcp(Hello::Resp3, Line::stall);
    let client = patient(&deaf.url()).client();
    let set = [&b"SET"[..], b"k", &large];
    let ends = ended(|| client.wake(ptr::null()), || client.command(&set));
    outcomes(&ends, &[Outcome::UNKNOWN, Outcome::NOT_SENT]);
}

#[test]
fn a_connect_and_a_greeting_and_a_handshake_of_tls() {
    let address = SockAddr::from(std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let (listener, _waiting) = full_queue(Domain::IPV4, &address);
    let port = listener.local_addr().expect("an address").as_socket().expect("of a socket").port();
    let client = patient(&format!("redis://127.0.0.1:{port}")).client();
    outcomes(&ended(|| client.wake(ptr::null()), || client.command(&["PING"])), &[Outcome::NOT_SENT]);

    // The system itself accepts, and nobody ever reads.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    for scheme in ["redis", "rediss"] {
        let client = patient(&format!("{scheme}://127.0.0.1:{port}")).client();
        outcomes(&ended(|| client.wake(ptr::null()), || client.command(&["PING"])), &[Outcome::NOT_SENT]);
        let ends = ended(|| client.wake(ptr::null()), || client.conn());
        outcomes(&ends, &[Outcome::NONE]);
    }
}

#[test]
fn a_wait_for_a_connection_and_a_rest_before_another_try() {
    let server = Server::start(&[]);
    let client = patient(&server.url()).int(option::POOL_MAX, 1).client();
    let mut held = client.conn().expect("a connection");
    outcomes(&ended(|| client.wake(ptr::null()), || client.command(&["PING"])), &[Outcome::NOT_SENT]);
    held.ask(&["PING"]);
    drop(held);
    // Whoever gave up waiting took nothing along.
    client.ask(&["PING"]);

    let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    let url = format!("redis://{}", gone.expect("a free port"));
    let client =
        patient(&url).int(option::RETRY_MAX, 20).int(option::BACKOFF_MS, 20_000).int(option::BACKOFF_MS_MAX, 20_000);
    let client = client.client();
    // A rest is a random part of its longest: what was not resting yet is woken in another phase, and that is as good.
    outcomes(&ended(|| client.wake(ptr::null()), || client.command(&["PING"])), &[Outcome::NOT_SENT]);
}

#[test]
fn a_lookup_that_hangs() {
    let folder = Folder::new("preload");
    let library = preload(folder.path(), "tests/preload/names.c");
    let ended = watch(child("child_with_a_resolver_that_hangs").env("LD_PRELOAD", library).env(HANGS, "1"));
    assert!(ended.status.success() && ended.said.contains("1 passed"), "{}\n{}", ended.status, ended.said);
}

const HANGS: &str = "RREDIS_TEST_HANGS";

#[test]
#[ignore = "it is run by the test above, with such a resolver"]
fn child_with_a_resolver_that_hangs() {
    if std::env::var_os(HANGS).is_none() {
        return;
    }
    let client = patient("redis://hangs.test").client();
    outcomes(&ended(|| client.wake(ptr::null()), || client.command(&["PING"])), &[Outcome::NOT_SENT]);
}

#[test]
fn only_the_call_that_was_meant() {
    let peer = Peer::tcp(Hello::Resp3, silent);
    let client = patient(&peer.url()).client();
    let data: Vec<usize> = (0..8).collect();
    let pointer = |number: &usize| ptr::from_ref(number).cast::<c_void>();
    let over = AtomicUsize::new(0);
    thread::scope(|scope| {
        for number in &data {
            let (client, over) = (&client, &over);
            scope.spawn(move || {
                let err = client.command_for(&["GET", "k"], 0, 0, pointer(number).cast_mut()).expect_err("it waits");
                assert_eq!(err.status, Status::WOKEN, "{err:?}");
                over.fetch_add(1, Ordering::SeqCst);
            });
        }
        assert_eq!(client.wake(pointer(&100)), 0, "no call has this");
        for (count, number) in data.iter().enumerate() {
            assert_eq!(over.load(Ordering::SeqCst), count, "each is ended by its own word alone");
            eventually("a call to wake", || client.wake(pointer(number)) == 1);
            eventually("its end", || over.load(Ordering::SeqCst) == count + 1);
        }
    });
}

#[test]
fn a_pipeline_and_a_connection_of_ones_own() {
    let peer = Peer::tcp(Hello::Resp3, silent);
    let client = patient(&peer.url()).client();
    let pipeline = std::sync::Mutex::new(Pipeline::of(&client));
    let waker: Waker = pipeline.lock().expect("whole").waker();
    let run = || {
        let mut pipeline = pipeline.lock().expect("whole");
        pipeline.add(&["INCR", "n"]);
        pipeline.add(&["INCR", "n"]);
        pipeline.run(0)
    };
    outcomes(&ended(|| waker.wake(), run), &[Outcome::UNKNOWN, Outcome::NOT_SENT]);
    assert_eq!(client.wake(ptr::null()), 0, "a pipeline's run is no call of its client's");
    let watches = || pipeline.lock().expect("whole").watch(&["k"]);
    outcomes(&ended(|| waker.wake(), watches), &[Outcome::UNKNOWN, Outcome::NOT_SENT]);

    let ends = (0..4).flat_map(|_| {
        let conn = std::sync::Mutex::new(client.conn().expect("a connection"));
        let waker = conn.lock().expect("whole").waker();
        let mut ends = Vec::new();
        thread::scope(|scope| {
            scope.spawn(|| eventually("a call to wake", || waker.wake() == 1));
            ends.extend(conn.lock().expect("whole").command(&["INCR", "n"]).err());
        });
        ends
    });
    outcomes(&ends.collect::<Vec<_>>(), &[Outcome::UNKNOWN, Outcome::NOT_SENT]);
}

/// A wait for what may come ends, and what comes afterwards is still heard.
#[test]
fn a_receive_leaves_the_connection_as_it_was() {
    let server = Server::start(&[]);
    let client = patient(&server.url()).client();
    let mut conn = client.conn().expect("a connection");
    conn.command(&["SUBSCRIBE", "news"]).expect("it subscribes");
    conn.receive(LONG_MS).expect("the confirmation");
    let conn = std::sync::Mutex::new(conn);
    let waker = conn.lock().expect("whole").waker();
    let ends = ended(|| waker.wake(), || conn.lock().expect("whole").receive(LONG_MS));
    outcomes(&ends, &[Outcome::NONE]);
    client.ask(&["PUBLISH", "news", "hello"]);
    let message: Reply = conn.lock().expect("whole").receive(LONG_MS).expect("the message");
    assert!(message.dump().contains("hello"), "{}", message.dump());
}

/// A worker in BLPOP is told to stop; nobody takes what is pushed later on its behalf.
#[test]
fn a_worker_that_stops_takes_nothing_along() {
    let server = Server::start(&[]);
    let client = patient(&server.url()).client();
    outcomes(
        &ended(|| client.wake(ptr::null()), || client.command(&["BLPOP", "jobs", "0"])),
        &[Outcome::UNKNOWN, Outcome::NOT_SENT],
    );
    eventually("the server sees the worker leave", || client.ask(&["INFO", "clients"]).contains("blocked_clients:0"));
    assert_eq!(client.number(&["RPUSH", "jobs", "one"]), 1);
    assert_eq!(client.number(&["LLEN", "jobs"]), 1);
}

static COUNTDOWN: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count_down(_: *mut c_void) -> u32 {
    u32::from(COUNTDOWN.fetch_sub(1, Ordering::SeqCst) <= 1) * 80
}

#[test]
fn a_function_of_the_programs_is_asked() {
    let peer = Peer::tcp(Hello::Resp3, silent);
    let options = patient(&peer.url());
    let null = ptr::null_mut();
    // SAFETY: the options are alive, the function needs no data, and what went wrong need not be said.
    let set = unsafe { rredis_options_on_interrupt(options.raw(), Some(count_down), null, None, ptr::null_mut()) };
    assert_eq!(set, 0);
    let client = options.client();
    for asked in [1, 3] {
        COUNTDOWN.store(asked, Ordering::SeqCst);
        let err = client.command(&["BLPOP", "k", "0"]).expect_err("it waits");
        assert_eq!((err.status, COUNTDOWN.load(Ordering::SeqCst)), (Status::WOKEN, 0), "{err:?}");
        assert!(err.message.contains("on_interrupt"), "{err:?}");
    }
    COUNTDOWN.store(2, Ordering::SeqCst);
    let subscriber = client.pubsub();
    let err = subscriber.next(LONG_MS).expect_err("nothing comes");
    assert_eq!(err.status, Status::WOKEN, "{err:?}");
}

static CLIENT: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

extern "C" fn wake_it(_: libc::c_int) {
    // SAFETY: the test keeps the client for as long as the signals come.
    unsafe { rredis_client_wake(CLIENT.load(Ordering::SeqCst).cast(), ptr::null()) };
}

/// A handler wakes the client a thousand times a second, on whichever thread the signal finds: every call is answered or
/// woken, and all is well afterwards. In a child, for a timer is the whole process's.
#[test]
fn a_signal_handler_may_wake_at_any_time() {
    let server = Server::start(&[]);
    let url = server.url();
    fork(move || {
        let client = patient(&url).int(option::RETRY_MAX, 0).client();
        CLIENT.store(client.raw().cast(), Ordering::SeqCst);
        // SAFETY: the handler does what a signal handler may.
        unsafe { libc::signal(libc::SIGALRM, wake_it as extern "C" fn(libc::c_int) as libc::sighandler_t) };
        every_ms(1);
        let (answered, woken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for round in 0..300 {
                        let blocks = round % 10 == 0;
                        let args = if blocks { vec!["BLPOP", "none", "0.05"] } else { vec!["PING", "me"] };
                        match client.command_with(&args, call::RAW, 0) {
                            Ok(reply) => {
                                assert!(blocks || reply.dump().contains("me"), "{}", reply.dump());
                                answered.fetch_add(1, Ordering::SeqCst);
                            }
                            Err(err) => {
                                assert_eq!(err.status, Status::WOKEN, "{err:?}");
                                woken.fetch_add(1, Ordering::SeqCst);
                            }
                        }
                    }
                });
            }
        });
        every_ms(0);
        let (answered, woken) = (answered.into_inner(), woken.into_inner());
        client.ask(&["PING"]).contains("PONG") && answered + woken == 1200 && woken > 0
    })
    .end();
}

/// An alarm so often; 0: no more.
fn every_ms(ms: libc::suseconds_t) {
    let time = libc::timeval { tv_sec: 0, tv_usec: ms * 1000 };
    // SAFETY: it reads one itimerval.
    unsafe {
        libc::setitimer(libc::ITIMER_REAL, &libc::itimerval { it_interval: time, it_value: time }, ptr::null_mut())
    };
}

/// A child of fork has calls of its own: it wakes them, and none of its parent's.
#[test]
fn a_child_wakes_its_own() {
    let peer = Peer::tcp(Hello::Resp3, silent);
    let client = patient(&peer.url()).client();
    thread::scope(|scope| {
        let waits = scope.spawn(|| client.command(&["GET", "k"]).expect_err("it waits"));
        eventually("the call reaches the peer", || !peer.commands(0).is_empty());
        fork(|| {
            assert_eq!(client.wake(ptr::null()), 0, "the parent's calls are not here");
            outcomes(
                &ended(|| client.wake(ptr::null()), || client.command(&["GET", "k"])),
                &[Outcome::UNKNOWN, Outcome::NOT_SENT],
            );
            true
        })
        .end();
        assert!(!waits.is_finished(), "the child ended a call of its parent's");
        assert_eq!(client.wake(ptr::null()), 1);
        assert_eq!(waits.join().expect("the other thread").status, Status::WOKEN);
    });
}
