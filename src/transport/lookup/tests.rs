//! Look-ups that are slow, many, joined, refused: with a resolver of the tests' own.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

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

#[test]
fn the_system_knows_localhost_and_the_port_is_ours() {
    let found = addresses("localhost", 6379, Deadline::after_ms(60_000)).unwrap();
    assert!(!found.is_empty());
    assert!(found.iter().all(|address| address.ip().is_loopback() && address.port() == 6379), "{found:?}");
}

#[test]
fn a_failure_has_the_resolvers_words_without_stds() {
    fn refuse(_: &str) -> io::Result<Vec<SocketAddr>> {
        Err(io::Error::other("failed to lookup address information: Name or service not known"))
    }
    let error = Lookups::new(refuse).addresses("nowhere", Deadline::never()).unwrap_err();
    assert_eq!((error.status, error.to_string().as_str()), (Status::Connect, "look-up: Name or service not known"));
    let error = addresses("no\0name", 1, Deadline::never()).unwrap_err();
    assert_eq!(error.status, Status::Connect);
}

#[test]
fn a_name_without_addresses_is_an_error() {
    let lookups = Lookups::new(|_| Ok(Vec::new()));
    let error = lookups.addresses("empty", Deadline::never()).unwrap_err();
    assert_eq!(error.to_string(), "look-up: the name has no address");
}

#[test]
fn a_slow_resolver_is_left_alone_at_the_deadline_and_never_before() {
    static GATE: AtomicBool = AtomicBool::new(false);
    let lookups = Lookups::new(|_| behind(&GATE));
    let start = Instant::now();
    let error = Arc::clone(&lookups).addresses("slow", Deadline::after_ms(50)).unwrap_err();
    assert!(start.elapsed() >= Duration::from_millis(50));
    assert_eq!(error.to_string(), "look-up: no answer within 50 ms");
    assert_eq!(error.status, Status::Timeout);
    // The look-up goes on, and whoever asks next joins it.
    assert_eq!(lookups.running.lock().len(), 1);
    GATE.store(true, Ordering::SeqCst);
    assert!(Arc::clone(&lookups).addresses("slow", Deadline::after_ms(60_000)).is_ok());
    assert!(lookups.running.lock().is_empty());
}

#[test]
fn a_name_is_looked_up_once_at_a_time_and_anew_the_next_time() {
    static GATE: AtomicBool = AtomicBool::new(false);
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let lookups = Lookups::new(|_| {
        ASKED.fetch_add(1, Ordering::SeqCst);
        behind(&GATE)
    });
    let first = lookups.begin("name", -1, Deadline::never()).unwrap();
    for _ in 0..8 {
        let joined = lookups.begin("name", -1, Deadline::never()).unwrap();
        assert!(Arc::ptr_eq(&joined, &first));
    }
    GATE.store(true, Ordering::SeqCst);
    let mut running = lookups.running.lock();
    while first.answer.get().is_none() {
        lookups.wait(&mut running, Deadline::never());
    }
    drop(running);
    assert_eq!(ASKED.load(Ordering::SeqCst), 1);
    assert!(lookups.addresses("name", Deadline::never()).is_ok());
    assert_eq!(ASKED.load(Ordering::SeqCst), 2);
}

#[test]
fn no_more_than_four_at_once_and_the_fifth_waits_for_its_turn() {
    static NOW: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    fn counted(_: &str) -> io::Result<Vec<SocketAddr>> {
        MOST.fetch_max(NOW.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(100));
        NOW.fetch_sub(1, Ordering::SeqCst);
        one_address()
    }
    let lookups = Lookups::new(counted);
    thread::scope(|scope| {
        for number in 0..12 {
            let lookups = Arc::clone(&lookups);
            scope.spawn(move || lookups.addresses(&format!("host{number}"), Deadline::never()).unwrap());
        }
    });
    assert!(MOST.load(Ordering::SeqCst) <= LOOKUPS_MAX);
    assert!(lookups.running.lock().is_empty());
}

#[test]
fn four_that_hang_are_told_to_the_fifth() {
    static GATE: AtomicBool = AtomicBool::new(false);
    let lookups = Lookups::new(|_| behind(&GATE));
    for number in 0..LOOKUPS_MAX {
        lookups.begin(&format!("host{number}"), 0, Deadline::after_ms(0)).unwrap();
    }
    let error = lookups.addresses("one more", Deadline::after_ms(30)).unwrap_err();
    assert_eq!(error.to_string(), "look-up: 4 others were still under way after 30 ms");
    assert_eq!(error.status, Status::Timeout);
    GATE.store(true, Ordering::SeqCst);
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
    let error = Lookups::new(tell).addresses("mask", Deadline::never()).unwrap_err();
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
