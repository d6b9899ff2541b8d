//! Commands

use std::ffi::c_char;
use std::mem::MaybeUninit;

use crate::commands::{self, Command, Flags, NoKeys, Repeat};
use crate::error::{Error, Result, Status};
use crate::ffi::boundary::{args, given, guard, quietly, text, wrong};
use crate::ffi::status::{rredis_error, rredis_status};
use crate::resp;

/// What kind of command it is, to be or-ed: the servers' own words, and from STATEFUL on
/// what this library adds.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_command_flag {
    /// it may change data
    RREDIS_COMMAND_WRITE = 1,
    /// it changes none
    RREDIS_COMMAND_READONLY = 2,
    /// not when memory is short
    RREDIS_COMMAND_DENYOOM = 4,
    /// a module's
    RREDIS_COMMAND_MODULE = 8,
    /// for administrators
    RREDIS_COMMAND_ADMIN = 16,
    /// of publish and subscribe
    RREDIS_COMMAND_PUBSUB = 32,
    /// not for scripts
    RREDIS_COMMAND_NOSCRIPT = 64,
    /// it can be asked to wait
    RREDIS_COMMAND_BLOCKING = 128,
    /// allowed while loading
    RREDIS_COMMAND_LOADING = 256,
    /// allowed where data is old
    RREDIS_COMMAND_STALE = 512,
    /// not shown to MONITOR
    RREDIS_COMMAND_SKIP_MONITOR = 1024,
    /// not in the slow log
    RREDIS_COMMAND_SKIP_SLOWLOG = 2048,
    /// allowed on import
    RREDIS_COMMAND_ASKING = 4096,
    /// it takes no time to speak of
    RREDIS_COMMAND_FAST = 8192,
    /// allowed before AUTH
    RREDIS_COMMAND_NO_AUTH = 16384,
    /// not in a transaction
    RREDIS_COMMAND_NO_MULTI = 32768,
    /// its keys may be none
    RREDIS_COMMAND_NO_MANDATORY_KEYS = 65536,
    /// not while loading beside
    RREDIS_COMMAND_NO_ASYNC_LOADING = 131072,
    /// allowed while scripts hang
    RREDIS_COMMAND_ALLOW_BUSY = 262144,
    /// same data, perhaps another reply
    RREDIS_COMMAND_UNSTABLE = 524288,
    /// same data, perhaps another order
    RREDIS_COMMAND_UNORDERED = 1048576,
    /// it has subcommands
    RREDIS_COMMAND_CONTAINER = 2097152,
    /// it changes its connection
    RREDIS_COMMAND_STATEFUL = 4194304,
    /// it only reads: may run twice
    RREDIS_COMMAND_REPEATABLE = 8388608,
    /// twice is as once, but for replies
    RREDIS_COMMAND_IDEMPOTENT = 16777216,
    /// these arguments ask it to wait
    RREDIS_COMMAND_WAITS = 33554432,
}

/// What a command does to a key, to be or-ed: one of the first four, and perhaps more.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_key {
    /// its value is read only
    RREDIS_KEY_RO = 1,
    /// read and changed
    RREDIS_KEY_RW = 2,
    /// overwritten, whatever it was
    RREDIS_KEY_OW = 4,
    /// removed
    RREDIS_KEY_RM = 8,
    /// what its value says is returned, copied or used
    RREDIS_KEY_ACCESS = 16,
    /// its value is updated
    RREDIS_KEY_UPDATE = 32,
    /// something is added to it
    RREDIS_KEY_INSERT = 64,
    /// something of it may be deleted
    RREDIS_KEY_DELETE = 128,
}

/// Write a command as it goes over the wire.
///
///   argc      how many arguments, the command's name among them
///   argv      the arguments
///   argv_len  their lengths; NULL when each ends in a NUL
///   buffer    where to; NULL with buffer_len 0: only *out_len is written
///   out_len   how many bytes it has
///
/// Too small a buffer is RREDIS_ERR_ARGUMENT; the message has the length needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_command_encode(
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    buffer: *mut c_char,
    buffer_len: usize,
    out_len: Option<&mut MaybeUninit<usize>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || {
        let out_len = given(out_len, "out_len")?;
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { args(argc, argv, argv_len)? };
        let needed = resp::encoded_len(&args);
        if buffer.is_null() && buffer_len == 0 {
            out_len.write(needed);
            return Ok(());
        }
        // SAFETY: the caller vouches for buffer_len bytes there, which are ours until we return.
        let buffer = unsafe { room(buffer.cast::<u8>(), buffer_len, "buffer")? };
        let Some(place) = buffer.get_mut(..needed) else {
            return Err(wrong(format!("buffer_len is {buffer_len}: the command needs {needed} bytes")));
        };
        let mut bytes = Vec::new();
        resp::encode(&args, &mut bytes)?;
        place.write_copy_of_slice(&bytes);
        out_len.write(needed);
        Ok(())
    })
}

