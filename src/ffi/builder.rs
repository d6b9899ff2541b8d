//! Builder
//!
//! A builder makes a reply, for response callbacks, parsers of yours, and tests. After
//! a failure every call except _take and _clear does nothing, and _take returns the
//! failure.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use crate::ffi::boundary::{given, guard, number, quietly, sent, text_of, wrong};
use crate::ffi::status::{rredis_error, rredis_status};
use crate::reply::Builder;
use crate::reply::node::{rredis_reply, rredis_reply_kind};

/// makes a reply
#[derive(Default)]
pub struct rredis_builder(pub(crate) Builder);

/// Make a builder. NULL: there was not enough memory.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_builder_new() -> Option<Box<rredis_builder>> {
    quietly(None, || Some(Box::default()))
}

/// Add a NULL.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_builder_add_null(builder: Option<&mut rredis_builder>) {
    quietly((), || {
        if let Some(builder) = builder {
            builder.0.add_null();
        }
    })
}

/// Add an INTEGER, or a BOOL with a value of 0 or 1.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_builder_add_integer(
    builder: Option<&mut rredis_builder>,
    kind: MaybeUninit<rredis_reply_kind>,
    value: i64,
) {
    quietly((), || {
        if let Some(builder) = builder {
            match kind_of(kind) {
                Some(kind) => builder.0.add_integer(kind, value),
                None => builder.0.fail(wrong("kind is no kind of reply")),
            }
        }
    })
}

/// Add a DOUBLE.
///
///   text  the text of value, as str of the node; NULL: the shortest text for value
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_builder_add_number(
    builder: Option<&mut rredis_builder>,
    value: f64,
    text: *const c_char,
    text_len: usize,
) {
    quietly((), || {
        if let Some(builder) = builder {
            if text.is_null() {
                return builder.0.add_number(value, None);
            }
            // SAFETY: the caller vouches for text.
            match unsafe { text_of(text, text_len, "text") } {
                Ok(text) => builder.0.add_number(value, Some(text)),
                Err(error) => builder.0.fail(error),
            }
        }
    })
}

/// Add a STRING, STATUS, ERROR, VERBATIM or BIG_NUMBER.
///
///   text  the bytes. Those of a VERBATIM begin with its format and a colon: "txt:"
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_builder_add_text(
    builder: Option<&mut rredis_builder>,
    kind: MaybeUninit<rredis_reply_kind>,
    text: *const c_char,
    text_len: usize,
) {
    quietly((), || {
        if let Some(builder) = builder {
            // SAFETY: the caller vouches for text.
            match (kind_of(kind), unsafe { text_of(text, text_len, "text") }) {
                (Some(kind), Ok(text)) => builder.0.add_text(kind, text),
                (None, _) => builder.0.fail(wrong("kind is no kind of reply")),
                (_, Err(error)) => builder.0.fail(error),
            }
        }
    })
}

/// Add a copy of a reply, or of a part of one, with its children.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_builder_add_reply(builder: Option<&mut rredis_builder>, reply: Option<&rredis_reply>) {
    quietly((), || {
        if let Some(builder) = builder {
            match reply {
                Some(reply) => builder.0.add_reply(reply),
                None => builder.0.fail(wrong("reply is NULL")),
            }
        }
    })
}

/// Open an ARRAY, SET, MAP or PUSH. Every later node is added to it, until _end.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_builder_open(builder: Option<&mut rredis_builder>, kind: MaybeUninit<rredis_reply_kind>) {
    quietly((), || {
        if let Some(builder) = builder {
            match kind_of(kind) {
                Some(kind) => builder.0.open(kind),
                None => builder.0.fail(wrong("kind is no kind of reply")),
            }
        }
    })
}

/// Open the attributes of the next node: a map, until _end.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_builder_open_attributes(builder: Option<&mut rredis_builder>) {
    quietly((), || {
        if let Some(builder) = builder {
            builder.0.open_attributes();
        }
    })
}

/// End the aggregate or the attributes that were opened last.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_builder_end(builder: Option<&mut rredis_builder>) {
    quietly((), || {
        if let Some(builder) = builder {
            builder.0.end();
        }
    })
}

/// Take the reply, and empty the builder.
///
/// RREDIS_ERR_STATE: the builder has no complete reply, or more than one. The builder
/// is empty afterwards, whatever the status.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_builder_take(
    builder: Option<&mut rredis_builder>,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard(err, || {
        let builder = given(builder, "builder")?;
        let out_reply = given(out_reply, "out_reply")?;
        out_reply.write(builder.0.take()?.into_raw());
        Ok(())
    })
}

/// Empty the builder, and forget a failure.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_builder_clear(builder: Option<&mut rredis_builder>) {
    quietly((), || {
        if let Some(builder) = builder {
            builder.0.clear();
        }
    })
}

/// Free a builder.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_builder_free(builder: Option<Box<rredis_builder>>) {
    quietly((), || drop(builder))
}

fn kind_of(kind: MaybeUninit<rredis_reply_kind>) -> Option<rredis_reply_kind> {
    use rredis_reply_kind::*;
    let known = [
        RREDIS_REPLY_NULL,
        RREDIS_REPLY_INTEGER,
        RREDIS_REPLY_BOOL,
        RREDIS_REPLY_STRING,
        RREDIS_REPLY_STATUS,
        RREDIS_REPLY_ERROR,
        RREDIS_REPLY_VERBATIM,
        RREDIS_REPLY_BIG_NUMBER,
        RREDIS_REPLY_DOUBLE,
        RREDIS_REPLY_ARRAY,
        RREDIS_REPLY_SET,
        RREDIS_REPLY_MAP,
        RREDIS_REPLY_PUSH,
    ];
    let number = number(kind);
    known.into_iter().find(|known| *known as u32 == number)
}

const _: () = sent::<rredis_builder>();
