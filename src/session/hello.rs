//! Reading the reply to HELLO.

use crate::reply::{Kind, Reply};

/// What an answer to HELLO says that the server speaks from now on. None: it is no answer to HELLO.
pub(super) fn protocol_of(reply: &Reply) -> Option<i64> {
    let by_its_shape = match reply.kind() {
        Kind::RREDIS_REPLY_MAP => 3,
        Kind::RREDIS_REPLY_ARRAY => 2,
        _ => return None,
    };
    let mut words = reply.view().children();
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        if name.text() == b"proto" {
            return value.integer().filter(|number| matches!(number, 2 | 3)).or(Some(by_its_shape));
        }
    }
    Some(by_its_shape)
}
