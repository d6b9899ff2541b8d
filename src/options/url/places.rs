//! The position of a mistake in a URL, counted as if each secret were written `***`, so that it does not reveal a
//! secret's length.

use std::ops::Range;

use crate::error::Error;

/// The error, with its place counted so.
pub(super) fn without_lengths(error: Error, url: &[u8]) -> Error {
    let Some((what, at)) = split(&error.message) else { return error };
    let passed: Vec<Range<usize>> = secrets(url).into_iter().filter(|secret| secret.start < at).collect();
    if passed.is_empty() {
        return error;
    }
    // What is wrong within a secret is told to be at its beginning.
    let written = |secret: &Range<usize>| if at < secret.end { 0 } else { SHOWN.len() };
    let place = at + passed.iter().map(written).sum::<usize>()
        - passed.iter().map(|secret| at.min(secret.end) - secret.start).sum::<usize>();
    let text = format!(", at byte {place} of the URL with *** for its secrets");
    Error { message: [what, text.as_bytes()].concat(), ..error }
}

/// What a message says, and the place that it ends with.
fn split(message: &[u8]) -> Option<(&[u8], usize)> {
    let rest = message.strip_suffix(b" of the URL")?;
    let digits = rest.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (what, number) = rest.split_at_checked(rest.len() - digits)?;
    Some((what.strip_suffix(b", at byte ")?, std::str::from_utf8(number).ok()?.parse().ok()?))
}

/// Where secrets stand, or what may be one, in order.
fn secrets(url: &[u8]) -> Vec<Range<usize>> {
    let start = url.windows(3).position(|three| three == b"://").map_or(0, |end| end + 3);
    let find = |from: usize, stop: &[u8]| {
        let found = url.get(from..).and_then(|rest| rest.iter().position(|byte| stop.contains(byte)));
        found.map_or(url.len(), |at| from + at)
    };
    let last = url.iter().rposition(|byte| *byte == b'@').filter(|at| *at >= start);
    // In the URL of Sentinels, and there alone, a '#' that no '@' follows ends what stands before it.
    let hash = url.iter().position(|byte| *byte == b'#').filter(|hash| last.is_none_or(|at| at < *hash));
    let scheme = start.checked_sub(SENTINELS.len()).and_then(|from| url.get(from..start));
    let has_hash = hash.is_some() && scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(SENTINELS));
    let authority = find(start, if has_hash { b"/?#" } else { b"/?" });
    let mut secrets = Vec::new();
    match last {
        // A '/' or '?' of a password's that is not escaped, or a name with an '@' behind it.
        Some(at) if at > authority => {
            secrets.push(start..at);
            return secrets;
        }
        Some(at) => secrets.push((find(start, b":") + 1).min(at)..at),
        None => {
            let colon = find(start, b":");
            let place = url.get(start..authority).unwrap_or_default();
            // Somebody may have forgotten the host.
            if !are_servers(place) && place.first() != Some(&b'[') && colon < authority {
                secrets.push(colon + 1..authority);
            }
        }
    }
    let mut from = find(authority, b"?") + 1;
    while from < url.len() {
        let (equals, end) = (find(from, b"="), find(from, if has_hash { b"&#" } else { b"&" }));
        if equals < end && SECRETS.contains(&&url[from..equals]) {
            secrets.push(equals + 1..end);
        }
        from = end + 1;
    }
    secrets.retain(|secret| !secret.is_empty());
    secrets
}

/// Whether each piece between commas looks like a server.
pub(super) fn are_servers(place: &[u8]) -> bool {
    place.split(|byte| *byte == b',').all(|server| {
        let host = server.iter().position(|byte| *byte == b']').map_or(0, |end| end + 1);
        let mut parts = server[host..].splitn(2, |byte| *byte == b':');
        let name = parts.next().unwrap_or_default();
        let port = parts.next().is_none_or(|port| !port.is_empty() && port.iter().all(u8::is_ascii_digit));
        port && (host == 0) != name.is_empty()
    })
}

/// The options that are secret.
const SECRETS: [&[u8]; 3] = [b"password", b"sentinel_password", b"tls_key_pem"];
/// How the scheme of Sentinels ends.
const SENTINELS: &[u8] = b"sentinel://";
/// What stands for a secret.
const SHOWN: &str = "***";
