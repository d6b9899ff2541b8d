//! SCAN over a cluster: a walk over its primaries with the cursor alone.
//!
//! A cursor of the program's is `cursor-server-stage`: a cursor of one of the servers of a stage. Before a walk begins, and at the
//! end of each stage, all primaries are asked which slots they have or take in. Those that slots have come to meanwhile are gone
//! through once more, in the next stage: so a key is found where it was, or where it has come to.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::commands::{self, Id, SLOTS, Shape};
use crate::error::{Error, Outcome, Result, Status};
use crate::ongoing;
use crate::options::Endpoint;
use crate::reply::{Builder, Kind, Reply};
use crate::resp;

use super::cluster::nodes::{OwnLine, endpoint_of};
use super::cluster::refresh::{Refreshed, Whom};
use super::gate::Gate;
use super::many::{Many, Why};
use super::map::{Map, Server};
use super::order::Order;
use super::stages::{Holding, ScanStage, SlotSet};
use super::tries::Tries;
use super::trying::OnServer;
use super::walk::Walk;
use super::{Audience, Route};

/// A page of one server: what it answered, and its next cursor. None: it is over, or another server has taken its place.
type Page = (Option<Reply>, Option<String>);

impl Route {
    /// SCAN of a cluster. None: it is another command, or has no cursor.
    pub(super) fn scan(
        &self,
        many: &Many,
        order: &Order<'_>,
        tries: &mut Tries,
        audience: &impl Audience,
    ) -> Option<Result<Reply>> {
        let is_scan = self.at.is_none() && many.is_cluster() && order.row.is_some_and(|row| row.id == Id::Scan);
        let cursor = order.args.get(1).copied().filter(|_| is_scan)?;
        Some(self.scan_from(many, order, cursor, tries, audience))
    }

    fn scan_from(
        &self,
        many: &Many,
        order: &Order<'_>,
        cursor: &[u8],
        tries: &mut Tries,
        audience: &impl Audience,
    ) -> Result<Reply> {
        let (stage, place, at) = match cursor {
            b"0" => {
                let first = ScanStage::first(self.holdings(many, order, audience)?);
                (many.stages.keep(first), 0, "0")
            }
            text => {
                let (at, place, number) = read(text).ok_or_else(foreign)?;
                (many.stages.find(number).ok_or_else(forgotten)?, place, at)
            }
        };
        let (page, next) = match stage.servers.get(place) {
            Some(server) => self.page(many, order, server, at, tries, audience)?,
            None => (None, None),
        };
        if let (None, Some(server)) = (&page, stage.servers.get(place)) {
            stage.leave(server);
        }
        if page.as_ref().is_some_and(Reply::is_error) {
            return page.ok_or_else(foreign);
        }
        let next = match next {
            Some(cursor) => format!("{cursor}-{place}-{}", stage.number),
            None if place + 1 < stage.servers.len() => format!("0-{}-{}", place + 1, stage.number),
            None => match self.holdings(many, order, audience) {
                Ok(holdings) => {
                    let next = stage.next(holdings);
                    match next.servers.is_empty() {
                        true => "0".to_owned(),
                        false => format!("0-0-{}", many.stages.keep(next).number),
                    }
                }
                // What was found is not lost: the next call asks again.
                Err(error) if page.is_some() && error.status != Status::Woken => {
                    format!("0-{}-{}", stage.servers.len(), stage.number)
                }
                Err(error) => return Err(error),
            },
        };
        put_page(&next, page.as_ref())
    }

    /// Go on at one server, if it is a primary still.
    fn page(
        &self,
        many: &Many,
        order: &Order<'_>,
        server: &Arc<Server>,
        at: &str,
        tries: &mut Tries,
        audience: &impl Audience,
    ) -> Result<Page> {
        let mut args = Vec::new();
        args.try_reserve_exact(order.args.len()).map_err(|_| Error::memory("the arguments"))?;
        args.extend_from_slice(order.args);
        if let Some(cursor) = args.get_mut(1) {
            *cursor = at.as_bytes();
        }
        let room = resp::checked_room(&args).map_err(|error| error.with_outcome(Outcome::NotSent))?;
        let order = Order { args: &args, room, ..*order };
        let Some(reply) = self.at_primary(many, server, &order, tries, audience)? else { return Ok((None, None)) };
        let next = reply.view().get(0).map(|cursor| String::from_utf8_lossy(cursor.text()).into_owned());
        let next = next.filter(|next| !reply.is_error() && next != "0");
        Ok((Some(reply), next))
    }

