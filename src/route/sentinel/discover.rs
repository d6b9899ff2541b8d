//! Asking Sentinels which server is the primary of a service.
#![forbid(unsafe_code)]

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::answers::{self, KnownServer};
use crate::commands::Shape;
use crate::conn::{Connection, Dial, Kept, Question, Wait, ask_each, open_each};
use crate::error::{Error, Outcome, Result, Status, head};
use crate::limits::SENTINELS_MAX;
use crate::options::Endpoint;
use crate::reply::Reply;
use crate::session::Asked;
use crate::transport::Deadline;

/// The Sentinels of a service, as far as they are known.
pub(in crate::route) struct Sentinels {
    /// How connections to them are opened; or why none can be.
    dial: Result<Dial>,
    service: Vec<u8>,
    seeds: Vec<Endpoint>,
    /// Whom to ask, in this order: those that have answered last, seeds, and those that others named. No lock, so none that a
    /// child of fork could find locked.
    order: ArcSwap<Vec<Endpoint>>,
}

/// What the Sentinels say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::route) struct Finding {
    /// The primary.
    pub(in crate::route) primary: Endpoint,
    /// The epoch of the failover that made it that.
    pub(in crate::route) epoch: u64,
    /// The replicas that the Sentinels know.
    pub(in crate::route) replicas: Vec<Endpoint>,
}

/// What one Sentinel says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Testimony {
    by: Endpoint,
    primary: Endpoint,
    epoch: u64,
    sentinels: Vec<KnownServer>,
    replicas: Vec<KnownServer>,
}

/// What the asked Sentinels came to.
#[derive(Default)]
struct Hearing {
    testimonies: Vec<Testimony>,
    /// Those that know no such service.
    ignorant: usize,
    errors: Vec<Error>,
}

impl Sentinels {
    /// The Sentinels of this service. `dial` opens connections to the servers of the data.
    pub(in crate::route) fn new(dial: &Dial, service: &[u8], seeds: &[Endpoint]) -> Sentinels {
        Sentinels {
            dial: dial.for_sentinels(ASK_MS),
            service: service.to_vec(),
            seeds: seeds.to_vec(),
            order: ArcSwap::from_pointee(seeds.to_vec()),
        }
    }

    /// The name of the service.
    pub(in crate::route) fn service(&self) -> &[u8] {
        &self.service
    }

    /// How connections to them are opened.
    pub(in crate::route) fn dial(&self) -> Result<&Dial> {
        self.dial.as_ref().map_err(Error::clone)
    }

    /// The Sentinels, in the order in which they are asked.
    pub(in crate::route) fn order(&self) -> Arc<Vec<Endpoint>> {
        self.order.load_full()
    }

    /// Ask for the primary: up to three Sentinels at once, and then the next, until one answers. `epoch` is the latest that was
    /// heard of: what is older is not believed as long as there are Sentinels that did not answer. `map` gives the endpoint to
    /// dial for one that is announced.
    pub(in crate::route) fn find(
        &self,
        epoch: u64,
        deadline: Deadline,
        map: &impl Fn(Endpoint) -> Endpoint,
    ) -> Result<Finding> {
        let order = self.order();
        let mut hearing = Hearing::default();
        for batch in order.chunks(AT_ONCE) {
            if !hearing.testimonies.is_empty() || deadline.has_passed() {
                break;
            }
            self.hear(batch, deadline.earlier(Deadline::after_ms(ASK_MS)), map, &mut hearing)?;
        }
        let Some(best) = choose(&hearing.testimonies) else { return Err(self.nobody(&order, &hearing)) };
        if best.epoch < epoch && hearing.testimonies.len() < order.len() {
            let text = format!(
                "the Sentinels that answer are behind: {} knows of epoch {}, and there was {epoch}",
                best.by, best.epoch
            );
            return Err(Error::new(Status::Connect, text).with_outcome(Outcome::NotSent));
        }
        self.order.store(Arc::new(next_order(&self.seeds, &hearing.testimonies, best)));
        let replicas = best.replicas.iter().map(|replica| replica.endpoint.clone());
        let replicas = replicas.filter(|replica| *replica != best.primary).collect();
        Ok(Finding { primary: best.primary.clone(), epoch: best.epoch, replicas })
    }

    /// Ask these Sentinels, all at once. An error: the call was woken.
    fn hear(
        &self,
        batch: &[Endpoint],
        deadline: Deadline,
        map: &impl Fn(Endpoint) -> Endpoint,
        hearing: &mut Hearing,
    ) -> Result<()> {
        let dial = self.dial()?;
        let dials: Vec<Dial> = batch.iter().map(|endpoint| dial.to(endpoint.clone())).collect();
        let by_then: Vec<(&Dial, Deadline)> = dials.iter().map(|dial| (dial, deadline)).collect();
        let mut opened: Vec<(Endpoint, Box<Connection>, Kept)> = Vec::new();
        for (endpoint, result) in batch.iter().zip(open_each(&by_then, GRACE_MS)?) {
            match result {
                Ok(connection) => opened.push((endpoint.clone(), connection, Kept::new(false, 0))),
                Err(error) => hearing.failed(error)?,
            }
        }
        let wait = Wait { deadline, allowed_ms: ASK_MS, name: b"SENTINEL" };
        let words = QUESTIONS.map(|question| [b"SENTINEL", question, &self.service[..]]);
        let commands = words.each_ref().map(|words| Asked::plain(words, Shape::KEEP));
        let mut names = Vec::new();
        let mut questions = Vec::new();
        for (endpoint, connection, kept) in &mut opened {
            names.push(endpoint.clone());
            questions.push(Question { connection, kept, commands: &commands });
        }
        let answers = ask_each(questions, &wait, |_, _| false)?;
        for (by, answer) in names.into_iter().zip(answers) {
            match answer.map(|replies| replies.and_then(|replies| testimony(&by, &replies, map))) {
                Some(Ok(Some(testimony))) => hearing.testimonies.push(testimony),
                Some(Ok(None)) => hearing.ignorant += 1,
                Some(Err(error)) => hearing.failed(error.with_outcome(Outcome::NotSent))?,
                None => {}
            }
        }
        Ok(())
    }

