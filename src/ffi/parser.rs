//! Parser
//!
//! A parser reads RESP without a socket, for a program that has its own. A parser of
//! yours can read the replies of a client.

mod custom;

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;

use crate::error::Error;
use crate::ffi::boundary::{
    Err, Handle, Poison, given, guard, guard_alone, guard_brief, keeping_errno, not_given, quietly, say_again, shared,
    tell, text_of, text_with_nul, usable, wrong,
};
use crate::ffi::options::rredis_options;
use crate::ffi::status::{rredis_error, rredis_status};
use crate::limits::RESERVE_BYTES_MAX;
use crate::options::ParserChoice;
use crate::reply::Reply;
use crate::reply::node::rredis_reply;
use crate::resp::{self, Entry, Fast, Parse};

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
    parse: AnyParser,
    name: CString,
    /// What _reserve gave, until the next call.
    room: usize,
    /// A reply was lost for want of memory: the next one must not be taken for it.
    failed: Option<Error>,
    poison: Poison,
}

/// The fast parser is called by its name, and is part of the handle, so that a small reply costs neither a call nor a way.
#[expect(clippy::large_enum_variant, reason = "as above")]
enum AnyParser {
    Fast(Fast),
    Other(Box<dyn Parse>),
}

impl AnyParser {
    fn get(&mut self) -> &mut dyn Parse {
        match self {
            AnyParser::Fast(parse) => parse,
            AnyParser::Other(parse) => &mut **parse,
        }
    }

    fn unread_len(&self) -> usize {
        match self {
            AnyParser::Fast(parse) => parse.unread_len(),
            AnyParser::Other(parse) => parse.unread_len(),
        }
    }

    /// The next reply, taken, where it is one short value and all there.
    #[inline(always)]
    fn short(&mut self) -> Option<(Entry, &[u8])> {
        match self {
            AnyParser::Fast(parse) => parse.short(),
            AnyParser::Other(_) => None,
        }
    }

    /// The same, where it is an error.
    #[inline]
    fn error(&mut self) -> Option<(Entry, &[u8])> {
        match self {
            AnyParser::Fast(parse) => parse.error(),
            AnyParser::Other(_) => None,
        }
    }
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
        let mut parse = match (setup.parser, setup.options.parser()) {
            (Some(parser), _) => AnyParser::Other(parser.start(limits)?),
            (None, ParserChoice::Auto | ParserChoice::Fast) => AnyParser::Fast(Fast::new(limits)),
            (None, choice) => AnyParser::Other(resp::parser(choice, limits)),
        };
        let name = text_with_nul(parse.get().name())?;
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
        parser.parse.get().feed(bytes)
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
        let Ok(mut room) = parser.parse.get().room(wanted.max(1)) else { return std::ptr::null_mut() };
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
        parser.parse.get().filled(bytes_len)
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
    let (mut parser, mut out_reply) = (parser, out_reply);
    if let (Some(parser), Some(out_reply)) = (&mut parser, &mut out_reply) {
        let mut is_given = false;
        // Nothing in this can panic: tests/project looks whether the library calls what panics there.
        keeping_errno(|| is_given = parser.give_short(out_reply));
        if is_given {
            return rredis_status::RREDIS_OK;
        }
    }
    next_of_any(parser, out_reply, err)
}

/// The next reply, where it is not short, or not all there, or something is wrong.
#[inline(never)]
fn next_of_any(
    parser: Option<&mut rredis_parser>,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Err<'_>,
) -> rredis_status {
    guard_brief(parser, err, |parser, err| {
        let Some(out_reply) = out_reply else { return tell(err, not_given("out_reply")) };
        parser.room = 0;
        if parser.failed.is_none()
            && let Some((entry, bytes)) = parser.parse.short()
        {
            return match Reply::short(entry, bytes) {
                Ok(reply) => {
                    out_reply.write(reply.into_raw());
                    rredis_status::RREDIS_OK
                }
                Err(unbuilt) => parser.lost(unbuilt.into(), err),
            };
        }
        parser.next(out_reply, err)
    })
}

impl rredis_parser {
    /// Give the next reply, where it is one short value that is all there. False: nothing was taken.
    #[inline(always)]
    fn give_short(&mut self, out_reply: &mut MaybeUninit<*mut rredis_reply>) -> bool {
        let AnyParser::Fast(parse) = &mut self.parse else { return false };
        // Where a reply was lost, there is none between others any more.
        if self.poison.is_set() {
            return false;
        }
        let Some((entry, bytes)) = parse.leaf_between() else { return false };
        self.room = 0;
        match Reply::short(entry, bytes) {
            Ok(reply) => {
                out_reply.write(reply.into_raw());
                true
            }
            Err(unbuilt) => {
                self.lose(unbuilt.into());
                false
            }
        }
    }

    /// The next reply, whatever it is.
    #[inline(never)]
    fn next(&mut self, out_reply: &mut MaybeUninit<*mut rredis_reply>, err: Err<'_>) -> rredis_status {
        if let Some(failed) = &self.failed {
            return tell(err, failed.clone());
        }
        if let Some((entry, bytes)) = self.parse.error() {
            return match Reply::short(entry, bytes) {
                Ok(reply) => {
                    out_reply.write(reply.into_raw());
                    rredis_status::RREDIS_OK
                }
                Err(unbuilt) => self.lost(unbuilt.into(), err),
            };
        }
        // The frame stays where it is: a small reply costs hardly more than moving it would.
        match &mut self.parse.get().next() {
            Ok(Some(frame)) => match Reply::build_from(frame) {
                Ok(reply) => {
                    out_reply.write(reply.into_raw());
                    rredis_status::RREDIS_OK
                }
                Err(error) => self.lost(error, err),
            },
            Ok(None) => say_again(err, &NO_REPLY),
            Err(error) => tell(err, error.clone()),
        }
    }

    /// There will be no other reply: this one would be taken for it.
    #[cold]
    fn lost(&mut self, error: Error, err: Err<'_>) -> rredis_status {
        self.lose(error.clone());
        tell(err, error)
    }

    #[cold]
    #[inline(never)]
    fn lose(&mut self, error: Error) {
        if let AnyParser::Fast(parse) = &mut self.parse {
            parse.end();
        }
        self.failed = Some(error);
    }
}

/// What is said while no reply is whole.
static NO_REPLY: rredis_error = rredis_error::again("no whole reply has arrived yet");

/// Give the number of bytes that were fed and are part of no reply that _next gave.
/// After RREDIS_ERR_PROTOCOL the number has no meaning.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_parser_unread(parser: Option<&rredis_parser>) -> usize {
    quietly(0, || usable(parser).map_or(0, |parser| parser.parse.unread_len()))
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

// SAFETY: behind a shared borrow only the name and lengths are read, which change through &mut alone.
unsafe impl Sync for rredis_parser {}

const _: () = shared::<rredis_parser>();
