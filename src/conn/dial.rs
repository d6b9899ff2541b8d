//! Opening connections, with the options and the program's transport, parser and credentials function.

mod others;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::error::{Error, Outcome, Result, Status};
use crate::options::{Endpoint, Key, Options, Secret, Share, Topology};
use crate::resp::{self, ParserType};
use crate::session::{Duty, Greeting, Session};
use crate::stats::Counters;
use crate::transport::{self, Attempt, Connect, Deadline, Sockets, Transport};

use super::lookout::{Looking, Lookout};
use super::serving::is_served;

/// How to open a connection to one server.
#[derive(Clone)]
pub struct Dial {
    /// What is the same for every server.
    shared: Arc<Shared>,
    server: Arc<DialledServer>,
    /// Set where code of the caller's serves the connection: which pool it must not use meanwhile.
    serves: Option<u64>,
}

/// The options, and what a program may bring of its own.
#[derive(Clone)]
struct Shared {
    options: Options,
    connect: Arc<dyn Connect>,
    /// What the program moves the bytes with, as it gave it.
    given: Option<Arc<dyn Connect>>,
    parser: Option<Arc<dyn ParserType>>,
    credentials: Option<Arc<dyn Credentials>>,
    /// The bytes move through functions of the caller's.
    foreign: bool,
    /// What becomes of the connections is counted here.
    counters: Arc<Counters>,
}

/// One server, and what was learnt of it.
struct DialledServer {
    endpoint: Endpoint,
    /// The endpoint as messages name it.
    name: Arc<str>,
    /// It knows no HELLO: it is not asked again.
    is_resp2: AtomicBool,
    /// What it is to be.
    duty: Duty,
    /// Who tells when another server has taken its place.
    looking: Option<Looking>,
}

/// Says who we are, each time a connection is opened.
pub trait Credentials: Send + Sync {
    /// The user name, where there is one, and the password.
    fn ask(&self, endpoint: &str) -> Result<(Option<Secret>, Secret)>;
}

impl Dial {
    /// How to open connections with these options.
    pub fn new(
        options: Options,
        connect: Option<Arc<dyn Connect>>,
        parser: Option<Arc<dyn ParserType>>,
    ) -> Result<Dial> {
        options.check()?;
        if options.is_set(Key::Share) && options.share() == Share::Always && (connect.is_some() || parser.is_some()) {
            let text = "share: always is without effect, for a connection with a transport or a parser of the program's is \
                        never shared";
            return Err(Error::new(Status::Config, text));
        }
        let endpoint = options.endpoint();
        let foreign = connect.is_some();
        let serves = (foreign || parser.is_some()).then(next_number);
        let sockets = Sockets::new(options.keepalive_ms(), options.user_timeout_ms());
        let given = connect.clone();
        let connect = connect.unwrap_or_else(|| Arc::new(sockets));
        let connect = if options.tls() { transport::with_tls(connect, &options)? } else { connect };
        let shared = Shared { options, connect, given, parser, credentials: None, foreign, counters: Arc::default() };
        Ok(Dial { shared: Arc::new(shared), server: Arc::new(DialledServer::new(endpoint, Duty::Any, None)), serves })
    }

    /// The same, but that it asks who we are at each connect.
    pub fn with_credentials(mut self, credentials: Option<Arc<dyn Credentials>>) -> Dial {
        if credentials.is_some() {
            self.serves.get_or_insert_with(next_number);
        }
        Arc::make_mut(&mut self.shared).credentials = credentials;
        self
    }

    /// The options.
    pub fn options(&self) -> &Options {
        &self.shared.options
    }

    /// The statistics of the connections, and of whoever leases them.
    #[inline]
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// When callers share a connection. Never, where functions of the program's move or read its bytes: others would wait for
    /// them.
    pub fn share(&self) -> Share {
        match self.shared.foreign || self.shared.parser.is_some() {
            true => Share::Never,
            false => self.options().share(),
        }
    }

    /// The endpoint.
    pub fn place(&self) -> &Endpoint {
        &self.server.endpoint
    }

    /// The endpoint as messages name it.
    pub fn endpoint(&self) -> &Arc<str> {
        &self.server.name
    }

    /// What reads the replies: "fast", "simple", or the caller's own name for it.
    pub fn parser_name(&self) -> String {
        match &self.shared.parser {
            Some(parser) => parser.name().to_owned(),
            None => resp::parser(self.options().parser(), self.options().limits()).name().to_owned(),
        }
    }

    /// Whether functions of the caller's serve the connections.
    #[inline]
    pub fn is_served(&self) -> bool {
        self.serves.is_some()
    }

