//! A subscriber as a C program sees it.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use super::c::{Argv, Client, Reply, Result, Status, arrays, made, status};
use super::functions::{Boxed, Listener, free_listener, run_listener};
pub use super::raw::topic;
use super::raw::*;

/// An rredis_pubsub.
pub struct PubSub(*mut rredis_pubsub);

// SAFETY: the header's handles that are taken as const may be shared.
unsafe impl Send for PubSub {}
// SAFETY: as above.
unsafe impl Sync for PubSub {}

/// How long anything may take that must happen at all.
pub const LONG_MS: i64 = 30_000;

impl Client {
    pub fn try_pubsub(&self) -> Result<PubSub> {
        // SAFETY: the handle is alive as long as self.
        made(|out, err| unsafe { rredis_pubsub_new(self.0, out, err) }).map(PubSub)
    }

    pub fn pubsub(&self) -> PubSub {
        self.try_pubsub().expect("a subscriber can be made")
    }
}

impl PubSub {
    pub fn try_subscribe<A: AsRef<[u8]>>(&self, topic: u32, names: &[A]) -> Result<()> {
        let (argv, lens) = arrays(names);
        // SAFETY: the arrays and what they point at outlive the call.
        status(|err| unsafe { rredis_pubsub_subscribe(self.0, topic, names.len(), argv.as_ptr(), lens.as_ptr(), err) })
    }

    /// Subscribe to names that stand ready.
    pub fn subscribe_of(&self, Argv(argv, lens): &Argv) -> Result<()> {
        // SAFETY: the arrays, and by their maker what they point at, outlive the call.
        status(|err| unsafe {
            rredis_pubsub_subscribe(self.0, topic::CHANNEL, argv.len(), argv.as_ptr(), lens.as_ptr(), err)
        })
    }

    pub fn subscribe(&self, names: &[&str]) {
        self.try_subscribe(topic::CHANNEL, names).expect("it is subscribed");
    }

    pub fn psubscribe(&self, names: &[&str]) {
        self.try_subscribe(topic::PATTERN, names).expect("it is subscribed");
    }

    pub fn try_unsubscribe<A: AsRef<[u8]>>(&self, topic: u32, names: &[A]) -> Result<()> {
        let (argv, lens) = arrays(names);
        // SAFETY: as above.
        status(|err| unsafe {
            rredis_pubsub_unsubscribe(self.0, topic, names.len(), argv.as_ptr(), lens.as_ptr(), err)
        })
    }

    pub fn unsubscribe(&self, names: &[&str]) {
        self.try_unsubscribe(topic::CHANNEL, names).expect("it is unsubscribed");
    }

    /// Set a handler. The counter grows when its user_data is freed.
    pub fn on(&self, topic: u32, name: &str, function: Option<Listener>, freed: &Arc<AtomicUsize>) -> Result<()> {
        let (text, len) = (name.as_ptr().cast(), name.len());
        let Some(function) = function else {
            // SAFETY: no function needs no data.
            return status(|err| unsafe {
                rredis_pubsub_on(self.0, topic, text, len, None, ptr::null_mut(), None, err)
            });
        };
        let data = Boxed::leak(function, freed);
        // SAFETY: data is what run_listener and free_listener expect.
        status(|err| unsafe {
            rredis_pubsub_on(self.0, topic, text, len, Some(run_listener), data, Some(free_listener), err)
        })
    }

    pub fn next(&self, timeout_ms: i64) -> Result<Reply> {
        // SAFETY: the handle is alive as long as self.
        made(|out, err| unsafe { rredis_pubsub_next(self.0, timeout_ms, out, err) }).map(Reply)
    }

    /// The next, for a thread that another looks after: who looks whether one waits may just be in its place.
    pub fn next_in_turn(&self, timeout_ms: i64) -> Result<Reply> {
        in_turn(|| self.next(timeout_ms))
    }

    /// The same for run.
    pub fn run_in_turn(&self, timeout_ms: i64) -> Result<()> {
        in_turn(|| self.run(timeout_ms))
    }

    /// Wait until another thread waits.
    pub fn until_one_waits(&self) {
        until("one waits", || self.next(0).is_err_and(|err| err.status == Status::STATE));
    }

    /// The next that must come.
    pub fn expect(&self) -> String {
        self.next(LONG_MS).expect("a message").dump()
    }

    pub fn run(&self, timeout_ms: i64) -> Result<()> {
        // SAFETY: as above.
        status(|err| unsafe { rredis_pubsub_run(self.0, timeout_ms, err) })
    }

    pub fn publish(&self, channel: &str, message: &[u8]) -> Result<i64> {
        let mut receivers = -1;
        let (channel, len) = (channel.as_ptr().cast(), channel.len());
        let (text, text_len) = (message.as_ptr().cast(), message.len());
        // SAFETY: as above; the texts outlive the call.
        status(|err| unsafe { rredis_pubsub_publish(self.0, channel, len, text, text_len, &mut receivers, err) })?;
        Ok(receivers)
    }

    pub fn fd(&self) -> i32 {
        // SAFETY: as above.
        unsafe { rredis_pubsub_fd(self.0) }
    }

    pub fn wake(&self) {
        // SAFETY: as above.
        unsafe { rredis_pubsub_wake(self.0) }
    }

    /// Whether a loop of the caller's would find its descriptor readable within that time.
    pub fn is_readable(&self, timeout_ms: i32) -> bool {
        let mut entry = libc::pollfd { fd: self.fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one entry, which outlives the call.
        match unsafe { libc::poll(&mut entry, 1, timeout_ms) } {
            0 => false,
            1 => {
                assert_eq!(entry.revents, libc::POLLIN);
                true
            }
            _ => panic!("poll: {}", std::io::Error::last_os_error()),
        }
    }

    /// What comes until there is no more, without waiting, as a loop of the caller's takes it.
    pub fn drain(&self) -> Vec<String> {
        let mut got = Vec::new();
        loop {
            match self.next(0) {
                Ok(reply) => got.push(reply.dump()),
                Err(err) => {
                    assert_eq!(err.status, Status::AGAIN, "{err:?}");
                    return got;
                }
            }
        }
    }
}

impl Drop for PubSub {
    fn drop(&mut self) {
        // SAFETY: it is ours, and this is the one time.
        unsafe { rredis_pubsub_free(self.0) }
    }
}

fn in_turn<T>(call: impl Fn() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(err) if err.message.contains("waits for messages already") => std::thread::yield_now(),
            result => return result,
        }
    }
}

/// Wait until this is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_millis(LONG_MS as u64);
    while !is_so() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
