//! Which servers of a cluster a command without keys is for, and what becomes of their replies: as the servers' own policies say,
//! and where they say nothing, as a program means it that takes the cluster for one server.
#![forbid(unsafe_code)]

use crate::commands::{Command, CommandFlags, Id, Repeat, Request, Response};

/// Servers that one command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breadth {
    /// Every primary.
    Primaries,
    /// Every server.
    All,
}

/// What becomes of several replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Together {
    /// All have to succeed: the first.
    First,
    /// One has to succeed: that one's.
    One,
    /// One of numbers, element by element.
    Fold(Fold),
    /// Arrays one after the other.
    Joined,
    /// The same, and each element once.
    Union,
    /// Each by the endpoint of its server.
    ByServer,
}

/// What becomes of several numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fold {
    /// Their sum.
    Sum,
    /// The least. Null is less than any number, and false less than true.
    Min,
    /// The greatest.
    Max,
}

/// The servers that a command is for, where it is for several of a cluster. None: it is for one, or for nobody.
pub(super) fn policy(row: &Command) -> Option<(Breadth, Together)> {
    use Breadth::{All, Primaries};
    Some(match row.id {
        // One server answers for all, or the walk over them is the caller's.
        Id::Ping | Id::Randomkey | Id::Wait | Id::Waitaof | Id::Scan | Id::Clusterscan => return None,
        Id::AclLoad | Id::ModuleLoad | Id::ModuleLoadex | Id::ModuleUnload => (All, Together::First),
        Id::AclLog => (All, Together::Joined),
        // Subscribers are on any server.
        Id::PubsubChannels | Id::PubsubShardchannels => (All, Together::Union),
        Id::PubsubNumpat | Id::PubsubNumsub | Id::PubsubShardnumsub => (All, Together::Fold(Fold::Sum)),
        // The data are those of all primaries.
        Id::Save | Id::Bgsave | Id::Bgrewriteaof | Id::ClientPause | Id::ClientUnpause => (Primaries, Together::First),
        Id::Lastsave => (Primaries, Together::Fold(Fold::Min)),
        _ => (reach(row)?, together(row.response)),
    })
}

fn reach(row: &Command) -> Option<Breadth> {
    match row.request {
        // Those that change their connection have no place at a client, wherever they go.
        _ if row.connection_state().is_some() => None,
        Request::AllNodes => Some(Breadth::All),
        Request::AllShards => Some(Breadth::Primaries),
        Request::Default | Request::MultiShard | Request::Special => None,
    }
}

fn together(response: Response) -> Together {
    match response {
        Response::Default => Together::Joined,
        Response::OneSucceeded => Together::One,
        Response::AllSucceeded => Together::First,
        Response::AggLogicalAnd | Response::AggMin => Together::Fold(Fold::Min),
        Response::AggLogicalOr | Response::AggMax => Together::Fold(Fold::Max),
        Response::AggSum => Together::Fold(Fold::Sum),
        Response::Special => Together::ByServer,
    }
}

/// Whether a command could be sent in parts, one for each slot of its keys.
pub(super) fn is_splittable(row: &Command) -> bool {
    matches!(row.id, Id::Mget | Id::Mset | Id::Msetex | Id::Del | Id::Unlink | Id::Exists | Id::Touch)
}

/// Whether a command does something to the one server that it is sent to, so that it matters which.
pub(super) fn is_of_one_server(row: &Command) -> bool {
    match row.id {
        Id::Shutdown | Id::Failover | Id::ClientKill | Id::ClientUnblock => true,
        _ => row.name().starts_with("CLUSTER ") && row.flags.has(CommandFlags::ADMIN) && row.repeat != Repeat::Reads,
    }
}

#[cfg(test)]
mod tests;
