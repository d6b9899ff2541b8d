//! Statuses and integers that become a BOOL.

use super::{Row, Shape, words};
use crate::reply::Form;

pub(super) static ROWS: &[Row] = &[
    yes("ACL LOAD"),
    yes("ACL SAVE"),
    yes("ACL SETUSER"),
    yes("ASKING"),
    yes("AUTH"),
    Row::form("BGREWRITEAOF", &Form::Done, "BOOL"),
    Row::form("BGSAVE", &Form::Done, "BOOL"),
    yes("CLIENT CACHING"),
    yes("CLIENT CAPA"),
    yes("CLIENT IMPORT-SOURCE"),
    Row::read("CLIENT KILL", client_kill, "BOOL by an address; INTEGER by filters"),
    yes("CLIENT MAINT_NOTIFICATIONS"),
    yes("CLIENT NO-EVICT"),
    yes("CLIENT NO-TOUCH"),
    yes("CLIENT PAUSE"),
    yes("CLIENT REPLY"),
    yes("CLIENT SETINFO"),
    yes("CLIENT SETNAME"),
    yes("CLIENT TRACKING"),
    yes("CLIENT UNBLOCK"),
    yes("CLIENT UNPAUSE"),
    yes("CLUSTER ADDSLOTS"),
    yes("CLUSTER ADDSLOTSRANGE"),
    yes("CLUSTER DELSLOTS"),
    yes("CLUSTER DELSLOTSRANGE"),
    yes("CLUSTER FAILOVER"),
    yes("CLUSTER FLUSHSLOTS"),
    yes("CLUSTER FORGET"),
    yes("CLUSTER MEET"),
    yes("CLUSTER REPLICATE"),
    yes("CLUSTER RESET"),
    yes("CLUSTER SAVECONFIG"),
    yes("CLUSTER SET-CONFIG-EPOCH"),
    yes("CLUSTER SETSLOT"),
    yes("CONFIG RESETSTAT"),
    yes("CONFIG REWRITE"),
    yes("CONFIG SET"),
    yes("COPY"),
    yes("DISCARD"),
    yes("EXPIRE"),
    yes("EXPIREAT"),
    yes("FAILOVER"),
    yes("FLUSHALL"),
    yes("FLUSHDB"),
    yes("FUNCTION DELETE"),
    yes("FUNCTION FLUSH"),
    yes("FUNCTION KILL"),
    yes("FUNCTION RESTORE"),
    yes("HEXISTS"),
    yes("HIMPORT PREPARE"),
    yes("HIMPORT SET"),
    yes("HMSET"),
    yes("HSETNX"),
    Row::form("LASTSAVE", &Form::NonZero, "INTEGER, seconds; or NULL"),
    yes("LSET"),
    yes("LTRIM"),
    yes("MEMORY PURGE"),
    Row::keep("MIGRATE", "STATUS: OK or NOKEY"),
    yes("MODULE LOAD"),
    yes("MODULE LOADEX"),
    yes("MODULE UNLOAD"),
    yes("MOVE"),
    yes("MSET"),
    yes("MSETNX"),
    yes("MULTI"),
    yes("PERSIST"),
    yes("PEXPIRE"),
    yes("PEXPIREAT"),
    yes("PFMERGE"),
    Row::read("PING", ping, "BOOL; with an argument STRING"),
    yes("PSETEX"),
    yes("QUIT"),
    yes("READONLY"),
    yes("READWRITE"),
    yes("RENAME"),
    yes("RENAMENX"),
    yes("REPLICAOF"),
    Row::keep("RESET", "STATUS"),
    yes("RESTORE"),
    yes("RESTORE-ASKING"),
    yes("SAVE"),
    yes("SCRIPT DEBUG"),
    Row::form("SCRIPT EXISTS", &Form::Each(&Form::Bool), "ARRAY of BOOLs"),
    yes("SCRIPT FLUSH"),
    yes("SCRIPT KILL"),
    yes("SELECT"),
    yes("SENTINEL CKQUORUM"),
    yes("SENTINEL FAILOVER"),
    yes("SENTINEL FLUSHCONFIG"),
    yes("SENTINEL MONITOR"),
    yes("SENTINEL REMOVE"),
    Row::keep("SENTINEL RESET", "INTEGER"),
    yes("SENTINEL SET"),
    Row::read("SET", set, "BOOL, or NULL where it was not set; with GET the old value"),
    yes("SETEX"),
    yes("SETNX"),
    yes("SHUTDOWN"),
    yes("SISMEMBER"),
    yes("SLAVEOF"),
    yes("SLOWLOG RESET"),
    yes("SMOVE"),
    yes("SWAPDB"),
    yes("UNWATCH"),
    yes("WATCH"),
    yes("XCFGSET"),
    yes("XGROUP CREATE"),
    yes("XGROUP DESTROY"),
    yes("XGROUP SETID"),
    yes("XSETID"),
];

/// OK, or 1 and 0.
const fn yes(name: &'static str) -> Row {
    Row::form(name, &Form::Bool, "BOOL")
}

/// SET answers the old value where GET stands among its options.
fn set(args: &[&[u8]]) -> Shape {
    const TAKING: &[(&str, usize)] =
        &[("EX", 1), ("PX", 1), ("EXAT", 1), ("PXAT", 1), ("IFEQ", 1), ("IFNE", 1), ("IFDEQ", 1), ("IFDNE", 1)];
    match words::option(args, 3, "GET", TAKING) {
        true => Shape::KEEP,
        false => Shape::form(&Form::Bool),
    }
}

/// By its address alone one connection is closed, or it is an error; by filters so many are.
fn client_kill(args: &[&[u8]]) -> Shape {
    if args.len() == 3 { Shape::form(&Form::Bool) } else { Shape::KEEP }
}

/// What was said is said again; with nothing said, it is the server's PONG.
fn ping(args: &[&[u8]]) -> Shape {
    if args.len() == 1 { Shape::form(&Form::Word("PONG")) } else { Shape::KEEP }
}
