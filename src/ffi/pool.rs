//! Pools
//!
//! Connections that clients share. A pool makes a connection when a call needs one, up
//! to RREDIS_OPTION_POOL_MAX, and serves waiting calls in order. A client makes a pool
//! of its own unless it is given one.

use std::mem::MaybeUninit;

use crate::client::Setup;
use crate::ffi::boundary::{
    Handle, Poison, given, guard_on, guard_reaching, number, quietly, quietly_reaching, shared, usable,
};
use crate::ffi::options::rredis_options;
use crate::ffi::status::{rredis_error, rredis_status};
use crate::route::Servers;
use crate::stats::Stat;

/// The statistics of a pool or a client.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_stat {
    /// connections now open
    RREDIS_STAT_CONNECTIONS = 0,
    /// connections now leased
    RREDIS_STAT_CONNECTIONS_IN_USE = 1,
    /// connections now idle
    RREDIS_STAT_CONNECTIONS_IDLE = 2,
    /// connections ever made
    RREDIS_STAT_CONNECTIONS_CREATED = 3,
    /// connections that were lost
    RREDIS_STAT_CONNECTIONS_LOST = 4,
    /// connections that the library closed
    RREDIS_STAT_CONNECTIONS_CLOSED = 5,
    /// calls now waiting for a connection
    RREDIS_STAT_WAITING = 10,
    /// calls that waited for a connection
    RREDIS_STAT_WAITS = 11,
    /// calls whose wait for a connection timed out
    RREDIS_STAT_WAITS_TIMED_OUT = 12,
    /// commands that callers gave, including those refused or never sent
    RREDIS_STAT_COMMANDS = 20,
    /// tries after the first
    RREDIS_STAT_RETRIES = 21,
    /// commands that timed out
    RREDIS_STAT_TIMEOUTS = 22,
    /// commands with RREDIS_OUTCOME_UNKNOWN
    RREDIS_STAT_UNKNOWN = 23,
    /// commands sent on a shared connection (RREDIS_OPTION_SHARE); each try counts
    RREDIS_STAT_RIDES = 24,
    /// groups of commands that were written together on a shared connection
    RREDIS_STAT_BATCHES = 25,
    /// bytes read
    RREDIS_STAT_BYTES_IN = 30,
    /// bytes written
    RREDIS_STAT_BYTES_OUT = 31,
    /// calls that failed with a status of 1 to 9
    RREDIS_STAT_ERRORS_CALLER = 40,
    /// calls that failed with 10 to 19
    RREDIS_STAT_ERRORS_NETWORK = 41,
    /// calls that failed with 20 to 29
    RREDIS_STAT_ERRORS_PROTOCOL = 42,
    /// calls that failed with 30 to 39
    RREDIS_STAT_ERRORS_SERVER = 43,
    /// calls that failed with 80 to 89
    RREDIS_STAT_ERRORS_CALLBACK = 44,
    /// calls that failed with 90 to 99
    RREDIS_STAT_ERRORS_INTERNAL = 45,
    /// servers known now, of a cluster or behind Sentinels; with one server this
    /// and the statistics below are -1
    RREDIS_STAT_SERVERS = 50,
    /// MOVED redirects followed
    RREDIS_STAT_MOVED = 51,
    /// ASK redirects followed
    RREDIS_STAT_ASKED = 52,
    /// readings of which server has which slots
    RREDIS_STAT_REFRESHES = 53,
    /// replicas found to have become the primary
    RREDIS_STAT_FAILOVERS = 54,
    /// shards now without a primary that can be used
    RREDIS_STAT_SHARDS_DOWN = 55,
    /// calls that looked for a shard's primary, while others waited
    RREDIS_STAT_SCOUTS = 56,
}

/// connections that clients share
pub struct rredis_pool {
    pub(crate) pool: Servers,
    /// What a client on it has that brings nothing of its own.
    pub(crate) setup: Setup,
    poison: Poison,
}

/// Make a pool. The pool connects when it is first used.
///
///   options  NULL: the defaults
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pool_new(
    options: Option<&rredis_options>,
    out_pool: Option<&mut MaybeUninit<*mut rredis_pool>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_reaching(err, || {
        let out_pool = given(out_pool, "out_pool")?;
        let setup = rredis_options::setup(options);
        let pool = Servers::new(setup.dial()?);
        // How bytes move and are read is the pool's affair, and no client's on it.
        let setup = Setup { transport: None, parser: None, credentials: None, ..setup };
        out_pool.write(Box::into_raw(Box::new(rredis_pool { pool, setup, poison: Poison::default() })));
        Ok(())
    })
}

/// Open connections until count are idle, or the pool has RREDIS_OPTION_POOL_MAX.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pool_warm(
    pool: Option<&rredis_pool>,
    count: usize,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_on(pool, err, |pool| pool.pool.warm(count))
}

/// Close the idle connections. A connection in use is closed when its lease ends.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pool_drop_idle(pool: Option<&rredis_pool>) {
    quietly_reaching((), || {
        if let Some(pool) = usable(pool) {
            pool.pool.drop_idle();
        }
    })
}

/// Read a statistic of all clients of the pool together. -1: the statistic is unknown
/// or not kept.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pool_stat(pool: Option<&rredis_pool>, stat: MaybeUninit<rredis_stat>) -> i64 {
    quietly(-1, || match (usable(pool), stat_of(stat)) {
        (Some(pool), Some(stat)) => pool.pool.stat(stat).unwrap_or(-1),
        _ => -1,
    })
}

/// Free a pool. Its connections stay until its last client is freed.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pool_free(pool: Option<Box<rredis_pool>>) {
    quietly_reaching((), || drop(pool))
}

impl Handle for rredis_pool {
    const NAME: &'static str = "pool";
    fn poison(&self) -> &Poison {
        &self.poison
    }
}

/// The count that a number of the caller's stands for.
pub(crate) fn stat_of(stat: MaybeUninit<rredis_stat>) -> Option<Stat> {
    Stat::from_number(number(stat))
}

const _: () = shared::<rredis_pool>();
