//! A pipeline: what is queued, what is watched, and what may be asked when.
#![forbid(unsafe_code)]

use std::time::Duration;

use crate::client::latest::{self, Latest};
use crate::client::terms::Terms;
use crate::client::{Call, Client, Flags, Script};
use crate::commands::{self, Blocking, Command, Shape};
use crate::error::{Error, Instead, Result, Status};
use crate::reply::Reply;
use crate::route::{Aim, Order};
use crate::stats::Counters;
use crate::transport::Deadline;

use super::batch::Batch;
use super::merge::Merged;
use super::plan::{Mode, Plan};
use super::queue::{Element, Queue, not_sent, refuse_connection_state};
use super::time::Limit;
use super::watch::{Watch, watch_of, within};

/// Commands that wait for their run.
pub struct Pipeline {
    client: Client,
    is_cluster: bool,
    queue: Queue,
    /// The replies of the last run: their memory is used again, and which command failed first.
    merged: Merged,
    watch: Option<Watch>,
    busy: Busy,
    latest: Option<Latest>,
    /// While it is transacting: when all tries together must be over.
    limit: Limit,
}

/// What a pipeline is in the middle of, while a function of the caller's is called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Busy {
    No,
    /// Its commands are on their way: it can do nothing.
    Running,
    /// The same, and it is transacting when they are back.
    RunningTransaction,
    /// `transact` has the watch and the run: it reads and queues.
    Transacting,
}

impl Pipeline {
    /// An empty pipeline of this client's.
    pub fn new(client: &Client) -> Pipeline {
        Pipeline {
            client: client.clone(),
            is_cluster: client.0.route.is_cluster(),
            queue: Queue::default(),
            merged: Merged::default(),
            watch: None,
            busy: Busy::No,
            latest: None,
            limit: None,
        }
    }

    /// Queue one command. What fails leaves the queue as it was.
    pub fn add(&mut self, args: &[&[u8]], flags: Flags, call_data: *mut ()) -> Result<()> {
        self.refuse_to_add(flags)?;
        let command = latest::find(&mut self.latest, args);
        refuse_connection_state(command)?;
        let shape = match flags.has(Flags::RAW) || self.client.0.often.raw_shape {
            true => Shape::KEEP,
            false => commands::shape_of(command, args),
        };
        let blocking = command.and_then(|command| command.blocking(args));
        let own_words = commands::has_own_words(command);
        let element = Element { end: 0, call_data, flags, called: false, own_words, shape };
        if self.is_cluster {
            return self.add_aimed(command, args, element, blocking);
        }
        self.queue.add_element(element, args, blocking).map_err(not_sent)
    }

    /// The same in a cluster, where a command goes to the server that has its keys.
    #[inline(never)]
    fn add_aimed(
        &mut self,
        command: Option<&Command>,
        args: &[&[u8]],
        element: Element,
        blocking: Option<Blocking>,
    ) -> Result<()> {
        let aim = self.aim(command, args)?;
        self.queue.add_element(element, args, blocking).map_err(not_sent)?;
        self.queue.aims.push(aim);
        Ok(())
    }

    /// Queue a script, with `keys` of the arguments as its keys.
    pub fn add_script(
        &mut self,
        script: &Script,
        keys: usize,
        args: &[&[u8]],
        flags: Flags,
        call_data: *mut (),
    ) -> Result<()> {
        self.refuse_to_add(flags)?;
        let aim = match self.is_cluster {
            true => {
                let aim_of = |args: &[&[u8]]| self.aim(commands::find(args), args);
                Some(script.with_command(keys, &mut itoa::Buffer::new(), args, aim_of)?)
            }
            false => None,
        };
        self.queue.add_script(script, keys, args, flags, call_data).map_err(not_sent)?;
        self.queue.aims.extend(aim);
        Ok(())
    }

    /// Where a command of a cluster goes. There is room to note it.
    #[inline(never)]
    fn aim(&mut self, command: Option<&Command>, args: &[&[u8]]) -> Result<Aim> {
        self.queue.reserve_aim().map_err(not_sent)?;
        self.client.0.route.aim_of(command, args)
    }

