//! Response callbacks: functions of the program, found by the command's name.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, Result, Status, line};
use crate::limits::NAME_BYTES_MAX;
use crate::reply::Reply;

/// Makes of a reply what the program wants.
pub trait Callback: Send + Sync {
    /// `None` keeps the reply as it is. An error fails this call alone.
    fn call(&self, call_data: *mut (), args: &[&[u8]], reply: &Reply) -> Result<Option<Reply>>;
}

/// A table of callbacks by command. Cloned when it is changed, so that no command in flight sees it change.
#[derive(Clone, Default)]
pub struct Callbacks {
    by_name: HashMap<Vec<u8>, Arc<dyn Callback>>,
}

impl Callbacks {
    /// Set the callback of a command of one or two words, in any case of letters; `None` takes it away.
    pub fn set(&mut self, name: &[u8], callback: Option<Arc<dyn Callback>>) -> Result<()> {
        if name.len() > NAME_BYTES_MAX {
            let text = format!("command: a command's name has at most {NAME_BYTES_MAX} bytes");
            return Err(Error::new(Status::Argument, text));
        }
        let words: Vec<&[u8]> = name.split(|byte| *byte == b' ').collect();
        if words.len() > 2 || words.iter().any(|word| word.is_empty()) {
            let text = "command: a command's name is one word, or two with one space between them";
            return Err(Error::new(Status::Argument, text));
        }
        let name = name.to_ascii_uppercase();
        match callback {
            Some(callback) => self.by_name.insert(name, callback),
            None => self.by_name.remove(&name),
        };
        Ok(())
    }

    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The callback set for just this name.
    pub fn get(&self, name: &[u8]) -> Option<&Arc<dyn Callback>> {
        if name.len() > NAME_BYTES_MAX {
            return None;
        }
        self.by_name.get(&name.to_ascii_uppercase())
    }

    /// The callback for a command: that of its two words wins over that of its first.
    pub fn find(&self, args: &[&[u8]]) -> Option<&Arc<dyn Callback>> {
        if self.by_name.is_empty() {
            return None;
        }
        let name = *args.first()?;
        // What is longer than any name is a key or a value, and is not copied to find that out.
        let second = args.get(1).filter(|second| name.len() + 1 + second.len() <= NAME_BYTES_MAX);
        let two_words = second.and_then(|second| self.get(&[name, b" ", second].concat()));
        two_words.or_else(|| self.get(name))
    }
}

/// What stands in the place of a reply whose callback failed.
pub(super) fn failed_callback(error: &Error) -> Vec<u8> {
    [b"CALLBACK ", line::of(&error.message).as_bytes()].concat()
}
