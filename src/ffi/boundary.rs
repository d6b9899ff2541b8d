//! The parts of every exported function: catching panics, checking arguments, writing errors.
//!
//! A warning to keep: a `&T` parameter must not be freed while its call is running, so a function of the caller's may not
//! free the handle it is called from. The header's first page says so.

mod args;
mod given;
mod panics;

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::conn::handed;
use crate::error::{Error, Outcome, Result, Status};
use crate::ffi::instead;
use crate::ffi::message::one_line;
use crate::ffi::status::{rredis_error, rredis_outcome, rredis_status};

pub(crate) use args::{Args, args, some_args};
pub(crate) use given::{given, name_of, not_given, number, sized, text_of, wrong};
pub(crate) use panics::keeping_errno;
use panics::{caught, panic_error, reaching, unharmed};

/// Where a call wants its error written.
pub(crate) type Err<'a> = Option<&'a mut MaybeUninit<rredis_error>>;

/// Whether a panic has passed through a handle: what it holds is suspect, and every later call says so.
#[derive(Debug, Default)]
pub(crate) struct Poison(AtomicBool);

/// A handle that has a life, and so may have been poisoned.
pub(crate) trait Handle {
    /// What the header calls it.
    const NAME: &'static str;
    /// Whether its calls may reach the system, or functions of the caller's.
    const REACHES: bool = true;
    /// Its flag.
    fn poison(&self) -> &Poison;
}

/// Run a call that needs no handle, or one that is plain data, and works in memory alone.
pub(crate) fn guard(err: Err<'_>, body: impl FnOnce() -> Result<()>) -> rredis_status {
    let result = caught::<_, false>(body);
    finish(err, result)
}

/// Run a call that needs no handle, and reaches the system.
pub(crate) fn guard_reaching(err: Err<'_>, body: impl FnOnce() -> Result<()>) -> rredis_status {
    let result = reaching(body);
    finish(err, result)
}

/// Run a call on a shared handle.
pub(crate) fn guard_on<H: Handle>(
    handle: Option<&H>,
    err: Err<'_>,
    body: impl FnOnce(&H) -> Result<()>,
) -> rredis_status {
    finish(err, on(handle, body))
}

/// Run a call that carries a command: what fails before the command is written did not run.
pub(crate) fn guard_command<H: Handle>(
    handle: Option<&H>,
    err: Err<'_>,
    body: impl FnOnce(&H) -> Result<()>,
) -> rredis_status {
    let before = handed();
    match on(handle, body) {
        Ok(()) => rredis_status::RREDIS_OK,
        Err(error) => tell(err, not_sent(error, before)),
    }
}

/// Run a call on a handle that nobody else uses meanwhile.
#[inline]
pub(crate) fn guard_alone<H: Handle>(
    handle: Option<&mut H>,
    err: Err<'_>,
    body: impl FnOnce(&mut H) -> Result<()>,
) -> rredis_status {
    finish(err, alone(handle, body))
}

/// As `guard_command`, on a handle that nobody else uses meanwhile.
#[inline]
pub(crate) fn guard_command_alone<H: Handle>(
    handle: Option<&mut H>,
    err: Err<'_>,
    body: impl FnOnce(&mut H) -> Result<()>,
) -> rredis_status {
    let before = handed();
    match alone(handle, body) {
        Ok(()) => rredis_status::RREDIS_OK,
        Err(error) => tell(err, not_sent(error, before)),
    }
}

/// As `guard_alone`, for what mostly works in memory alone: what reaches the system is held off where it does. False: there is
/// nothing for now, which `again` says.
#[inline]
pub(crate) fn guard_round<H: Handle>(
    handle: Option<&mut H>,
    err: Err<'_>,
    again: &rredis_error,
    body: impl FnOnce(&mut H) -> Result<bool>,
) -> rredis_status {
    match alone_in::<H, _, false>(handle, body) {
        Ok(true) => rredis_status::RREDIS_OK,
        Ok(false) => say_again(err, again),
        Err(error) => tell(err, error),
    }
}

