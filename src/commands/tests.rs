//! The command table, through the functions that the upper floors use.

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

const STATEFUL_TWO: &str = "CLIENT REPLY, CLIENT TRACKING, CLIENT CACHING, CLIENT SETNAME, CLIENT SETINFO, CLIENT NO-EVICT, \
    CLIENT NO-TOUCH, CLIENT CAPA, CLIENT IMPORT-SOURCE, CLIENT MAINT_NOTIFICATIONS, SCRIPT DEBUG, HIMPORT PREPARE, HIMPORT SET, \
    HIMPORT DISCARD, HIMPORT DISCARDALL";

#[test]
fn the_table_is_sorted_and_in_capitals() {
    assert!(all().windows(2).all(|pair| pair[0].name() < pair[1].name()));
    assert!(all().iter().all(|row| !row.name().bytes().any(|byte| byte.is_ascii_lowercase() || byte == b'|')));
    assert!(all().len() > 600);
    assert!(all().iter().filter(|row| row.only_reads()).count() > 250);
}

#[test]
fn rows_are_of_a_piece() {
    for row in all() {
        let has = |flag| row.flags.has(flag);
        assert!(!(has(CommandFlags::READONLY) && has(CommandFlags::WRITE)), "{}", row.name());
        assert!(!(has(CommandFlags::WRITE) && row.only_reads()), "{}", row.name());
        assert!(row.arity != 0 && row.arity.unsigned_abs() as usize >= row.name().split(' ').count(), "{}", row.name());
        assert!(row.timeout == Timeout::None || has(CommandFlags::BLOCKING) || row.id == Id::TsRead, "{}", row.name());
        assert!(row.timeout != Timeout::None || !has(CommandFlags::BLOCKING), "{}", row.name());
        assert!(row.response == Response::Default || row.request != Request::Default, "{}", row.name());
        assert!(row.change == Change::None || row.repeat == Repeat::Never, "{}", row.name());
        let unsaid = row.keys().iter().any(|key| matches!(key.find, Find::Unsaid));
        assert!(!unsaid || row.finder != Finder::Specification, "{}", row.name());
    }
}

#[test]
fn what_only_reads_may_be_repeated_and_nothing_else() {
    for name in ["GET", "hgetall", "Ping", "XINFO", "EVAL_RO", "SCAN", "ZRANGE", "XREAD"] {
        assert!(only_reads(&[name.as_bytes()]), "{name}");
    }
    for name in
        ["SET", "INCR", "EVAL", "XREADGROUP", "SPOP", "GETDEL", "GETEX", "SORT", "CONFIG", "NOSUCH", "PUBLISH", "BLPOP"]
    {
        assert!(!only_reads(&[name.as_bytes()]), "{name}");
    }
}

