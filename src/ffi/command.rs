//! Commands
//!
//! Facts about commands that need no server: bytes, keys, slots, properties.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use crate::commands::{self, Command, CommandFlags, NoKeys, Repeat};
use crate::error::{Error, Result, Status};
use crate::ffi::boundary::{Args, args, given, guard, quietly, text_of, wrong};
use crate::ffi::status::{rredis_error, rredis_status};
use crate::resp;

/// Properties of a command, to be or-ed. Those before STATEFUL are flags of the
/// server's COMMAND reply. STATEFUL and those after it are the library's.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_command_flag {
    /// may change data
    RREDIS_COMMAND_WRITE = 1,
    /// does not change data
    RREDIS_COMMAND_READONLY = 2,
    /// refused while the server is out of memory
    RREDIS_COMMAND_DENYOOM = 4,
    /// belongs to a module
    RREDIS_COMMAND_MODULE = 8,
    /// for administrators
    RREDIS_COMMAND_ADMIN = 16,
    /// publish and subscribe
    RREDIS_COMMAND_PUBSUB = 32,
    /// not allowed in scripts
    RREDIS_COMMAND_NOSCRIPT = 64,
    /// can block
    RREDIS_COMMAND_BLOCKING = 128,
    /// allowed while the server loads
    RREDIS_COMMAND_LOADING = 256,
    /// allowed on a stale replica
    RREDIS_COMMAND_STALE = 512,
    /// not shown by MONITOR
    RREDIS_COMMAND_SKIP_MONITOR = 1024,
    /// not in the slow log
    RREDIS_COMMAND_SKIP_SLOWLOG = 2048,
    /// allowed on an importing slot
    RREDIS_COMMAND_ASKING = 4096,
    /// marked as fast by the server
    RREDIS_COMMAND_FAST = 8192,
    /// allowed before AUTH
    RREDIS_COMMAND_NO_AUTH = 16384,
    /// not allowed in a transaction
    RREDIS_COMMAND_NO_MULTI = 32768,
    /// may have no key
    RREDIS_COMMAND_NO_MANDATORY_KEYS = 65536,
    /// not allowed during asynchronous loading
    RREDIS_COMMAND_NO_ASYNC_LOADING = 131072,
    /// allowed while a script runs
    RREDIS_COMMAND_ALLOW_BUSY = 262144,
    /// its reply may differ on equal data
    RREDIS_COMMAND_UNSTABLE = 524288,
    /// the order of its reply may differ
    RREDIS_COMMAND_UNORDERED = 1048576,
    /// has subcommands
    RREDIS_COMMAND_CONTAINER = 2097152,
    /// changes its connection
    RREDIS_COMMAND_STATEFUL = 4194304,
    /// only reads: may run twice
    RREDIS_COMMAND_REPEATABLE = 8388608,
    /// running it twice leaves the data as running it once; replies may differ
    RREDIS_COMMAND_IDEMPOTENT = 16777216,
    /// blocks with these arguments
    RREDIS_COMMAND_WAITS = 33554432,
}

/// Uses of a key by a command, to be or-ed: one of the first four, and any of the
/// others.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_key {
    /// its value is only read
    RREDIS_KEY_RO = 1,
    /// its value is read and changed
    RREDIS_KEY_RW = 2,
    /// its value is overwritten
    RREDIS_KEY_OW = 4,
    /// the key is removed
    RREDIS_KEY_RM = 8,
    /// data of its value is returned, copied or used
    RREDIS_KEY_ACCESS = 16,
    /// data of its value is changed
    RREDIS_KEY_UPDATE = 32,
    /// data is added to its value
    RREDIS_KEY_INSERT = 64,
    /// data of its value may be deleted
    RREDIS_KEY_DELETE = 128,
}

/// Write a command as the bytes that are sent to a server.
///
///   argc      the number of arguments, including the command's name
///   argv      the arguments
///   argv_len  their lengths; NULL: each argument ends in a NUL
///   buffer    receives the bytes; NULL with buffer_len 0: only *out_len is written
///   out_len   receives the number of bytes
///
/// A buffer that is too small is RREDIS_ERR_ARGUMENT; the message has the length
/// needed.
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
        let mut few = Args::none();
        // SAFETY: the caller vouches for argv and argv_len.
        let args = unsafe { few.of(argc, argv, argv_len)? };
        let (needed, fits) = resp::checked_len(args);
        if buffer.is_null() && buffer_len == 0 {
            out_len.write(needed);
            return Ok(());
        }
        // SAFETY: the caller vouches for buffer_len bytes there, which are ours until we return.
        let buffer = unsafe { room(buffer.cast::<u8>(), buffer_len, "buffer")? };
        let Some(place) = buffer.get_mut(..needed) else {
            return Err(wrong(format!("buffer_len is {buffer_len}: the command needs {needed} bytes")));
        };
        if !fits {
            resp::check(args)?;
        }
        resp::encode_into(args, place).ok_or_else(|| Error::new(Status::Panic, "a command of another length"))?;
        out_len.write(needed);
        Ok(())
    })
}

