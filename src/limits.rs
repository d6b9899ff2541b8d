//! Every limit in one place, each with its reason.

/// Bytes of one reply: as much as a server's own `proto-max-bulk-len` twice over.
pub const REPLY_BYTES_MAX: u64 = 1 << 30;
/// Bytes of pushes, one alone and all that wait to be shown: nobody asked for them, so they get less.
pub const PUSH_BYTES_MAX: u64 = 64 << 20;
/// Aggregates within aggregates: modules nest to 128, and no walk of ours recurses.
pub const REPLY_DEPTH_MAX: u32 = 512;
/// Nodes of one reply: 48 bytes each, so 768 MiB at the most.
pub const REPLY_NODES_MAX: u64 = 16 << 20;
/// Bytes of one line: a status, an error, a number. Servers stay far below it, except where a script makes a status or an
/// error of its own, and in the lines of MONITOR, which are held to the bytes of a reply.
pub const REPLY_LINE_MAX: u32 = 64 << 10;
/// Arguments of one command: what the server's own parser takes.
pub const COMMAND_ARGS_MAX: usize = 1024 * 1024;
/// Bytes of one argument: what the server takes when told to (`proto-max-bulk-len`), and far from any overflow.
pub const COMMAND_ARG_BYTES_MAX: usize = if usize::BITS > 40 { 1 << 40 } else { isize::MAX as usize };
/// Bytes of somebody else's text in a message of ours: more than an `rredis_error` shows.
pub const MESSAGE_BYTES_MAX: usize = 512;
/// Bytes of a command's name, both words of it: beyond any, so that what is longer is no name.
pub const NAME_BYTES_MAX: usize = 256;
/// Bytes that TLS seals at once: the most that one of its records may hold.
pub const RECORD_BYTES: usize = 16_384;
/// Milliseconds, at the least, between two times that a pool lets all its connections go because their server takes no writes:
/// a client may be meant for a replica, and somebody write there by mistake.
pub const RENEWAL_MS_MIN: u64 = 1000;
/// Servers of a cluster, or of what Sentinels watch: twice the thousand that a cluster is made for, and few enough that what
/// names more is no cluster.
pub const SERVERS_MAX: usize = 2048;
/// Sentinels that are remembered beside the seeds: there are three or five, as a rule.
pub const SENTINELS_MAX: usize = 16;
/// Connections of one pool.
pub const POOL_MAX: u32 = 65_535;
/// Connections that are opened at once to one server of several.
pub const CONNECTING_MAX: usize = 8;
/// Bytes asked of a socket at first: enough for most replies, and little enough to be kept by a connection that rests.
pub const READ_BYTES: usize = 1 << 10;
/// Bytes asked of a socket at first where the replies before were longer than that: a value of 16 KiB comes in one read. With
/// more, what comes and goes makes the allocator's arenas grow under threads.
pub const READ_BYTES_LONG: usize = 17 << 10;
/// Bytes of room that a program may ask of a parser at once: they are zeroed before they are lent.
pub const RESERVE_BYTES_MAX: usize = 1 << 30;
/// Bytes read from a connection without waiting for a command's reply: what came while it rested, or what a peer said before
/// it closed. More than a socket holds, so that only one who goes on writing meanwhile meets it.
pub const UNASKED_BYTES_MAX: u64 = 8 << 20;
/// Bytes that are moved in one direction before somebody looks at the clock, or lets others have their turn: a peer that sends or
/// takes them as fast as they are moved would never let go. One read asks for as many at the most.
pub const TURN_BYTES_MAX: usize = 1 << 20;
/// Milliseconds that one turn of a loop goes on reading where reading itself is slow.
pub const TURN_MS_MAX: u64 = 10;
/// Reads after a call's time is up: of what lies there, and of a peer that goes on sending.
pub const LATE_READS_MAX: u32 = 16;
/// Milliseconds for what a peer said before it stopped to take anything.
pub const LAST_WORDS_MS_MAX: i64 = 1000;
/// Milliseconds of silence, at the least, after which a server is asked whether it lives, where messages are waited for: one that
/// is to be asked every time is asked once a second, for it is always the time to ask.
pub const HEALTH_MS_MIN: i64 = 1000;
/// Bytes that a resting connection keeps in each of its buffers: there may be thousands.
pub const REST_BYTES_MAX: usize = 1 << 10;

/// Scripts that a connection remembers its server to have, 20 bytes each: a resting one keeps them.
pub const SCRIPTS_KNOWN_MAX: usize = 64;

/// Bytes that a pipeline keeps between its runs in each of its four buffers: a batch of 10 000 small commands needs no memory of
/// its own.
pub const PIPELINE_REST_BYTES_MAX: usize = 1 << 20;

/// Servers that an option may list, and pairs of addresses: as many as a cluster is advised to have nodes.
pub const SERVERS_LISTED_MAX: usize = 1024;

/// What a reply may grow to. Every bound is named in the error that it gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes on the wire of one reply.
    pub bytes: u64,
    /// Nodes of one reply, attributes among them.
    pub nodes: u64,
    /// Aggregates within aggregates.
    pub depth: u32,
    /// Bytes of one line.
    pub line: u32,
    /// Bytes on the wire of one push.
    pub push_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            bytes: REPLY_BYTES_MAX,
            nodes: REPLY_NODES_MAX,
            depth: REPLY_DEPTH_MAX,
            line: REPLY_LINE_MAX,
            push_bytes: PUSH_BYTES_MAX,
        }
    }
}
