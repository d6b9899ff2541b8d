//! Functions of the program's, each for one name.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::client::Listen;
use crate::commands::Topic;
use crate::error::{Error, Result};
use crate::memory::copied;
use crate::sync::Mutex;

type Table = [HashMap<Vec<u8>, Arc<dyn Listen>>; 3];

/// Who is shown the messages of which name. The lock is held for a look, and never while one of them runs or ends.
#[derive(Default)]
pub(super) struct Handlers {
    table: Mutex<Table>,
    /// There is one, or was.
    may_want: AtomicBool,
}

impl Handlers {
    /// Show messages of this name to `handler`; to nobody, where it is None.
    pub(super) fn set(&self, topic: Topic, name: &[u8], handler: Option<Arc<dyn Listen>>) -> Result<()> {
        let name = copied(name, "a handler")?;
        self.may_want.store(true, Ordering::Release);
        let before = {
            let table = &mut self.table.lock()[topic as usize];
            table.try_reserve(1).map_err(|_| Error::memory("a handler"))?;
            match handler {
                Some(handler) => table.insert(name, handler),
                None => table.remove(&name),
            }
        };
        // Not under the lock: the program's own function ends what it gave.
        drop(before);
        Ok(())
    }

    /// Whether any message may be for one of them.
    #[inline]
    pub(super) fn may_want(&self) -> bool {
        self.may_want.load(Ordering::Acquire)
    }

    /// Who is shown the messages of this name.
    pub(super) fn get(&self, topic: Topic, name: &[u8]) -> Option<Arc<dyn Listen>> {
        self.table.lock()[topic as usize].get(name).cloned()
    }

    /// In a child of fork: keep what a thread of the parent's may have been changing.
    pub(super) fn forget_if_locked(&mut self) {
        if self.table.is_locked() {
            std::mem::forget(std::mem::take(self.table.get_mut()));
        }
    }
}
