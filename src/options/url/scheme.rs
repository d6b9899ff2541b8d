//! The scheme of a URL, and where it may have a '#'.

use zeroize::Zeroizing;

use super::super::fault::shown;
use super::super::topology::Topology;
use super::piece::{UrlPiece, fault};
use crate::error::Result;
use crate::memory::copied;

/// What stands before `://`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Tcp {
        tls: bool,
        /// Single: it says nothing of that.
        topology: Topology,
    },
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
    let Some(scheme) = known(&small) else { return Err(fault(0, unknown(name, &small))) };
    // In the URL of Sentinels the service may stand behind a '#', if no password can have been cut by it.
    let is_of_sentinels = matches!(scheme, Scheme::Tcp { topology: Topology::Sentinel, .. });
    let hash = url.iter().position(|byte| *byte == b'#').filter(|at| is_of_sentinels && !url[*at..].contains(&b'@'));
    for (at, byte) in url.iter().enumerate() {
        if matches!(byte, 0..=b' ' | b'#' | 0x7f) && Some(at) != hash {
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

/// The scheme of this name, which is in small letters.
fn known(name: &[u8]) -> Option<Scheme> {
    if let b"unix" | b"redis+unix" | b"valkey+unix" = name {
        return Some(Scheme::Unix);
    }
    let many = [(&b"cluster"[..], Topology::Cluster), (b"sentinel", Topology::Sentinel)];
    let of_many = many.into_iter().find_map(|(word, topology)| {
        let base = name.strip_suffix(word)?;
        Some((base.strip_suffix(b"+").or_else(|| base.strip_suffix(b"-"))?, topology))
    });
    let (base, topology) = of_many.unwrap_or((name, Topology::Single));
    let tls = match base {
        b"redis" | b"valkey" => false,
        b"rediss" | b"valkeys" => true,
        b"tls" if topology == Topology::Single => true,
        _ => return None,
    };
    Some(Scheme::Tcp { tls, topology })
}

fn unknown(name: &[u8], small: &[u8]) -> Vec<u8> {
    let has = |word: &[u8]| small.windows(word.len()).any(|window| window == word);
    let known: &[u8] = if has(b"sentinel") {
        b"Sentinels are at redis+sentinel:// or rediss+sentinel://"
    } else if has(b"cluster") {
        b"a cluster is at redis+cluster:// or rediss+cluster://"
    } else {
        b"there are redis://, rediss:// and unix://, and redis+cluster:// and redis+sentinel://"
    };
    [b"unknown scheme ", &shown(name)[..], b" (", known, b")"].concat()
}
