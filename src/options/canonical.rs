//! Options as a URL: the canonical one, which reads back as the same options but for its secrets.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::table::{Kind, TABLE};
use super::{Key, Options, words};

/// What needs no escape anywhere.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What needs none in a path.
const PATH: &AsciiSet = &PLAIN.remove(b'/');

/// The canonical URL: the place, and then each option that is not at its default, in the order of the table.
pub(super) fn url(options: &Options) -> String {
    let defaults = Options::new();
    let user = user(options);
    let (mut url, said): (String, &[Key]) = match options.text(Key::UnixPath) {
        Some(path) if path.starts_with(b"/") => {
            (format!("unix://{user}{}", percent_encode(path, PATH)), &[Key::UnixPath])
        }
        Some(_) => (format!("unix://{user}"), &[]),
        None => {
            let scheme = if options.tls() { "rediss" } else { "redis" };
            let place = format!("{}:{}/{}", host(options), options.number(Key::Port), options.database());
            (format!("{scheme}://{user}{place}"), &[Key::Host, Key::Port, Key::Database, Key::Tls])
        }
    };
    let mut before = '?';
    for row in &TABLE {
        let in_front = said.contains(&row.key) || matches!(row.key, Key::Username | Key::Password);
        if in_front || options.agrees(&defaults, row.key) {
            continue;
        }
        let value = match row.kind {
            Kind::Text(_) => percent_encode(options.text(row.key).unwrap_or_default(), PATH).to_string(),
            Kind::Secret => "***".to_owned(),
            _ => words::write(row, options.number(row.key)),
        };
        url.push_str(&format!("{before}{}={value}", row.name));
        before = '&';
    }
    url
}

fn user(options: &Options) -> String {
    let name = percent_encode(options.username().unwrap_or_default(), PLAIN);
    match (options.username(), options.password()) {
        (None, None) => String::new(),
        (Some(_), None) => format!("{name}@"),
        (_, Some(_)) => format!("{name}:***@"),
    }
}

fn host(options: &Options) -> String {
    let host = options.text(Key::Host).unwrap_or_default();
    let text = String::from_utf8_lossy(host);
    match text.split_once('%') {
        Some((address, zone)) => format!("[{address}%25{}]", percent_encode(zone.as_bytes(), PLAIN)),
        None if text.contains(':') => format!("[{text}]"),
        None => percent_encode(host, PLAIN).to_string(),
    }
}
