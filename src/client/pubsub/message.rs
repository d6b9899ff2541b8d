//! What `next` gives: a PUSH of four elements, whatever the protocol and whatever it tells of.

use std::time::Duration;

use crate::commands::Topic;
use crate::error::{Result, line};
use crate::limits::Limits;
use crate::reply::{Builder, Kind, Reply};

/// The wire's message or confirmation as kind, pattern or NULL, channel, payload or count. None: it is so already, as nearly all
/// messages are.
pub(super) fn shaped(push: &Reply) -> Result<Option<Reply>> {
    let view = push.view();
    if view.len() != 3 {
        return Ok(None);
    }
    let mut builder = builder();
    builder.open(Kind::RREDIS_REPLY_PUSH);
    for (at, element) in view.children().enumerate() {
        if at == 1 {
            builder.add_null();
        }
        builder.add_reply(element.node());
    }
    builder.end();
    builder.take().map(Some)
}

/// That messages may have been missed: why, and how long it was that nothing was heard.
pub(in crate::client) fn gap(reason: &[u8], lasted: Duration) -> Result<Reply> {
    let mut builder = builder();
    builder.open(Kind::RREDIS_REPLY_PUSH);
    builder.add_text(Kind::RREDIS_REPLY_STRING, b"gap");
    builder.add_null();
    builder.add_text(Kind::RREDIS_REPLY_STRING, line::of(reason).as_bytes());
    builder.add_integer(Kind::RREDIS_REPLY_INTEGER, i64::try_from(lasted.as_millis()).unwrap_or(i64::MAX));
    builder.end();
    builder.take()
}

/// Whose message it is: the topic, and the name that was subscribed. None: it is no message.
pub(super) fn subject(message: &Reply) -> Option<(Topic, &[u8])> {
    let text = |at: usize| message.view().get(at).map(|element| element.text());
    match text(0)? {
        b"message" => Some((Topic::Channel, text(2)?)),
        b"pmessage" => Some((Topic::Pattern, text(1)?)),
        b"smessage" => Some((Topic::Shard, text(2)?)),
        _ => None,
    }
}

/// What has arrived is as large as it may be.
fn builder() -> Builder {
    Builder::with_limits(Limits { bytes: u64::MAX, nodes: u64::MAX, ..Limits::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(texts: &[&[u8]]) -> Reply {
        let mut builder = Builder::new();
        builder.open(Kind::RREDIS_REPLY_PUSH);
        texts.iter().for_each(|text| builder.add_text(Kind::RREDIS_REPLY_STRING, text));
        builder.end();
        builder.take().unwrap()
    }

    fn dump(reply: &Reply) -> Vec<String> {
        reply.view().children().map(|element| String::from_utf8_lossy(element.text()).into_owned()).collect()
    }

    #[test]
    fn messages_have_four_elements() {
        let message = shaped(&push(&[b"message", b"c", b"x"])).unwrap().unwrap();
        assert_eq!(dump(&message), ["message", "", "c", "x"]);
        assert!(message.view().get(1).unwrap().is_null());
        assert_eq!(subject(&message), Some((Topic::Channel, &b"c"[..])));
        let message = push(&[b"pmessage", b"p*", b"c", b"x"]);
        assert!(shaped(&message).unwrap().is_none());
        assert_eq!(subject(&message), Some((Topic::Pattern, &b"p*"[..])));
        let message = shaped(&push(&[b"smessage", b"s", b""])).unwrap().unwrap();
        assert_eq!(subject(&message), Some((Topic::Shard, &b"s"[..])));
    }

    #[test]
    fn a_gap_says_why_and_how_long() {
        let gap = gap(b"it broke", Duration::from_millis(12)).unwrap();
        assert_eq!(gap.kind(), Kind::RREDIS_REPLY_PUSH);
        assert_eq!(dump(&gap), ["gap", "", "it broke", ""]);
        assert_eq!(gap.view().get(3).unwrap().integer(), Some(12));
        assert_eq!(subject(&gap), None);
        let gap = super::gap(b"a\nb\\c\x9b", Duration::ZERO).unwrap();
        assert_eq!(dump(&gap)[2], r"a\x0ab\\c\x9b", "its reason is a line");
    }
}
