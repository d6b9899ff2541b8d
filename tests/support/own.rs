//! A loop as small as it can be: one descriptor, poll, step, next. It has no timer: what has to happen at some time is told by
//! the descriptor, too.

use std::time::{Duration, Instant};

use rredis::client::{Call, Client, Evented, Flags, Setup};
use rredis::error::{Error, Result};
use rredis::reply::{Kind, View};
use rredis::transport::{Deadline, wait};

/// One connection and its loop. Marks stand for the caller's own data.
pub struct Own {
    pub evented: Evented,
}

/// What came: the mark of a command and what became of it, or a push.
#[derive(Debug)]
pub enum Came {
    Of(usize, Result<String>),
    Push(String),
}

/// Flags by their numbers.
pub const RAW: u32 = 1;
pub const IDEMPOTENT: u32 = 2;
pub const NO_RETRY: u32 = 4;
pub const TIMEOUT: u32 = 8;
pub const ERROR_REPLY: u32 = 16;

/// How long anything may take that is to happen at all.
const PATIENCE: Duration = Duration::from_secs(30);
const TURNS_MIN: u32 = 30;

impl Own {
    pub fn at(url: &str) -> Own {
        Own::with(url, |_| {})
    }

    pub fn with(url: &str, change: impl FnOnce(&mut Setup)) -> Own {
        let mut setup = Setup::default();
        setup.options.set_url(url.as_bytes()).expect("a good URL");
        change(&mut setup);
        Own::on(&Client::new(&setup).expect("a client"))
    }

    pub fn on(client: &Client) -> Own {
        Own { evented: Evented::new(client).expect("a handle") }
    }

    pub fn submit(&mut self, mark: usize, args: &[&str]) {
        self.try_submit(mark, args, 0, 0).expect("it is accepted");
    }

    pub fn submit_with(&mut self, mark: usize, args: &[&str], flags: u32, timeout_ms: i64) {
        self.try_submit(mark, args, flags, timeout_ms).expect("it is accepted");
    }

    pub fn try_submit(&mut self, mark: usize, args: &[&str], flags: u32, timeout_ms: i64) -> Result<()> {
        let args: Vec<&[u8]> = args.iter().map(|arg| arg.as_bytes()).collect();
        let call = Call { flags: Flags::checked(flags)?, timeout_ms, call_data: mark as *mut () };
        self.evented.submit(&args, &call)
    }

    /// Once round the loop. Where nothing is to be done for long, there is no step: nothing but the descriptor calls for one.
    pub fn turn(&mut self) {
        self.turn_within(Duration::from_secs(1));
    }

    /// Once round the loop, where the descriptor is readable in time. Whether it was.
    pub fn turn_within(&mut self, time: Duration) -> bool {
        let deadline = Deadline::after(time);
        let readable = wait::wait(self.evented.fd(), true, false, deadline).expect("poll").readable;
        if readable {
            self.evented.step(true).expect("a step");
        }
        readable
    }

    /// What came, if anything did.
    pub fn try_next(&mut self) -> Option<Came> {
        let completion = self.evented.take_next().expect("this process's own")?;
        let mark = completion.call_data as usize;
        Some(match completion.result {
            Ok(reply) if reply.kind() == Kind::RREDIS_REPLY_PUSH => Came::Push(shown(reply.view())),
            Ok(reply) => Came::Of(mark, Ok(shown(reply.view()))),
            Err(error) => Came::Of(mark, Err(*error)),
        })
    }

    /// The next that comes.
    pub fn next(&mut self) -> Came {
        let end = Instant::now() + PATIENCE;
        // A machine that stands still takes the time, and no turns.
        let mut turns = 0;
        loop {
            if let Some(came) = self.try_next() {
                return came;
            }
            assert!(turns < TURNS_MIN || Instant::now() < end, "nothing comes");
            self.turn();
            turns += 1;
        }
    }

    /// The next completion of a command; pushes are left out.
    pub fn completion(&mut self) -> (usize, Result<String>) {
        loop {
            if let Came::Of(mark, result) = self.next() {
                return (mark, result);
            }
        }
    }

    /// The next completion, which must be this command's reply.
    pub fn expect(&mut self, mark: usize, reply: &str) {
        let (of, result) = self.completion();
        assert_eq!((of, result.as_deref()), (mark, Ok(reply)));
    }

    /// The next completion, which must be this command's failure.
    pub fn expect_failure(&mut self, mark: usize) -> Error {
        let (of, result) = self.completion();
        assert_eq!(of, mark, "{result:?}");
        result.expect_err("it must fail")
    }

    /// The next push.
    pub fn push(&mut self) -> String {
        match self.next() {
            Came::Push(push) => push,
            other => panic!("{other:?} is no push"),
        }
    }

    /// Go round for so long; what came meanwhile.
    pub fn run_for(&mut self, time: Duration) -> Vec<Came> {
        let end = Instant::now() + time;
        let mut all = Vec::new();
        while Instant::now() < end {
            while let Some(came) = self.try_next() {
                all.push(came);
            }
            self.turn_within(end.saturating_duration_since(Instant::now()));
        }
        all
    }

    /// Whether the descriptor shows nothing to do now.
    pub fn is_quiet(&self) -> bool {
        !wait::wait(self.evented.fd(), true, false, Deadline::after_ms(0)).expect("poll").any()
    }
}

/// A reply in a few characters.
pub fn shown(view: View<'_>) -> String {
    let all = || (0..view.len()).filter_map(|i| view.get(i)).map(shown).collect::<Vec<_>>().join(" ");
    match view.kind() {
        Kind::RREDIS_REPLY_NULL => "NULL".to_owned(),
        Kind::RREDIS_REPLY_INTEGER => format!(":{}", view.integer().unwrap_or_default()),
        Kind::RREDIS_REPLY_BOOL => format!("#{}", view.integer().unwrap_or_default()),
        Kind::RREDIS_REPLY_ERROR => format!("-{}", String::from_utf8_lossy(view.text())),
        Kind::RREDIS_REPLY_ARRAY => format!("[{}]", all()),
        Kind::RREDIS_REPLY_SET => format!("~{{{}}}", all()),
        Kind::RREDIS_REPLY_MAP => format!("%{{{}}}", all()),
        Kind::RREDIS_REPLY_PUSH => format!(">{}", all()),
        _ => String::from_utf8_lossy(view.text()).into_owned(),
    }
}
