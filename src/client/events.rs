//! What happened to connections and commands, told as replies of kind PUSH.
#![forbid(unsafe_code)]

use crate::conn::Notice;
use crate::reply::{Builder, Kind};

use super::setup::Listen;

/// Tell each notice. One that finds no memory is not told.
pub(super) fn tell(listener: &dyn Listen, place: &str, notices: &[Notice]) {
    for notice in notices {
        let mut builder = Builder::new();
        builder.open(Kind::RREDIS_REPLY_PUSH);
        write(&mut builder, place, notice);
        builder.end();
        if let Ok(event) = builder.take() {
            listener.hear(&event);
        }
    }
}

fn write(builder: &mut Builder, place: &str, notice: &Notice) {
    let mut text = |text: &[u8]| builder.add_text(Kind::RREDIS_REPLY_STRING, text);
    match notice {
        Notice::Connected { .. } => text(b"connected"),
        Notice::Lost { .. } => text(b"lost"),
        Notice::Retry { .. } => text(b"retry"),
        Notice::Busy { .. } => text(b"busy"),
    }
    match notice {
        Notice::Connected { id } => {
            text(place.as_bytes());
            builder.add_integer(Kind::RREDIS_REPLY_INTEGER, *id as i64);
        }
        Notice::Lost { id, error } => {
            text(place.as_bytes());
            builder.add_integer(Kind::RREDIS_REPLY_INTEGER, *id as i64);
            builder.add_text(Kind::RREDIS_REPLY_STRING, error.status.name().as_bytes());
            builder.add_text(Kind::RREDIS_REPLY_STRING, &error.message);
        }
        Notice::Retry { command, attempts, wait_ms, error } => {
            text(command);
            builder.add_integer(Kind::RREDIS_REPLY_INTEGER, i64::from(*attempts));
            builder.add_integer(Kind::RREDIS_REPLY_INTEGER, *wait_ms);
            builder.add_text(Kind::RREDIS_REPLY_STRING, &error.message);
        }
        Notice::Busy { in_use, max, waited_ms } => {
            for figure in [in_use, max, waited_ms] {
                builder.add_integer(Kind::RREDIS_REPLY_INTEGER, *figure);
            }
        }
    }
}
