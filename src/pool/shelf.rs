//! What a pool has at rest, who waits for it, and in whose turn it goes: guarded by one lock, counted for who only looks.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::conn::Connection;
use crate::error::Result;
use crate::ongoing::{self, WaitPoint};
use crate::process::PerProcess;
use crate::sync::{Mutex, MutexGuard};
use crate::transport::Deadline;

/// The shelf of each process: a child of fork begins with an empty one and a new lock.
#[derive(Default)]
pub(super) struct Shelves(PerProcess<Locked>);

/// A shelf, and how much was on it when its lock was last let go.
#[derive(Default)]
struct Locked {
    shelf: Mutex<Shelf>,
    figures: Figures,
}

/// How much is on a shelf: read without the lock that commands contend for.
#[derive(Default)]
pub(super) struct Figures {
    pub(super) idle: AtomicUsize,
    pub(super) leased: AtomicUsize,
    pub(super) waiting: AtomicUsize,
}

/// What the lock guards. Whatever closes a socket or calls a function of the caller's happens outside of it.
#[derive(Default)]
pub(super) struct Shelf {
    /// The one used last is at the end, and is used next.
    #[expect(clippy::vec_box, reason = "a pointer is what is moved at each lease, and what a grown Vec has room for")]
    pub(super) idle: Vec<Box<Connection>>,
    /// Permits given out: a connection leased, or one being opened.
    pub(super) leased: usize,
    /// Who asked first is served first.
    pub(super) waiters: VecDeque<Arc<Waiter>>,
}

/// A shelf under its lock. What changed is counted when it is let go.
pub(super) struct Open<'s> {
    shelf: MutexGuard<'s, Shelf>,
    figures: &'s Figures,
}

/// One caller who waits for a connection, or for the right to open one.
pub(super) struct Waiter {
    grant: Mutex<Option<Grant>>,
    wait_point: Arc<WaitPoint>,
}

/// What a caller gets: a permit, and a connection where one rested.
pub(super) struct Grant {
    pub(super) rested: Option<Box<Connection>>,
    /// The era that the connection is of.
    pub(super) era: u64,
}

impl Shelves {
    /// The shelf of this process, locked.
    pub(super) fn open(&self) -> Open<'_> {
        let Locked { shelf, figures } = self.here();
        Open { shelf: shelf.lock(), figures }
    }

    /// How much is on it.
    pub(super) fn figures(&self) -> &Figures {
        &self.here().figures
    }

    /// Connections that a child inherited are closed there, without a byte, if their lock is free; if one of the parent's
    /// threads held it, they stay open in the child, and unused.
    fn here(&self) -> &Locked {
        let inherited = Cell::new(None);
        let locked = self.0.get(|parents| {
            let shelf = parents.and_then(|parents| parents.shelf.try_lock());
            inherited.set(shelf.map(|mut shelf| std::mem::take(&mut shelf.idle)));
            Locked::default()
        });
        // Only now, for it may call functions of the caller's, which may look at this pool.
        drop(inherited.take());
        locked
    }
}

impl Shelf {
    /// What can be granted at once: the connection used last, or a permit to open one. Nobody overtakes those who wait.
    pub(super) fn grant(&mut self, max: usize, era: u64) -> Option<Grant> {
        if !self.waiters.is_empty() {
            return None;
        }
        let rested = self.idle.pop();
        if rested.is_none() && self.leased >= max {
            return None;
        }
        self.leased += 1;
        Some(Grant { rested, era })
    }
}

impl Waiter {
    /// The call of this thread.
    pub(super) fn new() -> Waiter {
        Waiter { grant: Mutex::new(None), wait_point: ongoing::wait_point() }
    }

    /// Wait for a grant. `None`: there was none in time. An error: the call was ended.
    pub(super) fn wait(&self, deadline: Deadline) -> Result<Option<Grant>> {
        loop {
            let count = self.wait_point.count();
            if let Some(grant) = self.grant.lock().take() {
                return Ok(Some(grant));
            }
            if deadline.has_passed() {
                return Ok(None);
            }
            self.wait_point.sleep(count, deadline.moment())?;
        }
    }

    /// What was granted after the wait was given up.
    pub(super) fn granted_late(&self) -> Option<Grant> {
        self.grant.lock().take()
    }

    pub(super) fn wake(&self, grant: Grant) {
        *self.grant.lock() = Some(grant);
        self.wait_point.notify();
    }
}

impl Deref for Open<'_> {
    type Target = Shelf;

    fn deref(&self) -> &Shelf {
        &self.shelf
    }
}

impl DerefMut for Open<'_> {
    fn deref_mut(&mut self) -> &mut Shelf {
        &mut self.shelf
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.figures.idle.store(self.shelf.idle.len(), Ordering::Relaxed);
        self.figures.leased.store(self.shelf.leased, Ordering::Relaxed);
        self.figures.waiting.store(self.shelf.waiters.len(), Ordering::Relaxed);
    }
}
