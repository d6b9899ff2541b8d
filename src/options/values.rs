//! The options as they were set, by their names or by URLs: each has its value, or else its default.

use std::sync::Arc;

use super::check;
use super::fault::config;
use super::secret::Secret;
use super::table::{Key, Kind, SENTINEL, SENTINEL_PORT, TABLE};
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
#[derive(Clone, Copy)]
pub(super) struct ByUrl {
    /// Whether to speak TLS. It is no value of the option, so that either is known beside the other.
    pub(super) tls: Option<bool>,
    /// How many servers there are, where it says that; no value of the option either.
    pub(super) topology: Option<i64>,
    /// Whether the value of an option is the URL's, by the option's place in the table.
    said: [bool; TABLE.len()],
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
        self.value(key).is_some() || self.by_url.number(key).is_some()
    }

    pub(super) fn put(&mut self, key: Key, value: Value) {
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
        match (self.value(key), self.by_url.number(key)) {
            (Some(Value::Number(number)), _) => *number,
            (_, Some(by_url)) => by_url,
            _ => self.default_of(key),
        }
    }

    /// The number of an option that was not set: for some, one topology has another than the next.
    pub(super) fn default_of(&self, key: Key) -> i64 {
        match key {
            Key::Port => i64::from(self.default_port()),
            // Another server may have what this one does not give.
            Key::ConnectTimeoutMs if self.number(Key::Topology) != 0 => CONNECT_MS_OF_MANY,
            key => key.row().default,
        }
    }

    /// The port of a server that is named without one.
    pub(super) fn default_port(&self) -> u16 {
        let is_sentinel = self.number(Key::Topology) == SENTINEL;
        (if is_sentinel { SENTINEL_PORT } else { Key::Port.row().default }) as u16
    }

    pub(super) fn secret(&self, key: Key) -> Option<&Secret> {
        match self.value(key) {
            Some(Value::Secret(secret)) if !secret.bytes().is_empty() => Some(secret),
            _ => None,
        }
    }

    /// Whether an option has the same value here and there, set or by default.
    pub(super) fn equals(&self, other: &Options, key: Key) -> bool {
        match key.row().kind {
            Kind::Text(_) => self.text(key) == other.text(key),
            Kind::Secret => self.secret(key) == other.secret(key),
            _ => self.number(key) == other.number(key),
        }
    }
}

impl ByUrl {
    /// Whether the value of this option is the URL's.
    pub(super) fn has_said(&self, key: Key) -> bool {
        self.said.get(key.index()).is_some_and(|said| *said)
    }

    /// The value of this option is the URL's.
    pub(super) fn say(&mut self, key: Key) {
        self.mark(key, true);
    }

    /// The option was set by its name.
    fn forget(&mut self, key: Key) {
        self.mark(key, false);
    }

    fn mark(&mut self, key: Key, said: bool) {
        if let Some(place) = self.said.get_mut(key.index()) {
            *place = said;
        }
    }

    fn number(&self, key: Key) -> Option<i64> {
        match key {
            Key::Tls => self.tls.map(i64::from),
            Key::Topology => self.topology,
            _ => None,
        }
    }
}

impl Default for ByUrl {
    fn default() -> ByUrl {
        ByUrl { tls: None, topology: None, said: [false; TABLE.len()] }
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

/// Milliseconds to connect, where a server is one of many.
const CONNECT_MS_OF_MANY: i64 = 1000;
