//! What is known of every command: its name, what it does to a connection, what an error from it means.

mod blocking;
pub mod shape;
mod table;

use std::cmp::Ordering;

use crate::error::Outcome;

pub use blocking::{Blocking, blocking};
pub use shape::{Shape, shape};

/// What channels are subscribed by: their names, patterns of names, or names that shards own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// SUBSCRIBE.
    Channel,
    /// PSUBSCRIBE.
    Pattern,
    /// SSUBSCRIBE.
    Shard,
}

/// What a command does to the connection it travels on, once the server has accepted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing that lasts.
    None,
    /// Another database.
    Select(u32),
    /// Opens a transaction.
    Multi,
    /// Ends a transaction, and every watch.
    Exec,
    /// Gives a transaction up, and every watch.
    Discard,
    /// Watches keys.
    Watch,
    /// Watches no key any more.
    Unwatch,
    /// One push comes for each of `count` names, and no reply.
    Subscribe {
        /// What kind of names.
        topic: Topic,
        /// How many names.
        count: usize,
    },
    /// One push comes for each of `count` names, or for each that is subscribed where there are none; no reply.
    Unsubscribe {
        /// What kind of names.
        topic: Topic,
        /// How many names; 0 is all of them.
        count: usize,
    },
    /// Everything that the server does follows, for ever.
    Monitor,
    /// Replies come again, this command's first.
    ReplyOn,
    /// No reply comes any more, nor to this command.
    ReplyOff,
    /// No reply comes to this command, nor to the next.
    ReplySkip,
    /// Another protocol, perhaps another user and name.
    Hello,
    /// Another user.
    Auth,
    /// All is as on a new connection.
    Reset,
    /// The server closes the connection after its reply.
    Quit,
    /// Anything else that lasts: a name, tracking, READONLY, a debugger.
    Other,
}

/// Whether the table has this command, by its first word in any case of letters.
pub fn known(args: &[&[u8]]) -> bool {
    let Some(name) = args.first() else { return false };
    table::NAMES.binary_search_by(|row| compare(row, name)).is_ok()
}

/// Whether the command only reads, so that it may be repeated when nobody knows whether it ran.
pub fn only_reads(args: &[&[u8]]) -> bool {
    let Some(name) = args.first() else { return false };
    table::READS.binary_search_by(|row| compare(row, name)).is_ok()
}

/// Whether the server refused a command for a reason that passes, so that it may be tried again.
pub fn refusal_passes(error: &[u8]) -> bool {
    const PASSING: [&[u8]; 4] = [b"LOADING", b"MASTERDOWN", b"TRYAGAIN", b"CLUSTERDOWN"];
    let word = error.split(|byte| *byte == b' ').next().unwrap_or_default();
    PASSING.contains(&word)
}

/// The canonical name of a command that changes its connection, which a client of many connections therefore refuses.
pub fn connection_state(args: &[&[u8]]) -> Option<&'static str> {
    find(args).map(|word| word.name)
}

/// What the command does to its connection. One that the server is sure to refuse does nothing.
pub fn effect(args: &[&[u8]]) -> Effect {
    let Some(word) = find(args) else { return Effect::None };
    match word.change {
        Change::Fixed(effect) => effect,
        Change::Select => args.get(1).and_then(|text| number(text)).map_or(Effect::Other, Effect::Select),
        Change::Reply => reply_mode(args),
        Change::Subscribe(_) if args.len() < 2 => Effect::None,
        Change::Subscribe(topic) => Effect::Subscribe { topic, count: args.len() - 1 },
        Change::Unsubscribe(topic) => Effect::Unsubscribe { topic, count: args.len() - 1 },
    }
}

/// Whether these are the server's own words for a digest that it knows no script of. A script may well return other errors
/// that begin with NOSCRIPT, after it ran; one that it raises has more behind these words.
pub fn unknown_script(error: &[u8]) -> bool {
    const WORDS: [&[u8]; 2] = [b"NOSCRIPT No matching script. Please use EVAL.", b"NOSCRIPT No matching script."];
    WORDS.contains(&error)
}

