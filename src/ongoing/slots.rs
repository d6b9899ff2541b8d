//! The calls under way of a handle. A call enters and leaves its slot without a lock, so that a signal handler may walk
//! the slots at any time.

use std::cell::Cell;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::process::without_destructor;

use super::wait_point::WaitPoint;

/// Is asked, while a call waits, whether it shall go on.
pub trait Interrupt: Send + Sync {
    /// Whether the call may go on waiting.
    fn may_go_on(&self) -> bool;
}

/// Slots in groups; another group is added when all are taken, and none goes before the handle does.
#[derive(Default)]
pub(super) struct Slots {
    slots: [Slot; GROUP],
    /// NULL, or a Box's own.
    more: AtomicPtr<Slots>,
}

/// One call's.
#[derive(Default)]
#[repr(align(64))]
pub(super) struct Slot {
    /// What it is, and above that a number that grows with each call.
    state: AtomicU32,
    call_data: AtomicPtr<()>,
    /// NULL, or an Arc's own: where its call waits, once one has waited long.
    wait_point: AtomicPtr<WaitPoint>,
}

/// The call that a thread is in.
pub(super) struct Current<'c> {
    slot: &'c Slot,
    interrupt: Option<&'c dyn Interrupt>,
    /// It has waited long: from now on each wait can be ended at once.
    has_waited: Cell<bool>,
    /// When the program was asked last, or the call began.
    asked: Cell<Option<Instant>>,
    /// The call from which this one was made, by a function of the program's.
    outer: *const Current<'static>,
}

impl Slots {
    /// Run a call in a slot of its own.
    #[inline]
    pub(super) fn during<T>(
        &self,
        call_data: *const (),
        interrupt: Option<&dyn Interrupt>,
        body: impl FnOnce() -> T,
    ) -> T {
        // SAFETY: it is this thread's, has no destructor, and so outlives every call of the thread.
        let here = unsafe { &*HERE.with(ptr::from_ref) };
        let slot = self.enter(here, call_data);
        let outer = here.current.get();
        let current = Current { slot, interrupt, has_waited: Cell::new(false), asked: Cell::new(None), outer };
        here.current.set(ptr::from_ref(&current).cast());
        let _leaving = Leaving { here, current: &current };
        body()
    }

    /// End the calls with this `call_data`, or all.
    pub(super) fn wake(&self, call_data: *const ()) -> usize {
        let mut count = 0;
        let mut group = Some(self);
        while let Some(slots) = group {
            count += slots.slots.iter().filter(|slot| slot.wake(call_data)).count();
            group = slots.more();
        }
        count
    }

    #[inline]
    fn enter(&self, here: &Here, call_data: *const ()) -> &Slot {
        let hint = here.hint.get();
        match self.slots.get(hint) {
            Some(slot) if slot.enter(call_data) => slot,
            Some(_) => self.enter_another(here, call_data),
            None => self.enter_behind(here, hint, call_data),
        }
    }

    /// A slot of another group than the first: where calls are many, each thread looks at its own, and not at those of others.
    #[inline(never)]
    fn enter_behind(&self, here: &Here, hint: usize, call_data: *const ()) -> &Slot {
        let mut group = self;
        for _ in 0..hint / GROUP {
            match group.more() {
                Some(more) => group = more,
                // This thread was in a call of another handle, which has had more.
                None => return self.enter_another(here, call_data),
            }
        }
        let slot = &group.slots[hint % GROUP];
        if slot.enter(call_data) { slot } else { self.enter_another(here, call_data) }
    }

    #[cold]
    fn enter_another(&self, here: &Here, call_data: *const ()) -> &Slot {
        let (mut group, mut before) = (self, 0);
        loop {
            if let Some(free) = group.slots.iter().position(|slot| slot.enter(call_data)) {
                here.hint.set(before + free);
                return &group.slots[free];
            }
            group = group.more().unwrap_or_else(|| group.grow());
            before += GROUP;
        }
    }

    fn more(&self) -> Option<&Slots> {
        // SAFETY: NULL, or what `grow` took from a Box, and there until this is dropped.
        unsafe { self.more.load(Ordering::Acquire).as_ref() }
    }

    fn grow(&self) -> &Slots {
        let made = Box::into_raw(Box::<Slots>::default());
        let null = ptr::null_mut();
        if let Err(first) = self.more.compare_exchange(null, made, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: it came from a Box just now, and was shown to nobody.
            drop(unsafe { Box::from_raw(made) });
            // SAFETY: another thread's, as in `more`.
            return unsafe { &*first };
        }
        // SAFETY: as in `more`.
        unsafe { &*made }
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        let more = *self.more.get_mut();
        if !more.is_null() {
            // SAFETY: it came from a Box, and nobody can look at it any more.
            drop(unsafe { Box::from_raw(more) });
        }
    }
}

