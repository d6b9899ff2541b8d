//! A script: run by its digest with EVALSHA, and with EVAL on a server that is proven not to have it.
//!
//! A server answers NOSCRIPT to a digest that it does not know, and so may a script that ran. What tells them apart is asked
//! of the server, SCRIPT EXISTS, and stands before or behind the run.
#![forbid(unsafe_code)]

use std::ffi::CStr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Call, Client, Flags};
use crate::commands::{self, Shape};
use crate::conn::{Digest, Kept};
use crate::error::{Error, Outcome, Result, Status};
use crate::pool::Lease;
use crate::reply::{Kind, Reply};
use crate::route::{Order, Tries};
use crate::session::Ticket;
use crate::stats::Counters;

/// A script and its digest. Nothing of it changes, so any number of threads may run it. Cloning shares it.
#[derive(Clone)]
pub struct Script(Arc<ScriptInner>);

struct ScriptInner {
    text: Box<[u8]>,
    digest: Digest,
    /// The same in 40 hexadecimal digits, and a NUL.
    sha: [u8; SHA_LEN + 1],
}

impl Script {
    /// A script of this text. No server is asked.
    pub fn new(text: &[u8]) -> Result<Script> {
        let mut kept = Vec::new();
        kept.try_reserve_exact(text.len()).map_err(|_| Error::memory("the script"))?;
        kept.extend_from_slice(text);
        let mut sha = [0; SHA_LEN + 1];
        let digest = sha1_smol::Sha1::from(text).digest().bytes();
        for (digits, byte) in sha.chunks_exact_mut(2).zip(digest) {
            digits[0] = HEX[usize::from(byte >> 4)];
            digits[1] = HEX[usize::from(byte & 15)];
        }
        Ok(Script(Arc::new(ScriptInner { text: kept.into_boxed_slice(), digest, sha })))
    }

    /// The SHA-1 digest of its text, as the server names it.
    pub fn sha(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0.sha).unwrap_or_default()
    }

    /// The same in 20 bytes.
    pub(super) fn digest(&self) -> &Digest {
        &self.0.digest
    }

    /// Its text.
    pub(super) fn text(&self) -> &[u8] {
        &self.0.text
    }

    /// Run it, with `keys` of the arguments as its keys, and wait for its reply.
    pub fn run(&self, client: &Client, keys: usize, args: &[&[u8]], call: &Call) -> Result<Reply> {
        self.with_command(keys, &mut itoa::Buffer::new(), args, |command| client.script(self, command, call))
    }

    /// Do something with its EVALSHA, with `keys` of the arguments as its keys.
    pub(super) fn with_command<'a, T>(
        &'a self,
        keys: usize,
        digits: &'a mut itoa::Buffer,
        args: &[&'a [u8]],
        step: impl FnOnce(&[&'a [u8]]) -> Result<T>,
    ) -> Result<T> {
        check(keys, args)?;
        let mut few: [&[u8]; FEW] = [&[]; FEW];
        let mut many = Vec::new();
        let len = FRONT + args.len();
        let command = match len {
            ..=FEW => &mut few[..len],
            _ => {
                many.try_reserve_exact(len).map_err(|_| Error::memory("the arguments"))?;
                many.resize(len, &[][..]);
                &mut many[..]
            }
        };
        command[0] = EVALSHA;
        command[1] = self.sha().to_bytes();
        command[2] = digits.format(keys).as_bytes();
        command[FRONT..].copy_from_slice(args);
        step(command)
    }
}

impl Client {
    /// Run a script. `args` are those of EVALSHA.
    fn script(&self, script: &Script, args: &[&[u8]], call: &Call) -> Result<Reply> {
        self.count(Counters::command);
        let mut tries = Tries::default();
        // The program's callback is EVALSHA's, and is shown EVALSHA, whichever way it goes.
        let terms = self.terms(args, call);
        // One time for all that it takes.
        let replied = self.refuse_in_vain(call, false).and_then(|()| terms.order(args, call)).and_then(|order| {
            let run = ScriptRun { client: self, script, order: &order };
            self.0.route.ask(&order, &mut tries, None, self, &mut |lease, asking, kept| match asking {
                true => run.asking(lease, kept),
                false => run.on(lease, kept),
            })
        });
        let result = replied.and_then(|reply| match reply.is_error() && !call.flags.has(Flags::ERROR_REPLY) {
            // Whatever a script answers, it may have run.
            true => terms.finish(args, call, reply).map_err(unknown),
            false => terms.finish(args, call, reply),
        });
        result.map_err(|error| tries.tell(error)).inspect_err(|error| self.count(|counters| counters.failed(error)))
    }
}

/// One run, on whichever connection.
struct ScriptRun<'r> {
    client: &'r Client,
    script: &'r Script,
    /// EVALSHA.
    order: &'r Order<'r>,
}

