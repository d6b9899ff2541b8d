//! A secret that stands nowhere in the program, and whether any piece of it is left in the memory of the process.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;

use memchr::memmem::Finder;
use zeroize::Zeroizing;

/// Letters that no program has by chance, so many of them: what wants them makes them each time.
pub fn secret(len: usize) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(len));
    bytes.extend((0..len).map(letter));
    bytes
}

/// Multiplied and mixed, so that no piece is like another.
fn letter(at: usize) -> u8 {
    let mixed = (at as u32).wrapping_add(77).wrapping_mul(0x9E37_79B1);
    let mixed = (mixed ^ mixed >> 15).wrapping_mul(0x85EB_CA77);
    b'A' + ((mixed >> 16) % 26) as u8
}

/// Bytes that make a piece: more than what an allocator writes into freed memory leaves whole by chance.
const PIECE: usize = 24;
/// So many are looked for, of a long secret not each.
const PIECES_MAX: usize = 12;
/// Bytes of memory looked at together, and what they are hidden with there.
const CHUNK: usize = 256 << 10;
const HIDDEN: u8 = 0xa5;
/// Bytes of the list of mappings.
const MAPS: usize = 256 << 10;
/// A mapping beyond this is no heap, but a sanitizer's books.
const MAPPING_MAX: u64 = 1 << 30;

/// Where to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Places {
    All,
    /// Not on this thread's stack: what looks through bytes with wide registers leaves some of them there, in a program that was
    /// built to be debugged.
    NotTheStack,
}

/// Looks for pieces of a secret, with memory of its own that was taken before: what is left of others is not written over.
pub struct Search {
    finders: Vec<Finder<'static>>,
    chunk: Vec<u8>,
    maps: Vec<u8>,
    memory: File,
}

impl Search {
    /// For a secret of this length.
    pub fn new(len: usize) -> Search {
        let step = (len / PIECE).div_ceil(PIECES_MAX);
        let piece = |piece: usize| (0..PIECE).map(|at| letter(piece * PIECE + at) ^ HIDDEN).collect::<Vec<u8>>();
        let finders = (0..len / PIECE).step_by(step).map(|place| Finder::new(&piece(place)).into_owned()).collect();
        let memory = File::open("/proc/self/mem").expect("a process may read its own memory");
        Search { finders, chunk: vec![HIDDEN; CHUNK], maps: vec![0; MAPS], memory }
    }

    /// How many pieces there are in the writable memory of this process.
    pub fn found(&mut self, places: Places) -> usize {
        let mut maps = File::open("/proc/self/maps").expect("a process has mappings");
        let mut len = 0;
        while let more @ 1.. = maps.read(&mut self.maps[len..]).expect("they can be read") {
            len += more;
        }
        assert!(len < MAPS);
        let maps = std::mem::take(&mut self.maps);
        let lines = std::str::from_utf8(&maps[..len]).expect("they are text").lines();
        let found = lines.map(|line| self.found_in(line, places)).sum();
        self.maps = maps;
        found
    }

    /// How many there are in one mapping.
    fn found_in(&mut self, line: &str, places: Places) -> usize {
        let hex = |text: &str| u64::from_str_radix(text, 16).expect("addresses are hexadecimal");
        let (range, rest) = line.split_once(' ').expect("a range and the rest");
        let (start, end) = range.split_once('-').map(|(start, end)| (hex(start), hex(end))).expect("a range");
        let stack = (start..end).contains(&(&raw const line as u64)) && places == Places::NotTheStack;
        if !rest.starts_with("rw") || end - start > MAPPING_MAX || stack {
            return 0;
        }
        let own = self.chunk.as_ptr() as u64..self.chunk.as_ptr() as u64 + CHUNK as u64;
        let mut found = 0;
        for at in (start..end).step_by(CHUNK - PIECE + 1) {
            let chunk = &mut self.chunk[..CHUNK.min((end - at) as usize)];
            // What is not there any more holds nothing.
            if self.memory.read_exact_at(chunk, at).is_err() {
                break;
            }
            chunk.iter_mut().for_each(|byte| *byte ^= HIDDEN);
            for finder in &self.finders {
                found += finder.find_iter(chunk).filter(|place| !own.contains(&(at + *place as u64))).count();
            }
        }
        self.chunk.fill(HIDDEN);
        found
    }
}
