//! Parsing and encoding RESP2 and RESP3, without sockets and without a clock.
//!
//! ```text
//!  parse      what every parser does: bytes in, one whole reply at a time out
//!  scan       the fast one
//!  levels     where it is: what is open, and what is counted
//!  quick      its short ways, for what is common
//!  digits     decimal digits, eight at a time
//!  decimal    floating point numbers in few digits
//!  simple     the same language, written to be obviously right
//!  framed     a parser of the caller's, kept to one reply for one reply
//!  gather     many replies on one tape
//!  recorder   a reply noted piece by piece, for simple, framed, and the builder of replies
//!  tape       what a parser gives: entries over bytes, which reply::Reply::build makes a tree of
//!  grammar    what one line may say
//! ```
#![forbid(unsafe_code)]

mod buffer;
mod decimal;
mod digits;
mod encode;
mod framed;
mod gather;
mod grammar;
mod levels;
mod parse;
mod quick;
mod recorder;
mod scan;
mod simple;
mod tape;

pub use encode::{
    arguments, check, checked_len, checked_room, encode, encode_checked, encode_into, encode_with_room, encoded_len,
    last_command, room_for,
};
pub use framed::{Custom, framed};
pub use gather::Gather;
pub use parse::{Parse, ParserType};
pub use recorder::Recorder;
pub use scan::Fast;
pub use tape::{Entry, Frame, Given, Type};

pub(crate) use decimal::score;
pub(crate) use grammar::{IT_IS_TLS, double, integer, is_double, without_quotes};

use crate::limits::Limits;
use crate::options::ParserChoice;
use parse::{begins_an_answer, push, representable};

/// One of the built-in parsers. AUTO is the fast one.
pub fn parser(choice: ParserChoice, limits: Limits) -> Box<dyn Parse> {
    match choice {
        ParserChoice::Auto | ParserChoice::Fast => Box::new(Fast::new(limits)),
        ParserChoice::Simple => Box::new(simple::Simple::new(limits)),
    }
}
