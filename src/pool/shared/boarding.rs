//! Boarding: callers encode their commands one behind the other and take seats, and one of them at a time conducts.
//!
//! The first caller that finds nobody conducting does. Who puts the role down calls the next: a caller whose reply is due, or
//! one whose command still waits to be taken. So there is a conductor while anybody waits, and no thread of the library's.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use lock_api::RawMutex;

use crate::error::{Error, Result};
use crate::memory;
use crate::ongoing::{self, WaitPoint};
use crate::sync::{Lock, Word};

use super::seats::{self, SEATS, Seat, Seats};

/// Where callers board. `C` is what is known of a command, `T` the end of one, and `X` what a conductor hands to the next; `W`
/// and `R` are the word and the lock that it is made of.
pub struct Boarding<C, T, W, X, R = Lock> {
    platform: lock_api::Mutex<R, Platform<C, T, W, X>>,
    /// 1: the conductor has waited for a while, or may.
    slow: W,
    word: fn() -> W,
}

struct Platform<C, T, W, X> {
    load: Load<C, T, W>,
    /// The seats that are given away now, and how many of them are.
    open: Option<Arc<Seats<T, W>>>,
    given: usize,
    /// Seats whose callers may still be there; those whose are not are given away again.
    used: VecDeque<Arc<Seats<T, W>>>,
    is_conducted: bool,
    parked: Option<X>,
    /// Where the conductor waits, while it wants to be told of who boards.
    bell: Option<Arc<WaitPoint>>,
    /// A long reply is under way: nobody boards behind it.
    is_closed: bool,
}

/// The commands that wait to be taken, in order.
pub struct Load<C, T, W> {
    /// Their encoded bytes, one behind the other.
    pub bytes: Vec<u8>,
    /// What is known of each.
    pub commands: Vec<Boarded<C, T, W>>,
}

/// A command that waits to be taken.
pub struct Boarded<C, T, W> {
    /// Its caller's.
    pub seat: Seat<T, W>,
    /// The length of its bytes.
    pub len: usize,
    /// What is known of it.
    pub command: C,
}

/// What a conductor hands to the next: it has callers, too, whose replies are due.
pub trait Riders<T, W> {
    /// The seat of the oldest whose caller still waits, from the number `from` on, and its number.
    fn waiting(&self, from: usize) -> Option<(usize, Seat<T, W>)>;
}

impl<C, T, W: Word, X: Riders<T, W>, R: RawMutex> Boarding<C, T, W, X, R> {
    /// A place where nobody has boarded.
    pub fn new(word: fn() -> W) -> Boarding<C, T, W, X, R> {
        let platform = Platform {
            load: Load::default(),
            open: None,
            given: 0,
            used: VecDeque::new(),
            is_conducted: false,
            parked: None,
            bell: None,
            is_closed: false,
        };
        Boarding { platform: lock_api::Mutex::new(platform), slow: word(), word }
    }

    /// Board with a command that `encode` appends to the bytes. Some: the caller has this seat; true: and is to conduct.
    /// None: too much waits already.
    pub fn board(
        &self,
        command: C,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<()>,
    ) -> Result<Option<(Seat<T, W>, bool)>> {
        let mut platform = self.platform.lock();
        if platform.is_closed || !platform.load.has_room() {
            return Ok(None);
        }
        platform.load.commands.try_reserve(1).map_err(|_| Error::memory("the command"))?;
        let before = platform.load.bytes.len();
        encode(&mut platform.load.bytes)?;
        let seat = platform.seat(self.word);
        let len = platform.load.bytes.len() - before;
        platform.load.commands.push(Boarded { seat: seat.handle(), len, command });
        let conducts = !std::mem::replace(&mut platform.is_conducted, true);
        let bell = platform.bell.take();
        drop(platform);
        if let Some(bell) = bell {
            bell.notify();
        }
        Ok(Some((seat, conducts)))
    }

    /// Let the conductor wait, and tell it when somebody boards: `wait` is given whether it is to go on. None: somebody has
    /// boarded before.
    pub fn waiting<V>(&self, wait: impl FnOnce(&dyn Fn() -> bool) -> V) -> Option<V> {
        {
            let mut platform = self.platform.lock();
            if !platform.load.commands.is_empty() {
                return None;
            }
            platform.bell = Some(ongoing::wait_point());
        }
        let waited = wait(&|| !self.has_waiting());
        self.platform.lock().bell = None;
        Some(waited)
    }

    /// Whether callers are kept from boarding.
    pub fn close(&self, is_closed: bool) {
        self.platform.lock().is_closed = is_closed;
    }

    /// What the last conductor left. Only the conductor asks.
    pub fn unpark(&self) -> Option<X> {
        self.platform.lock().parked.take()
    }

    /// Take all that wait, in exchange for an empty load. Only the conductor takes.
    pub fn take(&self, load: &mut Load<C, T, W>) {
        std::mem::swap(&mut self.platform.lock().load, load);
    }

    /// Whether commands wait to be taken.
    pub fn has_waiting(&self) -> bool {
        !self.platform.lock().load.commands.is_empty()
    }

    /// Whether callers are to look up now and then by themselves, because the conductor may not tell them to. To be asked
    /// between `Seats::wakes` and the sleep.
    pub fn is_slow(&self) -> bool {
        self.slow.load(Ordering::SeqCst) == 1
    }