/// What an error reply says of the command: that it did not run, or, where a script or an unknown hand may have done half
/// of its work before the error, nothing.
pub fn error_outcome(args: &[&[u8]], error: &[u8]) -> Outcome {
    const MAY_HAVE_RUN: [&str; 5] = ["EVAL", "EVAL_RO", "FCALL", "FCALL_RO", "MIGRATE"];
    let Some(name) = args.first() else { return Outcome::Unknown };
    let is = |word: &str| word.as_bytes().eq_ignore_ascii_case(name);
    if is("EVALSHA") || is("EVALSHA_RO") {
        return if unknown_script(error) { Outcome::Refused } else { Outcome::Unknown };
    }
    if MAY_HAVE_RUN.iter().any(|word| is(word)) || !known(args) { Outcome::Unknown } else { Outcome::Refused }
}

/// A command that changes its connection.
struct Word {
    name: &'static str,
    change: Change,
}

/// How the effect of a word is read off its arguments.
#[derive(Clone, Copy)]
enum Change {
    Fixed(Effect),
    Select,
    Reply,
    Subscribe(Topic),
    Unsubscribe(Topic),
}

const fn word(name: &'static str, effect: Effect) -> Word {
    Word { name, change: Change::Fixed(effect) }
}

const fn changing(name: &'static str, change: Change) -> Word {
    Word { name, change }
}

/// Looked at for every command, so the length and the first letter turn nearly all of them away.
fn find(args: &[&[u8]]) -> Option<&'static Word> {
    let name = *args.first()?;
    let candidates: &'static [Word] = match (name.len(), name.first()? | 0x20) {
        (4, b'a') => const { &[word("AUTH", Effect::Auth)] },
        (4, b'e') => const { &[word("EXEC", Effect::Exec)] },
        (4, b'q') => const { &[word("QUIT", Effect::Quit)] },
        (4, b's') => const { &[word("SYNC", Effect::Other)] },
        (5, b'h') => const { &[word("HELLO", Effect::Hello)] },
        (5, b'm') => const { &[word("MULTI", Effect::Multi)] },
        (5, b'p') => const { &[word("PSYNC", Effect::Other)] },
        (5, b'r') => const { &[word("RESET", Effect::Reset)] },
        (5, b'w') => const { &[word("WATCH", Effect::Watch)] },
        (6, b'a') => const { &[word("ASKING", Effect::Other)] },
        (6, b'c') if name.eq_ignore_ascii_case(b"CLIENT") => return second(CLIENT, args),
        (6, b's') if name.eq_ignore_ascii_case(b"SCRIPT") => return second(SCRIPT, args),
        (6, b's') => const { &[changing("SELECT", Change::Select)] },
        (7, b'd') => const { &[word("DISCARD", Effect::Discard)] },
        (7, b'h') => const { &[word("HIMPORT", Effect::Other)] },
        (7, b'm') => const { &[word("MONITOR", Effect::Monitor)] },
        (7, b'u') => const { &[word("UNWATCH", Effect::Unwatch)] },
        (8, b'r') => const { &[word("READONLY", Effect::Other), word("REPLCONF", Effect::Other)] },
        (9, b'r') => const { &[word("READWRITE", Effect::Other)] },
        (9, b's') => const { &[changing("SUBSCRIBE", Change::Subscribe(Topic::Channel))] },
        (10, b'p') => const { &[changing("PSUBSCRIBE", Change::Subscribe(Topic::Pattern))] },
        (10, b's') => const { &[changing("SSUBSCRIBE", Change::Subscribe(Topic::Shard))] },
        (11, b'u') => const { &[changing("UNSUBSCRIBE", Change::Unsubscribe(Topic::Channel))] },
        (12, b'p') => const { &[changing("PUNSUBSCRIBE", Change::Unsubscribe(Topic::Pattern))] },
        (12, b's') => const { &[changing("SUNSUBSCRIBE", Change::Unsubscribe(Topic::Shard))] },
        _ => return None,
    };
    candidates.iter().find(|word| word.name.as_bytes().eq_ignore_ascii_case(name))
}

