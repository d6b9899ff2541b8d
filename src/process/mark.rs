//! Detecting a fork: a number in memory that is different in each process.
//!
//! Where the system can do it, the number lies in memory that is zero in every child, however the child was made. Elsewhere
//! the C library's fork calls a function that sets it to zero. Where there is neither, the system is asked each time.

use std::mem::size_of;
use std::ptr;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

/// A process that shares no memory with others. A child has another number than its parent, and than any process before that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Process(u32);

impl Process {
    /// The process that runs this.
    #[inline]
    pub fn current() -> Process {
        match MARK.number.load(Ordering::Relaxed) {
            0 => unmarked(),
            number => Process(number),
        }
    }

    /// One that is none.
    #[cfg(test)]
    pub(super) const NONE: Process = Process(0);
}

/// The number of this process; 0, where it has none yet. It has a page for itself, for fork wipes pages.
#[cfg_attr(
    any(target_arch = "x86", target_arch = "x86_64", target_arch = "riscv64", target_arch = "s390x"),
    repr(align(4096))
)]
#[cfg_attr(
    not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "riscv64", target_arch = "s390x")),
    repr(align(65536))
)]
struct Mark {
    number: AtomicU32,
}

/// How a child finds that it is one.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    /// Nobody has looked for a way yet.
    Unknown,
    /// The system wipes the mark.
    Wiped,
    /// The C library's fork calls `unmark`.
    Told,
    /// By its process ID, at each look.
    Asked,
}

static MARK: Mark = Mark { number: AtomicU32::new(0) };
static MEANS: AtomicU8 = AtomicU8::new(Means::Unknown as u8);
/// The number handed out last. It is not wiped: a child goes on counting where its parent was.
static LAST: AtomicU32 = AtomicU32::new(0);
/// The process ID and, below it, the number that goes with it.
static ASKED: AtomicU64 = AtomicU64::new(0);

/// Mark this process. Nothing is waited for: where two threads do this at once, one of the marks stays.
#[cold]
fn unmarked() -> Process {
    if means() == Means::Asked {
        return asked();
    }
    let number = next();
    match MARK.number.compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => Process(number),
        Err(first) => Process(first),
    }
}

/// How children of this process find out. What is chosen first stays, and holds before there is a mark.
fn means() -> Means {
    let known = |means: u8| [Means::Wiped, Means::Told, Means::Asked].into_iter().find(|known| *known as u8 == means);
    if let Some(means) = known(MEANS.load(Ordering::Acquire)) {
        return means;
    }
    let chosen = match () {
        () if is_wiped() => Means::Wiped,
        () if is_told() => Means::Told,
        () => Means::Asked,
    };
    match MEANS.compare_exchange(Means::Unknown as u8, chosen as u8, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => chosen,
        Err(first) => known(first).unwrap_or(Means::Asked),
    }
}

/// Have the system wipe the mark in children. It is believed only where it also refuses what is no advice at all: some
/// emulators take any advice, and follow none.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_wiped() -> bool {
    const NO_ADVICE: libc::c_int = -1;
    // SAFETY: it takes a number, and gives one.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(usize::MAX);
    let mark = ptr::from_ref(&MARK).cast_mut().cast::<libc::c_void>();
    // Whole pages of the mark's own: fork would wipe what else lies there.
    if page == 0 || !size_of::<Mark>().is_multiple_of(page) || !mark.addr().is_multiple_of(page) {
        return false;
    }
    // SAFETY: the memory is the mark's alone, and this advice changes nothing.
    if unsafe { libc::madvise(mark, size_of::<Mark>(), NO_ADVICE) } == 0 {
        return false;
    }
    // SAFETY: the memory is the mark's alone, and in a child zero is what it should be.
    unsafe { libc::madvise(mark, size_of::<Mark>(), libc::MADV_WIPEONFORK) == 0 }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_wiped() -> bool {
    false
}

/// Have the C library's fork say so in the child.
fn is_told() -> bool {
    // SAFETY: the function is there for as long as this library is, and does what is allowed in a child.
    unsafe { libc::pthread_atfork(None, None, Some(unmark)) == 0 }
}

extern "C" fn unmark() {
    MARK.number.store(0, Ordering::Relaxed);
}

/// The number of the process that has this ID now.
fn asked() -> Process {
    let id = std::process::id();
    let mut seen = ASKED.load(Ordering::Relaxed);
    while (seen >> 32) as u32 != id {
        let own = u64::from(id) << 32 | u64::from(next());
        match ASKED.compare_exchange(seen, own, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => seen = own,
            Err(first) => seen = first,
        }
    }
    Process(seen as u32)
}

/// A number that no process before this one had, back to the first.
fn next() -> u32 {
    loop {
        match LAST.fetch_add(1, Ordering::Relaxed).wrapping_add(1) {
            0 => {} // Is none.
            number => return number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_keeps_its_number() {
        let numbers: Vec<Process> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(Process::current)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(numbers.iter().all(|number| *number == Process::current() && *number != Process::NONE));
        assert_eq!(asked(), asked());
    }

    #[test]
    fn the_mark_has_its_pages_for_itself() {
        assert_eq!(size_of::<Mark>(), align_of::<Mark>());
        assert!(size_of::<Mark>() >= 4096);
    }

    /// What a child of this process finds, in each of the ways to find it.
    #[test]
    fn a_child_is_another_and_so_is_its_child() {
        for ask in [Process::current as fn() -> Process, asked] {
            let own = ask();
            let told = in_a_child(|| {
                let childs = ask();
                let grandchild = in_a_child(|| ask() != own && ask() != childs && ask() == ask());
                grandchild && childs != own && ask() == childs
            });
            assert!(told, "a child or its child has a number that is not its own");
            assert_eq!(ask(), own, "and the parent stays who it is");
        }
    }

    fn in_a_child(body: impl FnOnce() -> bool) -> bool {
        // SAFETY: the child looks at memory and leaves by _exit.
        match unsafe { libc::fork() } {
            // SAFETY: ends the child, and runs nothing of its parent's.
            0 => unsafe { libc::_exit(i32::from(!body())) },
            child => {
                let mut status = 0;
                // SAFETY: a child of ours, for which nobody else waits.
                assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
                libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
            }
        }
    }
}