impl ScriptRun<'_> {
    /// By its digest; and whole, where the server is proven not to have had it.
    fn on(&self, lease: &mut Lease, kept: &mut Kept) -> Result<Reply> {
        if self.client.0.scripts_go_whole.load(Ordering::Relaxed) {
            return self.whole(lease, kept);
        }
        match lease.scripts().has(self.script.digest()) {
            true => self.known(lease, kept),
            false => self.unknown(lease, kept),
        }
    }

    /// On a server that is about to own its keys' slot: it takes one command behind ASKING, and no other can be sent behind that
    /// one where the server does not have the script. So it goes whole.
    fn asking(&self, lease: &mut Lease, kept: &mut Kept) -> Result<Reply> {
        let asking = lease.submit(&[b"ASKING"], Shape::KEEP)?;
        let ticket = self.submit_whole(lease)?;
        let (_, reply) = lease.replies_to((asking, ticket), &self.order.wait, kept)?;
        Ok(reply)
    }

    /// It was seen to exist on this connection.
    fn known(&self, lease: &mut Lease, kept: &mut Kept) -> Result<Reply> {
        let ticket = lease.submit(self.order.args, self.order.shape)?;
        let reply = lease.reply_to(ticket, &self.order.wait, kept)?;
        if !says_noscript(&reply) {
            return Ok(reply);
        }
        // Its words, or those of a server that was told to forget it: until that is known it may have run.
        let asked = lease.submit(&self.exists(), Shape::KEEP);
        let answer = asked.and_then(|asked| lease.reply_to(asked, &self.order.wait, kept)).map_err(unknown)?;
        if exists(&answer) != Some(false) {
            return Ok(reply);
        }
        lease.scripts().remove(self.script.digest());
        // It may have run with words of its own, and been flushed then: in other words than a server's nothing is run again.
        match commands::unknown_script(reply.text()) {
            true => self.whole(lease, kept),
            false => Ok(reply),
        }
    }

    /// It was not: in one write the server is asked whether it has it, and told to run it.
    fn unknown(&self, lease: &mut Lease, kept: &mut Kept) -> Result<Reply> {
        let asked = lease.submit(&self.exists(), Shape::KEEP)?;
        let ticket = lease.submit(self.order.args, self.order.shape)?;
        let (answer, reply) = lease.replies_to((asked, ticket), &self.order.wait, kept)?;
        let existed = exists(&answer);
        if existed == Some(true) || !reply.is_error() {
            lease.scripts().add(self.script.digest());
        }
        if existed.is_none() && is_refusal(&answer) {
            self.client.0.scripts_go_whole.store(true, Ordering::Relaxed);
        }
        match existed {
            _ if !says_noscript(&reply) => Ok(reply),
            Some(true) => Ok(reply),
            Some(false) => self.whole(lease, kept),
            // Where the server cannot be asked, no more is to be had than its own words.
            None if commands::unknown_script(reply.text()) => self.whole(lease, kept).map_err(unknown),
            None => Ok(reply),
        }
    }

    fn whole(&self, lease: &mut Lease, kept: &mut Kept) -> Result<Reply> {
        let ticket = self.submit_whole(lease)?;
        let reply = lease.reply_to(ticket, &self.order.wait, kept)?;
        if !reply.is_error() {
            lease.scripts().add(self.script.digest());
        }
        Ok(reply)
    }

    fn submit_whole(&self, lease: &mut Lease) -> Result<Ticket> {
        let mut args = Vec::new();
        args.try_reserve_exact(self.order.args.len())
            .map_err(|_| Error::memory("the arguments").with_outcome(Outcome::NotSent))?;
        args.extend_from_slice(self.order.args);
        (args[0], args[1]) = (EVAL, self.script.text());
        lease.submit(&args, self.order.shape)
    }

    fn exists(&self) -> [&[u8]; 3] {
        [SCRIPT, EXISTS, self.script.sha().to_bytes()]
    }
}

