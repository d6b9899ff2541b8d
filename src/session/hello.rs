//! Reading the replies to HELLO and ROLE.

use crate::reply::{Kind, Reply, View};

/// What an answer to HELLO says that the server speaks from now on. None: it is no answer to HELLO.
pub(super) fn protocol_of(reply: &Reply) -> Option<i64> {
    let by_its_shape = match reply.kind() {
        Kind::RREDIS_REPLY_MAP => 3,
        Kind::RREDIS_REPLY_ARRAY => 2,
        _ => return None,
    };
    let said = field(reply, b"proto").and_then(|value| value.integer());
    said.filter(|number| matches!(number, 2 | 3)).or(Some(by_its_shape))
}

/// What an answer to HELLO says that the server is: its role, or that it is a Sentinel. None: it does not say.
pub(super) fn role_of(reply: &Reply) -> Option<&[u8]> {
    let said = |name: &[u8]| field(reply, name).map(View::text).filter(|text| !text.is_empty());
    said(b"role").or_else(|| said(b"mode").filter(|mode| *mode == b"sentinel"))
}

/// What an answer to HELLO says that the server is one of: `cluster`, `standalone` or `sentinel`. None: it does not say.
pub(super) fn mode_of(reply: &Reply) -> Option<&[u8]> {
    field(reply, b"mode").map(View::text).filter(|text| !text.is_empty())
}

/// What an answer to ROLE says that the server is. None: it is no answer to ROLE.
pub(super) fn role_by_itself(reply: &Reply) -> Option<&[u8]> {
    let is_row = reply.kind() == Kind::RREDIS_REPLY_ARRAY;
    reply.view().get(0).filter(|_| is_row).map(View::text)
}

/// The value of this name, in a map or in a flat row of names and values.
fn field<'r>(reply: &'r Reply, name: &[u8]) -> Option<View<'r>> {
    let mut words = reply.view().children();
    while let (Some(said), Some(value)) = (words.next(), words.next()) {
        if said.text() == name {
            return Some(value);
        }
    }
    None
}
