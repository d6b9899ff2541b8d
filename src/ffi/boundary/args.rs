//! The arguments of a command, as they come from C: looked at one by one, and not copied.

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;
use std::ops::Deref;

use super::given::wrong;
use crate::error::{Error, Result};
use crate::limits::COMMAND_ARGS_MAX;

/// The arguments of a command, without an allocation for as few as most commands have.
pub(crate) struct Args<'a> {
    few: [MaybeUninit<&'a [u8]>; FEW],
    /// How many stand in `few`: none, where they are `many`. No others of them are there.
    len: usize,
    many: Vec<&'a [u8]>,
}

/// As many as most commands have.
pub(crate) const FEW: usize = 8;

impl<'a> Args<'a> {
    /// Room for some, none of which are there yet.
    #[inline(always)]
    pub(crate) const fn none() -> Args<'a> {
        Args { few: [const { MaybeUninit::uninit() }; FEW], len: 0, many: Vec::new() }
    }

    /// The arguments of a command of the caller's, in a place that does not move: what a call costs that does little else.
    ///
    /// # Safety
    /// `argv`, and `argv_len` unless NULL, point at `argc` entries; each entry of `argv` that is not NULL points at as many
    /// bytes as its length says, or ends in a NUL where there are no lengths; and all of it lives as long as `'a`.
    #[inline(always)]
    pub(crate) unsafe fn of(
        &mut self,
        argc: usize,
        argv: *const *const c_char,
        argv_len: *const usize,
    ) -> Result<&[&'a [u8]]> {
        if argc == 0 {
            return Err(wrong("argc is 0: a command has at least its name"));
        }
        if argc > COMMAND_ARGS_MAX {
            return Err(wrong(format!("argc is {argc}: a command has at most {COMMAND_ARGS_MAX} arguments")));
        }
        if argv.is_null() {
            return Err(wrong("argv is NULL"));
        }
        // SAFETY: not NULL, and the caller vouches for that many entries.
        let argv = unsafe { std::slice::from_raw_parts(argv, argc) };
        let lens = match argv_len.is_null() {
            true => None,
            // SAFETY: as above.
            false => Some(unsafe { std::slice::from_raw_parts(argv_len, argc) }),
        };
        let Some(few) = self.few.get_mut(..argc) else {
            // SAFETY: the caller vouches for each.
            self.many = unsafe { many_args(argv, lens) }?;
            return Ok(&self.many);
        };
        for i in 0..argc {
            // SAFETY: the caller vouches for each.
            few[i].write(unsafe { arg(argv[i], lens.map(|lens| lens[i]), i)? });
        }
        self.len = argc;
        Ok(self.few())
    }

    #[inline(always)]
    fn few(&self) -> &[&'a [u8]] {
        // SAFETY: so many were written, and a place that was written is laid out as what is in it.
        unsafe { std::slice::from_raw_parts(self.few.as_ptr().cast(), self.len) }
    }
}

impl<'a> Deref for Args<'a> {
    type Target = [&'a [u8]];
    fn deref(&self) -> &Self::Target {
        match self.many.is_empty() {
            true => self.few(),
            false => &self.many,
        }
    }
}

/// The arguments of a command of the caller's.
///
/// # Safety
/// As for `Args::of`.
pub(crate) unsafe fn args<'a>(argc: usize, argv: *const *const c_char, argv_len: *const usize) -> Result<Args<'a>> {
    let mut args = Args::none();
    // SAFETY: the caller vouches for it.
    unsafe { args.of(argc, argv, argv_len)? };
    Ok(args)
}

/// # Safety
/// As for `Args::of`.
#[inline(never)]
unsafe fn many_args<'a>(argv: &[*const c_char], lens: Option<&[usize]>) -> Result<Vec<&'a [u8]>> {
    let mut many = Vec::new();
    many.try_reserve_exact(argv.len()).map_err(|_| Error::memory("the arguments"))?;
    for (i, &pointer) in argv.iter().enumerate() {
        // SAFETY: the caller vouches for each.
        many.push(unsafe { arg(pointer, lens.map(|lens| lens[i]), i)? });
    }
    Ok(many)
}

/// As `args`, for what may have none.
///
/// # Safety
/// As for `Args::of`.
pub(crate) unsafe fn some_args<'a>(
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
) -> Result<Args<'a>> {
    match argc {
        0 => Ok(Args::none()),
        // SAFETY: the caller vouches for it.
        _ => unsafe { args(argc, argv, argv_len) },
    }
}

/// # Safety
/// As for `Args::of`.
#[inline(always)]
unsafe fn arg<'a>(pointer: *const c_char, len: Option<usize>, index: usize) -> Result<&'a [u8]> {
    match len {
        Some(len) if len > isize::MAX as usize => Err(wrong_arg("argv_len", index, "is larger than any object")),
        Some(0) => Ok(&[]),
        _ if pointer.is_null() => Err(wrong_arg("argv", index, "is NULL")),
        // SAFETY: not NULL, no larger than an object; the caller vouches for that many bytes.
        Some(len) => Ok(unsafe { std::slice::from_raw_parts(pointer.cast(), len) }),
        // SAFETY: not NULL; the caller vouches for the NUL.
        None => Ok(unsafe { CStr::from_ptr(pointer) }.to_bytes()),
    }
}

#[cold]
fn wrong_arg(array: &str, index: usize, what: &str) -> Error {
    wrong(format!("{array}[{index}] {what}"))
}
