//! Commands that wait on the server, and for how long they say they will.

use std::time::Duration;

/// How long a command says that the server may wait with its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocking {
    /// Up to so long.
    For(Duration),
    /// For ever.
    Forever,
}

/// How long the server may wait, where the command asks it to. A time that cannot be read is none: the server will say so.
pub fn blocking(args: &[&[u8]]) -> Option<Blocking> {
    let name = *args.first()?;
    let is = |word: &[u8]| name.eq_ignore_ascii_case(word);
    // Looked at for every command, so the first letter turns nearly all of them away.
    match name.first()? | 0x20 {
        b'b' if is(b"BLMPOP") || is(b"BZMPOP") => seconds(args.get(1)?),
        b'b' if LAST_IS_SECONDS.iter().any(|word| is(word)) && args.len() > 2 => seconds(args.last()?),
        b'w' if is(b"WAIT") => milliseconds(args.get(2)?),
        b'w' if is(b"WAITAOF") => milliseconds(args.get(3)?),
        b'x' if is(b"XREAD") => milliseconds(option(args, 1, b"BLOCK")?),
        // GROUP, the group and the consumer come first, and may be called anything.
        b'x' if is(b"XREADGROUP") => milliseconds(option(args, 4, b"BLOCK")?),
        _ => None,
    }
}

const LAST_IS_SECONDS: [&[u8]; 6] = [b"BLPOP", b"BRPOP", b"BZPOPMIN", b"BZPOPMAX", b"BRPOPLPUSH", b"BLMOVE"];

/// What follows an option that stands before STREAMS.
fn option<'a>(args: &[&'a [u8]], from: usize, name: &[u8]) -> Option<&'a [u8]> {
    let options = args.get(from..)?;
    let streams = options.iter().position(|word| word.eq_ignore_ascii_case(b"STREAMS"))?;
    let at = options[..streams].iter().position(|word| word.eq_ignore_ascii_case(name))?;
    options[..streams].get(at + 1).copied()
}

fn seconds(text: &[u8]) -> Option<Blocking> {
    let seconds: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    let waits = Duration::try_from_secs_f64(seconds).ok()?;
    Some(if waits.is_zero() { Blocking::Forever } else { Blocking::For(waits) })
}

fn milliseconds(text: &[u8]) -> Option<Blocking> {
    let milliseconds: u64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(if milliseconds == 0 { Blocking::Forever } else { Blocking::For(Duration::from_millis(milliseconds)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(command: &str) -> Option<Blocking> {
        let args: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        blocking(&args)
    }

    fn for_ms(ms: u64) -> Option<Blocking> {
        Some(Blocking::For(Duration::from_millis(ms)))
    }

    #[test]
    fn every_blocking_command_says_how_long() {
        assert_eq!(waits("BLPOP a b 2"), for_ms(2000));
        assert_eq!(waits("blpop a 0.5"), for_ms(500));
        assert_eq!(waits("BRPOP a 0"), Some(Blocking::Forever));
        assert_eq!(waits("BZPOPMIN a 1"), for_ms(1000));
        assert_eq!(waits("BZPOPMAX a 1"), for_ms(1000));
        assert_eq!(waits("BRPOPLPUSH a b 1"), for_ms(1000));
        assert_eq!(waits("BLMOVE a b LEFT RIGHT 1"), for_ms(1000));
        assert_eq!(waits("BLMPOP 3 2 a b LEFT"), for_ms(3000));
        assert_eq!(waits("BZMPOP 3 1 a MIN"), for_ms(3000));
        assert_eq!(waits("WAIT 1 250"), for_ms(250));
        assert_eq!(waits("WAIT 1 0"), Some(Blocking::Forever));
        assert_eq!(waits("WAITAOF 1 0 250"), for_ms(250));
        assert_eq!(waits("XREAD COUNT 2 BLOCK 100 STREAMS s 0"), for_ms(100));
        assert_eq!(waits("XREAD block 0 STREAMS s 0"), Some(Blocking::Forever));
        assert_eq!(waits("XREADGROUP GROUP g c BLOCK 7 STREAMS s >"), for_ms(7));
    }

    #[test]
    fn nothing_else_does() {
        for command in [
            "GET a",
            "BLPOP a x",
            "BLPOP 1",
            "BLPOP a -1",
            "BITCOUNT a 0 1",
            "WATCH a 1",
            "XREAD COUNT 2 STREAMS BLOCK 0",
            "XREAD STREAMS s 0",
            "XREADGROUP GROUP BLOCK 5 STREAMS s >",
            "XREADGROUP GROUP g BLOCK STREAMS 5 >",
            "XRANGE BLOCK 5 6",
            "WAIT 1",
        ] {
            assert_eq!(waits(command), None, "{command}");
        }
        assert_eq!(blocking(&[]), None);
    }
}
