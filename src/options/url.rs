//! Reading options from URLs such as `redis://user:password@host:port/database?option=value`.
//!
//! What stands in a URL is decoded exactly once. A message says where in the URL the mistake is, and shows nothing
//! that may be a part of a password.

mod names;
mod piece;
mod places;
mod scheme;

use percent_encoding::percent_decode;
use zeroize::Zeroizing;

use super::check::shown;
use super::table::{Kind, TABLE};
use super::{Key, Options, words};
use crate::error::{Error, Result, Status};
use crate::memory::{append, copied};
use names::{ALIASES, Meaning, ambiguous, translate};
use piece::{UrlPiece, fault};
use scheme::{Scheme, refuse_list, scheme};

impl Options {
    /// Sets all that a URL says, or, where something is wrong with it, nothing.
    pub fn set_url(&mut self, url: &[u8]) -> Result<()> {
        let mut draft = self.clone();
        read(url, &mut draft).map_err(|error| places::without_lengths(error, url))?;
        *self = draft;
        Ok(())
    }
}

/// Sets in `options` what the URL says. They may be half set when it fails.
fn read(url: &[u8], options: &mut Options) -> Result<()> {
    let (scheme, rest) = scheme(url)?;
    let (authority, rest) = rest.cut(|byte| matches!(byte, b'/' | b'?'));
    let (path, query) = rest.cut(|byte| byte == b'?');
    // An '@' this late is most often a password's that has a raw '/' or '?' in it, so nothing is shown.
    let discreet = rest.bytes.contains(&b'@');
    let mut reader =
        Reader { options, given: [false; TABLE.len()], host_checked: None, numbered: None, scheme, discreet };
    let host = reader.user(authority)?;
    match scheme {
        Scheme::Unix => reader.unix(host, path)?,
        Scheme::Redis | Scheme::Rediss => {
            reader.tcp(host)?;
            reader.database(path)?;
        }
    }
    reader.query(query)?;
    reader.finish(url.len())
}

struct Reader<'o> {
    options: &'o mut Options,
    /// Which options the URL has named: none may be named twice.
    given: [bool; TABLE.len()],
    /// Where `ssl_check_hostname` stands, and what it says.
    host_checked: Option<(usize, bool)>,
    /// Where the path of a Unix socket ends in what looks like a database's number.
    numbered: Option<usize>,
    scheme: Scheme,
    discreet: bool,
}