/// Find the keys of a command, without asking a server.
///
///   argc      the number of arguments, including the command's name
///   argv      the arguments
///   argv_len  their lengths; NULL: each argument ends in a NUL
///   indexes   receives the index in argv of each key; NULL with indexes_len 0: only
///             *out_len is written
///   access    receives the uses of each key, as or-ed rredis_key; has room for
///             indexes_len; may be NULL
///   out_len   receives the number of keys
///
/// RREDIS_ERR_UNSUPPORTED: the command is unknown. RREDIS_ERR_ARGUMENT: the command has
/// too few or too many arguments, or gives an impossible number of keys; or indexes_len
/// is too small, and the message has the length needed.
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

/// Compute the cluster slot of a key, 0 to 16383. Where a key has a {tag}, the slot is
/// that of the tag alone. -1: key is NULL, and key_len is not 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_command_slot(key: *const c_char, key_len: usize) -> i64 {
    quietly(-1, || {
        // SAFETY: the caller vouches for key_len bytes.
        let key = unsafe { text_of(key, key_len, "key") };
        key.map_or(-1, |key| commands::slot(key).into())
    })
}

/// Give the properties of a command.
///
///   argc       the number of arguments, including the command's name
///   argv       the arguments
///   argv_len   their lengths; NULL: each argument ends in a NUL
///   out_flags  receives the properties, of rredis_command_flag
///
/// RREDIS_ERR_UNSUPPORTED: the command is unknown.
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
    assert!(
        CommandFlags::WRITE == RREDIS_COMMAND_WRITE as u32 && CommandFlags::READONLY == RREDIS_COMMAND_READONLY as u32
    );
    assert!(
        CommandFlags::BLOCKING == RREDIS_COMMAND_BLOCKING as u32 && CommandFlags::FAST == RREDIS_COMMAND_FAST as u32
    );
    assert!(CommandFlags::CONTAINER == RREDIS_COMMAND_CONTAINER as u32);
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr::null;

    /// Of every length of a line, and with one byte of room less and more.
    #[test]
    fn a_command_fills_its_room_as_it_fills_a_list() {
        let lens = [0usize, 1, 2, 9, 10, 11, 99, 100, 101, 1000];
        for (name, arg) in lens.into_iter().flat_map(|name| lens.map(|arg| (name, arg))) {
            for count in [0usize, 1, 2, 7, 8, 9, 10, 99] {
                let (name, arg) = (vec![b'n'; name], vec![b'x'; arg]);
                let args: Vec<&[u8]> = std::iter::once(&name[..]).chain((0..count).map(|_| &arg[..])).collect();
                let mut expected = Vec::new();
                resp::encode(&args, &mut expected).unwrap();
                for room in [expected.len() - 1, expected.len(), expected.len() + 1] {
                    let mut buffer = vec![b'?'; room];
                    let (status, len) = encode(&args, &mut buffer);
                    if room < expected.len() {
                        assert_eq!(status, rredis_status::RREDIS_ERR_ARGUMENT);
                        continue;
                    }
                    assert_eq!((status, len), (rredis_status::RREDIS_OK, expected.len()));
                    assert_eq!(buffer[..len], expected);
                    assert!(buffer[len..].iter().all(|byte| *byte == b'?'), "what is behind it is as it was");
                }
            }
        }
    }

    fn encode(args: &[&[u8]], buffer: &mut [u8]) -> (rredis_status, usize) {
        let argv: Vec<*const c_char> =
            args.iter().map(|arg| if arg.is_empty() { null() } else { arg.as_ptr().cast() }).collect();
        let lens: Vec<usize> = args.iter().map(|arg| arg.len()).collect();
        let mut len = MaybeUninit::new(0);
        let (room, room_len) = (buffer.as_mut_ptr().cast(), buffer.len());
        // SAFETY: both lists have so many entries, and the buffer so many bytes.
        let status = unsafe {
            rredis_command_encode(args.len(), argv.as_ptr(), lens.as_ptr(), room, room_len, Some(&mut len), None)
        };
        // SAFETY: it was initialised before.
        (status, unsafe { len.assume_init() })
    }
}
