//! Children of fork: what is tried in them touches nothing of the process that runs the tests.

use std::thread;
use std::time::{Duration, Instant};

/// A child of fork that is waited for.
pub struct Child(libc::pid_t);

/// Run this in a child of fork, which then ends without a word to anybody. It must say true, and not take for ever.
pub fn fork(body: impl FnOnce() -> bool) -> Child {
    // SAFETY: the child does no more than its parent could, and leaves by _exit.
    match unsafe { libc::fork() } {
        0 => {
            let said = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
            let code = match said {
                Ok(true) => 0,
                Ok(false) => 1,
                Err(_) => 2,
            };
            // SAFETY: ends the process, and runs nothing of its parent's.
            unsafe { libc::_exit(code) }
        }
        child => {
            assert!(child > 0, "fork: {}", std::io::Error::last_os_error());
            Child(child)
        }
    }
}

impl Child {
    pub fn end(self) {
        let status = self.status();
        assert!(libc::WIFEXITED(status), "a child was ended by signal {}", libc::WTERMSIG(status));
        assert_eq!(libc::WEXITSTATUS(status), 0, "1: it was told something else; 2: it panicked");
    }

    /// Whether it ended by itself, and said true.
    pub fn ended_well(self) -> bool {
        self.status() == 0
    }

    fn status(self) -> i32 {
        let end = Instant::now() + Duration::from_secs(20);
        let mut status = 0;
        // SAFETY: a child of ours, that nobody else waits for.
        while unsafe { libc::waitpid(self.0, &mut status, libc::WNOHANG) } == 0 {
            if Instant::now() > end {
                // SAFETY: as above.
                unsafe { libc::kill(self.0, libc::SIGKILL) };
                panic!("a child hangs");
            }
            thread::sleep(Duration::from_micros(500));
        }
        status
    }
}