    /// No Sentinel names a primary: why.
    fn nobody(&self, order: &[Endpoint], hearing: &Hearing) -> Error {
        let service = String::from_utf8_lossy(head(&self.service));
        if hearing.ignorant > 0 && hearing.ignorant == order.len() {
            let text = format!("sentinel_service: no Sentinel knows of {service:?}");
            return Error::new(Status::Config, text).with_outcome(Outcome::NotSent);
        }
        // What will not pass by waiting is told as it is, where it is so of all of them.
        let is_lasting = |error: &&Error| matches!(error.status, Status::Auth | Status::Config | Status::Tls);
        let lasting = hearing.errors.iter().filter(is_lasting).count();
        // What this process lacks is no word about them.
        let has_no_memory = hearing.errors.iter().any(|error| error.status == Status::Memory);
        let status = match hearing.errors.first() {
            _ if has_no_memory => Status::Memory,
            Some(error) if lasting == order.len() => error.status,
            _ => Status::Connect,
        };
        let mut text = match hearing.ignorant {
            0 => b"no Sentinel answers".to_vec(),
            some => format!("no Sentinel names the primary ({some} know no {service:?})").into_bytes(),
        };
        for (at, error) in hearing.errors.iter().enumerate() {
            text.extend_from_slice(if at == 0 { b": " } else { b"; " });
            text.extend_from_slice(&error.message);
        }
        if hearing.errors.iter().any(|error| error.status == Status::Auth) {
            text.extend_from_slice(b" (for Sentinels that is sentinel_password)");
        }
        Error::new(status, text).with_outcome(Outcome::NotSent)
    }
}

impl Hearing {
    /// One of them failed. An error: the call itself is over.
    fn failed(&mut self, error: Error) -> Result<()> {
        if matches!(error.status, Status::Woken | Status::Forked) {
            return Err(error);
        }
        self.errors.push(error);
        Ok(())
    }
}

/// What the replies of one Sentinel say. `None`: it knows no such service.
fn testimony(by: &Endpoint, replies: &[Reply], map: &impl Fn(Endpoint) -> Endpoint) -> Result<Option<Testimony>> {
    let place = |error: Error| error.at(&by.to_string());
    let [address, service, sentinels, replicas] = replies else {
        return Err(place(Error::new(Status::Protocol, "SENTINEL: too few replies")));
    };
    if address.is_error() && address.text().starts_with(b"ERR unknown command") {
        let text = [b"topology: sentinel, and the server is none (it says: ", head(address.text()), b")"].concat();
        return Err(place(Error::new(Status::Config, text)));
    }
    let primary = answers::address(address, map).map_err(place)?;
    let service = answers::service(service, map).map_err(place)?;
    let (Some(primary), Some(service)) = (primary, service) else { return Ok(None) };
    // Who may not see these, or has no such command, says none.
    let list = |reply: &Reply, list: Result<Option<Vec<KnownServer>>>| match reply.is_error() {
        true => Ok(Vec::new()),
        false => list.map(Option::unwrap_or_default).map_err(place),
    };
    let sentinels = list(sentinels, answers::sentinels(sentinels, map))?;
    let replicas = list(replicas, answers::replicas(replicas, map))?;
    Ok(Some(Testimony { by: by.clone(), primary, epoch: service.epoch, sentinels, replicas }))
}

/// Whom to believe: the latest epoch, and of those who know that, most of them; or the first.
fn choose(testimonies: &[Testimony]) -> Option<&Testimony> {
    let is_alike = |one: &Testimony, other: &Testimony| (one.epoch, &one.primary) == (other.epoch, &other.primary);
    let votes = |one: &Testimony| testimonies.iter().filter(|other| is_alike(one, other)).count();
    testimonies.iter().rev().max_by_key(|one| (one.epoch, votes(one)))
}

/// Whom to ask next time: those who answered, and the one that is believed before the others; then the seeds, which are never
/// forgotten; and those that it knows.
fn next_order(seeds: &[Endpoint], testimonies: &[Testimony], best: &Testimony) -> Vec<Endpoint> {
    let answered = testimonies.iter().map(|testimony| &testimony.by);
    let known =
        |is_up: bool| best.sentinels.iter().filter(move |known| known.is_up == is_up).map(|known| &known.endpoint);
    let mut order: Vec<Endpoint> = Vec::new();
    let learned = known(true).chain(known(false)).take(SENTINELS_MAX);
    for endpoint in std::iter::once(&best.by).chain(answered).chain(seeds).chain(learned) {
        if !order.contains(endpoint) {
            order.push(endpoint.clone());
        }
    }
    order
}

/// What each is asked, in one write. The address comes from the first: the Sentinel that leads a failover names the new primary
/// there before it does so anywhere else.
const QUESTIONS: [&[u8]; 4] = [b"GET-MASTER-ADDR-BY-NAME", b"MASTER", b"SENTINELS", b"REPLICAS"];
/// Sentinels that are asked at once.
pub(super) const AT_ONCE: usize = 3;
/// How long one of them may take.
const ASK_MS: i64 = 500;
/// How much longer than the first the others may take to be connected to.
const GRACE_MS: i64 = 100;

#[cfg(test)]
mod tests;
