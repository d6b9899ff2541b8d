//! The flags, timeout and call_data of one call.

use crate::error::{Error, Outcome, Result, Status};

/// How one call wishes to be treated.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// What is different from the ordinary.
    pub flags: Flags,
    /// How long it may take, where the flags say that it counts.
    pub timeout_ms: i64,
    /// Handed on to the response callback.
    pub call_data: *mut (),
}

/// Flags of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u32);

impl Default for Call {
    fn default() -> Self {
        Call { flags: Flags::default(), timeout_ms: 0, call_data: std::ptr::null_mut() }
    }
}

impl Flags {
    /// The reply as it came: no response callback, built-in or not.
    pub const RAW: Flags = Flags(1);
    /// May be run twice.
    pub const IDEMPOTENT: Flags = Flags(2);
    /// Not tried again.
    pub const NO_RETRY: Flags = Flags(4);
    /// The call's own time counts.
    pub const TIMEOUT: Flags = Flags(8);
    /// A server's error is a reply.
    pub const ERROR_REPLY: Flags = Flags(16);
    /// On a connection of its own.
    pub const ALONE: Flags = Flags(32);
    /// To the primary.
    pub const PRIMARY: Flags = Flags(64);
    /// Queued, until a later command is written.
    pub const MORE: Flags = Flags(512);
    const ALL: u32 = 127;

    /// These bits, if every one is known, and is for a call that waits.
    #[inline(always)]
    pub fn checked(bits: u32) -> Result<Flags> {
        match bits & !Flags::ALL {
            0 => Ok(Flags(bits)),
            unknown if unknown & Flags::MORE.0 != 0 => {
                Err(refused("flags: MORE is for a command that is sent without waiting for its reply".to_owned()))
            }
            unknown => Err(refused(format!("flags: the bits {unknown:#x} are not those of any flag"))),
        }
    }

    /// The same, for a command whose reply is received later: no time of its own counts for it.
    pub fn checked_for_send(bits: u32) -> Result<Flags> {
        let flags = Flags::checked(bits & !Flags::MORE.0)?;
        match flags.has(Flags::TIMEOUT) {
            true => Err(refused("flags: TIMEOUT is for a call that has a timeout_ms".to_owned())),
            false => Ok(Flags(bits)),
        }
    }

    /// Whether this flag is among them.
    pub fn has(self, flag: Flags) -> bool {
        self.0 & flag.0 != 0
    }
}

#[cold]
fn refused(text: String) -> Error {
    Error::new(Status::Argument, text).with_outcome(Outcome::NotSent)
}
