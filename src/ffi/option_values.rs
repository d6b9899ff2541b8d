//! Option values
//!
//! The values of the options that are enumerators. Those of RREDIS_OPTION_PARSER are in
//! the chapter Parser.

/// The values of RREDIS_OPTION_TOPOLOGY: how many servers there are, and how they are
/// found. An option that only another value uses is RREDIS_ERR_CONFIG: SEEDS and
/// ADDRESS_MAP with SINGLE, and a SENTINEL_ option without SENTINEL. So are UNIX_PATH
/// without SINGLE, and HOST or PORT beside SEEDS. TOPOLOGY_AGE_MS, FAILOVER_WAIT_MS and
/// SPLIT are ignored where they have no effect.
///
/// With SENTINEL, a server that says it is no primary is not used. What the old primary
/// acknowledged after another server was promoted, and before a Sentinel named that, is
/// lost, except as the servers' min-replicas-to-write prevents it. Where the program
/// brings a transport, the Sentinels are asked once a second, and not listened to.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_topology {
    /// one server, at HOST and PORT or at UNIX_PATH
    RREDIS_TOPOLOGY_SINGLE = 0,
    /// a cluster: any of SEEDS says which servers there are
    RREDIS_TOPOLOGY_CLUSTER = 1,
    /// the Sentinels at SEEDS say which server is the primary of SENTINEL_SERVICE, which
    /// must be set
    RREDIS_TOPOLOGY_SENTINEL = 2,
}

/// The values of RREDIS_OPTION_READ_FROM: which servers answer commands that only read
/// and are sent one by one, with CLUSTER and SENTINEL. A replica may be behind its
/// primary by any time. A program reads its own writes with RREDIS_CALL_PRIMARY.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_read {
    /// to the primary
    RREDIS_READ_PRIMARY = 0,
    /// to a replica, or to the primary where there is none
    RREDIS_READ_PREFER_REPLICA = 1,
    /// to a replica
    RREDIS_READ_REPLICA = 2,
    /// to the primary or to a replica
    RREDIS_READ_ANY = 3,
    /// to a replica of ZONE, or else to any, or else to the primary
    RREDIS_READ_ZONE = 4,
}

/// The values of RREDIS_OPTION_SHAPE.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_shape {
    /// one shape for each command, in RESP2 and RESP3
    RREDIS_SHAPE_CANONICAL = 0,
    /// the reply as the server sent it
    RREDIS_SHAPE_RAW = 1,
}

/// The values of RREDIS_OPTION_SHARE: when rredis_client_command sends commands of
/// several threads over one connection. One of the threads writes and reads for all. A
/// slow command or a large reply holds up those behind it: give it RREDIS_CALL_ALONE. A
/// command that blocks, changes its connection, is unknown to the library or exceeds
/// 16 KiB never shares.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_share {
    /// never
    RREDIS_SHARE_NEVER = 0,
    /// while more threads call at once than six times the processors that the process may
    /// use, or than POOL_MAX
    RREDIS_SHARE_BUSY = 1,
    /// for every command that may share
    RREDIS_SHARE_ALWAYS = 2,
}
