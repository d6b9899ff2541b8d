//! What a server has written down, and what a power cut left of a transaction at the end of it.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

/// Take away a transaction that was written down in part. A server that starts with one (redis-server 7.0, valkey-server 8.0)
/// takes away its last command alone, where that is cut, and leaves MULTI and the commands before there. It runs none of them
/// then, and goes on writing behind them: and where it starts once more it runs them, with the next transaction. Half of a
/// transaction is there then that nobody can have sent again. True: there was one, or a command in part.
pub fn cut_open_transaction(folder: &Path) -> bool {
    let Some(path) = newest(folder) else { return false };
    let bytes = fs::read(&path).expect("what a server wrote can be read");
    let whole = whole_len(&bytes);
    if whole < bytes.len() {
        let file = OpenOptions::new().write(true).open(&path).expect("what a server wrote can be written");
        file.set_len(whole as u64).expect("a file can be made shorter");
    }
    whole < bytes.len()
}

/// The file that the server wrote to last.
pub fn newest(folder: &Path) -> Option<PathBuf> {
    let files = fs::read_dir(folder.join("appendonlydir")).ok()?.filter_map(|file| Some(file.ok()?.path()));
    let is_written_to = |path: &PathBuf| path.extension().is_some_and(|end| end == "aof");
    files.filter(is_written_to).max_by_key(|path| fs::metadata(path).and_then(|data| data.modified()).ok())
}

/// How many bytes are whole commands, and whole transactions.
fn whole_len(bytes: &[u8]) -> usize {
    let (mut at, mut whole, mut is_open) = (0, 0, false);
    while let Some((name, len)) = command(&bytes[at..]) {
        at += len;
        is_open = match name {
            b"MULTI" => true,
            b"EXEC" => false,
            _ => is_open,
        };
        whole = if is_open { whole } else { at };
    }
    whole
}

/// The first command's name, and how many bytes it has. None: it is not whole.
fn command(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (count, mut at) = number(bytes, b'*')?;
    let mut name = None;
    for _ in 0..count {
        let (len, start) = number(bytes.get(at..)?, b'$')?;
        let start = at + start;
        name = name.or(Some(bytes.get(start..start + len)?));
        at = start + len + 2;
    }
    (at <= bytes.len()).then_some((name?, at))
}

/// `*3\r\n`: the number, and where it ends.
fn number(bytes: &[u8], kind: u8) -> Option<(usize, usize)> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let text = bytes[..end].strip_prefix(&[kind])?.strip_suffix(b"\r")?;
    Some((std::str::from_utf8(text).ok()?.parse().ok()?, end + 1))
}
