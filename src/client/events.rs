//! The events of connections and commands, as replies of kind PUSH for the event function. Each text is one line,
//! escaped like the message of an error.
#![forbid(unsafe_code)]

use crate::conn::Notice;
use crate::error::line;
use crate::reply::{Builder, Kind};

use super::setup::Listen;

/// Tell each notice. One that finds no memory is not told.
pub(super) fn tell(listener: &dyn Listen, notices: &[Notice]) {
    for notice in notices {
        let mut builder = Builder::new();
        builder.open(Kind::RREDIS_REPLY_PUSH);
        write(&mut builder, notice);
        builder.end();
        if let Ok(event) = builder.take() {
            listener.hear(&event);
        }
    }
}

fn write(builder: &mut Builder, notice: &Notice) {
    let text = |builder: &mut Builder, text: &[u8]| {
        builder.add_text(Kind::RREDIS_REPLY_STRING, line::of(text).as_bytes());
    };
    let kind: &[u8] = match notice {
        Notice::Connected { .. } => b"connected",
        Notice::Lost { .. } => b"lost",
        Notice::Retry { .. } => b"retry",
        Notice::Busy { .. } => b"busy",
        Notice::Topology { .. } => b"topology",
        Notice::Failover { .. } => b"failover",
    };
    text(builder, kind);
    match notice {
        Notice::Connected { endpoint, id } => {
            text(builder, endpoint.as_bytes());
            builder.add_integer(Kind::RREDIS_REPLY_INTEGER, *id as i64);
        }
        Notice::Lost { endpoint, id, error } => {
            text(builder, endpoint.as_bytes());
            builder.add_integer(Kind::RREDIS_REPLY_INTEGER, *id as i64);
            text(builder, error.status.name().as_bytes());
            text(builder, &error.message);
        }
        Notice::Retry { command, attempts, wait_ms, error } => {
            text(builder, command);
            builder.add_integer(Kind::RREDIS_REPLY_INTEGER, i64::from(*attempts));
            builder.add_integer(Kind::RREDIS_REPLY_INTEGER, *wait_ms);
            text(builder, &error.message);
        }
        Notice::Topology { servers, unowned } => {
            builder.add_integer(Kind::RREDIS_REPLY_INTEGER, *servers);
            builder.add_integer(Kind::RREDIS_REPLY_INTEGER, *unowned);
        }
        Notice::Failover { from, to, without_ms } => {
            text(builder, from.as_bytes());
            text(builder, to.as_bytes());
            builder.add_integer(Kind::RREDIS_REPLY_INTEGER, *without_ms);
        }
        Notice::Busy { in_use, max, waited_ms } => {
            for figure in [in_use, max, waited_ms] {
                builder.add_integer(Kind::RREDIS_REPLY_INTEGER, *figure);
            }
        }
    }
}
