//! Where each command without keys goes.

use super::super::aim::{Aim, aim};
use super::{Breadth, Fold, Together, policy};
use crate::commands::{self, CommandFlags};
use crate::error::{Instead, Status};

const ALL: &[(&str, Together)] = &[
    ("ACL DELUSER", Together::First),
    ("ACL LOAD", Together::First),
    ("ACL LOG", Together::Joined),
    ("ACL SAVE", Together::First),
    ("ACL SETUSER", Together::First),
    ("COMMANDLOG GET", Together::Joined),
    ("COMMANDLOG LEN", Together::Fold(Fold::Sum)),
    ("COMMANDLOG RESET", Together::First),
    ("CONFIG RESETSTAT", Together::First),
    ("CONFIG REWRITE", Together::First),
    ("CONFIG SET", Together::First),
    ("LATENCY DOCTOR", Together::ByServer),
    ("LATENCY GRAPH", Together::ByServer),
    ("LATENCY HISTOGRAM", Together::ByServer),
    ("LATENCY HISTORY", Together::ByServer),
    ("LATENCY LATEST", Together::ByServer),
    ("LATENCY RESET", Together::Fold(Fold::Sum)),
    ("MODULE LOAD", Together::First),
    ("MODULE LOADEX", Together::First),
    ("MODULE UNLOAD", Together::First),
    ("PUBSUB CHANNELS", Together::Union),
    ("PUBSUB NUMPAT", Together::Fold(Fold::Sum)),
    ("PUBSUB NUMSUB", Together::Fold(Fold::Sum)),
    ("PUBSUB SHARDCHANNELS", Together::Union),
    ("PUBSUB SHARDNUMSUB", Together::Fold(Fold::Sum)),
    ("SCRIPT FLUSH", Together::First),
    ("SCRIPT LOAD", Together::First),
    ("SLOWLOG GET", Together::Joined),
    ("SLOWLOG LEN", Together::Fold(Fold::Sum)),
    ("SLOWLOG RESET", Together::First),
];

const PRIMARIES: &[(&str, Together)] = &[
    ("BGREWRITEAOF", Together::First),
    ("BGSAVE", Together::First),
    ("CLIENT PAUSE", Together::First),
    ("CLIENT UNPAUSE", Together::First),
    ("CLUSTER SLOT-STATS", Together::Joined),
    ("DBSIZE", Together::Fold(Fold::Sum)),
    ("FLUSHALL", Together::First),
    ("FLUSHDB", Together::First),
    ("FUNCTION DELETE", Together::First),
    ("FUNCTION FLUSH", Together::First),
    ("FUNCTION KILL", Together::One),
    ("FUNCTION LOAD", Together::First),
    ("FUNCTION RESTORE", Together::First),
    ("FUNCTION STATS", Together::ByServer),
    ("INFO", Together::ByServer),
    ("KEYS", Together::Joined),
    ("LASTSAVE", Together::Fold(Fold::Min)),
    ("MEMORY DOCTOR", Together::ByServer),
    ("MEMORY MALLOC-STATS", Together::ByServer),
    ("MEMORY PURGE", Together::First),
    ("MEMORY STATS", Together::ByServer),
    ("SAVE", Together::First),
    ("SCRIPT EXISTS", Together::Fold(Fold::Min)),
    ("SCRIPT KILL", Together::One),
    ("TS.MGET", Together::ByServer),
    ("TS.MRANGE", Together::ByServer),
    ("TS.MREVRANGE", Together::ByServer),
    ("TS.QUERYINDEX", Together::ByServer),
    ("TS.QUERYLABELS", Together::ByServer),
];

const ANY: &[&str] = &[
    "ACL CAT",
    "ACL DRYRUN",
    "ACL GENPASS",
    "ACL GETUSER",
    "ACL HELP",
    "ACL LIST",
    "ACL USERS",
    "ACL WHOAMI",
    "CLIENT GETNAME",
    "CLIENT ID",
    "CLIENT INFO",
    "CLIENT LIST",
    "CLUSTER INFO",
    "CLUSTER KEYSLOT",
    "CLUSTER LINKS",
    "CLUSTER MYID",
    "CLUSTER NODES",
    "CLUSTER REPLICAS",
    "CLUSTER SHARDS",
    "CLUSTER SLOTS",
    "COMMAND",
    "COMMAND COUNT",
    "COMMAND DOCS",
    "COMMAND INFO",
    "CONFIG GET",
    "DEBUG",
    "ECHO",
    "FUNCTION DUMP",
    "FUNCTION LIST",
    "LOLWUT",
    "MEMORY HELP",
    "MODULE LIST",
    "OBJECT HELP",
    "PING",
    "PUBLISH",
    "RANDOMKEY",
    "ROLE",
    "SCRIPT HELP",
    "TIME",
];

