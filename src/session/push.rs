//! Pushes: distinguishing messages and confirmations from replies.

use crate::commands::Topic;
use crate::error::Result;
use crate::memory::copied;
use crate::reply::{Kind, Reply};
use crate::resp::{Entry, Frame, Type};

/// A confirmation of SUBSCRIBE or its kin.
pub(super) struct Confirmation {
    pub(super) topic: Topic,
    pub(super) subscribed: bool,
    /// None: there was nothing to unsubscribe from.
    pub(super) name: Option<Vec<u8>>,
}

/// Whether a RESP2 array is a message or a confirmation, by its first word.
pub(super) fn is_message(reply: &Reply) -> bool {
    reply.kind() == Kind::RREDIS_REPLY_ARRAY
        && matches!(first_word(reply), b"message" | b"pmessage" | b"smessage") | topic_of(first_word(reply)).is_some()
}

/// Whether a push is something that was published.
pub(super) fn is_published(push: &Reply) -> bool {
    matches!(first_word(push), b"message" | b"pmessage" | b"smessage")
}

/// A message of a channel with a null where one of a pattern has the pattern, as entries over its frame. None: it is no such
/// message, or one that is not plain.
pub(super) fn with_null_pattern(frame: &Frame<'_>) -> Option<[Entry; 5]> {
    let [root, word, channel, payload] = *frame.tape() else { return None };
    let is_root = matches!(root.kind(), Type::Push | Type::Array);
    let are_texts = [word, channel, payload].iter().all(|entry| entry.kind() == Type::String);
    let is_message = is_root && are_texts && matches!(frame.text_of(word), b"message" | b"smessage");
    is_message.then(|| [root.resized(4), word, Entry::null(), channel, payload])
}

/// A line of MONITOR is a status that begins with the time: seconds, a dot, microseconds.
pub(super) fn is_monitor_line(reply: &Reply) -> bool {
    reply.kind() == Kind::RREDIS_REPLY_STATUS && reply.text().first().is_some_and(u8::is_ascii_digit)
}

/// What a push confirms, if it is a confirmation.
pub(super) fn confirmation(push: &Reply) -> Result<Option<Confirmation>> {
    let Some((topic, subscribed)) = topic_of(first_word(push)) else { return Ok(None) };
    let name = push.view().get(1).filter(|name| !name.is_null());
    let name = name.map(|name| copied(name.text(), "a subscription")).transpose()?;
    Ok(Some(Confirmation { topic, subscribed, name }))
}

fn first_word(reply: &Reply) -> &[u8] {
    reply.view().get(0).map_or(b"", |word| word.text())
}

fn topic_of(word: &[u8]) -> Option<(Topic, bool)> {
    match word {
        b"subscribe" => Some((Topic::Channel, true)),
        b"unsubscribe" => Some((Topic::Channel, false)),
        b"psubscribe" => Some((Topic::Pattern, true)),
        b"punsubscribe" => Some((Topic::Pattern, false)),
        b"ssubscribe" => Some((Topic::Shard, true)),
        b"sunsubscribe" => Some((Topic::Shard, false)),
        _ => None,
    }
}