fn unknown(error: Error) -> Error {
    error.with_outcome(Outcome::Unknown)
}

/// Whether an error has the code word of a server that does not know a script.
fn says_noscript(reply: &Reply) -> bool {
    reply.is_error() && has_the_word(reply.text())
}

/// Whether an error's text begins with the code word of a server that does not know a script.
pub(super) fn has_the_word(error: &[u8]) -> bool {
    error.split(|byte| *byte == b' ').next() == Some(NOSCRIPT)
}

/// What SCRIPT EXISTS says of its one digest. None: it says nothing of it.
fn exists(answer: &Reply) -> Option<bool> {
    existing(answer, 1)?.next()
}

/// What SCRIPT EXISTS says of each of so many digests. None: it says nothing of them.
pub(super) fn existing(answer: &Reply, count: usize) -> Option<impl Iterator<Item = bool>> {
    let view = answer.view();
    let is_answer = view.kind() == Kind::RREDIS_REPLY_ARRAY
        && view.len() == count
        && view.children().all(|one| matches!(one.kind(), Kind::RREDIS_REPLY_INTEGER | Kind::RREDIS_REPLY_BOOL));
    is_answer.then(|| view.children().map(|one| one.integer() == Some(1)))
}

/// Whether this answer to SCRIPT EXISTS is what another will be too: an ACL forbids it, or whoever answers does not know it.
pub(super) fn is_refusal(answer: &Reply) -> bool {
    let words: [&[u8]; 2] = [b"ERR", b"NOPERM"];
    !answer.is_error() || words.contains(&answer.text().split(|byte| *byte == b' ').next().unwrap_or_default())
}

/// Whether there are as many keys as the caller says.
fn check(keys: usize, args: &[&[u8]]) -> Result<()> {
    if keys > args.len() {
        let text = format!("keys_len is {keys}, and argc is {}: the keys are the first of the arguments", args.len());
        return Err(Error::new(Status::Argument, text).with_outcome(Outcome::NotSent));
    }
    Ok(())
}

const EVALSHA: &[u8] = b"EVALSHA";
pub(super) const EVAL: &[u8] = b"EVAL";
pub(super) const SCRIPT: &[u8] = b"SCRIPT";
pub(super) const EXISTS: &[u8] = b"EXISTS";
const NOSCRIPT: &[u8] = b"NOSCRIPT";
/// What stands before a script's keys: the command's name, the digest or the text, the number of keys.
pub(super) const FRONT: usize = 3;
/// As many arguments as are put together without an allocation.
const FEW: usize = 16;
const SHA_LEN: usize = 40;
const HEX: &[u8; 16] = b"0123456789abcdef";
#[cfg(test)]
mod tests {
    use super::*;

    fn script(text: &str) -> Script {
        Script::new(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_digest_is_the_servers() {
        assert_eq!(script("").sha(), c"da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(script("return 1").sha(), c"e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
        assert_eq!(Script::new(&[0xff; 200]).unwrap().sha().to_bytes().len(), 40);
    }
}
