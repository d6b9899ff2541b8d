//! Cluster commands: nodes, slots and shards.

use super::Row;
use super::parts::{array, boolean, integer, keep, list, more, name, or_keep, row, text, texts};
use crate::reply::{Builder, Form, Kind, View};

pub(super) static ROWS: &[Row] = &[
    Row::form("CLUSTER GETSLOTMIGRATIONS", &Form::Each(&NAMED), "ARRAY of MAPs"),
    Row::form("CLUSTER LINKS", &Form::Each(&NAMED), "ARRAY of MAPs"),
    Row::tree("CLUSTER NODES", nodes, NODES),
    Row::tree("CLUSTER REPLICAS", nodes, NODES),
    Row::form("CLUSTER SHARDS", &Form::Each(&SHARD), "ARRAY of MAPs: slots as pairs, nodes as MAPs"),
    Row::tree("CLUSTER SLAVES", nodes, NODES),
    Row::form("CLUSTER SLOT-STATS", &Form::Each(&Form::Tuple(&[Form::Keep, NAMED])), "ARRAY of a slot and a MAP"),
    Row::tree("CLUSTER SLOTS", slots, "ARRAY of MAPs: start, end, primary, replicas"),
];

const NODES: &str = "ARRAY of MAPs, one for each node";

static NAMED: Form = Form::Map(&Form::Keep, &Form::Keep);
static SHARD: Form =
    Form::Record(&[("slots", Form::Pairs(&Form::Keep, &Form::Keep)), ("nodes", Form::Each(&NAMED))], &Form::Keep);

/// CLUSTER NODES is text in lines; CLUSTER REPLICAS a row of such lines.
fn nodes(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    if let Some(lines) = row(reply) {
        let is_line = |line: View<'_>| text(line).and_then(Node::read).is_some();
        if !lines.into_iter().all(is_line) {
            return None;
        }
        return list(reply, out, |line, out| Node::read(text(line)?).map(|node| node.write(out)));
    }
    let lines =
        || text(reply).into_iter().flat_map(|text| text.split(|&byte| byte == b'\n')).filter(|line| !line.is_empty());
    text(reply)?;
    if !lines().all(|line| Node::read(line).is_some()) {
        return None;
    }
    out.open(Kind::RREDIS_REPLY_ARRAY);
    lines().filter_map(Node::read).for_each(|node| node.write(out));
    out.end();
    Some(())
}

/// A node as a line tells of it: `id ip:port@cport,hostname,name=value flags master ping pong epoch link slots...`.
struct Node<'a> {
    id: &'a [u8],
    address: &'a [u8],
    flags: &'a [u8],
    rest: [&'a [u8]; 5],
    slots: &'a [u8],
}

impl<'a> Node<'a> {
    fn read(line: &'a [u8]) -> Option<Node<'a>> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut words = line.splitn(9, |&byte| byte == b' ');
        let mut next = || words.next();
        let (id, address, flags) = (next()?, next()?, next()?);
        let rest = [next()?, next()?, next()?, next()?, next()?];
        Some(Node { id, address, flags, rest, slots: next().unwrap_or_default() })
    }

    fn write(&self, out: &mut Builder) {
        let [master, ping, pong, epoch, link] = self.rest;
        out.open(Kind::RREDIS_REPLY_MAP);
        name("node_id", out);
        name(self.id, out);
        write_address(self.address, out);
        name("flags", out);
        texts(Kind::RREDIS_REPLY_SET, self.flags.split(|&byte| byte == b','), out);
        name("master_id", out);
        match master {
            b"-" => out.add_null(),
            master => name(master, out),
        }
        for (field, value) in [("last_ping_sent", ping), ("last_pong_rcvd", pong), ("epoch", epoch)] {
            name(field, out);
            integer(value, out);
        }
        name("connected", out);
        match link {
            b"connected" => boolean(true, out),
            b"disconnected" => boolean(false, out),
            other => name(other, out),
        }
        write_slots(self.slots, out);
        out.end();
    }
}

/// `ip:port@cport,hostname,name=value`: the address, the name of its host, and what newer servers tell beside.
fn write_address(address: &[u8], out: &mut Builder) {
    let mut parts = address.split(|&byte| byte == b',');
    let address = parts.next().unwrap_or_default();
    name("address", out);
    name(address, out);
    let (endpoint, bus) = match address.iter().rposition(|&byte| byte == b'@') {
        Some(at) => (&address[..at], Some(&address[at + 1..])),
        None => (address, None),
    };
    if let Some(at) = endpoint.iter().rposition(|&byte| byte == b':') {
        name("ip", out);
        name(&endpoint[..at], out);
        name("port", out);
        integer(&endpoint[at + 1..], out);
    }
    if let Some(bus) = bus {
        name("bus_port", out);
        integer(bus, out);
    }
    name("hostname", out);
    name(parts.next().unwrap_or_default(), out);
    for part in parts {
        let equals = part.iter().position(|&byte| byte == b'=');
        let (field, value) = equals.map_or((part, &b""[..]), |at| (&part[..at], &part[at + 1..]));
        name(field, out);
        name(value, out);
    }
}