impl Slot {
    #[inline]
    fn enter(&self, call_data: *const ()) -> bool {
        let state = self.state.load(Ordering::Relaxed);
        let (taken, running) = (state | TAKEN, state | RUNNING);
        if state & WHAT != FREE
            || self.state.compare_exchange(state, taken, Ordering::Acquire, Ordering::Relaxed).is_err()
        {
            return false;
        }
        self.call_data.store(call_data.cast_mut(), Ordering::Relaxed);
        self.state.store(running, Ordering::Release);
        true
    }

    #[inline]
    fn leave(&self) {
        let state = self.state.load(Ordering::Relaxed);
        self.state.store((state & !WHAT).wrapping_add(NEXT), Ordering::Release);
    }

    fn wake(&self, call_data: *const ()) -> bool {
        let state = self.state.load(Ordering::Acquire);
        if state & WHAT != RUNNING {
            return false;
        }
        if !call_data.is_null() && self.call_data.load(Ordering::Relaxed).cast_const() != call_data {
            return false;
        }
        // Where it is another call by now, its number is another, and that one is left alone.
        if self.state.compare_exchange(state, state | WOKEN, Ordering::SeqCst, Ordering::Relaxed).is_err() {
            return false;
        }
        // SAFETY: NULL, or what `wait point` took from an Arc, and there until the slot is dropped.
        if let Some(wait_point) = unsafe { self.wait_point.load(Ordering::SeqCst).as_ref() } {
            wait_point.notify();
        }
        true
    }

    fn is_woken(&self) -> bool {
        self.state.load(Ordering::SeqCst) & WHAT == WOKEN
    }

    /// Where this slot's call waits. Only that call asks.
    fn wait_point(&self) -> Arc<WaitPoint> {
        let mut wait_point = self.wait_point.load(Ordering::Acquire).cast_const();
        if wait_point.is_null() {
            wait_point = Arc::into_raw(Arc::new(WaitPoint::new()));
            self.wait_point.store(wait_point.cast_mut(), Ordering::SeqCst);
        }
        // SAFETY: it came from an Arc, whose count the slot holds until it is dropped.
        unsafe { Arc::increment_strong_count(wait_point) };
        // SAFETY: the count that was added just now is this one's.
        unsafe { Arc::from_raw(wait_point) }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let wait_point = *self.wait_point.get_mut();
        if !wait_point.is_null() {
            // SAFETY: it came from an Arc, and this count of it is the slot's.
            drop(unsafe { Arc::from_raw(wait_point) });
        }
    }
}

impl Current<'_> {
    /// Do this with the call that this thread is in, if it is in one.
    #[inline(always)]
    pub(super) fn with<T>(body: impl FnOnce(Option<&Current<'_>>) -> T) -> T {
        // SAFETY: NULL, or a call further up on this very stack, which takes itself away when it ends.
        body(unsafe { HERE.with(|here| here.current.get()).as_ref() })
    }

    /// Whether somebody ended it.
    #[inline]
    pub(super) fn is_woken(&self) -> bool {
        self.slot.is_woken()
    }

    /// Whom to ask whether to go on.
    #[inline]
    pub(super) fn interrupt(&self) -> Option<&dyn Interrupt> {
        self.interrupt
    }

    /// Whether it has waited long.
    #[inline]
    pub(super) fn has_waited(&self) -> bool {
        self.has_waited.get()
    }

    /// It has.
    pub(super) fn waits(&self) {
        self.has_waited.set(true);
    }

    /// The program is asked now.
    pub(super) fn asked(&self, now: Instant) {
        self.asked.set(Some(now));
    }

    /// Whether it was not asked for so long. The first look is when that time begins.
    pub(super) fn is_due(&self, after: Duration) -> bool {
        let now = Instant::now();
        match self.asked.get() {
            Some(asked) => now.saturating_duration_since(asked) >= after,
            None => {
                self.asked.set(Some(now));
                false
            }
        }
    }

    /// Where it waits.
    pub(super) fn wait_point(&self) -> Arc<WaitPoint> {
        self.slot.wait_point()
    }
}

/// The call is over, panic or not.
struct Leaving<'c> {
    here: &'c Here,
    current: &'c Current<'c>,
}

impl Drop for Leaving<'_> {
    #[inline]
    fn drop(&mut self) {
        self.here.current.set(self.current.outer);
        self.current.slot.leave();
    }
}

/// What is known of this thread. In one place, whose address a call looks up once.
struct Here {
    /// The call that it is in, or NULL.
    current: Cell<*const Current<'static>>,
    /// The slot that it had last, which is likely to be free.
    hint: Cell<usize>,
}

const _: () = without_destructor::<Here>();

thread_local! {
    static HERE: Here = const { Here { current: Cell::new(ptr::null()), hint: Cell::new(0) } };
}

/// Calls at once that need no further memory.
const GROUP: usize = 16;
const WHAT: u32 = 3;
const FREE: u32 = 0;
/// Taken, and not to be ended yet.
const TAKEN: u32 = 1;
const RUNNING: u32 = 2;
/// Ended by somebody, and to be told so.
const WOKEN: u32 = 3;
const NEXT: u32 = 4;
