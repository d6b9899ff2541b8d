//! Look-ups that are slow, many, joined, refused: with a resolver of the tests' own.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use super::super::attempt::finish;
use super::super::wait::wait;
use super::*;

fn one_address() -> io::Result<Vec<SocketAddr>> {
    Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0))])
}

/// An answer that comes once the gate is open.
fn behind(gate: &AtomicBool) -> io::Result<Vec<SocketAddr>> {
    while !gate.load(Ordering::SeqCst) {
        thread::sleep(Duration::from_millis(1));
    }
    one_address()
}

/// The whole of a look-up.
fn addresses(lookups: &Arc<Lookups>, host: &str, deadline: Deadline) -> Result<Vec<SocketAddr>> {
    let mut looking_up = LookingUp::among(Arc::clone(lookups), host, deadline);
    finish(|| looking_up.go_on())
}

#[test]
fn the_system_knows_localhost() {
    let found = addresses(&of_this_process(), "localhost", Deadline::after_ms(60_000)).unwrap();
    assert!(!found.is_empty());
    assert!(found.iter().all(|address| address.ip().is_loopback()), "{found:?}");
}

/// A loop drives it: no step waits for the answer, and what it is told to watch shows it.
#[test]
fn a_step_never_waits_and_its_descriptor_shows_the_answer() {
    static GATE: AtomicBool = AtomicBool::new(false);
    let lookups = lookups(|_| behind(&GATE));
    let mut looking_up = LookingUp::among(Arc::clone(&lookups), "slow", Deadline::after_ms(60_000));
    let mut awaited = || match looking_up.go_on() {
        Ok(Step::Wait(awaited)) => awaited,
        other => panic!("{other:?}"),
    };
    let (first, again) = (awaited(), awaited());
    assert!(first.fd.is_some() && first.fd == again.fd && first.read && !first.write);
    let fd = first.fd.unwrap();
    assert!(!wait(fd, true, false, Deadline::after_ms(30)).unwrap().readable);
    GATE.store(true, Ordering::SeqCst);
    assert!(wait(fd, true, false, Deadline::after_ms(60_000)).unwrap().readable);
    assert!(matches!(looking_up.go_on(), Ok(Step::Done(found)) if found == one_address().unwrap()));
}

/// One that is dropped is told nothing any more, and leaves the look-up to the others.
#[test]
fn one_that_gives_up_takes_itself_off_the_list() {
    static GATE: AtomicBool = AtomicBool::new(false);
    let lookups = lookups(|_| behind(&GATE));
    let mut both = [0; 2].map(|_| LookingUp::among(Arc::clone(&lookups), "slow", Deadline::after_ms(60_000)));
    both.iter_mut().for_each(|one| assert!(matches!(one.go_on(), Ok(Step::Wait(_)))));
    let lookup = lookups.begin("slow").unwrap();
    assert_eq!(lookup.answer.lock().waiting.len(), 2);
    let [mut stays, goes] = both;
    drop(goes);
    assert_eq!(lookup.answer.lock().waiting.len(), 1);
    GATE.store(true, Ordering::SeqCst);
    assert!(finish(|| stays.go_on()).is_ok());
}

fn lookups(resolve: Resolve) -> Arc<Lookups> {
    Lookups::new(resolve, start_a_thread)
}

#[test]
fn a_failure_has_the_resolvers_words_without_stds() {
    fn refuse(_: &str) -> io::Result<Vec<SocketAddr>> {
        Err(io::Error::other("failed to lookup address information: Name or service not known"))
    }
    let error = addresses(&lookups(refuse), "nowhere", Deadline::never()).unwrap_err();
    assert_eq!((error.status, error.to_string().as_str()), (Status::Connect, "look-up: Name or service not known"));
    let error = addresses(&of_this_process(), "no\0name", Deadline::never()).unwrap_err();
    assert_eq!(error.status, Status::Connect);
}

#[test]
fn a_name_without_addresses_is_an_error() {
    let error = addresses(&lookups(|_| Ok(Vec::new())), "empty", Deadline::never()).unwrap_err();
    assert_eq!(error.to_string(), "look-up: the name has no address");
}

#[test]
fn a_resolver_that_dies_leaves_nobody_waiting() {
    let lookups = lookups(|_| std::panic::resume_unwind(Box::new("not told to anybody")));
    let error = addresses(&lookups, "deadly", Deadline::never()).unwrap_err();
    assert_eq!(error.to_string(), "look-up: it ended without an answer");
    assert!(lookups.running.lock().is_empty());
}

#[test]
fn a_slow_resolver_is_left_alone_at_the_deadline_and_never_before() {
    static GATE: AtomicBool = AtomicBool::new(false);
    let lookups = lookups(|_| behind(&GATE));
    let start = Instant::now();
    let error = addresses(&lookups, "slow", Deadline::after_ms(50)).unwrap_err();
    assert!(start.elapsed() >= Duration::from_millis(50));
    assert_eq!(error.to_string(), "look-up: no answer within 50 ms");
    assert_eq!(error.status, Status::Timeout);
    // The look-up goes on, and whoever asks next joins it.
    assert_eq!(lookups.running.lock().len(), 1);
    GATE.store(true, Ordering::SeqCst);
    assert!(addresses(&lookups, "slow", Deadline::after_ms(60_000)).is_ok());
    assert!(lookups.running.lock().is_empty());
}