/// Slots and ranges of them, and in brackets those that are on their way.
fn write_slots(slots: &[u8], out: &mut Builder) {
    let words = || slots.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let moving = |word: &[u8]| migration(word).is_some();
    name("slots", out);
    out.open(Kind::RREDIS_REPLY_ARRAY);
    for word in words().filter(|word| !moving(word)) {
        out.open(Kind::RREDIS_REPLY_ARRAY);
        let ends = word.iter().position(|&byte| byte == b'-').filter(|&at| at > 0);
        let (from, to) = ends.map_or((word, word), |at| (&word[..at], &word[at + 1..]));
        integer(from, out);
        integer(to, out);
        out.end();
    }
    out.end();
    name("migrations", out);
    out.open(Kind::RREDIS_REPLY_ARRAY);
    for (slot, node, state) in words().filter_map(migration) {
        out.open(Kind::RREDIS_REPLY_MAP);
        name("slot", out);
        integer(slot, out);
        name("node_id", out);
        name(node, out);
        name("state", out);
        name(state, out);
        out.end();
    }
    out.end();
}

/// `[77->-id]` leaves for the node of this id, `[93-<-id]` comes from it.
fn migration(word: &[u8]) -> Option<(&[u8], &[u8], &'static str)> {
    let inner = word.strip_prefix(b"[")?.strip_suffix(b"]")?;
    let at = inner.iter().position(|&byte| byte == b'-')?;
    let (slot, arrow) = inner.split_at(at);
    match arrow {
        [b'-', b'>', b'-', node @ ..] => Some((slot, node, "migrating")),
        [b'-', b'<', b'-', node @ ..] => Some((slot, node, "importing")),
        _ => None,
    }
}

/// CLUSTER SLOTS: of each range the nodes, the primary first.
fn slots(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    list(reply, out, |range, out| {
        let mut parts = array(range, 3)?;
        out.open(Kind::RREDIS_REPLY_MAP);
        for (field, part) in ["start", "end"].into_iter().zip(parts.by_ref()) {
            name(field, out);
            keep(part, out);
        }
        name("primary", out);
        parts.by_ref().take(1).for_each(|primary| or_keep(primary, out, node));
        name("replicas", out);
        out.open(Kind::RREDIS_REPLY_ARRAY);
        parts.for_each(|replica| or_keep(replica, out, node));
        out.end();
        out.end();
        Some(())
    })
}

/// Where a node is: a name or address (null or empty where the server does not know, and it is the one that was asked), a
/// port, and from newer servers its id and more.
fn node(node: View<'_>, out: &mut Builder) -> Option<()> {
    const NAMES: [&str; 4] = ["endpoint", "port", "id", "metadata"];
    let parts = array(node, 2)?;
    out.open(Kind::RREDIS_REPLY_MAP);
    for (field, part) in NAMES.into_iter().zip(parts) {
        name(field, out);
        let form = if field == "metadata" { &NAMED } else { &Form::Keep };
        out.add_formed(part, form);
    }
    more(node, NAMES.len(), out);
    out.end();
    Some(())
}

#[cfg(test)]
mod tests {
    use crate::commands::shape::tests::{becomes, both};

