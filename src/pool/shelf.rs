//! The idle connections of a pool and the queue of waiting callers, under one lock; and figures of both, which are read
//! without it.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::conn::Connection;
use crate::error::{Error, Result};
use crate::ongoing::{self, WaitPoint};
use crate::process::PerProcess;
use crate::sync::{Mutex, MutexGuard};
use crate::transport::Deadline;

/// One shelf for each process: a child of fork begins with an empty shelf and a new lock.
#[derive(Default)]
pub(super) struct Shelves(PerProcess<Locked>);

/// A shelf, and its figures as of the last time that its lock was released.
#[derive(Default)]
struct Locked {
    shelf: Mutex<Shelf>,
    figures: Figures,
}

/// The figures of a shelf. Statistics read them without the lock that commands contend for.
#[derive(Default)]
pub(super) struct Figures {
    pub(super) idle: AtomicUsize,
    pub(super) leased: AtomicUsize,
    pub(super) waiting: AtomicUsize,
    /// Connections leased to callers that could share one.
    pub(super) alone: AtomicUsize,
}

/// The data under the lock. No socket is closed and no callback is called while the lock is held.
#[derive(Default)]
pub(super) struct Shelf {
    /// The connection used last is at the end, and is leased next.
    #[expect(clippy::vec_box, reason = "a lease moves a pointer, and the spare capacity of the Vec is pointers")]
    pub(super) idle: Vec<Box<Connection>>,
    /// The number of permits held: one for each connection that is leased or being opened.
    pub(super) leased: usize,
    /// The number of those whose connections are being opened.
    pub(super) opening: usize,
    /// Callers that wait, in the order of their requests.
    pub(super) waiters: VecDeque<Arc<Waiter>>,
}

/// A shelf under its lock. The figures are updated when the lock is released.
pub(super) struct Open<'s> {
    shelf: MutexGuard<'s, Shelf>,
    figures: &'s Figures,
}

/// One caller who waits for a connection, or for the right to open one.
pub(super) struct Waiter {
    told: Mutex<Option<Result<Grant>>>,
    wait_point: Arc<WaitPoint>,
}

/// What a caller is granted: a permit, and an idle connection if there was one.
pub(super) struct Grant {
    pub(super) rested: Option<Box<Connection>>,
    /// The era of the connection.
    pub(super) era: u64,
}

impl Shelves {
    /// The shelf of this process, locked.
    #[inline]
    pub(super) fn open(&self) -> Open<'_> {
        let Locked { shelf, figures } = self.here();
        Open { shelf: shelf.lock(), figures }
    }

    /// The figures of this process's shelf.
    #[inline(always)]
    pub(super) fn figures(&self) -> &Figures {
        &self.here().figures
    }

    /// The shelf and the figures of this process. A child of fork closes the idle connections that it inherited, without
    /// writing to them. If a thread of the parent held the lock at the fork, these connections stay open in the child and
    /// are not used.
    #[inline(always)]
    fn here(&self) -> &Locked {
        match self.0.made_here() {
            Some(locked) => locked,
            None => self.make(),
        }
    }

    #[cold]
    fn make(&self) -> &Locked {
        let inherited = Cell::new(None);
        let locked = self.0.get(|parents| {
            let shelf = parents.and_then(|parents| parents.shelf.try_lock());
            inherited.set(shelf.map(|mut shelf| std::mem::take(&mut shelf.idle)));
            Locked::default()
        });
        // Closed only now: closing may call `stop` of the program's parser, which may read this pool's statistics.
        drop(inherited.take());
        locked
    }
}

impl Shelf {
    /// Grant the connection used last, if no caller waits.
    #[inline]
    pub(super) fn take_idle(&mut self) -> Option<Box<Connection>> {
        let rested = if self.waiters.is_empty() { self.idle.pop() } else { None };
        self.leased += usize::from(rested.is_some());
        rested
    }

    /// Grant what is free: the connection used last, or a permit to open one. `None` while callers wait, so that no
    /// caller overtakes them.
    pub(super) fn grant(&mut self, limits: &GrantLimits, era: u64) -> Option<Grant> {
        if !self.waiters.is_empty() {
            return None;
        }
        let rested = self.idle.pop();
        if rested.is_none() && !self.may_open(limits) {
            return None;
        }
        self.opening += usize::from(rested.is_none());
        self.leased += 1;
        Some(Grant { rested, era })
    }

    /// Whether one more connection may be opened.
    pub(super) fn may_open(&self, limits: &GrantLimits) -> bool {
        self.leased < limits.leased && self.opening < limits.opening
    }

    /// Permits to open connections go to those who wait, as far as the limits are.
    pub(super) fn grant_openings(&mut self, limits: &GrantLimits, era: u64) {
        while self.may_open(limits) {
            let Some(waiter) = self.waiters.pop_front() else { return };
            self.leased += 1;
            self.opening += 1;
            waiter.wake(Grant { rested: None, era });
        }
    }

    /// No connection can be opened, and nobody has one to return: those who wait, wait in vain.
    pub(super) fn refuse_waiters(&mut self, error: &Error) {
        self.waiters.drain(..).for_each(|waiter| waiter.tell(Err(error.clone())));
    }
}

/// How many connections there may be.
pub(super) struct GrantLimits {
    /// Leased, idle ones and those being opened included.
    pub(super) leased: usize,
    /// Being opened at once.
    pub(super) opening: usize,
}

impl Waiter {
    /// A waiter for the call of this thread.
    pub(super) fn new() -> Waiter {
        Waiter { told: Mutex::new(None), wait_point: ongoing::wait_point() }
    }

    /// Wait for a grant. `None`: no grant before the deadline. An error: the call was woken, or no connection can be opened.
    pub(super) fn wait(&self, deadline: Deadline) -> Result<Option<Grant>> {
        loop {
            let count = self.wait_point.count();
            if let Some(told) = self.told.lock().take() {
                return told.map(Some);
            }
            if deadline.has_passed() {
                return Ok(None);
            }
            self.wait_point.sleep(count, deadline.moment())?;
        }
    }

    /// A grant that arrived after the wait had ended.
    pub(super) fn granted_late(&self) -> Option<Grant> {
        self.told.lock().take().and_then(Result::ok)
    }

    pub(super) fn wake(&self, grant: Grant) {
        self.tell(Ok(grant));
    }

    fn tell(&self, told: Result<Grant>) {
        *self.told.lock() = Some(told);
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
    #[inline(always)]
    fn drop(&mut self) {
        self.figures.idle.store(self.shelf.idle.len(), Ordering::Relaxed);
        self.figures.leased.store(self.shelf.leased, Ordering::Relaxed);
        self.figures.waiting.store(self.shelf.waiters.len(), Ordering::Relaxed);
    }
}