    /// Refuse a call that comes from a function of the caller's while it serves this very pool.
    pub fn refuse_reentry(&self) -> Result<()> {
        let Some(number) = self.serves else { return Ok(()) };
        if is_served(number) {
            let text = "a transport, a parser or who says the password may not use the client that it serves";
            return Err(Error::new(Status::State, text).with_outcome(Outcome::NotSent));
        }
        Ok(())
    }

    /// Connect, against a deadline.
    pub(super) fn connect(&self, deadline: Deadline) -> Result<Box<dyn Transport>> {
        self.shared.connect.connect(&self.server.endpoint, deadline)
    }

    /// Begin to connect, in steps that never wait.
    pub(super) fn begin(&self, deadline: Deadline) -> Result<Box<dyn Attempt>> {
        self.shared.connect.begin(&self.server.endpoint, deadline)
    }

    /// The server that was connected to last is the wrong one: where there are others at the endpoint, they are tried first.
    pub fn avoid_address(&self) {
        self.shared.connect.avoid_address();
    }

    /// A conversation for a new connection, which begins with a greeting.
    pub(super) fn session(&self) -> Result<Session> {
        let limits = self.options().limits();
        let parser = match &self.shared.parser {
            Some(parser) => parser.start(limits)?,
            None => resp::parser(self.options().parser(), limits),
        };
        Session::new(parser, self.greeting()?)
    }

    /// Whether it is for the server of this dial, and what was learnt of that is known to both.
    pub fn leads_as(&self, other: &Dial) -> bool {
        Arc::ptr_eq(&self.server, &other.server)
    }

    /// Who tells whether its server is still the one to wait for. None: it is, whatever happens.
    #[inline]
    pub fn looking(&self) -> Option<&Looking> {
        self.server.looking.as_ref()
    }

    /// Whether a loop of the caller's could watch its connections.
    pub fn has_fd(&self) -> bool {
        self.shared.connect.has_fd()
    }

    /// Whether the connections speak RESP2, as far as that is known before there is one.
    pub fn is_resp2(&self) -> bool {
        self.options().protocol() == 2
            || (self.options().protocol() == 0 && self.server.is_resp2.load(Ordering::Relaxed))
    }

    /// Whose connections call functions of the caller's.
    pub(super) fn serves(&self) -> Option<u64> {
        self.serves
    }

    /// Whether bytes may wait in a transport of the caller's, where no descriptor shows them.
    pub fn is_foreign(&self) -> bool {
        self.shared.foreign
    }

    /// The server refused HELLO: the next connection does not ask.
    pub(super) fn remember_resp2(&self) {
        self.server.is_resp2.store(true, Ordering::Relaxed);
    }

    fn greeting(&self) -> Result<Greeting> {
        let options = self.options();
        let (username, password) = match &self.shared.credentials {
            Some(credentials) => {
                let (username, password) = credentials.ask(&self.server.name)?;
                (username, Some(password))
            }
            None => {
                let mut password = options.password().cloned();
                // A user without a password is one the server lets in without: it is said all the same.
                if password.is_none() && options.username().is_some() {
                    password = Some(Secret::new(b"")?);
                }
                (options.username().map(Secret::new).transpose()?, password)
            }
        };
        let protocol = match options.protocol() {
            0 if self.server.is_resp2.load(Ordering::Relaxed) => 2,
            protocol => protocol,
        };
        Ok(Greeting {
            protocol,
            username,
            password,
            client_name: options.client_name().map(<[u8]>::to_vec),
            library_name: options.library_name().map(<[u8]>::to_vec),
            database: options.database(),
            duty: self.server.duty,
            cluster: options.topology() == Topology::Cluster,
        })
    }
}

impl DialledServer {
    fn new(endpoint: Endpoint, duty: Duty, lookout: Option<Arc<dyn Lookout>>) -> DialledServer {
        let looking = lookout.map(|lookout| Looking { lookout, place: endpoint.clone() });
        DialledServer { name: endpoint.to_string().into(), endpoint, is_resp2: AtomicBool::new(false), duty, looking }
    }
}