    #[test]
    fn nodes_are_a_list_of_maps() {
        let text = "07c3 127.0.0.1:30004@31004,host4,shard-id=69b,x slave e7d1 0 1426238317239 4 connected\n\
                    67ed :30002@31002 master,fail? - 5 7 2 disconnected 0 5461-10922 [93-<-292f] [77->-e7d1]\n\
                    aaaa :0 noaddr - 0 0 0 connected\n";
        let shown = "[{\"node_id\": \"07c3\", \"address\": \"127.0.0.1:30004@31004\", \"ip\": \"127.0.0.1\", \"port\": 30004, \
             \"bus_port\": 31004, \"hostname\": \"host4\", \"shard-id\": \"69b\", \"x\": \"\", \"flags\": ~[\"slave\"], \
             \"master_id\": \"e7d1\", \"last_ping_sent\": 0, \"last_pong_rcvd\": 1426238317239, \"epoch\": 4, \
             \"connected\": true, \"slots\": [], \"migrations\": []}, \
             {\"node_id\": \"67ed\", \"address\": \":30002@31002\", \"ip\": \"\", \"port\": 30002, \"bus_port\": 31002, \
             \"hostname\": \"\", \"flags\": ~[\"master\", \"fail?\"], \"master_id\": null, \"last_ping_sent\": 5, \
             \"last_pong_rcvd\": 7, \"epoch\": 2, \"connected\": false, \"slots\": [[0, 0], [5461, 10922]], \"migrations\": \
             [{\"slot\": 93, \"node_id\": \"292f\", \"state\": \"importing\"}, \
             {\"slot\": 77, \"node_id\": \"e7d1\", \"state\": \"migrating\"}]}, \
             {\"node_id\": \"aaaa\", \"address\": \":0\", \"ip\": \"\", \"port\": 0, \"hostname\": \"\", \
             \"flags\": ~[\"noaddr\"], \"master_id\": null, \"last_ping_sent\": 0, \"last_pong_rcvd\": 0, \"epoch\": 0, \
             \"connected\": true, \"slots\": [], \"migrations\": []}]";
        let resp3 = format!("={}\r\ntxt:{text}\r\n", text.len() + 4);
        both("CLUSTER NODES", &format!("${}\r\n{text}\r\n", text.len()), &resp3, shown);
        let lines: String = text.lines().map(|line| format!("${}\r\n{line}\r\n", line.len())).collect();
        assert_eq!(becomes("CLUSTER REPLICAS x", &format!("*3\r\n{lines}")), shown);
        assert_eq!(becomes("cluster slaves x", "*0\r\n"), "[]");
        assert_eq!(becomes("CLUSTER NODES", "$3\r\na b\r\n"), "\"a b\"");
        assert_eq!(becomes("CLUSTER REPLICAS x", "*2\r\n$1\r\na\r\n:1\r\n"), "[\"a\", 1]");
    }

    #[test]
    fn slots_have_a_primary_and_replicas() {
        let node = |meta: &str| format!("*4\r\n$0\r\n\r\n:1\r\n$1\r\na\r\n{meta}$8\r\nhostname\r\n$1\r\nh\r\n");
        let old = "*2\r\n$9\r\n127.0.0.1\r\n:2\r\n";
        both(
            "CLUSTER SLOTS",
            &format!("*1\r\n*4\r\n:0\r\n:100\r\n{}{old}", node("*2\r\n")),
            &format!("*1\r\n*4\r\n:0\r\n:100\r\n{}{old}", node("%1\r\n")),
            "[{\"start\": 0, \"end\": 100, \"primary\": {\"endpoint\": \"\", \"port\": 1, \"id\": \"a\", \
             \"metadata\": {\"hostname\": \"h\"}}, \"replicas\": [{\"endpoint\": \"127.0.0.1\", \"port\": 2}]}]",
        );
        let unknown = "*1\r\n*3\r\n:5\r\n:5\r\n*4\r\n*-1\r\n:1\r\n$1\r\na\r\n*0\r\n";
        let shown = "[{\"start\": 5, \"end\": 5, \"primary\": {\"endpoint\": null, \"port\": 1, \"id\": \"a\", \"metadata\": {}}, \
             \"replicas\": []}]";
        assert_eq!(becomes("CLUSTER SLOTS", unknown), shown);
        assert_eq!(becomes("CLUSTER SLOTS", "*1\r\n*2\r\n:5\r\n:6\r\n"), "[[5, 6]]");
    }

    #[test]
    fn shards_links_and_statistics_are_maps() {
        let wire = |maps: [&str; 2]| {
            format!(
                "*1\r\n{}$5\r\nslots\r\n*4\r\n:0\r\n:100\r\n:500\r\n:500\r\n$5\r\nnodes\r\n*1\r\n{}$4\r\nrole\r\n$6\r\nmaster\r\n",
                maps[0], maps[1]
            )
        };
        let shown = r#"[{"slots": [[0, 100], [500, 500]], "nodes": [{"role": "master"}]}]"#;
        both("CLUSTER SHARDS", &wire(["*4\r\n", "*2\r\n"]), &wire(["%2\r\n", "%1\r\n"]), shown);
        let wire = |map: &str| format!("*1\r\n*2\r\n:0\r\n{map}$9\r\nkey-count\r\n:3\r\n");
        both("CLUSTER SLOT-STATS SLOTSRANGE 0 0", &wire("*2\r\n"), &wire("%1\r\n"), r#"[[0, {"key-count": 3}]]"#);
        let wire = |map: &str| format!("*1\r\n{map}$4\r\nnode\r\n$1\r\na\r\n");
        both("CLUSTER LINKS", &wire("*2\r\n"), &wire("%1\r\n"), r#"[{"node": "a"}]"#);
    }
}