#[test]
fn a_name_is_looked_up_once_at_a_time_and_anew_the_next_time() {
    static GATE: AtomicBool = AtomicBool::new(false);
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let lookups = lookups(|_| {
        ASKED.fetch_add(1, Ordering::SeqCst);
        behind(&GATE)
    });
    let first = lookups.begin("name").unwrap();
    for _ in 0..8 {
        let joined = lookups.begin("name").unwrap();
        assert!(Arc::ptr_eq(&joined, &first));
    }
    thread::scope(|scope| {
        let waiting: Vec<_> =
            (0..8).map(|_| scope.spawn(|| addresses(&lookups, "name", Deadline::never()).unwrap())).collect();
        GATE.store(true, Ordering::SeqCst);
        waiting.into_iter().for_each(|waiting| assert_eq!(waiting.join().unwrap(), one_address().unwrap()));
    });
    let asked = ASKED.load(Ordering::SeqCst);
    assert!(
        (1..=9).contains(&asked),
        "once for all who asked before the answer, and once for each who asked after it: {asked}"
    );
    assert!(addresses(&lookups, "name", Deadline::never()).is_ok());
    assert_eq!(ASKED.load(Ordering::SeqCst), asked + 1);
}

#[test]
fn names_that_hang_hold_up_no_other() {
    static GATE: AtomicBool = AtomicBool::new(false);
    let lookups = lookups(|host| if host.starts_with("hangs") { behind(&GATE) } else { one_address() });
    for number in 0..LOOKUPS_MAX - 1 {
        lookups.begin(&format!("hangs{number}")).unwrap();
    }
    // The last place is enough for all that do not hang, however many want it at once.
    thread::scope(|scope| {
        for number in 0..16 {
            let lookups = &lookups;
            scope.spawn(move || addresses(lookups, &format!("other{number}"), Deadline::after_ms(60_000)).unwrap());
        }
    });
    GATE.store(true, Ordering::SeqCst);
}

#[test]
fn no_more_than_so_many_at_once_and_the_next_ones_wait_for_their_turn() {
    static NOW: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    fn counted(_: &str) -> io::Result<Vec<SocketAddr>> {
        MOST.fetch_max(NOW.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(20));
        NOW.fetch_sub(1, Ordering::SeqCst);
        one_address()
    }
    let lookups = lookups(counted);
    thread::scope(|scope| {
        for number in 0..2 * LOOKUPS_MAX {
            let lookups = &lookups;
            scope.spawn(move || {
                // On a busy machine it may take more than one turn.
                while let Err(error) = addresses(lookups, &format!("host{number}"), Deadline::never()) {
                    assert!(error.to_string().contains("have no answer yet"), "{error}");
                }
            });
        }
    });
    assert!(MOST.load(Ordering::SeqCst) <= LOOKUPS_MAX);
    assert!(lookups.running.lock().is_empty());
}

#[test]
fn those_that_hang_are_told_to_who_finds_no_room() {
    static GATE: AtomicBool = AtomicBool::new(false);
    let lookups = lookups(|_| behind(&GATE));
    for number in 0..LOOKUPS_MAX {
        lookups.begin(&format!("host{number}.example")).unwrap();
    }
    for deadline in [Deadline::after_ms(30), Deadline::never()] {
        let error = addresses(&lookups, "one more", deadline).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("look-up: 64 other names have no answer yet: host0.example, host1.example, "),
            "{text}"
        );
        assert!(text.ends_with(" more") && text.len() < 450, "{text}");
        assert_eq!(error.status, Status::Connect);
    }
    // Who asks for one of them joins it all the same, and what is a number asks nobody.
    let error = addresses(&lookups, "host7.example", Deadline::after_ms(10)).unwrap_err();
    assert_eq!((error.status, error.to_string().as_str()), (Status::Timeout, "look-up: no answer within 10 ms"));
    GATE.store(true, Ordering::SeqCst);
}

#[test]
fn without_a_thread_the_caller_looks_up_by_itself() {
    static CALLER: Mutex<Option<thread::ThreadId>> = Mutex::new(None);
    let resolve = |_: &str| {
        *CALLER.lock() = Some(thread::current().id());
        thread::sleep(Duration::from_millis(30));
        one_address()
    };
    let lookups = Lookups::new(resolve, Err);
    // It outlasts its deadline, and is answered all the same.
    assert_eq!(addresses(&lookups, "name", Deadline::after_ms(1)).unwrap(), one_address().unwrap());
    assert_eq!(*CALLER.lock(), Some(thread::current().id()));
    assert!(lookups.running.lock().is_empty());
}

#[test]
fn the_thread_blocks_every_signal_and_the_callers_mask_is_as_it_was() {
    fn blocked() -> u64 {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
        u64::from_str_radix(line.trim(), 16).unwrap()
    }
    fn tell(_: &str) -> io::Result<Vec<SocketAddr>> {
        Err(io::Error::other(format!("{:x}", blocked())))
    }
    let before = blocked();
    let error = addresses(&lookups(tell), "mask", Deadline::never()).unwrap_err();
    assert_eq!(blocked(), before);
    let mask = error.to_string().strip_prefix("look-up: ").map(|mask| u64::from_str_radix(mask, 16).unwrap()).unwrap();
    // KILL and STOP cannot be blocked, and the C library keeps 32 and 33 for itself.
    let blockable = !(1 << (libc::SIGKILL - 1) | 1 << (libc::SIGSTOP - 1) | 1 << 31 | 1 << 32u64);
    assert_eq!(mask & blockable, blockable);
}

#[test]
fn a_process_has_one_table_of_look_ups() {
    assert!(Arc::ptr_eq(&of_this_process(), &of_this_process()));
}