pub(super) fn next_number() -> u64 {
    static NUMBERS: AtomicU64 = AtomicU64::new(0);
    NUMBERS.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::ParserChoice;

    #[test]
    fn another_server_is_dialled_alike_and_what_was_learnt_of_this_one_stays_here() {
        let dial = Dial::new(Options::new(), None, None).unwrap();
        dial.remember_resp2();
        let other = dial.to(Endpoint::Tcp { host: "h".into(), port: 7001 });
        assert_eq!((&**dial.endpoint(), &**other.endpoint()), ("127.0.0.1:6379", "h:7001"));
        assert!(dial.is_resp2() && dial.clone().is_resp2() && !other.is_resp2());
        assert!(Arc::ptr_eq(&dial.shared, &other.shared));
    }

    #[test]
    fn what_does_not_fit_together_dials_nothing() {
        let dial = |keys: &[(Key, i64)], parser: Option<Arc<dyn ParserType>>| {
            let mut options = Options::new();
            keys.iter().for_each(|(key, value)| options.set_int(*key, *value).unwrap());
            Dial::new(options, None, parser)
        };
        let amounts = dial(&[(Key::PoolIdleMin, 9), (Key::PoolMax, 2)], None).map(drop);
        assert_eq!(amounts.unwrap_err().status, Status::Config);
        for (share, fits) in [(0, true), (1, true), (2, false)] {
            assert_eq!(dial(&[(Key::Share, share)], Some(Arc::new(Parser))).is_ok(), fits);
            assert_eq!(dial(&[(Key::Share, share)], None).unwrap().share() as i64, share);
        }
        assert_eq!(dial(&[], Some(Arc::new(Parser))).unwrap().share(), Share::Never);
    }

    struct Parser;

    impl ParserType for Parser {
        fn name(&self) -> &str {
            "mine"
        }

        fn start(&self, limits: crate::limits::Limits) -> Result<Box<dyn resp::Parse>> {
            Ok(resp::parser(ParserChoice::Simple, limits))
        }
    }

    struct Asked;

    impl Credentials for Asked {
        fn ask(&self, endpoint: &str) -> Result<(Option<Secret>, Secret)> {
            assert_eq!(endpoint, "127.0.0.1:6379");
            Ok((Some(Secret::new(b"who")?), Secret::new(b"sesame")?))
        }
    }

    /// A function of the caller's that serves a pool may not use it: the pool has a number to know it by.
    #[test]
    fn a_pool_that_functions_of_the_callers_serve_is_known_by_a_number() {
        let plain = Dial::new(Options::new(), None, None).unwrap();
        assert!(plain.serves().is_none() && !plain.is_foreign());
        let parsed = Dial::new(Options::new(), None, Some(Arc::new(Parser))).unwrap();
        assert!(parsed.serves().is_some() && !parsed.is_foreign());
        assert_eq!(parsed.parser_name(), "mine");
        assert!(plain.clone().with_credentials(None).serves().is_none());
        let asking = plain.with_credentials(Some(Arc::new(Asked)));
        assert!(asking.serves().is_some_and(|number| Some(number) != parsed.serves()));
        let greeting = asking.greeting().unwrap();
        assert!(greeting.username.is_some() && greeting.password.is_some());
    }

    #[derive(Default)]
    struct Elsewhere {
        avoided: AtomicBool,
    }

    impl Connect for Elsewhere {
        fn begin(&self, _: &Endpoint, _: Deadline) -> Result<Box<dyn Attempt>> {
            Err(Error::new(Status::Connect, "nobody is there"))
        }

        fn has_fd(&self) -> bool {
            false
        }

        fn avoid_address(&self) {
            self.avoided.store(true, Ordering::Relaxed);
        }

        fn name(&self) -> &str {
            "elsewhere"
        }
    }

    #[test]
    fn the_way_to_connect_is_asked_for_a_descriptor_and_told_of_a_wrong_address() {
        assert!(Dial::new(Options::new(), None, None).unwrap().has_fd());
        let connect = Arc::new(Elsewhere::default());
        let dial = Dial::new(Options::new(), Some(Arc::clone(&connect) as Arc<dyn Connect>), None).unwrap();
        assert!(!dial.has_fd() && dial.is_foreign() && dial.serves().is_some());
        assert!(!connect.avoided.load(Ordering::Relaxed));
        dial.avoid_address();
        assert!(connect.avoided.load(Ordering::Relaxed));
    }

    #[test]
    fn a_protocol_that_was_asked_for_is_kept_whatever_was_learnt() {
        for (protocol, before, after) in [(0, false, true), (2, true, true), (3, false, false)] {
            let mut options = Options::new();
            options.set_int(Key::Protocol, protocol).unwrap();
            let dial = Dial::new(options, None, None).unwrap();
            assert_eq!(dial.is_resp2(), before);
            dial.remember_resp2();
            assert_eq!(dial.is_resp2(), after);
            assert_eq!(i64::from(dial.greeting().unwrap().protocol), if protocol == 0 { 2 } else { protocol });
        }
    }

    #[test]
    fn a_user_without_a_password_is_said_to_have_an_empty_one() {
        let mut options = Options::new();
        assert!(Dial::new(options.clone(), None, None).unwrap().greeting().unwrap().password.is_none());
        options.set_text(Key::Username, b"who").unwrap();
        let greeting = Dial::new(options, None, None).unwrap().greeting().unwrap();
        assert!(greeting.username.is_some() && greeting.password.is_some());
    }
}
