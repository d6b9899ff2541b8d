//! Parser
//!
//! A parser reads RESP without a socket, for a program that has its own. A parser of
//! yours can read the replies of a client.

mod custom;

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;

use crate::error::{Error, Status};
use crate::ffi::boundary::{
    Handle, Poison, given, guard, guard_alone, quietly, shared, text_of, text_with_nul, usable, wrong,
};
use crate::ffi::options::rredis_options;
use crate::ffi::status::{rredis_error, rredis_status};
use crate::limits::RESERVE_BYTES_MAX;
use crate::reply::Reply;
use crate::reply::node::rredis_reply;
use crate::resp::{self, Parse};

pub(crate) use custom::CustomType;
pub use custom::rredis_parser_type;

/// The values of RREDIS_OPTION_PARSER. Both parsers accept the same input.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_parser_kind {
    /// the library's choice: FAST
    RREDIS_PARSER_AUTO = 0,
    /// written for speed
    RREDIS_PARSER_FAST = 1,
    /// written for simplicity
    RREDIS_PARSER_SIMPLE = 2,
}

/// turns bytes into replies
pub struct rredis_parser {
    parse: Box<dyn Parse>,
    name: CString,
    /// What _reserve gave, until the next call.
    room: usize,
    /// A reply was lost for want of memory: the next one must not be taken for it.
    failed: Option<Error>,
    poison: Poison,
}

/// Make a parser.
///
///   options  the kind of parser, and the limits; NULL: the defaults
#[unsafe(no_mangle)]
pub extern "C" fn rredis_parser_new(
    options: Option<&rredis_options>,
    out_parser: Option<&mut MaybeUninit<*mut rredis_parser>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || {
        let out_parser = given(out_parser, "out_parser")?;
        let setup = rredis_options::setup(options);
        setup.check_parser()?;
        let limits = setup.options.limits();
        let parse = match setup.parser {
            Some(parser) => parser.start(limits)?,
            None => resp::parser(setup.options.parser(), limits),
        };
        let name = text_with_nul(parse.name())?;
        let parser = rredis_parser { parse, name, room: 0, failed: None, poison: Poison::default() };
        out_parser.write(Box::into_raw(Box::new(parser)));
        Ok(())
    })
}

/// Feed bytes, which may end anywhere in a reply.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_parser_feed(
    parser: Option<&mut rredis_parser>,
    bytes: *const c_char,
    bytes_len: usize,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_alone(parser, err, |parser| {
        // SAFETY: the caller vouches for bytes.
        let bytes = unsafe { text_of(bytes, bytes_len, "bytes")? };
        parser.room = 0;
        parser.parse.feed(bytes)
    })
}

/// Give a buffer to read into, which saves a copy. It is valid until the next call on
/// this parser; _commit says how many of its bytes were filled. NULL: there was not
/// enough memory.
///
///   wanted   the smallest number of bytes, up to 1 GiB
///   out_len  receives the number of bytes in the buffer
#[unsafe(no_mangle)]
pub extern "C" fn rredis_parser_reserve(
    parser: Option<&mut rredis_parser>,
    wanted: usize,
    out_len: Option<&mut MaybeUninit<usize>>,
) -> *mut c_char {
    quietly(std::ptr::null_mut(), || {
        let (Some(parser), Some(out_len)) = (parser, out_len) else { return std::ptr::null_mut() };
        parser.room = 0;
        if usable(Some(&*parser)).is_none() || wanted > RESERVE_BYTES_MAX {
            return std::ptr::null_mut();
        }
        let Ok(mut room) = parser.parse.room(wanted.max(1)) else { return std::ptr::null_mut() };
        // The program may look at it before it writes there.
        let room = room.bytes();
        parser.room = room.len();
        out_len.write(room.len());
        room.as_mut_ptr().cast()
    })
}

/// Feed the first bytes_len bytes of the buffer from _reserve.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_parser_commit(
    parser: Option<&mut rredis_parser>,
    bytes_len: usize,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_alone(parser, err, |parser| {
        let room = std::mem::take(&mut parser.room);
        if bytes_len > room {
            return Err(wrong(format!("bytes_len is {bytes_len}: _reserve gave room for {room}")));
        }
        parser.parse.filled(bytes_len)
    })
}

/// Give the next reply, which may be a push or a server's error.
///
/// RREDIS_ERR_AGAIN: no reply is complete yet. After RREDIS_ERR_PROTOCOL,
/// RREDIS_ERR_LIMIT or RREDIS_ERR_MEMORY every later call returns the same status: a
/// reply was lost, or the bytes that follow have no meaning.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_parser_next(
    parser: Option<&mut rredis_parser>,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_alone(parser, err, |parser| {
        let out_reply = given(out_reply, "out_reply")?;
        parser.room = 0;
        if let Some(failed) = &parser.failed {
            return Err(failed.clone());
        }
        // The frame stays where it is: a small reply costs hardly more than moving it would.
        match &mut parser.parse.next() {
            Ok(Some(frame)) => {
                let reply = Reply::build_from(frame).inspect_err(|error| parser.failed = Some(error.clone()))?;
                out_reply.write(reply.into_raw());
                Ok(())
            }
            Ok(None) => Err(Error::new(Status::Again, "no whole reply has arrived yet")),
            Err(error) => Err(error.clone()),
        }
    })
}

/// Give the name of the parser: "fast", "simple", or your parser's name.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_parser_name(parser: Option<&rredis_parser>) -> *const c_char {
    quietly(std::ptr::null(), || parser.map_or(std::ptr::null(), |parser| parser.name.as_ptr()))
}

/// Free a parser, and the bytes that were not read.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_parser_free(parser: Option<Box<rredis_parser>>) {
    quietly((), || drop(parser))
}

impl Handle for rredis_parser {
    const NAME: &'static str = "parser";
    const REACHES: bool = false;
    fn poison(&self) -> &Poison {
        &self.poison
    }
}

// SAFETY: behind a shared borrow only the name is read, which never changes; the parser itself is reached through &mut.
unsafe impl Sync for rredis_parser {}

const _: () = shared::<rredis_parser>();
