//! Reading options from URLs such as `redis://user:password@host:port/database?option=value`,
//! `redis+cluster://host:port,host:port/database` and `redis+sentinel://host:port,host:port/service/database`.
//!
//! What stands in a URL is decoded exactly once. A message says where in the URL the mistake is, and shows nothing
//! that may be a part of a password.

mod hosts;
mod names;
mod piece;
mod places;
mod scheme;
mod service;

use percent_encoding::percent_decode;
use zeroize::Zeroizing;

use super::fault::shown;
use super::table::{Kind, TABLE};
use super::topology::Topology;
use super::values::ByUrl;
use super::{Key, Options, check, words};
use crate::error::{Error, Result, Status};
use names::{ALIASES, Meaning, ambiguous, translate};
use piece::{UrlPiece, fault};
use scheme::{Scheme, scheme};

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
    let (authority, rest) = rest.cut(|byte| matches!(byte, b'/' | b'?' | b'#'));
    let (path, rest) = rest.cut(|byte| matches!(byte, b'?' | b'#'));
    // There is a '#' in a URL of Sentinels alone.
    let (query, fragment) = rest.cut(|byte| byte == b'#');
    // An '@' this late is most often a password's that has a raw '/' or '?' in it, so nothing is shown.
    let discreet = path.bytes.contains(&b'@') || query.bytes.contains(&b'@');
    let mut reader = Reader {
        options,
        given: [false; TABLE.len()],
        host_checked: None,
        numbered: None,
        seeds: Vec::new(),
        scheme,
        discreet,
    };
    reader.forget_earlier();
    let host = reader.user(authority)?;
    match scheme {
        Scheme::Unix => {
            reader.unix(host, path)?;
            reader.query(query)?;
        }
        Scheme::Tcp { tls, topology: Topology::Sentinel } => {
            reader.tcp(host, tls, Topology::Sentinel)?;
            reader.query(query)?;
            reader.service(path, fragment)?;
        }
        Scheme::Tcp { tls, topology } => {
            reader.tcp(host, tls, topology)?;
            reader.path(path)?;
            reader.query(query)?;
        }
    }
    reader.finish(host.at, url.len())
}

/// Who we are. It is told to the servers of its URL, and to no others.
const CREDENTIALS: [Key; 4] = [Key::Username, Key::Password, Key::SentinelUsername, Key::SentinelPassword];
/// Where the servers are, by options of the query too.
const PLACE: [Key; 4] = [Key::Seeds, Key::SentinelService, Key::SentinelTls, Key::AddressMap];

struct Reader<'o> {
    options: &'o mut Options,
    /// Which options the URL has named: none may be named twice.
    given: [bool; TABLE.len()],
    /// Where `ssl_check_hostname` stands, and what it says.
    host_checked: Option<(usize, bool)>,
    /// Where the path of a Unix socket ends in what looks like a database's number.
    numbered: Option<usize>,
    /// The servers of a list, with commas between.
    seeds: Vec<u8>,
    scheme: Scheme,
    discreet: bool,
}

impl Reader<'_> {
    /// What an earlier URL said of where the servers are, and of who we are there, is over.
    fn forget_earlier(&mut self) {
        for key in TABLE.iter().map(|row| row.key) {
            if self.options.by_url.has_said(key) {
                self.options.unset(key);
            }
        }
        self.options.by_url = ByUrl::default();
    }

    /// Reads user and password, up to the last '@'; what is behind it is the host.
    fn user<'u>(&mut self, authority: UrlPiece<'u>) -> Result<UrlPiece<'u>> {
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
        let path = match path.bytes.strip_suffix(b"/") {
            Some(whole @ [_, ..]) => UrlPiece { bytes: whole, ..path },
            _ => path,
        };
        self.numbered = numbered(path.bytes).map(|end| path.at + end);
        if path.bytes.is_empty() { Ok(()) } else { self.put(Key::UnixPath, path) }
    }

    /// One segment, or none, and perhaps a '/' behind it.
    fn path(&mut self, path: UrlPiece<'_>) -> Result<()> {
        let (segment, more) = path.skip(1).cut(|byte| byte == b'/');
        if !matches!(more.bytes, [] | [b'/']) {
            return Err(fault(more.at, "more path than a database's number"));
        }
        if segment.bytes.is_empty() { Ok(()) } else { self.database(segment) }
    }

    /// The database in a path. An option of the query overrules it.
    fn database(&mut self, segment: UrlPiece<'_>) -> Result<()> {
        let row = Key::Database.row();
        let words = self.decode(Key::Database, segment)?;
        let number = words::read(row, &words).and_then(|number| check::number(row, number));
        let number = number.map_err(|error| self.placed(error, segment.at))?;
        if self.given[Key::Database.index()] { Ok(()) } else { self.options.set_int(Key::Database, number) }
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
            Meaning::OneMore => self.one_more(name, value),
            Meaning::Same => self.put(key, value),
            Meaning::OnOrOff | Meaning::ZeroIsNever | Meaning::Required => {
                let words = self.decode(key, value)?;
                let number = translate(key, meaning, &words).map_err(|error| self.placed(error, value.at))?;
                self.put_number(key, number, value.at)
            }
        }
    }

    /// A server beside those of the place.
    fn one_more(&mut self, name: UrlPiece<'_>, value: UrlPiece<'_>) -> Result<()> {
        if self.seeds.is_empty() {
            let text =
                "addr in the URL of one server (a cluster is at redis+cluster://, Sentinels are at redis+sentinel://)";
            return Err(fault(name.at, text));
        }
        let server = self.decode(Key::Seeds, value)?;
        if server.is_empty() {
            return Err(fault(value.at, "addr that is empty"));
        }
        check::text(Key::Seeds.row(), &server).map_err(|error| self.placed(error, value.at))?;
        self.add_seed(&[&server])
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

    fn finish(&mut self, place: usize, end: usize) -> Result<()> {
        if !self.seeds.is_empty() {
            let listed = self.options.set_text(Key::Seeds, &self.seeds);
            listed.map_err(|error| self.placed(error, place))?;
            self.options.by_url.say(Key::Seeds);
        }
        if self.scheme == Scheme::Unix {
            if !self.given[Key::UnixPath.index()] {
                return Err(fault(end, "no path of a socket"));
            }
            self.options.by_url.say(Key::UnixPath);
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
        self.say(key);
        Ok(())
    }

    /// What is of the place or of who we are is over with the next URL.
    fn say(&mut self, key: Key) {
        if CREDENTIALS.contains(&key) || PLACE.contains(&key) {
            self.options.by_url.say(key);
        }
    }

    fn put_number(&mut self, key: Key, value: i64, at: usize) -> Result<()> {
        self.name_once(key, at)?;
        // These are for the URL to say, as its scheme is.
        match key {
            Key::Tls => self.options.by_url.tls = Some(value == 1),
            Key::Topology => self.options.by_url.topology = Some(value),
            _ => self.options.set_int(key, value).map_err(|error| self.placed(error, at))?,
        }
        self.say(key);
        Ok(())
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
                _ if self.discreet || CREDENTIALS.contains(&key) || matches!(key.row().kind, Kind::Secret) => {
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
