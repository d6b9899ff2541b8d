//! The statistics of pools and clients: counters that are read without a lock.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicI64, Ordering};

use crate::error::{Error, Status};

/// A statistic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the header says what each figure is")]
pub enum Stat {
    Connections = 0,
    ConnectionsInUse = 1,
    ConnectionsIdle = 2,
    ConnectionsCreated = 3,
    ConnectionsLost = 4,
    ConnectionsClosed = 5,
    Waiting = 10,
    Waits = 11,
    WaitsTimedOut = 12,
    Commands = 20,
    Retries = 21,
    Timeouts = 22,
    Unknown = 23,
    Rides = 24,
    Batches = 25,
    BytesIn = 30,
    BytesOut = 31,
    ErrorsCaller = 40,
    ErrorsNetwork = 41,
    ErrorsProtocol = 42,
    ErrorsServer = 43,
    ErrorsCallback = 44,
    ErrorsInternal = 45,
    Servers = 50,
    Moved = 51,
    Asked = 52,
    Refreshes = 53,
    Failovers = 54,
    ShardsDown = 55,
    Scouts = 56,
}

/// Bytes moved since they were last counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// Read.
    pub bytes_in: u64,
    /// Written.
    pub bytes_out: u64,
}

/// The counters of a pool or of a client. They only grow. Each counter is exact. Two counters that are read one after
/// the other may be of different moments.
#[derive(Debug, Default)]
pub struct Counters {
    created: AtomicI64,
    lost: AtomicI64,
    closed: AtomicI64,
    waits: AtomicI64,
    waits_timed_out: AtomicI64,
    commands: AtomicI64,
    retries: AtomicI64,
    timeouts: AtomicI64,
    unknown: AtomicI64,
    rides: AtomicI64,
    batches: AtomicI64,
    bytes_in: AtomicI64,
    bytes_out: AtomicI64,
    errors: [AtomicI64; 6],
}

impl Stat {
    /// The statistic with this number in the header.
    pub fn from_number(number: u32) -> Option<Stat> {
        ALL.iter().copied().find(|stat| *stat as u32 == number)
    }
}

impl Counters {
    /// The value of a statistic. `None`: it is not counted here.
    pub fn get(&self, stat: Stat) -> Option<i64> {
        let counter = match stat {
            Stat::ConnectionsCreated => &self.created,
            Stat::ConnectionsLost => &self.lost,
            Stat::ConnectionsClosed => &self.closed,
            Stat::Waits => &self.waits,
            Stat::WaitsTimedOut => &self.waits_timed_out,
            Stat::Commands => &self.commands,
            Stat::Retries => &self.retries,
            Stat::Timeouts => &self.timeouts,
            Stat::Unknown => &self.unknown,
            Stat::Rides => &self.rides,
            Stat::Batches => &self.batches,
            Stat::BytesIn => &self.bytes_in,
            Stat::BytesOut => &self.bytes_out,
            Stat::ErrorsCaller => &self.errors[0],
            Stat::ErrorsNetwork => &self.errors[1],
            Stat::ErrorsProtocol => &self.errors[2],
            Stat::ErrorsServer => &self.errors[3],
            Stat::ErrorsCallback => &self.errors[4],
            Stat::ErrorsInternal => &self.errors[5],
            _ => return None,
        };
        Some(counter.load(Ordering::Relaxed))
    }

    /// A caller gave one command.
    pub fn command(&self) {
        add(&self.commands, 1);
    }

    /// A caller gave `count` commands at once.
    pub fn commands(&self, count: usize) {
        add(&self.commands, count as i64);
    }

    /// A command was tried once more.
    pub fn retried(&self) {
        add(&self.retries, 1);
    }

    /// A command failed.
    pub fn failed(&self, error: &Error) {
        add(&self.errors[family(error.status)], 1);
        if error.status == Status::Timeout {
            add(&self.timeouts, 1);
        }
        if error.outcome == crate::error::Outcome::Unknown {
            add(&self.unknown, 1);
        }
    }

