//! Secret bytes: shown as `***`, and wiped when freed.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::error::Result;
use crate::memory::copied;

/// A password or a key. Clones share it: it is in memory once.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<Zeroizing<Vec<u8>>>);

impl Secret {
    /// A copy of `bytes`.
    pub fn new(bytes: &[u8]) -> Result<Secret> {
        Ok(Secret(Arc::new(Zeroizing::new(copied(bytes, "the secret")?))))
    }

    /// The secret itself, to be sent and not to be shown.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, read_to_string};
    use std::os::unix::fs::FileExt;

    use zeroize::Zeroizing;

    use crate::options::{Key, Options};

    /// A password that stands nowhere in the program: long, so that what an allocator writes into freed memory leaves
    /// most of it.
    fn canary() -> Zeroizing<Vec<u8>> {
        Zeroizing::new((0..96u8).map(|at| b'A' + (at.wrapping_mul(29) ^ 0x15) % 26).collect())
    }

    /// Bytes of memory looked at together.
    const CHUNK: usize = 64 << 10;
    /// Bytes of the canary's end that make a copy of it.
    const TAIL: usize = 48;
    /// A mapping beyond this is no heap, but a sanitizer's books.
    const MAPPING_MAX: u64 = 1 << 30;

    /// How often the end of the canary stands in the writable memory of this process.
    fn copies() -> usize {
        let memory = File::open("/proc/self/mem").unwrap();
        let mut chunk = Zeroizing::new(vec![0; CHUNK]);
        let own = chunk.as_ptr() as u64..chunk.as_ptr() as u64 + CHUNK as u64;
        let hex = |text: &str| u64::from_str_radix(text, 16).unwrap();
        let mut found = 0;
        for line in read_to_string("/proc/self/maps").unwrap().lines() {
            let (range, rest) = line.split_once(' ').unwrap();
            let (start, end) = range.split_once('-').map(|(start, end)| (hex(start), hex(end))).unwrap();
            if !rest.starts_with("rw") || end - start > MAPPING_MAX {
                continue;
            }
            for at in (start..end).step_by(CHUNK - TAIL + 1) {
                let len = CHUNK.min((end - at) as usize);
                if memory.read_exact_at(&mut chunk[..len], at).is_err() {
                    break;
                }
                let ends = chunk[..len].windows(TAIL).enumerate().filter(|(_, window)| is_tail(window));
                found += ends.filter(|(offset, _)| !own.contains(&(at + *offset as u64))).count();
            }
        }
        found
    }

    fn is_tail(window: &[u8]) -> bool {
        let pattern = |at: usize| b'A' + ((at as u8).wrapping_mul(29) ^ 0x15) % 26;
        window.iter().enumerate().all(|(at, byte)| *byte == pattern(at + TAIL))
    }

    #[test]
    fn a_freed_password_is_nowhere_in_memory() {
        let kept = {
            let mut options = Options::new();
            let mut url = Zeroizing::new(Vec::with_capacity(256));
            url.extend_from_slice(b"redis://user:");
            url.extend_from_slice(&canary());
            url.extend_from_slice(b"@localhost?tls_key_pem=");
            url.extend_from_slice(&canary());
            options.set_url(&url).unwrap();
            options.set_text(Key::Password, &canary()).unwrap();
            let copy = options.clone();
            assert!(options.set_url(b"redis://:other@localhost?nonsense=1").is_err());
            options.set_url(b"redis://:other@localhost").unwrap();
            drop(options);
            let there = copies();
            drop(copy);
            there
        };
        // While they live: two in the URL and two in the copy. Afterwards: none.
        assert_eq!((kept, copies()), (4, 0));
    }
}