#[test]
fn every_name_is_found_in_any_case() {
    for row in all() {
        assert!(known(&split(row.name())), "{}", row.name());
        assert!(known(&split(&format!("{} key", row.name().to_lowercase()))), "{}", row.name());
    }
    for name in ["", "G", "GETT", "ZZZ", "A", "GET ", "JSON.NOSUCH", "\0", "\u{e9}"] {
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
    for name in STATEFUL_TWO.split(", ") {
        assert_eq!(state(name), Some(name));
        assert_eq!(state(&name.to_lowercase()), Some(name));
    }
}

#[test]
fn no_other_command_changes_a_connection() {
    for row in all() {
        let stateful = STATEFUL.split(' ').chain(STATEFUL_TWO.split(", ")).any(|name| name == row.name());
        assert_eq!(state(row.name()).is_some(), stateful, "{}", row.name());
        if !stateful {
            // It ends the server, and leaves no connection that could be another.
            let effect = if row.id == Id::Shutdown { Effect::Shutdown } else { Effect::None };
            assert_eq!(does(&format!("{} ID", row.name())), effect);
        }
    }
    for command in
        ["CLIENT", "CLIENT ID", "CLIENT LIST", "SCRIPT LOAD x", "SCRIPT", "SELECTS 1", "ZELECT 1", "", "SCR\u{49}PTS"]
    {
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
    assert_eq!(does("shutdown nosave now"), Effect::Shutdown);
    assert_eq!(does("SHUTDOWN Abort"), Effect::None);
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

/// The keys of a command, as they stand in it.
fn keys_in(command: &str) -> Result<Vec<String>, NoKeys> {
    let args = split(command);
    let text = |key: CommandKey| String::from_utf8_lossy(args[key.index]).into_owned();
    Ok(keys(&args)?.iter().map(text).collect())
}

#[test]
fn keys_of_commands_that_no_server_at_hand_has() {
    let found = |command: &str| keys_in(command).unwrap_or_else(|why| panic!("{command}: {why:?}")).join(" ");
    assert_eq!(found("MSETEX 2 a 1 b 2 NX"), "a b");
    assert_eq!(found("MSETEX 2 a 1 b"), "a b");
    assert_eq!(found("himport set k u 1 2"), "k");
    assert_eq!(found("SDIFFCARD 3 a b c LIMIT 1"), "a b c");
    assert_eq!(found("BLMOVEM a b LEFT RIGHT 0 COUNT 2 OBO"), "a b");
    assert_eq!(found("JSON.MGET a b $.x"), "a b");
    assert_eq!(found("JSON.MSET a $ 1 b $ 2"), "a b");
    assert_eq!(found("JSON.DEBUG MEMORY k"), "k");
    assert_eq!(found("FT.SEARCH index *"), "");
    assert_eq!(found("FT.SUGADD k text 1"), "k");
    assert_eq!(found("TS.MADD a 1 2 b 1 2"), "a b");
    assert_eq!(found("TS.CREATERULE a b AGGREGATION avg 1"), "a b");
    assert_eq!(found("CMS.MERGE d 2 a b WEIGHTS 1 2"), "d a b");
    assert_eq!(found("TDIGEST.MERGE d 1 a"), "d a");
    for (command, why) in [
        ("MSETEX 4 a 1 b 2", NoKeys::Arguments),
        ("CMS.MERGE d 9 a b", NoKeys::Arguments),
        ("SDIFFCARD -1 a b", NoKeys::Arguments),
        ("SDIFFCARD", NoKeys::Arity),
        ("HIMPORT NOSUCH k", NoKeys::Unknown),
        ("JSON.NOSUCH k", NoKeys::Unknown),
    ] {
        assert_eq!(keys_in(command), Err(why), "{command}");
    }
}

#[test]
fn what_is_done_to_a_key_depends_on_the_options() {
    let access = |command: &str| keys(&split(command)).unwrap().iter().next().unwrap().access.0;
    let changed = Access::RW | Access::ACCESS | Access::UPDATE;
    assert_eq!(access("SET k v"), Access::OW | Access::UPDATE);
    assert_eq!(access("SET k get"), Access::OW | Access::UPDATE);
    assert_eq!(access("SET k v NX get"), changed);
    assert_eq!(access("BITFIELD k GET u8 0 OVERFLOW FAIL"), Access::RO | Access::ACCESS);
    assert_eq!(access("BITFIELD k GET u8 0 INCRBY u8 0 1"), changed);
    assert_eq!(access("DELEX k"), Access::RM | Access::DELETE);
    assert_eq!(access("DELEX k IFEQ v"), Access::RW | Access::ACCESS | Access::DELETE);
}

#[test]
fn words_that_look_like_options_are_keys_where_keys_are_due() {
    assert_eq!(keys_in("XREADGROUP GROUP STREAMS STREAMS STREAMS a >").unwrap(), ["a"]);
    assert_eq!(keys_in("XREAD BLOCK 1 STREAMS STREAMS 0").unwrap(), ["STREAMS"]);
    assert_eq!(keys_in("SORT STORE BY STORE STORE d").unwrap(), ["STORE", "d"]);
    assert_eq!(keys_in("EVAL x 0 a b").unwrap(), [""; 0]);
    assert_eq!(keys_in("EVAL x 9 a b").unwrap(), [""; 0]);
    assert_eq!(keys_in("MIGRATE h 1  0 9 COPY AUTH KEYS KEYS a b").unwrap(), ["a", "b"]);
    assert_eq!(keys_in("MIGRATE h 1 k 0 9 KEYS a b"), Err(NoKeys::Arguments));
    // A channel of a shard has a slot as a key has, but it is none.
    assert_eq!(keys_in("SPUBLISH c m").unwrap(), [""; 0]);
}
