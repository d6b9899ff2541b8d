//! A parser of the program, which must give one reply for each reply's bytes.
//!
//! Our own scan finds where each reply ends, and applies the limits; the caller's parser is fed exactly one reply and must
//! give exactly one. So a reply reaches the command that it belongs to, whatever that parser does.

use super::recorder::Recorder;
use super::scan::Fast;
use super::tape::{Frame, Type};
use super::{Parse, grammar};
use crate::error::{Error, Result, Status};
use crate::limits::Limits;
use crate::memory::Room;

/// A parser that somebody brought: bytes in, replies noted on a recorder.
pub trait Custom: Send {
    /// What it is called, for messages.
    fn name(&self) -> &str;
    /// Take over these bytes.
    fn feed(&mut self, bytes: &[u8]) -> Result<()>;
    /// Note the next whole reply on the recorder, which is empty. False: there is none.
    fn next(&mut self, recorder: &mut Recorder) -> Result<bool>;
}

/// A parser for one connection that asks `custom` for every reply.
pub fn framed(custom: Box<dyn Custom>, limits: Limits) -> Box<dyn Parse> {
    let name = custom.name().to_owned();
    let recorder = Recorder::new(limits);
    Box::new(Framed { name, scan: Fast::new(limits), custom, recorder, failed: None })
}

struct Framed {
    name: String,
    scan: Fast,
    custom: Box<dyn Custom>,
    recorder: Recorder,
    failed: Option<Error>,
}

impl Framed {
    /// Have one whole reply noted on the recorder; how long it was on the wire.
    fn translate(&mut self) -> Result<Option<usize>> {
        let Some(frame) = self.scan.next()? else { return Ok(None) };
        let (name, custom, recorder) = (&self.name, &mut self.custom, &mut self.recorder);
        for piece in frame.pieces() {
            custom.feed(piece).map_err(|error| blame(name, error))?;
        }
        recorder.clear();
        if !custom.next(recorder).map_err(|error| blame(name, error))? {
            return Err(misdeed(name, "gave no reply for a whole one"));
        }
        recorder.check().map_err(|error| blame(name, error))?;
        if (recorder.root() == Some(Type::Push)) != frame.is_push() {
            return Err(misdeed(name, "took a reply for a push, or a push for a reply"));
        }
        let mut second = Recorder::new(Limits::default());
        if custom.next(&mut second).map_err(|error| blame(name, error))? {
            return Err(misdeed(name, "gave a second reply for one"));
        }
        Ok(Some(frame.wire_len()))
    }
}

impl Parse for Framed {
    fn name(&self) -> &str {
        &self.name
    }

    fn hold_secrets(&mut self, secret: bool) {
        self.scan.hold_secrets(secret);
        self.recorder.clear();
        self.recorder.hold_secrets(secret);
    }

    fn is_custom(&self) -> bool {
        true
    }

    fn room(&mut self, wanted: usize) -> Result<Room<'_>> {
        self.scan.room(wanted)
    }

    fn room_to_read(&mut self, wanted: usize) -> Result<Room<'_>> {
        self.scan.room_to_read(wanted)
    }

    fn filled(&mut self, len: usize) -> Result<()> {
        self.scan.filled(len)
    }

    fn next(&mut self) -> Result<Option<Frame<'_>>> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        match self.translate() {
            Ok(None) => Ok(None),
            Ok(Some(wire_len)) => {
                let frame = self.recorder.frame()?;
                frame.about.wire_len = wire_len;
                Ok(Some(frame))
            }
            Err(error) => {
                self.failed = Some(error.clone());
                Err(error)
            }
        }
    }

    fn expect_monitor(&mut self, expected: bool) {
        self.scan.expect_monitor(expected);
    }

    fn is_empty(&self) -> bool {
        self.scan.is_empty()
    }

    fn unread_len(&self) -> usize {
        self.scan.unread_len()
    }

    fn has_begun(&self) -> bool {
        self.scan.has_begun()
    }

    fn rest(&mut self) {
        self.scan.rest();
        self.recorder.clear();
    }
}

/// An error of the caller's parser, with its name in front. Whatever it says, what came could not be read.
fn blame(name: &str, error: Error) -> Error {
    let status = match error.status {
        status @ (Status::Limit | Status::Memory | Status::Panic) => status,
        _ => Status::Protocol,
    };
    Error { status, ..error }.at(&format!("the parser {name}"))
}

fn misdeed(name: &str, what: &str) -> Error {
    grammar::protocol(format!("the parser {name} {what}"))
}
