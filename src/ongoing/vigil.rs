//! Checking during a wait whether the call was woken.
#![forbid(unsafe_code)]

use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, Result, Status};
use crate::sync::Waited;

use super::slots::Current;
use super::wait_point::WaitPoint;

/// One wait, in slices: after each of them it looks up.
#[derive(Debug)]
pub struct Vigil {
    wait_point: Option<Arc<WaitPoint>>,
    /// How long a slice may be.
    slice: Option<Duration>,
}

impl Vigil {
    /// A wait begins. An error: its call was ended before.
    #[inline]
    pub fn begin() -> Result<Vigil> {
        Current::with(|current| match current {
            None => Ok(Vigil { wait_point: None, slice: None }),
            Some(current) if current.is_woken() => Err(woken(ANOTHER)),
            Some(current) if current.has_waited() || current.interrupt().is_some() => {
                current.ask_now_and_then()?;
                Vigil::begin_again(current)
            }
            Some(_) => Ok(Vigil { wait_point: None, slice: Some(FIRST) }),
        })
    }

    /// Whether nothing but the time of a first slice limits a wait that begins now: nobody is to end it sooner, or to be asked
    /// meanwhile. An error: its call was ended before.
    #[inline(always)]
    pub fn is_brief() -> Result<bool> {
        let brief = Current::with(|current| match current {
            None => Some(true),
            Some(current) if current.is_woken() => None,
            Some(current) => Some(!current.has_waited() && current.interrupt().is_none()),
        });
        brief.ok_or_else(|| woken(ANOTHER))
    }

    /// How long to wait at once, where there are so many milliseconds; a negative number is for ever.
    #[inline]
    pub fn slice_ms(&self, left_ms: i64) -> i64 {
        match self.slice.map(|slice| slice.as_millis() as i64) {
            Some(slice_ms) if left_ms < 0 || left_ms > slice_ms => slice_ms,
            _ => left_ms,
        }
    }

    /// What to poll beside what is waited for.
    #[inline]
    pub fn bell(&self) -> Option<RawFd> {
        self.wait_point.as_ref().and_then(|wait_point| wait_point.bell())
    }

    /// A slice is over, or was ended. An error: so is the call.
    #[cold]
    pub fn look(&mut self) -> Result<()> {
        Current::with(|current| {
            let Some(current) = current else { return Ok(()) };
            if let Some(wait_point) = &self.wait_point {
                // It may have been rung for the call before this one.
                wait_point.silence();
            }
            current.ask()?;
            *self = Vigil::begin_again(current)?;
            Ok(())
        })
    }

    #[cold]
    fn begin_again(current: &Current<'_>) -> Result<Vigil> {
        current.waits();
        let wait_point = current.wait_point();
        // From here on who ends the call finds the wait point, and the bell.
        let hears = wait_point.bell().is_some();
        if current.is_woken() {
            return Err(woken(ANOTHER));
        }
        let slice = match current.interrupt() {
            Some(_) => Some(INTERRUPT),
            None if hears => None,
            // Without a descriptor it looks up now and then.
            None => Some(FIRST),
        };
        Ok(Vigil { wait_point: Some(wait_point), slice })
    }
}

impl Current<'_> {
    /// Ask the program whether to go on.
    fn ask(&self) -> Result<()> {
        let Some(interrupt) = self.interrupt() else { return Ok(()) };
        self.asked(Instant::now());
        if interrupt.may_go_on() { Ok(()) } else { Err(woken(THE_PROGRAM)) }
    }

    /// The same where short waits follow one another, as often as one long wait would.
    fn ask_now_and_then(&self) -> Result<()> {
        match self.interrupt() {
            Some(_) if self.is_due(INTERRUPT) => self.ask(),
            _ => Ok(()),
        }
    }
}

/// Where the call of this thread waits for what another thread hands it; its own place, where it is in none.
pub fn wait_point() -> Arc<WaitPoint> {
    Current::with(|current| match current {
        Some(current) => {
            current.waits();
            current.wait_point()
        }
        None => Arc::default(),
    })
}

impl WaitPoint {
    /// Sleep here while the count is this, until that moment, or until the call is ended, which is an error. Woken for
    /// nothing, it returns too.
    pub fn sleep(&self, count: u32, until: Option<Instant>) -> Result<()> {
        let vigil = Vigil::begin()?;
        let slice = vigil.slice.map(|slice| Instant::now() + slice);
        let until = [until, slice].into_iter().flatten().min();
        match self.wait_past(count, until) {
            Waited::Interrupted => Vigil { wait_point: None, slice: None }.look(),
            _ => Ok(()),
        }
    }
}

/// How long to wait at once where the call cannot be woken this way, and is only to be asked whether it shall go on.
pub fn asked_ms(left_ms: i64) -> i64 {
    let asks = Current::with(|current| current.is_some_and(|current| current.interrupt().is_some()));
    Vigil { wait_point: None, slice: asks.then_some(INTERRUPT) }.slice_ms(left_ms)
}

/// Ask the program whether the call shall go on.
pub fn ask() -> Result<()> {
    Current::with(|current| current.map_or(Ok(()), Current::ask))
}

/// Rest for so long, unless the call is ended meanwhile, which is an error.
pub fn pause(rest: Duration) -> Result<()> {
    let Some(until) = Instant::now().checked_add(rest) else { return Ok(()) };
    let wait_point = wait_point();
    loop {
        let count = wait_point.count();
        if Instant::now() >= until {
            return Ok(());
        }
        wait_point.sleep(count, Some(until))?;
    }
}

/// Another thread ended the wait, or the program's function did.
#[cold]
fn woken(by: &str) -> Error {
    Error::new(Status::Woken, format!("{by} ended the wait"))
}

/// A call that is answered within this time pays nothing.
const FIRST: Duration = Duration::from_millis(20);
/// How often the program's function is asked.
const INTERRUPT: Duration = Duration::from_millis(100);
const ANOTHER: &str = "another thread";
const THE_PROGRAM: &str = "the function of on_interrupt";