    /// Ask one server, as long as it is a primary, or has no slots yet. None: another has taken its place.
    fn at_primary(
        &self,
        many: &Many,
        server: &Arc<Server>,
        order: &Order<'_>,
        tries: &mut Tries,
        audience: &impl Audience,
    ) -> Result<Option<Reply>> {
        let map = Arc::clone(&many.map());
        if let Some(gate) = gate_of(&map, &server.endpoint) {
            let asked = self.at_shard(many, &gate, Some(&server.endpoint), order, tries, audience)?;
            return Ok(asked.map(|(_, reply)| reply));
        }
        if map.gate_of(&server.endpoint).is_some() {
            return Ok(None);
        }
        let mut kept = audience.kept();
        tries.count += 1;
        let on = OnServer::new(&server.pool, self.pool_wait_ms, order.wait.deadline);
        let came = order.try_on(on, false, Instant::now(), None, &mut kept);
        audience.show(kept, false);
        came.map(Some).map_err(|tried| tried.error)
    }

    /// Ask the primary of a shard, and tell which that is. None: it is another than the one that is meant.
    fn at_shard(
        &self,
        many: &Many,
        gate: &Arc<Gate>,
        meant: Option<&Endpoint>,
        order: &Order<'_>,
        tries: &mut Tries,
        audience: &impl Audience,
    ) -> Result<Option<(Endpoint, Reply)>> {
        let mut who = None;
        let walk = Walk::to_shard(many, order, gate, self.failover_wait_ms);
        let reply = self.walk_on(walk, None, tries, None, audience, &mut |order, on, asking, now, leased, kept| {
            let place = on.pool.dial().place();
            who = Some(place.clone()).filter(|place| meant.is_none_or(|meant| meant == place));
            match who.is_some() {
                true => order.try_on(on, asking, now, leased, kept),
                false => nothing().map_err(|error| super::tries::Tried { error, rested: false }),
            }
        })?;
        Ok(who.map(|who| (who, reply)))
    }

    /// Which slots each primary has now, and takes in: as it says itself.
    fn holdings(&self, many: &Many, order: &Order<'_>, audience: &impl Audience) -> Result<Vec<Holding>> {
        const NODES: [&[u8]; 2] = [b"CLUSTER", b"NODES"];
        let room = resp::checked_room(&NODES).map_err(|error| error.with_outcome(Outcome::NotSent))?;
        let order = Order { args: &NODES, row: commands::find(&NODES), room, shape: Shape::KEEP, ..*order };
        loop {
            self.read_map(many, &order, audience)?;
            let map = Arc::clone(&many.map());
            let mut holdings: Vec<Holding> = Vec::new();
            let mut all = SlotSet::none();
            let mut guests = Vec::new();
            for shard in map.shards() {
                let asked = self.at_shard(many, &shard.gate, None, &order, &mut Tries::default(), audience)?;
                let Some((who, nodes)) = asked else { continue };
                let line = OwnLine::read(nodes.text());
                let reachable = |announced| many.reachable(announced);
                guests.extend(line.gives_to.iter().filter_map(|id| endpoint_of(nodes.text(), id, &who, &reachable)));
                let holding = Holding::new(many.server_at(&who), &line);
                all.add(&holding.has);
                holdings.push(holding);
            }
            // Who has been given keys, and has no slots yet, is in no map.
            let is_known = |endpoint: &Endpoint| map.gate_of(endpoint).is_some();
            guests.retain(|endpoint| !is_known(endpoint));
            for endpoint in guests {
                if holdings.iter().any(|holding| holding.server.endpoint == endpoint) {
                    continue;
                }
                let server = many.server_at(&endpoint);
                let nodes = self.at_primary(many, &server, &order, &mut Tries::default(), audience)?;
                let line = nodes.map(|nodes| OwnLine::read(nodes.text())).unwrap_or_default();
                holdings.push(Holding::new(server, &line));
            }
            // A slot has come to a server that the map does not have yet; or nobody has it at all.
            let missing = usize::from(SLOTS) - all.len();
            if missing <= map.unowned() || order.wait.deadline.remaining().is_some_and(|left| left <= ASKS_AFTER) {
                return Ok(holdings);
            }
            ongoing::pause(ASKS_AFTER).map_err(|ended| ended.with_outcome(Outcome::NotSent))?;
        }
    }