impl Reader<'_> {
    /// Reads user and password, up to the last '@'; what is behind it is the host. Those of an earlier URL are for its server,
    /// and are told to no other.
    fn user<'u>(&mut self, authority: UrlPiece<'u>) -> Result<UrlPiece<'u>> {
        self.unset_if_by_url(&[Key::Username, Key::Password]);
        let Some(end) = authority.bytes.iter().rposition(|byte| *byte == b'@') else { return Ok(authority) };
        let (user, host) = authority.split(end);
        let (name, password) = user.cut(|byte| byte == b':');
        if !name.bytes.is_empty() {
            self.put(Key::Username, name)?;
        }
        if !password.skip(1).bytes.is_empty() {
            self.put(Key::Password, password.skip(1))?;
        }
        Ok(host.skip(1))
    }

    /// A Unix socket has a path, and nothing where a host would stand.
    fn unix(&mut self, host: UrlPiece<'_>, path: UrlPiece<'_>) -> Result<()> {
        if !host.bytes.is_empty() {
            return Err(fault(host.at, "a host in the URL of a Unix socket, which has three slashes: unix:///path"));
        }
        self.unset_if_by_url(&[Key::Host, Key::Port]);
        let path = match path.bytes.strip_suffix(b"/") {
            Some(whole @ [_, ..]) => UrlPiece { bytes: whole, ..path },
            _ => path,
        };
        self.numbered = numbered(path.bytes).map(|end| path.at + end);
        if path.bytes.is_empty() { Ok(()) } else { self.put(Key::UnixPath, path) }
    }

    fn tcp(&mut self, place: UrlPiece<'_>) -> Result<()> {
        refuse_list(place)?;
        let port = match place.bytes.first() {
            Some(b'[') => self.address(place)?,
            _ => self.name(place)?,
        };
        self.options.by_url.host = true;
        self.unset_if_by_url(&[Key::Port]);
        if let Some(port) = port {
            self.port(port)?;
            self.options.by_url.port = true;
        }
        // A path that was set by its name stays, to contradict.
        if self.options.by_url.unix_path || self.options.text(Key::UnixPath).is_none() {
            self.options.set_text(Key::UnixPath, b"")?;
            self.options.by_url.unix_path = true;
        }
        self.options.by_url.tls = Some(self.scheme == Scheme::Rediss);
        self.given[Key::Tls.index()] = self.scheme == Scheme::Rediss;
        Ok(())
    }

    /// An IPv6 address in brackets. Its zone stands behind a '%', escaped as %25 or raw.
    fn address<'u>(&mut self, place: UrlPiece<'u>) -> Result<Option<UrlPiece<'u>>> {
        let (inside, rest) = place.skip(1).cut(|byte| byte == b']');
        if rest.bytes.is_empty() {
            return Err(fault(place.at, "a '[' without its ']'"));
        }
        let (address, zone) = inside.cut(|byte| byte == b'%');
        if !address.bytes.contains(&b':') {
            return Err(fault(inside.at, "brackets around what is not an IPv6 address"));
        }
        let mut host = copied(address.bytes, "the host")?;
        if !zone.bytes.is_empty() {
            let raw = if zone.bytes.starts_with(b"%25") { zone.skip(3) } else { zone.skip(1) };
            append(&mut host, b"%", "the host")?;
            match raw.at - zone.at {
                1 => append(&mut host, raw.bytes, "the host")?,
                _ => append(&mut host, &self.decode(Key::Host, raw)?, "the host")?,
            }
        }
        self.put_text(Key::Host, &host, inside.at)?;
        match rest.skip(1) {
            UrlPiece { bytes: [], .. } => Ok(None),
            port @ UrlPiece { bytes: [b':', ..], .. } => Ok(Some(port.skip(1))),
            other => Err(fault(other.at, "something between ']' and the port")),
        }
    }

    /// A host's name or an IPv4 address.
    fn name<'u>(&mut self, place: UrlPiece<'u>) -> Result<Option<UrlPiece<'u>>> {
        let (host, port) = place.cut(|byte| byte == b':');
        if host.bytes.is_empty() {
            return Err(fault(place.at, "no host"));
        }
        if port.skip(1).bytes.contains(&b':') {
            return Err(fault(place.at, "more than one ':' (an IPv6 address stands in brackets)"));
        }
        self.put(Key::Host, host)?;
        Ok((!port.bytes.is_empty()).then(|| port.skip(1)))
    }

    /// Only digits are shown: what stands here is a password where somebody forgot the host.
    fn port(&mut self, port: UrlPiece<'_>) -> Result<()> {
        if port.bytes.is_empty() || !port.bytes.iter().all(u8::is_ascii_digit) {
            return Err(fault(port.at, "a port that is not a number"));
        }
        self.put(Key::Port, port)
    }

    /// One segment, or none, and perhaps a '/' behind it. An option of the query may still overrule it.
    fn database(&mut self, path: UrlPiece<'_>) -> Result<()> {
        let (segment, more) = path.skip(1).cut(|byte| byte == b'/');
        if !matches!(more.bytes, [] | [b'/']) {
            return Err(fault(more.at, "more path than a database's number"));
        }
        if segment.bytes.is_empty() {
            return Ok(());
        }
        self.put(Key::Database, segment)?;
        self.given[Key::Database.index()] = false;
        Ok(())
    }

    fn query(&mut self, query: UrlPiece<'_>) -> Result<()> {
        let mut rest = query;
        while !rest.bytes.is_empty() {
            let (pair, more) = rest.skip(1).cut(|byte| byte == b'&');
            if pair.bytes.is_empty() && more.bytes.is_empty() {
                return Ok(()); // A '?' or a '&' that nothing follows.
            }
            let (name, value) = pair.cut(|byte| byte == b'=');
            if name.bytes.is_empty() {
                return Err(fault(pair.at, "an option without a name"));
            }
            if value.bytes.is_empty() {
                return Err(self.discreetly(pair.at, "an option", name.bytes, "without a value"));
            }
            self.option(name, value.skip(1))?;
            rest = more;
        }
        Ok(())
    }

    fn option(&mut self, name: UrlPiece<'_>, value: UrlPiece<'_>) -> Result<()> {
        let text = std::str::from_utf8(name.bytes).unwrap_or_default();
        if let Some(why) = ambiguous(text) {
            return Err(fault(name.at, if self.discreet { DISCREET } else { why }));
        }
        let alias = ALIASES.iter().find(|alias| alias.0 == text);
        let (key, meaning) = match (Key::from_name(text), alias) {
            (Some(key), _) => (key, Meaning::Same),
            (None, Some(&(_, key, meaning))) => (key, meaning),
            (None, None) => return Err(self.discreetly(name.at, "an option", name.bytes, "that is not known")),
        };
        if key == Key::UnixPath && self.scheme != Scheme::Unix {
            return Err(fault(name.at, format!("{text} in the URL of a TCP server")));
        }
        match meaning {
            Meaning::HostName => self.host_name(name, value),
            Meaning::Same => self.put(key, value),
            Meaning::OnOrOff | Meaning::ZeroIsNever | Meaning::Required => {
                let words = self.decode(key, value)?;
                let number = translate(key, meaning, &words).map_err(|error| self.placed(error, value.at))?;
                self.put_number(key, number, value.at)
            }
        }
    }

    /// Without the host's name in it a certificate proves nothing, so this is only heard beside the option that says so.
    fn host_name(&mut self, name: UrlPiece<'_>, value: UrlPiece<'_>) -> Result<()> {
        let words = self.decode(Key::TlsInsecureSkipVerify, value)?;
        match words::truth(std::str::from_utf8(&words).unwrap_or_default()) {
            _ if self.host_checked.is_some() => Err(fault(name.at, "ssl_check_hostname a second time")),
            Some(checked) => {
                self.host_checked = Some((name.at, checked));
                Ok(())
            }
            None => Err(fault(value.at, "ssl_check_hostname that is neither true nor false")),
        }
    }

    fn finish(&mut self, end: usize) -> Result<()> {
        if self.scheme == Scheme::Unix {
            if !self.given[Key::UnixPath.index()] {
                return Err(fault(end, "no path of a socket"));
            }
            self.options.by_url.unix_path = true;
            if let Some(at) = self.numbered.filter(|_| !self.given[Key::Database.index()]) {
                return Err(fault(at, NUMBERED));
            }
        }
        match (self.host_checked, self.options.tls_insecure_skip_verify()) {
            (Some((at, false)), false) => {
                Err(fault(at, "ssl_check_hostname=false, which is said by tls_insecure_skip_verify=true here"))
            }
            (Some((at, true)), true) => {
                Err(fault(at, "ssl_check_hostname=true, and nothing is checked with tls_insecure_skip_verify=true"))
            }
            // It is what is done in any case; who says so has set that nothing less is.
            (Some((_, true)), false) => self.options.set_int(Key::TlsInsecureSkipVerify, 0),
            (Some((_, false)), true) | (None, _) => Ok(()),
        }
    }

    /// Sets an option to what is written in the URL.
    fn put(&mut self, key: Key, value: UrlPiece<'_>) -> Result<()> {
        let decoded = self.decode(key, value)?;
        match key.row().kind {
            Kind::Text(_) | Kind::Secret => self.put_text(key, &decoded, value.at),
            _ => {
                let number = words::read(key.row(), &decoded).map_err(|error| self.placed(error, value.at))?;
                self.put_number(key, number, value.at)
            }
        }
    }

    fn put_text(&mut self, key: Key, value: &[u8], at: usize) -> Result<()> {
        self.name_once(key, at)?;
        self.options.set_text(key, value).map_err(|error| self.placed(error, at))?;
        if matches!(key, Key::Username | Key::Password)
            && let Some(said) = self.options.by_url.said(key)
        {
            *said = true;
        }
        Ok(())
    }

    /// What an earlier URL said of these is over.
    fn unset_if_by_url(&mut self, keys: &[Key]) {
        for key in keys {
            if self.options.by_url.said(*key).is_some_and(|said| *said) {
                self.options.unset(*key);
            }
        }
    }

    fn put_number(&mut self, key: Key, value: i64, at: usize) -> Result<()> {
        self.name_once(key, at)?;
        if key == Key::Tls {
            // It is for the URL to say, as its scheme is.
            self.options.by_url.tls = Some(value == 1);
            return Ok(());
        }
        self.options.set_int(key, value).map_err(|error| self.placed(error, at))
    }

    fn name_once(&mut self, key: Key, at: usize) -> Result<()> {
        match self.given.get_mut(key.index()) {
            Some(given) if *given => Err(fault(at, format!("{} a second time", key.name()))),
            Some(given) => {
                *given = true;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The bytes that a piece stands for, each escape undone once. No copy of them is left behind.
    fn decode(&self, key: Key, piece: UrlPiece<'_>) -> Result<Zeroizing<Vec<u8>>> {
        let mut rest = piece;
        while let (_, escape @ UrlPiece { bytes: [b'%', ..], .. }) = rest.cut(|byte| byte == b'%') {
            match escape.bytes {
                [_, high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest = escape.skip(3),
                _ if self.discreet || matches!(key, Key::Username | Key::Password | Key::TlsKeyPem) => {
                    return Err(fault(escape.at, "a '%' without two hexadecimal digits behind it"));
                }
                wrong => {
                    let wrong = shown(wrong.get(..3).unwrap_or(wrong));
                    return Err(fault(escape.at, [&wrong[..], b" is no escape of two hexadecimal digits"].concat()));
                }
            }
        }
        let mut bytes = Zeroizing::new(Vec::new());
        bytes.try_reserve_exact(piece.bytes.len()).map_err(|_| Error::memory(key.name()))?;
        bytes.extend(percent_decode(piece.bytes));
        Ok(bytes)
    }

    /// An error of a value, with its place.
    fn placed(&self, error: Error, at: usize) -> Error {
        if error.status == Status::Memory {
            return error;
        }
        if self.discreet {
            return fault(at, DISCREET);
        }
        let mut message = error.message;
        message.extend_from_slice(format!(", at byte {at} of the URL").as_bytes());
        Error { message, ..error }
    }

    /// A fault that shows the name given, where that cannot be a piece of a password.
    fn discreetly(&self, at: usize, what: &str, name: &[u8], which: &str) -> Error {
        match self.discreet {
            true => fault(at, DISCREET),
            false => fault(at, [what.as_bytes(), b" ", &shown(name), b" ", which.as_bytes()].concat()),
        }
    }
}

/// What is said where a path ends as URLs of TCP servers do.
const NUMBERED: &str = "a path that ends in what looks like a database, which is said by ?database=N here (?database=0 where \
    the socket itself has that name)";

/// Digits of the largest database that a path is thought to end in: a port, as sockets are named by, has more.
const DATABASE_DIGITS_MAX: usize = 3;

/// Where the last piece of a path begins, if that could be meant as a database's number.
pub(super) fn numbered(path: &[u8]) -> Option<usize> {
    let slash = path.iter().rposition(|byte| *byte == b'/').filter(|slash| *slash > 0)?;
    let last = &path[slash + 1..];
    let is_number = (1..=DATABASE_DIGITS_MAX).contains(&last.len()) && last.iter().all(u8::is_ascii_digit);
    is_number.then_some(slash + 1)
}

/// What is said where a password may have been taken for something else.
const DISCREET: &str = "what cannot be read ('/' and '?' in a user's name or password are written %2F and %3F)";

#[cfg(test)]
mod tests;
