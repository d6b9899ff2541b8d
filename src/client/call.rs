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
    const ALL: u32 = 63;

    /// These bits, if every one is known.
    pub fn checked(bits: u32) -> Result<Flags> {
        match bits & !Flags::ALL {
            0 => Ok(Flags(bits)),
            unknown => {
                let text = format!("flags: the bits {unknown:#x} are not those of any flag");
                Err(Error::new(Status::Argument, text).with_outcome(Outcome::NotSent))
            }
        }
    }

    /// Whether this flag is among them.
    pub fn has(self, flag: Flags) -> bool {
        self.0 & flag.0 != 0
    }
}
