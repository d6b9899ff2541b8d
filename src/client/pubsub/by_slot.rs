//! Names of shard channels, in lists of one slot each. How many there are the program decides.

use crate::commands::slot;
use crate::error::{Error, Result};
use crate::memory;

/// The names, those of one slot one behind the other.
pub(super) fn sorted<'n>(names: &[&'n [u8]]) -> Result<Vec<&'n [u8]>> {
    let mut sorted = Vec::new();
    sorted.try_reserve_exact(names.len()).map_err(|_| no_memory())?;
    sorted.extend_from_slice(names);
    memory::sort(&mut sorted, "the channels", |one, other| slot(one).cmp(&slot(other)))?;
    Ok(sorted)
}

/// Show the names in lists of one slot each. Without memory there are more lists.
pub(super) fn by_slot(mut names: Vec<Vec<u8>>, mut show: impl FnMut(Vec<Vec<u8>>)) {
    let _ = memory::sort(&mut names, "the channels", |one, other| slot(one).cmp(&slot(other)));
    let mut list: Vec<Vec<u8>> = Vec::new();
    for name in names {
        let is_other = list.first().is_some_and(|first| slot(first) != slot(&name));
        if is_other || list.try_reserve(1).is_err() {
            show(std::mem::take(&mut list));
        }
        list.push(name);
    }
    show(list);
}

/// Copies of these names.
pub(super) fn owned<'n>(names: impl Iterator<Item = &'n [u8]>) -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for name in names {
        all.try_reserve(1).map_err(|_| no_memory())?;
        all.push(memory::copied(name, "the channels")?);
    }
    Ok(all)
}

/// The names as they are given to a command.
pub(super) fn slices(names: &[Vec<u8>]) -> Result<Vec<&[u8]>> {
    let mut all = Vec::new();
    all.try_reserve_exact(names.len()).map_err(|_| no_memory())?;
    all.extend(names.iter().map(Vec::as_slice));
    Ok(all)
}

pub(super) fn no_memory() -> Error {
    Error::memory("the channels")
}