    #[inline(always)]
    fn refuse_to_add(&self, flags: Flags) -> Result<()> {
        self.refuse_while_running()?;
        if [Flags::TIMEOUT, Flags::ALONE, Flags::NO_RETRY].iter().any(|flag| flags.has(*flag)) {
            let text = "flags: TIMEOUT, ALONE and NO_RETRY are for a whole run, not for one command in it";
            return Err(not_sent(Error::new(Status::Argument, text)));
        }
        Ok(())
    }

    /// The client that it is of.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// How many commands are queued.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Which command of the last run failed first.
    pub fn failed(&self) -> Option<usize> {
        self.merged.failed
    }

    /// Forget the commands, and what is watched. Never waits. While it is transacting the watch is not the caller's to end:
    /// what runs without it could undo what others did.
    pub fn clear(&mut self) {
        match self.busy {
            Busy::Transacting => self.queue.clear(),
            Busy::No | Busy::Running | Busy::RunningTransaction => self.give_up(),
        }
    }

    pub(super) fn give_up(&mut self) {
        self.queue.clear();
        if let Some(watch) = self.watch.take() {
            self.client.show(watch.end(false));
        }
    }

    /// Watch these keys, those from before too: a run of mode ATOMIC tells whether anybody changed one of them.
    pub fn watch(&mut self, keys: &[&[u8]]) -> Result<()> {
        self.refuse_while_busy()?;
        self.watch_within_limit(keys)
    }

    /// The same, also while it is transacting.
    pub(super) fn watch_within_limit(&mut self, keys: &[&[u8]]) -> Result<()> {
        if !self.queue.is_empty() {
            let text = "commands are queued already: keys are watched before that";
            return Err(not_sent(Error::new(Status::State, text)));
        }
        let args = watch_of(keys)?;
        let client = self.client.clone();
        let slot = self.slot_to_watch(&args)?;
        client.count(Counters::command);
        let watched = match &mut self.watch {
            Some(watch) => {
                let call = Call::default();
                let terms = client.terms(&args, &call);
                terms.order(&args, &call).and_then(|order| match watch.command(&order, &client)? {
                    reply if reply.is_error() => Err(order.error(&reply)),
                    _ => Ok(()),
                })
            }
            None if client.0.route.is_many() => {
                Watch::begin_at(&client, slot, &args, self.limit).map(|watch| self.watch = Some(watch))
            }
            None => Watch::begin(&client, &args, self.limit).map(|watch| self.watch = Some(watch)),
        };
        watched.inspect_err(|error| client.count(|counters| counters.failed(error)))
    }

    /// The slot of keys, in a cluster. An error: they have several, or another than what is watched already.
    fn slot_to_watch(&self, args: &[&[u8]]) -> Result<Option<u16>> {
        let watched = self.watch.as_ref().and_then(|watch| watch.slot);
        let slot = match self.client.0.route.is_cluster() {
            true => self.client.0.route.aim_of(commands::find(args), args)?.slot(),
            false => None,
        };
        match (watched, slot) {
            (Some(watched), Some(slot)) if watched != slot => {
                let text = "the keys have another slot than those that are watched: a transaction is of one server \
                            (a {tag} within keys gives them one slot)";
                Err(not_sent(Error::new(Status::Argument, text)))
            }
            _ => Ok(slot),
        }
    }

    /// Send one command at once, on the connection that watches.
    pub(super) fn ask(&mut self, args: &[&[u8]], call: &Call, terms: &Terms) -> Result<Reply> {
        self.refuse_while_running()?;
        if self.watch.is_some() {
            self.slot_to_watch(args)?;
        }
        let Some(watch) = &mut self.watch else {
            let text = "nothing is watched: a command at once goes over the connection that watches";
            return Err(not_sent(Error::new(Status::State, text)));
        };
        if !self.queue.is_empty() {
            let text = "commands are queued already: what is read at once is read before that";
            return Err(not_sent(Error::new(Status::State, text)));
        }
        refuse_connection_state(terms.row)?;
        let order = terms.order(args, call)?;
        watch.command(&Order { wait: within(order.wait, self.limit), ..order }, &self.client)
    }

