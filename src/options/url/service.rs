//! The path of a URL of Sentinels, and what stands behind its '#': a service, and a database.

use super::super::Key;
use super::Reader;
use super::piece::{UrlPiece, fault};
use crate::error::Result;

impl Reader<'_> {
    /// `/service`, `/service/database`, or `/database` where the service is named elsewhere: by the query, which has been read,
    /// or behind the '#'.
    pub(super) fn service(&mut self, path: UrlPiece<'_>, fragment: UrlPiece<'_>) -> Result<()> {
        let name = fragment.skip(1);
        if let Some(at) = name.bytes.iter().position(|byte| *byte == b'?') {
            return Err(fault(name.at + at, "a '?' behind the '#' (the options stand before it)"));
        }
        if !name.bytes.is_empty() {
            self.put(Key::SentinelService, name)?;
        }
        let (first, rest) = path.skip(1).cut(|byte| byte == b'/');
        let (second, more) = rest.skip(1).cut(|byte| byte == b'/');
        if !matches!(more.bytes, [] | [b'/']) {
            return Err(fault(more.at, "more path than a service and a database's number"));
        }
        let is_number = first.bytes.iter().all(u8::is_ascii_digit);
        match (first.bytes, second.bytes) {
            ([], []) => Ok(()),
            ([], _) => Err(fault(first.at, "no service before the database's number")),
            (_, []) if is_number && self.given[Key::SentinelService.index()] => self.database(first),
            (_, []) => self.put(Key::SentinelService, first),
            (_, _) => {
                self.put(Key::SentinelService, first)?;
                self.database(second)
            }
        }
    }
}
