//! The options as they were set, by their names or by URLs: each has its value, or else its default.

use std::sync::Arc;

use super::check;
use super::fault::config;
use super::secret::Secret;
use super::table::{Key, Kind, TABLE};
use crate::error::Result;
use crate::memory::copied;

/// What a client is made from. Every option has a default; what is set is remembered as set, even to its default.
#[derive(Clone, Default)]
pub struct Options {
    values: Values,
    pub(super) by_url: ByUrl,
}

/// What the place in a URL said, and no option by its name has said since. The next URL's place is in its stead; what was set
/// by name stays, and must agree.
#[derive(Clone, Copy, Default)]
pub(super) struct ByUrl {
    /// Whether to speak TLS. It is no value of the option, so that either is known beside the other.
    pub(super) tls: Option<bool>,
    pub(super) host: bool,
    pub(super) port: bool,
    pub(super) unix_path: bool,
    username: bool,
    password: bool,
}

impl Options {
    /// All defaults.
    pub fn new() -> Options {
        Options::default()
    }

    /// Sets a number: an int, a count of bytes, milliseconds, a choice, or 0 and 1.
    pub fn set_int(&mut self, key: Key, value: i64) -> Result<()> {
        let value = check::number(key.row(), value)?;
        self.put(key, Value::Number(value));
        Ok(())
    }

    /// Sets a text. An empty one is none, where there may be none.
    pub fn set_text(&mut self, key: Key, value: &[u8]) -> Result<()> {
        check::text(key.row(), value)?;
        let value = match key.row().kind {
            Kind::Secret => Value::Secret(Secret::new(value)?),
            _ => Value::Text(Arc::new(copied(value, key.name())?)),
        };
        self.put(key, value);
        Ok(())
    }

    /// The number in force.
    pub fn int(&self, key: Key) -> Result<i64> {
        match key.row().kind {
            Kind::Text(_) | Kind::Secret => Err(config(format!("{} is text, not a number", key.name()))),
            _ => Ok(self.number(key)),
        }
    }

    /// The text in force, if there is one. A secret is never told, nor is a number.
    pub fn text(&self, key: Key) -> Option<&[u8]> {
        let row = key.row();
        let Kind::Text(_) = row.kind else { return None };
        let text = match self.value(key) {
            Some(Value::Text(text)) => text.as_slice(),
            _ => row.default_text.as_bytes(),
        };
        (!text.is_empty()).then_some(text)
    }

    /// Whether it was set, if only to its default.
    pub fn is_set(&self, key: Key) -> bool {
        self.value(key).is_some() || (key == Key::Tls && self.by_url.tls.is_some())
    }

    fn put(&mut self, key: Key, value: Value) {
        self.by_url.forget(key);
        if let Some(slot) = self.values.0.get_mut(key.index()) {
            *slot = Some(value);
        }
    }

    pub(super) fn unset(&mut self, key: Key) {
        self.by_url.forget(key);
        if let Some(slot) = self.values.0.get_mut(key.index()) {
            *slot = None;
        }
    }

    pub(super) fn value(&self, key: Key) -> Option<&Value> {
        self.values.0.get(key.index())?.as_ref()
    }

    pub(super) fn number(&self, key: Key) -> i64 {
        match (self.value(key), self.by_url.tls) {
            (Some(Value::Number(number)), _) => *number,
            (_, Some(tls)) if key == Key::Tls => i64::from(tls),
            _ => key.row().default,
        }
    }

    pub(super) fn secret(&self, key: Key) -> Option<&Secret> {
        match self.value(key) {
            Some(Value::Secret(secret)) if !secret.bytes().is_empty() => Some(secret),
            _ => None,
        }
    }

    /// Whether an option has the same effect here and there.
    pub(super) fn agrees(&self, other: &Options, key: Key) -> bool {
        match key.row().kind {
            Kind::Text(_) => self.text(key) == other.text(key),
            Kind::Secret => self.secret(key) == other.secret(key),
            _ => self.number(key) == other.number(key),
        }
    }
}

/// Equal options make equal clients, whatever was set and whatever was left alone.
impl PartialEq for Options {
    fn eq(&self, other: &Options) -> bool {
        TABLE.iter().all(|row| self.agrees(other, row.key))
    }
}

impl ByUrl {
    /// The option was set by its name.
    fn forget(&mut self, key: Key) {
        if let Some(said) = self.said(key) {
            *said = false;
        }
    }

    /// Whether a value of this option is the URL's.
    pub(super) fn said(&mut self, key: Key) -> Option<&mut bool> {
        match key {
            Key::Host => Some(&mut self.host),
            Key::Port => Some(&mut self.port),
            Key::UnixPath => Some(&mut self.unix_path),
            Key::Username => Some(&mut self.username),
            Key::Password => Some(&mut self.password),
            _ => None,
        }
    }
}

/// One place for each row of the table; nothing where nothing was set.
#[derive(Clone)]
struct Values([Option<Value>; TABLE.len()]);

#[derive(Clone)]
pub(super) enum Value {
    Number(i64),
    /// Shared, like a secret: who copies options copies no text.
    Text(Arc<Vec<u8>>),
    Secret(Secret),
}

impl Default for Values {
    fn default() -> Values {
        Values([const { None }; TABLE.len()])
    }
}
