//! The servers that there are, as a reply for the program.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::conn::Kept;
use crate::error::Result;
use crate::options::Options;
use crate::reply::{Builder, Kind, Reply};
use crate::stats::Stat;
use crate::transport::Deadline;

use super::map::{Map, Server, Shard};
use super::servers::Servers;

impl Servers {
    /// The servers that are known: an array of maps. Only where none is known yet is one asked.
    pub fn list(&self, options: &Options, kept: &mut Kept) -> Result<Reply> {
        let mut builder = Builder::new();
        builder.open(Kind::RREDIS_REPLY_ARRAY);
        match self.many() {
            None => {
                let pool = self.home();
                let connections = pool.stat(Stat::Connections).unwrap_or(0);
                add(&mut builder, pool.dial().endpoint(), PRIMARY, None, &[], None, connections);
            }
            Some(many) => {
                self.home().dial().refuse_reentry()?;
                let deadline = Deadline::after_ms(options.command_timeout_ms());
                many.know(deadline, kept)?;
                let map = Arc::clone(&many.map());
                map.shards().iter().for_each(|shard| add_shard(&mut builder, &map, shard));
            }
        }
        builder.end();
        builder.take()
    }
}

fn add_shard(builder: &mut Builder, map: &Map, shard: &Arc<Shard>) {
    let (ranges, primary) = (map.ranges_of(shard), shard.primary.pool.dial().endpoint());
    let zone = |server: &Server| server.zone.clone();
    add(builder, primary, PRIMARY, None, &ranges, zone(&shard.primary), shard.primary.stat(Stat::Connections));
    for replica in &shard.replicas {
        let endpoint = replica.pool.dial().endpoint();
        add(builder, endpoint, REPLICA, Some(primary), &ranges, zone(replica), replica.stat(Stat::Connections));
    }
}

fn add(
    builder: &mut Builder,
    endpoint: &str,
    role: &str,
    of: Option<&Arc<str>>,
    ranges: &[(u16, u16)],
    zone: Option<Vec<u8>>,
    connections: i64,
) {
    let text = |builder: &mut Builder, text: &[u8]| builder.add_text(Kind::RREDIS_REPLY_STRING, text);
    let optional = |builder: &mut Builder, value: Option<&[u8]>| match value {
        Some(value) => builder.add_text(Kind::RREDIS_REPLY_STRING, value),
        None => builder.add_null(),
    };
    builder.open(Kind::RREDIS_REPLY_MAP);
    text(builder, b"endpoint");
    text(builder, endpoint.as_bytes());
    text(builder, b"role");
    text(builder, role.as_bytes());
    text(builder, b"of");
    optional(builder, of.map(|of| of.as_bytes()));
    text(builder, b"slots");
    builder.open(Kind::RREDIS_REPLY_ARRAY);
    for (from, to) in ranges {
        builder.add_integer(Kind::RREDIS_REPLY_INTEGER, i64::from(*from));
        builder.add_integer(Kind::RREDIS_REPLY_INTEGER, i64::from(*to));
    }
    builder.end();
    text(builder, b"zone");
    optional(builder, zone.as_deref());
    text(builder, b"connections");
    builder.add_integer(Kind::RREDIS_REPLY_INTEGER, connections);
    builder.end();
}

const PRIMARY: &str = "primary";
const REPLICA: &str = "replica";