/// As `guard_alone`, in memory alone, for a call of a few instructions: `body` says what it came to, and tells of an error by
/// itself. To hand that up would cost more than such a call does.
#[inline(always)]
pub(crate) fn guard_brief<H: Handle>(
    mut handle: Option<&mut H>,
    mut err: Err<'_>,
    body: impl FnOnce(&mut H, Err<'_>) -> rredis_status,
) -> rredis_status {
    let outcome = unharmed::<_, false>(|| match handle.as_deref_mut() {
        Some(handle) if !handle.poison().is_set() => body(handle, err.as_deref_mut()),
        handle => tell(err.as_deref_mut(), unusable(handle.as_deref())),
    });
    match outcome {
        Ok(status) => status,
        Err(payload) => tell(err, poisoned(handle.as_deref(), panic_error(payload, false))),
    }
}

/// Why a handle cannot be used.
#[cold]
fn unusable<H: Handle>(handle: Option<&H>) -> Error {
    if handle.is_none() { not_given(H::NAME) } else { suspect(H::NAME) }
}

/// There is nothing for now.
#[cold]
pub(crate) fn say_again(err: Err<'_>, again: &rredis_error) -> rredis_status {
    if let Some(err) = err {
        err.write(*again);
    }
    again.status
}

/// As `guard_command_alone`, where the command is only taken: in memory alone.
#[inline]
pub(crate) fn guard_queue<H: Handle>(
    handle: Option<&mut H>,
    err: Err<'_>,
    body: impl FnOnce(&mut H) -> Result<()>,
) -> rredis_status {
    match alone_in::<H, _, false>(handle, body) {
        Ok(()) => rredis_status::RREDIS_OK,
        Err(error) => tell(err, not_sent(error, handed())),
    }
}

/// As `guard_command_alone`, where functions of the caller's may use the same handle meanwhile: it is given as a pointer, and
/// borrowed for a step at a time.
pub(crate) fn guard_reentrant<H: Handle>(
    handle: Option<NonNull<H>>,
    err: Err<'_>,
    body: impl FnOnce(NonNull<H>) -> Result<()>,
) -> rredis_status {
    let before = handed();
    let result = reaching(|| {
        let handle = given(handle, H::NAME)?;
        // SAFETY: the caller vouches for the handle, which nobody else uses now.
        unsafe { handle.as_ref() }.poison().check(H::NAME)?;
        body(handle)
    });
    if let (Err(Error { status: Status::Panic, .. }), Some(handle)) = (&result, handle) {
        // SAFETY: as above; no function of the caller's may have freed it.
        unsafe { handle.as_ref() }.poison().set();
    }
    finish(err, result.map_err(|error| not_sent(error, before)))
}

/// The handle, if it is there and no panic has passed through it.
pub(crate) fn usable<H: Handle>(handle: Option<&H>) -> Option<&H> {
    handle.filter(|handle| handle.poison().check(H::NAME).is_ok())
}

/// Run a call that works in memory alone and has no way to tell an error: `default` stands for all of them.
pub(crate) fn quietly<T>(default: T, body: impl FnOnce() -> T) -> T {
    caught::<_, false>(|| Ok(body())).unwrap_or(default)
}

/// The same, for one that reaches the system.
pub(crate) fn quietly_reaching<T>(default: T, body: impl FnOnce() -> T) -> T {
    reaching(|| Ok(body())).unwrap_or(default)
}

/// Run what ends waits: nothing that a signal handler may not do.
#[inline]
pub(crate) fn woken(body: impl FnOnce() -> usize) -> usize {
    let mut count = 0;
    keeping_errno(|| count = body());
    count
}

/// A text that goes out, with its NUL.
pub(crate) fn text_with_nul(text: impl Into<Vec<u8>>) -> Result<CString> {
    CString::new(text).map_err(|_| wrong("a name has a NUL in it"))
}

/// Proof that a handle that is taken as const may be shared by threads.
pub(crate) const fn shared<T: Send + Sync>() {}

/// Proof that a handle may go from one thread to another.
pub(crate) const fn sent<T: Send>() {}

fn on<H: Handle>(handle: Option<&H>, body: impl FnOnce(&H) -> Result<()>) -> Result<()> {
    let result = reaching(|| {
        let handle = given(handle, H::NAME)?;
        handle.poison().check(H::NAME)?;
        body(handle)
    });
    match result {
        Ok(()) => Ok(()),
        Err(error) => Err(poisoned(handle, error)),
    }
}

#[inline]
fn alone<H: Handle>(handle: Option<&mut H>, body: impl FnOnce(&mut H) -> Result<()>) -> Result<()> {
    match H::REACHES {
        true => alone_in::<H, _, true>(handle, body),
        false => alone_in::<H, _, false>(handle, body),
    }
}

#[inline]
fn alone_in<H: Handle, T, const REACHES: bool>(
    mut handle: Option<&mut H>,
    body: impl FnOnce(&mut H) -> Result<T>,
) -> Result<T> {
    let result = caught::<_, REACHES>(|| {
        let handle = given(handle.as_deref_mut(), H::NAME)?;
        handle.poison().check(H::NAME)?;
        body(handle)
    });
    match result {
        Ok(value) => Ok(value),
        Err(error) => Err(poisoned(handle.as_deref(), error)),
    }
}

#[cold]
fn poisoned<H: Handle>(handle: Option<&H>, error: Error) -> Error {
    if let Some(handle) = handle.filter(|_| error.status == Status::Panic) {
        handle.poison().set();
    }
    error
}

impl Poison {
    #[inline]
    fn check(&self, name: &str) -> Result<()> {
        match self.is_set() {
            false => Ok(()),
            true => Err(suspect(name)),
        }
    }

    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}

#[cold]
fn suspect(name: &str) -> Error {
    Error::new(Status::Panic, format!("this {name} met a bug in librredis before: free it"))
}

/// The error of a call that carries a command. `before` is what had been handed over when it began: a panic since then says
/// that its command did not run only where nothing was.
#[cold]
fn not_sent(error: Error, before: u64) -> Error {
    match error.outcome {
        Outcome::Unknown if error.status == Status::Panic && handed() == before => {
            Error { outcome: Outcome::NotSent, ..error }
        }
        Outcome::None if error.status != Status::Again => error.with_outcome(Outcome::NotSent),
        _ => error,
    }
}

#[inline]
fn finish(err: Err<'_>, result: Result<()>) -> rredis_status {
    match result {
        Ok(()) => rredis_status::RREDIS_OK,
        Err(error) => tell(err, error),
    }
}

#[cold]
pub(crate) fn tell(err: Err<'_>, error: Error) -> rredis_status {
    let status = error.status.into();
    if let Some(err) = err {
        err.write(rredis_error {
            status,
            outcome: rredis_outcome::from(error.outcome),
            os_error: error.os_error,
            attempts: i32::try_from(error.attempts).unwrap_or(i32::MAX),
            message: match error.instead {
                None => one_line(&error.message),
                Some(instead) => one_line(&[&error.message[..], b": ", instead::words(instead).as_bytes()].concat()),
            },
        });
    }
    status
}

#[cfg(test)]
mod tests;