/// They do something to one server, and say not to which.
const OF_ONE_SERVER: &[&str] = &[
    "CLIENT KILL",
    "CLIENT UNBLOCK",
    "CLUSTER ADDSLOTS",
    "CLUSTER ADDSLOTSRANGE",
    "CLUSTER BUMPEPOCH",
    "CLUSTER CANCELSLOTMIGRATIONS",
    "CLUSTER DELSLOTS",
    "CLUSTER DELSLOTSRANGE",
    "CLUSTER FAILOVER",
    "CLUSTER FLUSHSLOTS",
    "CLUSTER FORGET",
    "CLUSTER MEET",
    "CLUSTER MIGRATESLOTS",
    "CLUSTER MIGRATION",
    "CLUSTER REPLICATE",
    "CLUSTER RESET",
    "CLUSTER SAVECONFIG",
    "CLUSTER SET-CONFIG-EPOCH",
    "CLUSTER SETSLOT",
    "CLUSTER SYNCSLOTS",
    "FAILOVER",
    "SHUTDOWN",
];

/// A command of this name, with some arguments.
fn aimed(name: &str) -> crate::error::Result<Aim> {
    let words: Vec<&[u8]> = name.split(' ').map(str::as_bytes).chain([&b"1"[..]; 3]).collect();
    let row = commands::find(&words);
    assert_eq!(row.map(|row| row.name()), Some(name));
    aim(row, &words)
}

fn names<'a>(list: &'a [(&'a str, Together)]) -> impl Iterator<Item = &'a str> {
    list.iter().map(|(name, _)| *name)
}

#[test]
fn each_command_without_keys_has_its_place() {
    let mut seen = Vec::new();
    for row in commands::all() {
        let words: Vec<&[u8]> = row.name().split(' ').map(str::as_bytes).collect();
        let listed = |reach, list: &[(&str, Together)]| {
            list.iter().find(|(name, _)| *name == row.name()).map(|(_, together)| (reach, *together))
        };
        let expected = listed(Breadth::All, ALL).or(listed(Breadth::Primaries, PRIMARIES));
        assert_eq!(policy(row), expected, "{}", row.name());
        seen.extend(expected.map(|_| row.name()));
        // What goes to several has no keys and leaves its connection as it is: every server can be asked at any time.
        if expected.is_some() {
            assert!(row.keys().is_empty() && row.connection_state().is_none(), "{}", row.name());
            assert!(!row.flags.has(CommandFlags::CONTAINER) && commands::find(&words).is_some(), "{}", row.name());
        }
        let is_refused = super::is_of_one_server(row);
        assert_eq!(is_refused, OF_ONE_SERVER.contains(&row.name()), "{}", row.name());
    }
    assert_eq!(seen.len(), ALL.len() + PRIMARIES.len());
}

#[test]
fn what_is_for_one_goes_to_any_and_what_is_for_several_or_for_whom_nobody_knows_has_no_place_among_others() {
    for name in ANY {
        assert_eq!(aimed(name).map_err(|error| error.to_string()), Ok(Aim::Any), "{name}");
    }
    let refused = |name: &str, instead| {
        let error = aimed(name).unwrap_err();
        assert_eq!((error.status, error.instead), (Status::Argument, Some(instead)), "{name}: {error}");
    };
    names(ALL).chain(names(PRIMARIES)).chain(["SCAN"]).for_each(|name| refused(name, Instead::EachServer));
    OF_ONE_SERVER.iter().for_each(|name| refused(name, Instead::OneServer));
    ["WAIT", "WAITAOF"].iter().for_each(|name| refused(name, Instead::Connection));
}

#[test]
fn what_is_about_a_slot_goes_to_its_owner() {
    let aimed = |args: &[&str]| {
        let args: Vec<&[u8]> = args.iter().map(|arg| arg.as_bytes()).collect();
        aim(commands::find(&args), &args).unwrap()
    };
    assert_eq!(aimed(&["CLUSTER", "COUNTKEYSINSLOT", "7"]), Aim::Slot(7));
    assert_eq!(aimed(&["CLUSTER", "GETKEYSINSLOT", "16383", "1"]), Aim::Slot(16_383));
    assert_eq!(aimed(&["CLUSTER", "GETKEYSINSLOT", "16384", "1"]), Aim::Any);
    assert_eq!(aimed(&["CLUSTER", "GETKEYSINSLOT", "x", "1"]), Aim::Any);
    // Its cursor counts as a key does.
    assert_eq!(aimed(&["CLUSTERSCAN", "0-{06S}-17"]), Aim::Slot(commands::slot(b"06S")));
}
