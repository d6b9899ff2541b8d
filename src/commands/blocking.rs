//! Commands that block on the server, and the timeout in their arguments.

use std::time::Duration;

/// How long a command says that the server may wait with its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocking {
    /// Up to so long.
    For(Duration),
    /// For ever.
    Forever,
}

/// How long the server may wait with its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// It does not.
    None,
    /// Seconds, perhaps with a fraction.
    Seconds(Place),
    /// Whole milliseconds.
    Milliseconds(Place),
}

/// Where a timeout stands among the arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the end.
    Last,
    /// At this index.
    At(u8),
    /// After the word BLOCK, at this index or later, and before the word STREAMS where there is one.
    Block {
        /// Where options begin.
        from: u8,
        /// They end at the word STREAMS, and not at the end of the command.
        streams: bool,
    },
}

impl Timeout {
    /// How long the server may wait with these arguments. A time that cannot be read is none: the server will say so.
    #[inline]
    pub(super) fn read(self, args: &[&[u8]]) -> Option<Blocking> {
        if self == Timeout::None { None } else { self.read_well(args) }
    }

    /// The argument with the time, and what stands there where the server is to wait for less. None: it waits for no time that
    /// could be read.
    pub(super) fn shortened(self, args: &[&[u8]], left: Duration) -> Option<(usize, String)> {
        let (place, text) = match self {
            Timeout::None => return None,
            Timeout::Seconds(place) => (place, format!("{:.3}", left.as_secs_f64().max(LEAST_S))),
            Timeout::Milliseconds(place) => (place, left.as_millis().max(1).to_string()),
        };
        match self.read(args)? {
            Blocking::Forever => None,
            Blocking::For(_) => {
                let said = place.text(args)?;
                let index = args.iter().position(|arg| std::ptr::eq(arg.as_ptr(), said.as_ptr()))?;
                Some((index, text))
            }
        }
    }

    fn read_well(self, args: &[&[u8]]) -> Option<Blocking> {
        match self {
            Timeout::None => None,
            Timeout::Seconds(place) => seconds(place.text(args)?),
            Timeout::Milliseconds(place) => milliseconds(place.text(args)?),
        }
    }
}

impl Place {
    fn text<'a>(self, args: &[&'a [u8]]) -> Option<&'a [u8]> {
        match self {
            // The command's name and a key at least come first.
            Place::Last if args.len() > 2 => args.last().copied(),
            Place::Last => None,
            Place::At(index) => args.get(usize::from(index)).copied(),
            Place::Block { from, streams } => {
                block(args.get(usize::from(from)..)?, if streams { b"STREAMS" } else { b"" })
            }
        }
    }
}

/// What follows BLOCK among the options, which end at the word `end` where there is to be one. They come in any order, and
/// a group and its consumer may be called anything.
fn block<'a>(options: &[&'a [u8]], end: &[u8]) -> Option<&'a [u8]> {
    let mut said = None;
    let mut at = 0;
    while let Some(option) = options.get(at) {
        let is = |word: &[u8]| option.eq_ignore_ascii_case(word);
        if !end.is_empty() && is(end) {
            return said;
        }
        if is(b"BLOCK") {
            said = options.get(at + 1).copied();
        }
        at += match () {
            () if is(b"GROUP") => 3,
            () if is(b"BLOCK") || is(b"COUNT") || is(b"CLAIM") => 2,
            () => 1,
        };
    }
    said.filter(|_| end.is_empty())
}

/// 0 would be for ever.
const LEAST_S: f64 = 0.001;

fn seconds(text: &[u8]) -> Option<Blocking> {
    if is_hexadecimal(text) {
        return Some(Blocking::Forever);
    }
    let seconds: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    let waits = Duration::try_from_secs_f64(seconds).ok()?;
    Some(if waits.is_zero() { Blocking::Forever } else { Blocking::For(waits) })
}

/// Servers read seconds as C does, and C knows hexadecimal numbers: how long such a one is, is theirs to say.
fn is_hexadecimal(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    matches!(digits, [b'0', b'x' | b'X', ..])
}

fn milliseconds(text: &[u8]) -> Option<Blocking> {
    let milliseconds: u64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(if milliseconds == 0 { Blocking::Forever } else { Blocking::For(Duration::from_millis(milliseconds)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::blocking;

    #[test]
    fn a_time_is_shortened_where_it_stands() {
        let shortened = |command: &str, left_ms| {
            let args: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
            let row = crate::commands::find(&args).unwrap();
            row.shortened(&args, Duration::from_millis(left_ms))
        };
        assert_eq!(shortened("BLPOP 5 5", 1500), Some((2, "1.500".into())));
        assert_eq!(shortened("BLPOP a b 30", 0), Some((3, "0.001".into())));
        assert_eq!(shortened("BLMPOP 2 1 k LEFT", 700), Some((1, "0.700".into())));
        assert_eq!(shortened("XREAD COUNT 3 BLOCK 900 STREAMS s 0", 25), Some((4, "25".into())));
        for none in ["BLPOP k 0", "BLPOP k x", "GET k", "XREAD STREAMS s 0"] {
            assert_eq!(shortened(none, 25), None, "{none}");
        }
    }

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
        assert_eq!(waits("BRPOP a 0x1p3"), Some(Blocking::Forever));
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
        assert_eq!(waits("XREADGROUP BLOCK 7 GROUP g c STREAMS s >"), for_ms(7));
        assert_eq!(waits("XREADGROUP COUNT 1 NOACK BLOCK 7 group STREAMS BLOCK STREAMS BLOCK >"), for_ms(7));
        assert_eq!(waits("XREADGROUP CLAIM 5 BLOCK 0 GROUP g c STREAMS s >"), Some(Blocking::Forever));
        assert_eq!(waits("BLMOVEM a b LEFT RIGHT 2 COUNT 3 OBO"), for_ms(2000));
        assert_eq!(waits("TS.READ k - BLOCK 20 1"), for_ms(20));
        assert_eq!(waits("TS.READ BLOCK 5"), None);
    }

    #[test]
    fn nothing_else_does() {
        for command in [
            "GET a",
            "BLPOP a x",
            "BLPOP 1",
            "BLPOP a -1",
            "WAIT 1 0x10",
            "BITCOUNT a 0 1",
            "WATCH a 1",
            "XREAD COUNT 2 STREAMS BLOCK 0",
            "XREAD STREAMS s 0",
            "XREADGROUP GROUP BLOCK 5 STREAMS s >",
            "XREADGROUP GROUP g BLOCK STREAMS 5 >",
            "XREADGROUP COUNT 1 GROUP BLOCK 5 STREAMS s >",
            "XREADGROUP GROUP g c BLOCK 5",
            "XREADGROUP BLOCK",
            "XRANGE BLOCK 5 6",
            "WAIT 1",
        ] {
            assert_eq!(waits(command), None, "{command}");
        }
        assert_eq!(blocking(&[]), None);
    }
}
