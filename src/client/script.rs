//! A script: run by its digest, and sent whole to a server that does not know it.
#![forbid(unsafe_code)]

use std::ffi::CStr;
use std::sync::Arc;

use memchr::memmem;

use super::{Call, Client, Flags, Tries, server_error};
use crate::commands;
use crate::error::{Error, Outcome, Result, Status};
use crate::pool::Counters;
use crate::reply::Reply;

/// A script and its digest. Nothing of it changes, so any number of threads may run it. Cloning shares it.
#[derive(Clone)]
pub struct Script(Arc<Inner>);

struct Inner {
    text: Box<[u8]>,
    /// 40 hexadecimal digits and a NUL.
    sha: [u8; SHA_LEN + 1],
    /// Whether the server's word that it does not know the script proves that it did not run.
    by_digest: bool,
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
        let by_digest = !DOUBTFUL.iter().any(|word| memmem::find(text, word).is_some());
        Ok(Script(Arc::new(Inner { text: kept.into_boxed_slice(), sha, by_digest })))
    }

    /// The SHA-1 digest of its text, as the server names it.
    pub fn sha(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0.sha).unwrap_or_default()
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
        step: impl FnOnce(&mut [&'a [u8]]) -> Result<T>,
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

    /// Whether an answer in the server's words for an unknown script proves that this one did not run. Where those words
    /// could be of the script's own making, it is only ever sent whole.
    pub(super) fn goes_by_digest(&self, args: &[&[u8]]) -> bool {
        // The field's name too may be handed over, and the words come out of the data base.
        let doubtful = |arg: &&[u8]| *arg == FIELD || (arg.len() >= WORD.len() && memmem::find(arg, WORD).is_some());
        self.0.by_digest && !args.iter().any(doubtful)
    }
}

impl Client {
    /// Run a script by its digest, or whole. `args` are those of EVALSHA.
    fn script<'a>(&self, script: &'a Script, args: &mut [&'a [u8]], call: &Call) -> Result<Reply> {
        self.count(Counters::command);
        let mut tries = Tries::default();
        // The program's callback is EVALSHA's, and is shown EVALSHA, whichever way it goes.
        let wish = self.wish(args, call);
        let digest = args[1];
        // One time for both ways together.
        let wait = self.wait(args, call);
        let mut replied = None;
        if script.goes_by_digest(&args[FRONT..]) {
            let reply = self.command_to_the_wire(args, call, wish.shape, &wait, &mut tries);
            let refused = |reply: &Reply| reply.is_error() && commands::unknown_script(reply.text());
            replied = Some(reply).filter(|reply| !reply.as_ref().is_ok_and(refused));
        }
        let replied = replied.unwrap_or_else(|| {
            (args[0], args[1]) = (EVAL, script.text());
            self.command_to_the_wire(args, call, wish.shape, &wait, &mut tries)
        });
        let result = replied.and_then(|reply| {
            if reply.is_error() && !call.flags.has(Flags::ERROR_REPLY) {
                // Whatever a script answers, it may have run.
                return Err(server_error(args, &reply).with_outcome(Outcome::Unknown));
            }
            (args[0], args[1]) = (EVALSHA, digest);
            self.finish(args, call, &wish, reply)
        });
        result.map_err(|error| tries.tell(error)).inspect_err(|error| self.count(|counters| counters.failed(error)))
    }
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
/// What stands before a script's keys: the command's name, the digest or the text, the number of keys.
pub(super) const FRONT: usize = 3;
/// As many arguments as are put together without an allocation.
const FEW: usize = 16;
const SHA_LEN: usize = 40;
const HEX: &[u8; 16] = b"0123456789abcdef";
/// What a script cannot do without that answers with an error whose words are its own: a field `err`, or what may make a
/// table with one out of data. What it raises is no such error: the server puts the script's digest behind it.
const DOUBTFUL: [&[u8]; 7] = [WORD, FIELD, b"redis[", b"cjson", b"cmsgpack", b"loadstring", b"load("];
/// What the server's words for an unknown script begin with.
const WORD: &[u8] = b"NOSCRIPT";
/// Where a table that a script returns has an error's text.
const FIELD: &[u8] = b"err";

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

    #[test]
    fn what_could_say_noscript_itself_goes_whole() {
        let plain = script("local t = {} t[ARGV[1]] = ARGV[2] return t");
        assert!(plain.goes_by_digest(&[b"k", b"noscript", b"error"]));
        assert!(!plain.goes_by_digest(&[b"k", b"err"]));
        assert!(!plain.goes_by_digest(&[b"k", b"NOSCRIPT No matching script."]));
        for text in [
            "return {err='NOSCRIPT No matching script.'}",
            "return redis.error_reply(redis.call('GET', KEYS[1]))",
            "return cjson.decode(redis.call('GET', KEYS[1]))",
        ] {
            assert!(!script(text).goes_by_digest(&[]), "{text}");
        }
    }
}