/// Find the keys of a command, without asking a server.
///
///   argc      how many arguments, the command's name among them
///   argv      the arguments
///   argv_len  their lengths; NULL when each ends in a NUL
///   indexes   where to: which arguments are keys; NULL with indexes_len 0: only *out_len
///             is written
///   access    where to, as many: what is done to each, of rredis_key; NULL: not wanted
///   out_len   how many keys it has
///
/// RREDIS_ERR_UNSUPPORTED: the command is not known. RREDIS_ERR_ARGUMENT: it has too few
/// arguments or too many, its number of keys cannot be, or indexes_len is too small; then
/// the message has the length needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_command_keys(
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    indexes: *mut usize,
    access: *mut u32,
    indexes_len: usize,
    out_len: Option<&mut MaybeUninit<usize>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || {
        let out_len = given(out_len, "out_len")?;
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { args(argc, argv, argv_len)? };
        let keys = commands::keys(&args).map_err(|why| no_keys(why, &args))?;
        let needed = keys.iter().count();
        if indexes.is_null() && indexes_len == 0 {
            out_len.write(needed);
            return Ok(());
        }
        // SAFETY: the caller vouches for indexes_len places there, which are ours until we return.
        let indexes = unsafe { room(indexes, indexes_len, "indexes")? };
        let Some(indexes) = indexes.get_mut(..needed) else {
            return Err(wrong(format!("indexes_len is {indexes_len}: the command has {needed} keys")));
        };
        let mut written: &mut [MaybeUninit<u32>] = &mut [];
        if !access.is_null() {
            // SAFETY: the caller vouches for as many places there.
            written = unsafe { room(access, indexes_len, "access")? };
        }
        let mut written = written.iter_mut();
        for (index, key) in indexes.iter_mut().zip(keys.iter()) {
            index.write(key.index);
            if let Some(access) = written.next() {
                access.write(key.access.0);
            }
        }
        out_len.write(needed);
        Ok(())
    })
}

/// Compute a key's slot in a cluster: 0 to 16383. Where a key has a {tag}, that alone
/// decides. -1: key is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_command_slot(key: *const c_char, key_len: usize) -> i64 {
    quietly(-1, || {
        // SAFETY: the caller vouches for key_len bytes.
        let key = unsafe { text(key, key_len, "key") };
        key.map_or(-1, |key| commands::slot(key).into())
    })
}

/// Say what kind of command this is.
///
///   argc       how many arguments, the command's name among them
///   argv       the arguments, of which the first two matter most
///   argv_len   their lengths; NULL when each ends in a NUL
///   out_flags  of rredis_command_flag
///
/// RREDIS_ERR_UNSUPPORTED: the command is not known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_command_flags(
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    out_flags: Option<&mut MaybeUninit<u32>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || {
        let out_flags = given(out_flags, "out_flags")?;
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { args(argc, argv, argv_len)? };
        let row = commands::find(&args).ok_or_else(|| no_keys(NoKeys::Unknown, &args))?;
        out_flags.write(flags(row, &args));
        Ok(())
    })
}

/// The row's own flags, whose numbers are the same, and what else is known.
fn flags(row: &Command, args: &[&[u8]]) -> u32 {
    use rredis_command_flag::*;
    let more = [
        (row.connection_state().is_some(), RREDIS_COMMAND_STATEFUL),
        (row.only_reads(), RREDIS_COMMAND_REPEATABLE),
        (row.repeat != Repeat::Never, RREDIS_COMMAND_IDEMPOTENT),
        (row.blocking(args).is_some(), RREDIS_COMMAND_WAITS),
    ];
    more.iter().filter(|(is_so, _)| *is_so).fold(row.flags.0, |all, (_, flag)| all | *flag as u32)
}

/// Why there are no keys, in words.
fn no_keys(why: NoKeys, args: &[&[u8]]) -> Error {
    let shown = |word: &[u8]| String::from_utf8_lossy(&word[..word.len().min(NAME_SHOWN)]).into_owned();
    let name = args.first().map(|name| shown(name)).unwrap_or_default();
    match why {
        NoKeys::Unknown => {
            let second = args.get(1).filter(|_| commands::known(args)).map(|word| format!(" {}", shown(word)));
            Error::new(
                Status::Unsupported,
                format!("{name}{}: not a command that is known here", second.unwrap_or_default()),
            )
        }
        NoKeys::Arity => wrong(format!("{name}: it does not have {} arguments", args.len())),
        NoKeys::Arguments => wrong(format!("{name}: its arguments do not say which of them are keys")),
    }
}

/// So much of a name is shown.
const NAME_SHOWN: usize = 32;

/// A buffer of the caller's to write to.
///
/// # Safety
/// `buffer` is NULL or has `len` places, which nobody else uses as long as `'a`.
unsafe fn room<'a, T>(buffer: *mut T, len: usize, name: &str) -> Result<&'a mut [MaybeUninit<T>]> {
    if buffer.is_null() {
        return Err(wrong(format!("{name} is NULL")));
    }
    if len > isize::MAX as usize / size_of::<T>() {
        return Err(wrong(format!("{name}_len is larger than any object")));
    }
    // SAFETY: not NULL, no larger than an object; the caller vouches for the rest.
    Ok(unsafe { std::slice::from_raw_parts_mut(buffer.cast(), len) })
}

// One number for both, so that nothing has to be translated.
const _: () = {
    use rredis_command_flag::*;
    assert!(Flags::WRITE == RREDIS_COMMAND_WRITE as u32 && Flags::READONLY == RREDIS_COMMAND_READONLY as u32);
    assert!(Flags::BLOCKING == RREDIS_COMMAND_BLOCKING as u32 && Flags::FAST == RREDIS_COMMAND_FAST as u32);
    assert!(Flags::CONTAINER == RREDIS_COMMAND_CONTAINER as u32);
};