    fn read_map(&self, many: &Many, order: &Order<'_>, audience: &impl Audience) -> Result<()> {
        loop {
            let mut kept = audience.kept();
            let read = many.refresh(Why::Old, Whom::ALL, order.wait.deadline, &mut kept);
            audience.show(kept, false);
            match read {
                Refreshed::Taken => return Ok(()),
                Refreshed::Failed(error) => return Err(error.with_outcome(Outcome::NotSent)),
                // Another caller reads it.
                Refreshed::NotDue if order.wait.deadline.remaining().is_some_and(|left| left <= ASKS_AFTER) => {
                    let text = "another call reads which servers there are";
                    return Err(Error::new(Status::Timeout, text).with_outcome(Outcome::NotSent));
                }
                Refreshed::NotDue => {
                    ongoing::pause(ASKS_AFTER).map_err(|ended| ended.with_outcome(Outcome::NotSent))?;
                }
            }
        }
    }
}

/// The gate of the shard that has the server at this endpoint as its primary.
fn gate_of(map: &Map, endpoint: &Endpoint) -> Option<Arc<Gate>> {
    let shard = map.shards().iter().find(|shard| shard.primary.endpoint == *endpoint)?;
    Some(Arc::clone(&shard.gate))
}

/// `cursor-server-stage`
fn read(text: &[u8]) -> Option<(&str, usize, u64)> {
    let mut parts = std::str::from_utf8(text).ok()?.split('-');
    let (at, place, stage) = (parts.next()?, parts.next()?, parts.next()?);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_whole = parts.next().is_none() && [at, place, stage].into_iter().all(is_number);
    is_whole.then_some(())?;
    Some((at, place.parse().ok()?, stage.parse().ok()?))
}

fn put_page(next: &str, page: Option<&Reply>) -> Result<Reply> {
    let mut builder = Builder::for_copies();
    builder.open(Kind::RREDIS_REPLY_ARRAY);
    builder.add_text(Kind::RREDIS_REPLY_STRING, next.as_bytes());
    match page.and_then(|page| Some((page, page.view().get(1)?))) {
        Some((page, keys)) => builder.add_part(page, keys),
        None => {
            builder.open(Kind::RREDIS_REPLY_ARRAY);
            builder.end();
        }
    }
    builder.end();
    builder.take().map_err(|error| error.with_outcome(Outcome::Ran))
}

fn nothing() -> Result<Reply> {
    let mut builder = Builder::new();
    builder.add_null();
    builder.take()
}

fn foreign() -> Error {
    let text =
        "SCAN: the cursor is none of a cluster's: a walk begins with 0, and goes on with the cursor of the last reply";
    Error::new(Status::Argument, text).with_outcome(Outcome::NotSent)
}

fn forgotten() -> Error {
    let text = "SCAN: the cursor is of a walk that is not known any more, for it has rested while others began: begin anew with 0";
    Error::new(Status::State, text).with_outcome(Outcome::NotSent)
}

/// Between two times that servers are asked what they have.
const ASKS_AFTER: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_cursor_has_three_numbers() {
        assert_eq!(read(b"0-0-7"), Some(("0", 0, 7)));
        assert_eq!(read(b"18446744073709551615-2-999"), Some(("18446744073709551615", 2, 999)));
        for text in
            ["", "0", "17", "1-2", "1-2-3-4", "-1-2", "1--2", "1-2-", "a-1-2", "1-2-+3", "1-99999999999999999999-1"]
        {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }
}
