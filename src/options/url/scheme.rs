//! The scheme of a URL, and the messages for URLs that name more than one server.

use zeroize::Zeroizing;

use super::super::check::shown;
use super::piece::{UrlPiece, fault};
use crate::error::Result;
use crate::memory::copied;

/// What stands before `://`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Redis,
    Rediss,
    Unix,
}

/// The scheme, and what is behind it.
pub(super) fn scheme(url: &[u8]) -> Result<(Scheme, UrlPiece<'_>)> {
    let Some(end) = url.windows(3).position(|three| three == b"://") else {
        return Err(fault(0, "no scheme such as redis://"));
    };
    let (name, rest) = url.split_at(end);
    // A scheme is of these bytes; what is not one may be anything, a password included.
    if !name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)) {
        return Err(fault(0, "no scheme such as redis://"));
    }
    // Who forgot the scheme may have a password here.
    let mut small = Zeroizing::new(copied(name, "the scheme")?);
    small.make_ascii_lowercase();
    let scheme = match small.as_slice() {
        b"redis" | b"valkey" => Scheme::Redis,
        b"rediss" | b"valkeys" | b"tls" => Scheme::Rediss,
        b"unix" | b"redis+unix" | b"valkey+unix" => Scheme::Unix,
        other => return Err(fault(0, unknown(name, other))),
    };
    for (at, byte) in url.iter().enumerate() {
        if matches!(byte, 0..=b' ' | b'#' | 0x7f) {
            let what = match may_be_secret(url, at) {
                true => "a byte that is written % and two hexadecimal digits in a URL".to_owned(),
                false => format!("a byte 0x{byte:02x}, which is written %{byte:02X} in a URL"),
            };
            return Err(fault(at, what));
        }
    }
    Ok((scheme, UrlPiece { at: end, bytes: rest }.skip(3)))
}

/// Whether what stands there may be a piece of a password or a key.
fn may_be_secret(url: &[u8], at: usize) -> bool {
    let (before, behind) = url.split_at_checked(at).unwrap_or((url, b""));
    let rest = before.windows(3).position(|three| three == b"://").map_or(before, |end| &before[end + 3..]);
    let names = |name: &[u8]| rest.windows(name.len()).any(|part| part == name);
    behind.contains(&b'@') || rest.contains(&b':') || names(b"password=") || names(b"key_pem=")
}

fn unknown(name: &[u8], small: &[u8]) -> Vec<u8> {
    let has = |word: &[u8]| small.windows(word.len()).any(|window| window == word);
    if has(b"sentinel") {
        format!("the URL of sentinels: {ONE_SERVER} (a sentinel names it: SENTINEL GET-MASTER-ADDR-BY-NAME)").into()
    } else if has(b"cluster") {
        format!("the URL of a cluster: {ONE_SERVER}").into()
    } else {
        [b"unknown scheme ", &shown(name)[..], b" (there are redis://, rediss:// and unix://)"].concat()
    }
}

/// Refuses hosts with a comma between them, each perhaps with its port. What stands behind a colon and looks otherwise may be
/// anything, a password included.
pub(super) fn refuse_list(place: UrlPiece<'_>) -> Result<()> {
    let is_server = |server: &[u8]| {
        let host = server.iter().position(|byte| *byte == b']').map_or(0, |end| end + 1);
        let mut parts = server[host..].splitn(2, |byte| *byte == b':');
        let name = parts.next().unwrap_or_default();
        let port = parts.next().is_none_or(|port| !port.is_empty() && port.iter().all(u8::is_ascii_digit));
        port && (host == 0) != name.is_empty()
    };
    let mut servers = place.bytes.split(|byte| *byte == b',');
    let (name, _) = place.cut(|byte| byte == b':');
    match name.bytes.contains(&b',') || (place.bytes.contains(&b',') && servers.all(is_server)) {
        true => Err(fault(place.at, format!("a list of servers: {ONE_SERVER}"))),
        false => Ok(()),
    }
}

const ONE_SERVER: &str = "this version connects to one server, by a URL of redis://, rediss:// or unix://";
