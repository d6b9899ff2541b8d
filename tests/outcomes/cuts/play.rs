//! A session and a server that knows its lines, and a line between them that ends where it is told to.

use rredis::commands::Shape;
use rredis::error::{Error, Outcome, Status};
use rredis::limits::Limits;
use rredis::options::ParserChoice;
use rredis::reply::View;
use rredis::resp;
use rredis::session::{Asked, Event, Greeting, Session};

use super::script::{Conversation, Far, Step};
use crate::support::peer::Hello;

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The end of the stream is read; what is written still goes.
    Fin,
    /// Nothing more goes, and nothing more comes.
    Rst,
    /// Nothing more comes, nor is anything taken, until the time is up.
    Stall,
}

/// What goes over a connection before it ends: so many bytes up, so many down, this many at a time.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    pub up: usize,
    pub down: usize,
    pub end: End,
    pub piece: usize,
}

pub const WHOLE: Cut = Cut { up: usize::MAX, down: usize::MAX, end: End::Stall, piece: usize::MAX };

/// A session and a server, and the line between them.
pub struct Play<'a> {
    conversation: &'a Conversation,
    hello: Hello,
    pub session: Session,
    far: Far,
    cut: Cut,
    pub up: usize,
    pub down: usize,
    pub tickets: Vec<u64>,
    /// Where the bytes of each command begin and end, on their way up.
    places: Vec<(usize, usize)>,
    /// What came, as it reads, and for a reply its ticket.
    pub events: Vec<(Option<u64>, String)>,
    pub failure: Option<Error>,
}

impl<'a> Play<'a> {
    pub fn begin(conversation: &'a Conversation, hello: Hello, parser: ParserChoice, cut: Cut) -> Play<'a> {
        let protocol = if hello == Hello::Resp3 { 3 } else { 0 };
        let greeting = Greeting { protocol, database: 5, ..Greeting::default() };
        let session = Session::new(resp::parser(parser, Limits::default()), greeting).expect("a session");
        let (tickets, places, events) = (Vec::new(), Vec::new(), Vec::new());
        let far = Far::new(hello);
        Play { conversation, hello, session, far, cut, up: 0, down: 0, tickets, places, events, failure: None }
    }

    /// All of it: the greeting, then the commands, together or each after the answer to the one before.
    pub fn play(mut self, together: bool) -> Play<'a> {
        self.drive();
        if self.failure.is_none() && !self.session.is_ready() {
            self.end();
        }
        for step in &self.conversation.steps {
            if self.failure.is_some() {
                break;
            }
            self.submit(step);
            if !together {
                self.drive();
                self.end_if_owed();
            }
        }
        self.drive();
        self.end_if_owed();
        self
    }

    fn submit(&mut self, step: &Step) {
        let begin = self.up + self.session.outgoing().len();
        let submitted = self.session.submit(Asked::any(&step.bytes(), Shape::KEEP)).expect("it is queued");
        self.tickets.push(submitted.ticket);
        self.places.push((begin, self.up + self.session.outgoing().len()));
    }

    /// Move bytes until none moves any more.
    fn drive(&mut self) {
        loop {
            let sent = self.hand_over();
            let said = self.far.say(self.cut.piece.min(self.cut.down - self.down));
            self.down += said.len();
            for piece in said.chunks(self.cut.piece.max(1)) {
                self.failure = self.failure.take().or_else(|| self.session.receive(piece).err());
            }
            self.take_events();
            let (is_cut, failed) = (self.is_cut(), self.failure.is_some());
            if failed || (is_cut && self.cut.end == End::Rst) || (sent == 0 && said.is_empty()) {
                return;
            }
        }
    }

    fn hand_over(&mut self) -> usize {
        if self.failure.is_some() || (self.is_cut() && self.cut.end == End::Rst) {
            return 0;
        }
        let outgoing = self.session.outgoing();
        let len = outgoing.len().min(self.cut.piece).min(self.cut.up - self.up);
        self.far.hear(&outgoing[..len], &self.conversation.steps);
        self.session.sent(len);
        self.up += len;
        len
    }

    fn is_cut(&self) -> bool {
        self.up == self.cut.up || self.down == self.cut.down
    }

    fn take_events(&mut self) {
        while self.failure.is_none() {
            match self.session.poll() {
                Ok(Some(Event::Reply { ticket, reply, .. })) => self.events.push((Some(ticket), read(reply.view()))),
                Ok(Some(Event::Push { push: reply, .. })) => self.events.push((None, read(reply.view()))),
                Ok(None) => return,
                Err(error) => self.failure = Some(error),
            }
        }
    }

    fn end_if_owed(&mut self) {
        if self.failure.is_none() && (self.session.owes() || !self.session.outgoing().is_empty()) {
            self.end();
        }
    }

    /// The end, as the connection would tell it.
    fn end(&mut self) {
        let error = match self.cut.end {
            End::Fin => Error::new(Status::Io, "the server closed the connection"),
            End::Rst => Error::new(Status::Io, "the connection was reset"),
            End::Stall => Error::new(Status::Timeout, "the time is up"),
        };
        self.session.fail(error.clone());
        self.failure = Some(error);
    }

    /// What came is the beginning of what would have come, as far as it arrived whole; what is said of the rest is so.
    pub fn judge(&self, whole: &Play<'_>) {
        let what = || format!("{} {:?} {:?}: {:?}", self.conversation.name, self.hello, self.cut, self.failure);
        let greeting = whole.down - self.answers_len();
        let mut end = greeting;
        let mut arrived = 0;
        for (number, step) in self.conversation.steps.iter().enumerate() {
            for frame in step.frames(self.hello) {
                end += frame.len();
                arrived += usize::from(end <= self.down);
            }
            let Some(ticket) = self.tickets.get(number) else { continue };
            let answered = end <= self.down;
            let (begin, behind) = self.places[number];
            let heard = self.far.heard.contains(&number);
            assert_eq!(heard, self.up >= behind, "{}: step {number}", what());
            let wanted = match (answered, self.up > begin) {
                (true, _) => Outcome::Ran,
                (false, true) => Outcome::Unknown,
                (false, false) => Outcome::NotSent,
            };
            assert_eq!(self.session.fate(*ticket), wanted, "{}: step {number}", what());
        }
        assert_eq!(self.events.len(), arrived, "{}: {:?}", what(), self.events);
        assert_eq!(self.events, whole.events[..arrived], "{}", what());
        assert!(self.far.heard.is_sorted(), "{}", what());
        assert!(self.down == whole.down || !self.session.is_clean(), "{}", what());
    }

    fn answers_len(&self) -> usize {
        self.conversation.steps.iter().map(|step| step.answer(self.hello).len()).sum()
    }
}

/// A reply with all that is in it.
pub fn read(view: View<'_>) -> String {
    let elements: Vec<String> = view.children().map(read).collect();
    format!("{view:?} [{}]", elements.join(", "))
}