/// The row of `words` that the first two arguments spell; each row begins with the first and a space.
fn second(words: &'static [Word], args: &[&[u8]]) -> Option<&'static Word> {
    let [first, given, ..] = args else { return None };
    let name = |word: &Word| word.name.as_bytes().get(first.len() + 1..).unwrap_or_default();
    words.iter().find(|word| name(word).eq_ignore_ascii_case(given))
}

/// CLIENT REPLY of three words does as it says; anything else the server answers with an error.
fn reply_mode(args: &[&[u8]]) -> Effect {
    let [_, _, mode] = args else { return Effect::None };
    if mode.eq_ignore_ascii_case(b"ON") {
        Effect::ReplyOn
    } else if mode.eq_ignore_ascii_case(b"OFF") {
        Effect::ReplyOff
    } else if mode.eq_ignore_ascii_case(b"SKIP") {
        Effect::ReplySkip
    } else {
        Effect::None
    }
}

/// A database's number.
fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The order of the table, whatever the case of `given`.
fn compare(row: &str, given: &[u8]) -> Ordering {
    row.bytes().cmp(given.iter().map(u8::to_ascii_uppercase))
}

static CLIENT: &[Word] = &[
    changing("CLIENT REPLY", Change::Reply),
    word("CLIENT TRACKING", Effect::Other),
    word("CLIENT CACHING", Effect::Other),
    word("CLIENT SETNAME", Effect::Other),
    word("CLIENT SETINFO", Effect::Other),
    word("CLIENT NO-EVICT", Effect::Other),
    word("CLIENT NO-TOUCH", Effect::Other),
    word("CLIENT CAPA", Effect::Other),
    word("CLIENT IMPORT-SOURCE", Effect::Other),
    word("CLIENT MAINT_NOTIFICATIONS", Effect::Other),
];
static SCRIPT: &[Word] = &[word("SCRIPT DEBUG", Effect::Other)];

#[cfg(test)]
mod tests {
    use super::*;

    /// A command of words apart by spaces.
    fn split(command: &str) -> Vec<&[u8]> {
        command.split(' ').map(str::as_bytes).collect()
    }

    fn state(command: &str) -> Option<&'static str> {
        connection_state(&split(command))
    }

    fn does(command: &str) -> Effect {
        effect(&split(command))
    }

    fn outcome(command: &str, error: &str) -> Outcome {
        error_outcome(&split(command), error.as_bytes())
    }

    const STATEFUL: &str = "SELECT AUTH HELLO RESET QUIT MULTI EXEC DISCARD WATCH UNWATCH SUBSCRIBE PSUBSCRIBE SSUBSCRIBE \
        UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE MONITOR SYNC PSYNC REPLCONF READONLY READWRITE ASKING HIMPORT";

    #[test]
    fn the_table_is_sorted_and_in_capitals() {
        assert!(table::NAMES.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(table::NAMES.iter().all(|name| !name.bytes().any(|byte| byte.is_ascii_lowercase() || byte == b' ')));
        assert!(table::NAMES.len() > 240);
        assert!(table::READS.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(table::READS.iter().all(|name| table::NAMES.contains(name)));
    }

    #[test]
    fn what_only_reads_may_be_repeated_and_nothing_else() {
        for name in ["GET", "hgetall", "Ping", "XINFO", "EVAL_RO", "SCAN", "ZRANGE", "XREAD"] {
            assert!(only_reads(&[name.as_bytes()]), "{name}");
        }
        for name in [
            "SET",
            "INCR",
            "EVAL",
            "XREADGROUP",
            "SPOP",
            "GETDEL",
            "GETEX",
            "SORT",
            "CONFIG",
            "NOSUCH",
            "PUBLISH",
            "BLPOP",
        ] {
            assert!(!only_reads(&[name.as_bytes()]), "{name}");
        }
    }

    #[test]
    fn some_refusals_pass() {
        assert!(refusal_passes(b"LOADING Redis is loading the dataset in memory"));
        assert!(refusal_passes(b"TRYAGAIN"));
        for error in [&b"LOADINGS x"[..], b"ERR LOADING", b"READONLY You can't write", b"BUSY x", b""] {
            assert!(!refusal_passes(error));
        }
    }

    #[test]
    fn every_name_is_found_in_any_case() {
        for name in table::NAMES {
            assert!(known(&[name.as_bytes()]), "{name}");
            assert!(known(&[name.to_lowercase().as_bytes(), b"key"]), "{name}");
        }
        for name in ["", "G", "GETT", "ZZZ", "A", "GET ", "JSON.SET", "\0", "\u{e9}"] {
            assert!(!known(&[name.as_bytes()]), "{name}");
        }
        assert!(!known(&[]));
    }

    #[test]
    fn what_changes_a_connection_is_named_in_any_case() {
        for name in STATEFUL.split(' ') {
            assert_eq!(state(name), Some(name));
            assert_eq!(state(&format!("{} x y", name.to_lowercase())), Some(name));
            assert!(known(&[name.as_bytes()]), "{name}");
            assert_ne!(does(&format!("{name} 1")), Effect::None, "{name}");
        }
        for word in CLIENT.iter().chain(SCRIPT) {
            assert_eq!(state(word.name), Some(word.name));
            assert_eq!(state(&word.name.to_lowercase()), Some(word.name));
        }
    }

    #[test]
    fn no_other_command_changes_a_connection() {
        for name in table::NAMES {
            if !STATEFUL.split(' ').any(|word| word == *name) {
                assert_eq!(state(name), None, "{name}");
                assert_eq!(state(&format!("{name} REPLY")).is_some(), *name == "CLIENT", "{name}");
                assert_eq!(does(&format!("{name} ID")), Effect::None);
            }
        }
        for command in [
            "CLIENT",
            "CLIENT ID",
            "CLIENT LIST",
            "SCRIPT LOAD x",
            "SCRIPT",
            "SELECTS 1",
            "ZELECT 1",
            "",
            "SCR\u{49}PTS",
        ] {
            assert_eq!(state(command), None, "{command}");
        }
        assert_eq!(connection_state(&[]), None);
        assert_eq!(connection_state(&[b""]), None);
    }

    #[test]
    fn effects_read_their_arguments() {
        assert_eq!(does("select 3"), Effect::Select(3));
        assert_eq!(does("SELECT x"), Effect::Other);
        assert_eq!(does("SELECT"), Effect::Other);
        assert_eq!(does("SELECT -1"), Effect::Other);
        assert_eq!(does("SUBSCRIBE"), Effect::None);
        assert_eq!(does("Subscribe a b"), Effect::Subscribe { topic: Topic::Channel, count: 2 });
        assert_eq!(does("PSUBSCRIBE a"), Effect::Subscribe { topic: Topic::Pattern, count: 1 });
        assert_eq!(does("SSUBSCRIBE a"), Effect::Subscribe { topic: Topic::Shard, count: 1 });
        assert_eq!(does("UNSUBSCRIBE"), Effect::Unsubscribe { topic: Topic::Channel, count: 0 });
        assert_eq!(does("PUNSUBSCRIBE a b c"), Effect::Unsubscribe { topic: Topic::Pattern, count: 3 });
        assert_eq!(does("SUNSUBSCRIBE a"), Effect::Unsubscribe { topic: Topic::Shard, count: 1 });
        assert_eq!(does("client reply on"), Effect::ReplyOn);
        assert_eq!(does("CLIENT REPLY Off"), Effect::ReplyOff);
        assert_eq!(does("CLIENT REPLY SKIP"), Effect::ReplySkip);
        assert_eq!(does("CLIENT REPLY OFF x"), Effect::None);
        assert_eq!(does("CLIENT REPLY x"), Effect::None);
        assert_eq!(does("CLIENT SETNAME x"), Effect::Other);
        assert_eq!(does("GET x"), Effect::None);
        assert_eq!(effect(&[]), Effect::None);
    }

    #[test]
    fn an_error_means_that_the_command_did_not_run_but_where_it_may_have() {
        assert_eq!(outcome("INCR k", "ERR value is not an integer or out of range"), Outcome::Refused);
        assert_eq!(outcome("get k", "WRONGTYPE x"), Outcome::Refused);
        assert_eq!(outcome("EXEC", "EXECABORT x"), Outcome::Refused);
        for name in ["EVAL", "eval_ro", "EVALSHA", "evalsha_RO", "FCALL", "FCALL_RO", "MIGRATE", "JSON.SET", "NOSUCH"] {
            assert_eq!(outcome(name, "ERR x"), Outcome::Unknown, "{name}");
        }
        assert_eq!(outcome("EVALSHA x 0", "NOSCRIPT No matching script."), Outcome::Refused);
        assert_eq!(outcome("evalsha_ro x 0", "NOSCRIPT No matching script. Please use EVAL."), Outcome::Refused);
        for said_by_a_script in [
            "NOSCRIPTS y",
            "NOSCRIPT",
            "NOSCRIPT of mine",
            "NOSCRIPT No matching script. Please use EVAL. script: 0f, on @user_script:1.",
        ] {
            assert_eq!(outcome("EVALSHA x 0", said_by_a_script), Outcome::Unknown);
        }
        assert_eq!(outcome("EVAL x 0", "NOSCRIPT No matching script."), Outcome::Unknown);
    }
}