    /// A connection was opened.
    pub fn created(&self) {
        add(&self.created, 1);
    }

    /// A connection was lost.
    pub fn lost(&self) {
        add(&self.lost, 1);
    }

    /// A connection was closed from this side.
    pub fn closed(&self) {
        add(&self.closed, 1);
    }

    /// A call waits for a connection.
    pub fn waited(&self) {
        add(&self.waits, 1);
    }

    /// The wait of a call for a connection timed out.
    pub fn wait_timed_out(&self) {
        add(&self.waits_timed_out, 1);
    }

    /// A command boards the shared connection.
    pub fn rode(&self) {
        add(&self.rides, 1);
    }

    /// Commands were taken to be written together on the shared connection.
    pub fn departed(&self) {
        add(&self.batches, 1);
    }

    /// Bytes were read and written.
    pub fn moved(&self, traffic: Traffic) {
        add(&self.bytes_in, traffic.bytes_in as i64);
        add(&self.bytes_out, traffic.bytes_out as i64);
    }
}

fn add(counter: &AtomicI64, count: i64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

/// The index of the error counter of a status: one counter for each ten statuses.
fn family(status: Status) -> usize {
    match status as u32 / 10 {
        tens @ 0..=3 => tens as usize,
        8 => 4,
        _ => 5,
    }
}

const ALL: [Stat; 30] = [
    Stat::Connections,
    Stat::ConnectionsInUse,
    Stat::ConnectionsIdle,
    Stat::ConnectionsCreated,
    Stat::ConnectionsLost,
    Stat::ConnectionsClosed,
    Stat::Waiting,
    Stat::Waits,
    Stat::WaitsTimedOut,
    Stat::Commands,
    Stat::Retries,
    Stat::Timeouts,
    Stat::Unknown,
    Stat::Rides,
    Stat::Batches,
    Stat::BytesIn,
    Stat::BytesOut,
    Stat::ErrorsCaller,
    Stat::ErrorsNetwork,
    Stat::ErrorsProtocol,
    Stat::ErrorsServer,
    Stat::ErrorsCallback,
    Stat::ErrorsInternal,
    Stat::Servers,
    Stat::Moved,
    Stat::Asked,
    Stat::Refreshes,
    Stat::Failovers,
    Stat::ShardsDown,
    Stat::Scouts,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Outcome;

    #[test]
    fn each_failure_counts_once_for_who_can_mend_it() {
        for (status, family) in [
            (Status::Argument, Stat::ErrorsCaller),
            (Status::State, Stat::ErrorsCaller),
            (Status::Connect, Stat::ErrorsNetwork),
            (Status::Timeout, Stat::ErrorsNetwork),
            (Status::Protocol, Stat::ErrorsProtocol),
            (Status::Limit, Stat::ErrorsProtocol),
            (Status::Auth, Stat::ErrorsServer),
            (Status::Server, Stat::ErrorsServer),
            (Status::Callback, Stat::ErrorsCallback),
            (Status::Panic, Stat::ErrorsInternal),
            (Status::Memory, Stat::ErrorsInternal),
        ] {
            for outcome in [Outcome::None, Outcome::NotSent, Outcome::Refused, Outcome::Unknown, Outcome::Ran] {
                let counters = Counters::default();
                counters.failed(&Error::new(status, "").with_outcome(outcome));
                let mut counted = vec![family];
                counted.extend((status == Status::Timeout).then_some(Stat::Timeouts));
                counted.extend((outcome == Outcome::Unknown).then_some(Stat::Unknown));
                for stat in ALL {
                    let expected = i64::from(counted.contains(&stat));
                    assert_eq!(counters.get(stat).unwrap_or(0), expected, "{stat:?} after {status:?}, {outcome:?}");
                }
            }
        }
    }
}