    /// From now on they are. Those who sleep already are told to look up: the callers of these seats, whose commands are under way,
    /// and those whose commands wait to be taken.
    pub fn become_slow<'s>(&self, under_way: impl Iterator<Item = &'s Seat<T, W>>)
    where
        T: 's,
        W: 's,
    {
        self.slow.swap(1, Ordering::SeqCst);
        seats::wake_all(under_way);
        let platform = self.platform.lock();
        seats::wake_all(platform.load.commands.iter().map(|boarded| &boarded.seat));
    }

    /// There is a conductor that says so in time.
    pub fn become_quick(&self) {
        self.slow.swap(0, Ordering::SeqCst);
    }

    /// Put the role down and call the next conductor, which finds `left`: that one is to be woken. Where nobody waits, `settle` is
    /// shown it before the role is free.
    #[must_use = "who is called may sleep"]
    pub fn put_down(&self, mut left: X, mut settle: impl FnMut(&mut X)) -> Option<Seat<T, W>> {
        let (mut due, mut boarded, mut is_settled) = (0, 0, false);
        loop {
            let next = match left.waiting(due) {
                Some((at, seat)) => {
                    due = at + 1;
                    seat
                }
                None => match self.boarded(boarded) {
                    Some(seat) => {
                        boarded += 1;
                        seat
                    }
                    None if !is_settled => {
                        settle(&mut left);
                        is_settled = true;
                        continue;
                    }
                    None => match self.leave_role(left, boarded) {
                        None => return None,
                        // Somebody has boarded meanwhile.
                        Some(still) => {
                            left = still;
                            continue;
                        }
                    },
                },
            };
            self.platform.lock().parked = Some(left);
            if next.call() {
                return Some(next);
            }
            // Its caller has left, so nobody has taken it.
            match self.unpark() {
                Some(still) => left = still,
                None => return None,
            }
        }
    }

    fn boarded(&self, at: usize) -> Option<Seat<T, W>> {
        self.platform.lock().load.commands.get(at).map(|boarded| boarded.seat.handle())
    }

    /// Nobody conducts from now on, unless more than so many have boarded. All of those have left their seats.
    fn leave_role(&self, left: X, boarded: usize) -> Option<X> {
        let mut platform = self.platform.lock();
        if platform.load.commands.len() > boarded {
            return Some(left);
        }
        platform.load.clear();
        platform.parked = Some(left);
        platform.used.truncate(REST_USED);
        // Nobody sleeps now. Whoever boards next, while there is no connection yet, looks up by itself.
        self.slow.swap(1, Ordering::SeqCst);
        (platform.is_conducted, platform.is_closed) = (false, false);
        None
    }
}

impl<C, T, W: Word, X> Platform<C, T, W, X> {
    /// A free seat.
    fn seat(&mut self, word: fn() -> W) -> Seat<T, W> {
        let open = match self.open.take() {
            Some(open) if self.given < SEATS => open,
            full => {
                self.used.extend(full);
                self.given = 0;
                self.free_seats().unwrap_or_else(|| Arc::new(Seats::new(word)))
            }
        };
        let seat = Seat::take(&open, self.given);
        self.given += 1;
        self.open = Some(open);
        seat
    }

    /// Seats whose callers have all gone.
    fn free_seats(&mut self) -> Option<Arc<Seats<T, W>>> {
        let mut oldest = self.used.pop_front()?;
        match Arc::get_mut(&mut oldest) {
            Some(seats) => seats.clear(),
            None => {
                // A caller that waits for long keeps its seats, and those of others go around meanwhile.
                if self.used.len() < USED_MAX {
                    self.used.push_back(oldest);
                }
                return None;
            }
        }
        Some(oldest)
    }
}

impl<C, T, W> Load<C, T, W> {
    /// Keep only the commands of such seats, and their bytes.
    pub(super) fn keep(&mut self, mut is_kept: impl FnMut(&Seat<T, W>) -> bool) {
        let Load { bytes, commands } = self;
        let (mut from, mut to) = (0, 0);
        commands.retain(|Boarded { seat, len, .. }| {
            let is_kept = is_kept(seat);
            if is_kept {
                if from != to {
                    bytes.copy_within(from..from + len, to);
                }
                to += len;
            }
            from += len;
            is_kept
        });
        bytes.truncate(to);
    }

    /// Whether there is room for one more. Those whose callers have gone make some.
    fn has_room(&mut self) -> bool
    where
        W: Word,
    {
        let is_full = |load: &Self| load.bytes.len() >= BYTES_MAX;
        if is_full(self) && self.commands.first().is_some_and(|oldest| !oldest.seat.is_open()) {
            self.keep(Seat::is_open);
        }
        !is_full(self)
    }

    /// Forget all of it, and keep the memory that a few commands need.
    pub fn clear(&mut self) {
        memory::reuse(&mut self.commands, REST_COMMANDS);
        memory::reuse(&mut self.bytes, REST_BYTES);
    }
}

impl<C, T, W> Default for Load<C, T, W> {
    fn default() -> Self {
        Load { bytes: Vec::new(), commands: Vec::new() }
    }
}

/// Bytes of commands that wait to be taken, after which the next caller does not board.
const BYTES_MAX: usize = 1 << 20;
/// Bytes that a load keeps for the next.
const REST_BYTES: usize = 64 << 10;
/// Commands that a load keeps memory for.
const REST_COMMANDS: usize = 1024;
/// Groups of seats that are kept where nobody conducts.
const REST_USED: usize = 8;
/// Groups of seats that are looked at again.
const USED_MAX: usize = 64;