    /// Begin a run: from now on the pipeline is empty, and refuses everything until `end`.
    pub(super) fn begin(&mut self, mode: Mode) -> Result<Batch> {
        self.refuse_while_busy()?;
        // What would be refused a connection keeps its commands.
        self.client.0.route.dial().refuse_reentry()?;
        self.begin_run(mode)
    }

    pub(super) fn begin_run(&mut self, mode: Mode) -> Result<Batch> {
        if self.watch.is_some() && mode == Mode::Plain {
            return Err(not_sent(Error::new(Status::State, "keys are watched").with_instead(Instead::Atomic)));
        }
        if mode == Mode::Atomic {
            self.queue.lone_slot(self.watch.as_ref().and_then(|watch| watch.slot))?;
        }
        self.busy = if self.busy == Busy::Transacting { Busy::RunningTransaction } else { Busy::Running };
        let queue = std::mem::take(&mut self.queue);
        let merged = Merged { gather: std::mem::take(&mut self.merged.gather), ..Merged::default() };
        self.merged.failed = None;
        let (client, watch) = (self.client.clone(), self.watch.take());
        Ok(Batch { client, plan: Plan::new(queue, mode), merged, watch, limit: self.limit })
    }

    /// The run is over.
    pub(super) fn end(&mut self, batch: Batch) {
        self.busy = if self.busy == Busy::RunningTransaction { Busy::Transacting } else { Busy::No };
        (self.queue, self.merged) = (batch.plan.queue, batch.merged);
        self.queue.clear();
        self.merged.clear();
    }

    /// From now on only `transact` watches and runs, for so long.
    pub(super) fn begin_transacting(&mut self, timeout_ms: i64) -> Result<()> {
        self.refuse_while_busy()?;
        if self.watch.is_some() || !self.queue.is_empty() {
            let text = "something is queued or watched already: clear first";
            return Err(not_sent(Error::new(Status::State, text)));
        }
        self.busy = Busy::Transacting;
        self.limit = Some((Deadline::after_ms(timeout_ms), timeout_ms));
        Ok(())
    }

    pub(super) fn end_transacting(&mut self) {
        self.give_up();
        (self.busy, self.limit) = (Busy::No, None);
    }

    /// When all tries together must be over.
    pub(super) fn time_limit(&self) -> Deadline {
        self.limit.map_or(Deadline::never(), |(last, _)| last)
    }

    /// Whether there is no time for another try after such a pause.
    pub(super) fn is_too_late(&self, pause: Duration) -> bool {
        self.time_limit().remaining().is_some_and(|remaining| remaining <= pause)
    }

    /// Why the connection that watched is lost, if it is.
    pub(super) fn lost(&mut self) -> Option<Error> {
        self.watch.as_mut()?.parts().err()
    }

    fn refuse_while_running(&self) -> Result<()> {
        match self.busy {
            Busy::Running | Busy::RunningTransaction => Err(not_sent(Error::new(Status::State, RUNNING))),
            Busy::No | Busy::Transacting => Ok(()),
        }
    }

    fn refuse_while_busy(&self) -> Result<()> {
        match self.busy {
            Busy::No => Ok(()),
            Busy::Running | Busy::RunningTransaction => Err(not_sent(Error::new(Status::State, RUNNING))),
            Busy::Transacting => {
                let text = "a transaction watches and runs by itself: its function reads at once, and queues";
                Err(not_sent(Error::new(Status::State, text)))
            }
        }
    }
}

/// A pipeline that functions of the caller's may use while it works for them: it is borrowed for a step, and never while one
/// of them runs.
pub trait Reach {
    /// One step.
    fn reach<T>(&mut self, step: impl FnOnce(&mut Pipeline) -> T) -> T;
}

impl Reach for Pipeline {
    fn reach<T>(&mut self, step: impl FnOnce(&mut Pipeline) -> T) -> T {
        step(self)
    }
}

const RUNNING: &str = "this pipeline is running: use another one meanwhile";
