//! Encoded commands that are submitted together, with one entry in the session for all of them.

use crate::error::{Error, Result, Status};
use crate::resp::{self, Entry, Frame};

/// A burst on its way. It has the stream to itself: nothing else is submitted before it is over.
pub(super) struct Burst {
    bytes: Vec<u8>,
    /// How far they were handed over, and where they began.
    sent: usize,
    from: usize,
    /// How many replies are still due.
    due: usize,
    /// The stream has ended, and that is the last of them.
    pub(super) ended: bool,
}

/// Takes the replies of a burst, in order.
pub trait TakeReplies {
    /// One more reply. `handed` bytes of the burst were handed over before it came.
    fn take(&mut self, frame: &mut Frame<'_>, handed: usize) -> Result<()>;

    /// The same for a reply that is one short value and no error: its place counts from the first of these bytes. False: it
    /// comes as a frame instead.
    fn take_leaf(&mut self, _entry: Entry, _bytes: &[u8], _handed: usize) -> Result<bool> {
        Ok(false)
    }

    /// Whether no more are wanted for now.
    fn is_full(&self) -> bool {
        false
    }
}

impl Burst {
    pub(super) fn new(bytes: Vec<u8>, from: usize, due: usize) -> Burst {
        Burst { bytes, sent: from, from, due, ended: false }
    }

    #[inline(always)]
    pub(super) fn outgoing(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    pub(super) fn sent(&mut self, len: usize) {
        self.sent += len;
    }

    pub(super) fn handed(&self) -> usize {
        self.sent - self.from
    }

    /// The last of the commands.
    pub(super) fn last(&self) -> &[u8] {
        resp::last_command(&self.bytes[self.from..])
    }

    pub(super) fn due(&self) -> usize {
        self.due
    }

    /// One reply has come.
    pub(super) fn answered(&mut self) -> Result<usize> {
        if self.handed() == 0 {
            return Err(Error::new(Status::Protocol, "the server answered before it was asked"));
        }
        self.due -= 1;
        Ok(self.handed())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// So many replies have come at once.
    pub(super) fn answered_at_once(&mut self, count: usize) {
        self.due -= count;
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
