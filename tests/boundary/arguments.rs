//! Every function of the header that takes a command's arguments takes any number of them, and loses none on the way: the
//! list of functions is the header's, so that a new one cannot be forgotten.

use std::ffi::{c_char, c_void};
use std::io;
use std::slice;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::calls::{Case, Expected};
use crate::prototypes::Function;
use crate::support::c::Client;
use crate::support::peer::{Command, Hello, Line, Peer, parse};
use crate::support::server::Server;
use crate::world::{Called, Library, World, leaked, room};

const OK: u32 = 0;
const AGAIN: u32 = 3;
const ARGS_MAX: usize = 1024 * 1024;
/// Both sides of every number of arguments at which the library may take another way, and many.
const FEW: std::ops::RangeInclusive<usize> = 1..=40;
const MANY: [usize; 4] = [127, 128, 129, 1000];

#[test]
fn every_function_takes_any_number_of_arguments() {
    let library = Library::open();
    let taking: Vec<Function> = crate::prototypes::functions().into_iter().filter(takes_arguments).collect();
    assert!(taking.len() >= 20, "only {} functions take arguments", taking.len());
    let mut failures = Vec::new();
    for function in &taking {
        for with_lens in [true, false] {
            let peer = Peer::tcp(Hello::Resp3, answer);
            let mut trial = Trial::new(&library, &peer, function, with_lens);
            for argc in FEW.chain(MANY) {
                if let Err(what) = trial.run(argc) {
                    failures.push(format!("{} of {argc}, lengths {with_lens}: {what}", function.name));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn as_many_arguments_as_a_command_may_have_arrive() {
    let library = Library::open();
    let server = Server::start(&[]);
    let reader = Client::at(&server.url());
    for name in ["rredis_client_command", "rredis_conn_send", "rredis_pipeline_add", "rredis_async_submit"] {
        let function = crate::prototypes::functions().into_iter().find(|function| function.name == name).expect(name);
        let mut world = World::at(&library, &format!("{}?command_timeout=60s", server.url()));
        for argc in [ARGS_MAX - 1, ARGS_MAX] {
            world.args = vec![b"x".to_vec(); argc];
            world.args[..2].clone_from_slice(&[b"RPUSH".to_vec(), name.into()]);
            called(&mut world, &function).and_then(|_| conclude(&mut world, name)).expect(name);
            assert_eq!(reader.number(&["LLEN", name]), argc as i64 - 2, "{name}");
            reader.ask(&["UNLINK", name]);
        }
    }
}

fn takes_arguments(function: &Function) -> bool {
    function.parameters.iter().any(|parameter| parameter.name == "argc")
}

/// One function, called again and again with other arguments.
struct Trial<'l> {
    world: World<'l>,
    peer: &'l Peer,
    function: &'l Function,
    /// How many connections and commands of the peer's have been looked at.
    seen: Vec<usize>,
}

/// What the response callback was shown last.
static SHOWN: Mutex<Option<Command>> = Mutex::new(None);

impl<'l> Trial<'l> {
    fn new(library: &'l Library, peer: &'l Peer, function: &'l Function, with_lens: bool) -> Self {
        let mut world = World::at(library, &format!("{}?pool_max=4", peer.url()));
        world.with_lens = with_lens;
        world.timeout_ms = 60_000;
        let client = world.handle("client");
        for name in ["INFO", "EVALSHA"] {
            let (name, len) = (leaked(name.as_bytes()), name.len() as u64);
            let set = world.raw("rredis_client_set_callback", &[client, name, len, shown as *const () as u64, 0, 0, 0]);
            assert_eq!(set as u32, OK, "a callback");
        }
        Trial { world, peer, function, seen: Vec::new() }
    }

    fn run(&mut self, argc: usize) -> Result<(), String> {
        let name = self.function.name.as_str();
        let command = if name == "rredis_command_keys" { "DEL" } else { "INFO" };
        if command == "DEL" && argc == 1 {
            return Ok(());
        }
        let args = (0..argc).map(|i| if i == 0 { command.into() } else { format!("argument {i}").into_bytes() });
        self.world.args = args.collect();
        self.world.buffer = (vec![0_u8; 32 * argc + 256].leak().as_ptr() as u64, 32 * argc as u64 + 256);
        *SHOWN.lock().expect("nobody panics with it") = None;
        if name == "rredis_pubsub_unsubscribe" {
            // With a name that stays, for a subscriber without any has no connection.
            let pubsub = self.world.handle("pubsub");
            for (args, kept) in [(vec![b"kept".to_vec()], true), (self.world.args.clone(), false)] {
                let names = std::mem::replace(&mut self.world.args, args);
                let (argv, lens) = self.world.argv();
                let count = if kept { 1 } else { argc as u64 };
                then(&self.world, "rredis_pubsub_subscribe", &[pubsub, 0, count, argv, lens, room()])?;
                self.world.args = names;
            }
            self.have_arrived()?;
        }
        let called = called(&mut self.world, self.function)?;
        self.judge(&called)
    }

    /// Whether the arguments came to where they belong.
    fn judge(&mut self, called: &Called) -> Result<(), String> {
        conclude(&mut self.world, &self.function.name)?;
        match self.function.name.trim_end_matches("_with") {
            "rredis_command_encode" => self.is_encoded(),
            "rredis_command_keys" => self.are_keys(),
            "rredis_command_flags" | "rredis_callback_builtin" => match called.out_written {
                true => Ok(()),
                false => Err("nothing was written".to_owned()),
            },
            "rredis_conn_send"
            | "rredis_pipeline_watch"
            | "rredis_pipeline_transact"
            | "rredis_pubsub_subscribe"
            | "rredis_pubsub_unsubscribe" => self.have_arrived(),
            "rredis_client_command"
            | "rredis_conn_command"
            | "rredis_pipeline_add"
            | "rredis_pipeline_command"
            | "rredis_script_run"
            | "rredis_script_add"
            | "rredis_async_submit" => {
                self.have_arrived()?;
                self.were_shown()
            }
            _ => Err("how is it seen that all of them arrived?".to_owned()),
        }
    }

    fn is_encoded(&self) -> Result<(), String> {
        // SAFETY: the buffer that was leaked for this call.
        let bytes = unsafe { slice::from_raw_parts(self.world.buffer.0 as *const u8, self.world.buffer.1 as usize) };
        match parse(bytes) {
            Some((command, _)) if command == self.world.args => Ok(()),
            _ => Err("it is written as something else".to_owned()),
        }
    }

    fn are_keys(&mut self) -> Result<(), String> {
        let (argv, lens) = self.world.argv();
        let count = self.world.args.len();
        let (indexes, len) = (vec![0_usize; count].leak(), &mut [0_usize]);
        let arguments =
            [count as u64, argv, lens, indexes.as_ptr() as u64, 0, count as u64, len.as_mut_ptr() as u64, room()];
        then(&self.world, "rredis_command_keys", &arguments)?;
        let found = &indexes[..len[0].min(count)];
        if found.iter().copied().eq(1..count) { Ok(()) } else { Err(format!("its keys are {found:?}")) }
    }

    /// Wait until the peer has a new command that ends with these arguments.
    fn have_arrived(&mut self) -> Result<(), String> {
        let patience = Instant::now() + Duration::from_secs(60);
        while !self.has_arrived() {
            if Instant::now() > patience {
                return Err(format!(
                    "they did not arrive: {:?}",
                    (0..self.seen.len()).map(|i| self.peer.commands(i)).collect::<Vec<_>>()
                ));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn has_arrived(&mut self) -> bool {
        self.seen.resize(self.peer.connections().max(self.seen.len()), 0);
        let mut found = false;
        for (number, seen) in self.seen.iter_mut().enumerate() {
            let commands = self.peer.commands(number);
            found |= commands[*seen..].iter().any(|command| command.ends_with(&self.world.args));
            *seen = commands.len();
        }
        found
    }

    /// Whether the response callback was shown these arguments.
    fn were_shown(&self) -> Result<(), String> {
        match &*SHOWN.lock().expect("nobody panics with it") {
            Some(command) if command.ends_with(&self.world.args) => Ok(()),
            Some(command) => Err(format!("the callback was shown {} arguments", command.len())),
            None => Err("the callback was not called".to_owned()),
        }
    }
}

/// Call a function with nothing wrong.
fn called(world: &mut World<'_>, function: &Function) -> Result<Called, String> {
    let case = Case { function, label: String::new(), wrongs: vec![], expected: Expected::Survives, names: vec![] };
    let called = world.call(&case)?;
    match called.status {
        Some(OK) => Ok(called),
        status => Err(format!("status {status:?}: {}", called.message)),
    }
}

/// Do what lets go what a function has only taken.
fn conclude(world: &mut World<'_>, name: &str) -> Result<(), String> {
    match name.trim_end_matches("_with") {
        "rredis_pipeline_add" | "rredis_script_add" => {
            let pipeline = world.handle("pipeline");
            then(world, "rredis_pipeline_run", &[pipeline, 0, room(), room()])
        }
        "rredis_pipeline_watch" | "rredis_pipeline_command" => {
            let pipeline = world.handle("pipeline");
            world.raw("rredis_pipeline_clear", &[pipeline]);
            Ok(())
        }
        "rredis_async_submit" => complete(world),
        "rredis_conn_send" => {
            let conn = world.handle("conn");
            then(world, "rredis_conn_receive", &[conn, 60_000, room(), room()])
        }
        _ => Ok(()),
    }
}

fn then(world: &World<'_>, name: &str, arguments: &[u64]) -> Result<(), String> {
    match world.raw(name, arguments) as u32 {
        OK => Ok(()),
        status => Err(format!("{name} then: status {status}")),
    }
}

/// Drive the loop until the command has completed.
fn complete(world: &mut World<'_>) -> Result<(), String> {
    let (handle, err) = (world.handle("async"), room());
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        then(world, "rredis_async_step", &[handle, 1, err])?;
        match world.raw("rredis_async_next", &[handle, room(), room(), err]) as u32 {
            OK => return Ok(()),
            AGAIN if Instant::now() < patience => {
                let fd = world.raw("rredis_async_fd", &[handle]) as i32;
                let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
                // SAFETY: one descriptor, of the handle's.
                unsafe { libc::poll(&mut poll, 1, 100) };
            }
            status => return Err(format!("_next: status {status}")),
        }
    }
}

/// A response callback that remembers its arguments.
unsafe extern "C" fn shown(
    _user_data: *mut c_void,
    _call_data: *mut c_void,
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
) -> u32 {
    // SAFETY: what the header promises.
    let argv = unsafe { slice::from_raw_parts(argv, argc) };
    // SAFETY: as above.
    let lens = unsafe { slice::from_raw_parts(argv_len, argc) };
    // SAFETY: as above.
    let command = argv.iter().zip(lens).map(|(arg, len)| unsafe { slice::from_raw_parts(arg.cast(), *len) }.to_vec());
    *SHOWN.lock().expect("nobody panics with it") = Some(command.collect());
    OK
}

/// A server that knows transactions, scripts and subscriptions, and says OK to all else.
fn answer(line: &mut Line) -> io::Result<()> {
    let mut queued = None;
    loop {
        let command = line.command()?;
        let text = match (command[0].as_slice(), queued) {
            (b"MULTI", _) => {
                queued = Some(0);
                "+OK\r\n".to_owned()
            }
            (b"EXEC", Some(count)) => {
                queued = None;
                format!("*{count}\r\n{}", "+OK\r\n".repeat(count))
            }
            (_, Some(count)) => {
                queued = Some(count + 1);
                "+QUEUED\r\n".to_owned()
            }
            (b"SCRIPT", _) => format!("*{0}\r\n{1}", command.len() - 2, ":1\r\n".repeat(command.len() - 2)),
            (verb @ (b"SUBSCRIBE" | b"UNSUBSCRIBE"), _) => {
                let verb = String::from_utf8_lossy(verb).to_lowercase();
                let names = command[1..].iter().map(|name| String::from_utf8_lossy(name));
                names.map(|name| format!(">3\r\n+{verb}\r\n+{name}\r\n:1\r\n")).collect()
            }
            _ => "+OK\r\n".to_owned(),
        };
        line.send(text.as_bytes())?;
    }
}
