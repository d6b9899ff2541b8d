//! What faultless calls need: the library, handles that work without a server, texts, and room for what is written.
#![allow(dead_code, reason = "each test uses its own part of this")]

use std::collections::HashMap;
use std::ffi::{c_char, c_void};
use std::ptr::null;

use super::calls::{Case, Wrong};
use super::prototypes::{Function, Parameter};

/// The real librredis.so, as a program loads it.
pub struct Library(libloading::Library);

/// Every function of the header, as integers and the one double see it: the two go in registers of their own, and what a
/// function does not take it does not look at.
type Anything = unsafe extern "C" fn(u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, f64) -> u64;

impl Library {
    pub fn open() -> Self {
        let path = std::env::current_exe().expect("this test's path").with_file_name("librredis.so");
        // SAFETY: our own library, which does nothing when it is loaded.
        Library(
            unsafe { libloading::Library::new(&path) }.unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        )
    }

    fn call(&self, name: &str, arguments: &[u64]) -> u64 {
        // SAFETY: the name is from the header.
        let function =
            unsafe { self.0.get::<Anything>(name.as_bytes()) }.unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut all = [0; 12];
        all[..arguments.len()].copy_from_slice(arguments);
        let [a, b, c, d, e, f, g, h, i, j, k, l] = all;
        // SAFETY: what the header asks for, but for what a case makes wrong.
        unsafe { function(a, b, c, d, e, f, g, h, i, j, k, l, 1.5) }
    }
}

/// One child's things. Nothing is freed: the child ends.
pub struct World<'l> {
    library: &'l Library,
    handles: HashMap<&'static str, u64>,
    /// Where clients connect to; None: nowhere, for a transport of this world's answers them.
    url: Option<String>,
    /// The arguments of a command, and whether their lengths are given.
    pub args: Vec<Vec<u8>>,
    pub with_lens: bool,
    /// Where a command is written, and how much room there is.
    pub buffer: (u64, u64),
    pub timeout_ms: u64,
    /// Whether the calling thread is to end at its next cancellation point.
    pub cancelled: bool,
}

/// What came of a call.
pub struct Called {
    pub returned: u64,
    pub status: Option<u32>,
    pub has_err: bool,
    pub err_written: bool,
    pub err_status: u32,
    pub out_written: bool,
    pub message: String,
    pub names: Vec<&'static str>,
}

/// What stands in out_ parameters and in err before a call.
const UNTOUCHED: u8 = 0xa5;

impl<'l> World<'l> {
    pub fn new(library: &'l Library) -> Self {
        let args = vec![b"GET".to_vec(), b"key".to_vec()];
        let buffer = (room(), 256);
        World {
            library,
            handles: HashMap::new(),
            url: None,
            args,
            with_lens: true,
            buffer,
            timeout_ms: 1,
            cancelled: false,
        }
    }

    /// One whose clients have a server.
    pub fn at(library: &'l Library, url: &str) -> Self {
        World { url: Some(url.to_owned()), ..World::new(library) }
    }

    /// Call a function with these arguments.
    pub fn raw(&self, name: &str, arguments: &[u64]) -> u64 {
        self.library.call(name, arguments)
    }

    /// Make the call of a case. Err: no faultless argument is known for a parameter.
    pub fn call(&mut self, case: &Case<'_>) -> Result<Called, String> {
        let function = case.function;
        self.prepare(function);
        let mut arguments = Vec::new();
        let mut outs = Vec::new();
        let mut err: &'static [u8] = &[];
        for (i, parameter) in function.parameters.iter().enumerate() {
            if parameter.kind == "double" {
                continue;
            }
            let wrong = case.wrongs.iter().find(|(index, _)| *index == i).map(|(_, wrong)| *wrong);
            let value = match wrong {
                Some(Wrong::Null) => 0,
                Some(Wrong::Number(number)) => number,
                Some(Wrong::Empty) => leaked(b"\0"),
                _ => {
                    self.argument(function, parameter).ok_or_else(|| format!("no argument known for {parameter:?}"))?
                }
            };
            let room = || -> &'static [u8] {
                // SAFETY: 256 bytes that were leaked for this parameter.
                unsafe { std::slice::from_raw_parts(value as *const u8, 256) }
            };
            match parameter.name.as_str() {
                "err" if value != 0 => err = room(),
                name if name.starts_with("out_") && value != 0 => outs.push(room()),
                _ => {}
            }
            arguments.push(value);
        }
        spoil_argv(case, &mut arguments);
        let returned = match self.cancelled {
            true => while_cancelled(|| self.library.call(&function.name, &arguments)),
            false => self.library.call(&function.name, &arguments),
        };
        let message = err.get(16..).unwrap_or_default().iter().take_while(|&&byte| byte != 0);
        Ok(Called {
            returned,
            status: (function.returns == "rredis_status").then_some(returned as u32),
            has_err: !err.is_empty(),
            err_written: err.iter().any(|&byte| byte != UNTOUCHED),
            err_status: err
                .get(..4)
                .map_or(0, |status| u32::from_ne_bytes([status[0], status[1], status[2], status[3]])),
            out_written: outs.iter().any(|out| out.iter().any(|&byte| byte != UNTOUCHED)),
            message: message.map(|&byte| byte as char).collect(),
            names: case.names.clone(),
        })
    }

    /// Bring about what a faultless call of this function needs.
    fn prepare(&mut self, function: &Function) {
        match function.name.as_str() {
            "rredis_builder_take" => {
                let builder = self.handle("builder");
                self.library.call("rredis_builder_add_null", &[builder]);
            }
            "rredis_builder_end" => {
                let builder = self.handle("builder");
                self.library.call("rredis_builder_open", &[builder, 20]);
            }
            "rredis_parser_next" => {
                let parser = self.handle("parser");
                self.library.call("rredis_parser_feed", &[parser, leaked(b"+OK\r\n\0"), 5, 0]);
            }
            "rredis_parser_commit" => {
                let parser = self.handle("parser");
                self.library.call("rredis_parser_reserve", &[parser, 16, room()]);
            }
            "rredis_pipeline_command" => {
                let pipeline = self.handle("pipeline");
                let (argv, argv_len) = self.argv();
                self.library.call("rredis_pipeline_watch", &[pipeline, self.args.len() as u64, argv, argv_len, 0]);
            }
            "rredis_pubsub_next" => {
                let pubsub = self.handle("pubsub");
                let (argv, argv_len) = self.argv();
                self.library.call("rredis_pubsub_subscribe", &[pubsub, 0, self.args.len() as u64, argv, argv_len, 0]);
            }
            "rredis_pubsub_run" => {
                let pubsub = self.handle("pubsub");
                self.library.call("rredis_pubsub_wake", &[pubsub]);
            }
            "rredis_conn_receive" => {
                let conn = self.handle("conn");
                let (argv, argv_len) = self.argv();
                self.library.call("rredis_conn_send", &[conn, self.args.len() as u64, argv, argv_len, 0]);
            }
            _ => {}
        }
    }

    /// A faultless argument.
    fn argument(&mut self, function: &Function, parameter: &Parameter) -> Option<u64> {
        let name = function.name.as_str();
        Some(match (parameter.kind.as_str(), parameter.name.as_str()) {
            ("const rredis_client *", _) if name == "rredis_async_new" => self.watchable_client(),
            ("rredis_error *", "err") => room(),
            (kind, out) if out.starts_with("out_") && kind.ends_with('*') => room(),
            ("const rredis_reply *" | "rredis_reply *", _) => self.reply(function),
            ("const rredis_transport *", _) => transport(),
            ("const rredis_parser_type *", _) => parser_type(),
            ("const char *const *", "argv") => self.argv().0,
            ("const size_t *", "argv_len") => self.argv().1,
            ("size_t", "argc") => self.args.len() as u64,
            ("char *", "buffer") => self.buffer.0,
            ("size_t", "buffer_len") => self.buffer.1,
            ("size_t *", "indexes") | ("uint32_t *", "access") => vec![0_u64; self.keys_max()].leak().as_ptr() as u64,
            ("size_t", "indexes_len") => self.keys_max() as u64,
            ("const char *", text) => leaked(text_for(name, text)?.0),
            ("size_t", "bytes_len") if name == "rredis_parser_commit" => 4,
            ("size_t", "wanted") => 16,
            ("size_t", "count" | "keys_len" | "index") => 1,
            ("size_t", len) => text_for(name, len.strip_suffix("_len")?)?.1,
            ("uint32_t", "flags" | "ready") => 0,
            ("int32_t", "fd") => lent_socket(),
            // No flag is set, so no time counts.
            ("int64_t", "timeout_ms") if function.parameters.iter().any(|parameter| parameter.name == "flags") => 0,
            // It is no wait for what may come, and what is faultless has to succeed in it.
            ("int64_t", "timeout_ms") if function.name == "rredis_pipeline_transact" => 60_000,
            ("int64_t", _) => self.timeout_ms,
            ("rredis_status" | "rredis_outcome", _) => 1,
            ("rredis_stat", _) => 20,
            ("rredis_topic", _) => 0,
            ("rredis_target", _) => 1,
            ("rredis_option", _) if name == "rredis_options_set_int" || name == "rredis_options_get_int" => 2,
            ("rredis_option", _) => 1,
            ("rredis_pipeline_mode", _) => 1,
            ("rredis_reply_kind", _) if name == "rredis_builder_add_integer" => 1,
            ("rredis_reply_kind", _) if name == "rredis_builder_add_text" => 10,
            ("rredis_reply_kind", _) => 20,
            ("void *" | "const void *", _) => room(),
            ("rredis_callback_fn", _) => callback as *const () as u64,
            ("rredis_each_fn" | "rredis_transaction_fn" | "rredis_interrupt_fn", _) => callback as *const () as u64,
            ("rredis_reply_fn", _) => listener as *const () as u64,
            ("rredis_credentials_fn", _) => credentials as *const () as u64,
            ("rredis_free_fn", _) => free as *const () as u64,
            // On a pool, a client's own options say nothing of the connection.
            (_, "options") if name == "rredis_client_new_on" => self.library.call("rredis_options_new", &[]),
            // Its noun is a word that other languages keep for themselves.
            ("rredis_async *" | "const rredis_async *", "handle") => self.handle("async"),
            (kind, handle) if kind.trim_start_matches("const ") == format!("rredis_{handle} *") => self.handle(handle),
            _ => return None,
        })
    }

    fn reply(&mut self, function: &Function) -> u64 {
        let builder = self.handle("builder");
        match function.name.as_str() {
            "rredis_reply_find" => {
                self.library.call("rredis_builder_open", &[builder, 22]);
                self.library.call("rredis_builder_add_text", &[builder, 10, leaked(b"key\0"), 3]);
                self.library.call("rredis_builder_add_integer", &[builder, 1, 7]);
                self.library.call("rredis_builder_end", &[builder]);
            }
            _ => {
                self.library.call("rredis_builder_add_integer", &[builder, 1, 7]);
            }
        }
        self.made("rredis_builder_take", &[builder])
    }

    /// A handle that works, one of each kind.
    pub fn handle(&mut self, kind: &str) -> u64 {
        if let Some(handle) = self.handles.get(kind) {
            return *handle;
        }
        let (kind, handle) = match kind {
            "builder" => ("builder", self.library.call("rredis_builder_new", &[])),
            "options" => {
                let options = self.library.call("rredis_options_new", &[]);
                let set = match &self.url {
                    None => self.library.call("rredis_options_set_transport", &[options, transport(), 0]),
                    Some(url) => self
                        .library
                        .call("rredis_options_set_url", &[options, leaked(url.as_bytes()), url.len() as u64, 0]),
                };
                assert_eq!(set as u32, 0, "where to connect to");
                self.library.call("rredis_options_set_int", &[options, 7, 2, 0]);
                ("options", options)
            }
            "parser" => ("parser", self.made("rredis_parser_new", &[0])),
            "tls" => ("tls", self.made("rredis_tls_new", &[0, lent_socket()])),
            "pool" => {
                let options = self.handle("options");
                ("pool", self.made("rredis_pool_new", &[options]))
            }
            "client" => {
                let options = self.handle("options");
                ("client", self.made("rredis_client_new", &[options]))
            }
            "pubsub" => {
                let client = self.handle("client");
                ("pubsub", self.made("rredis_pubsub_new", &[client]))
            }
            "conn" => {
                let client = self.handle("client");
                ("conn", self.made("rredis_conn_new", &[client]))
            }
            "async" => {
                let client = self.watchable_client();
                ("async", self.made("rredis_async_new", &[client]))
            }
            "script" => ("script", self.made("rredis_script_new", &[leaked(b"return 1\0"), 8])),
            "pipeline" => {
                let client = self.handle("client");
                ("pipeline", self.made("rredis_pipeline_new", &[client]))
            }
            other => panic!("how is an rredis_{other} made?"),
        };
        self.handles.insert(kind, handle);
        handle
    }

    /// A client whose connections have a descriptor. It connects to nothing until it is told to.
    fn watchable_client(&mut self) -> u64 {
        match self.url {
            None => self.made("rredis_client_new", &[0]),
            Some(_) => self.handle("client"),
        }
    }

    /// There is room for so many keys.
    fn keys_max(&self) -> usize {
        self.args.len().max(16)
    }

    pub fn argv(&self) -> (u64, u64) {
        let texts = self.args.iter().map(|arg| leaked(&[arg.as_slice(), b"\0"].concat()));
        let lens = self.args.iter().map(Vec::len);
        let (texts, lens): (Vec<u64>, Vec<usize>) = (texts.collect(), lens.collect());
        let lens = if self.with_lens { lens.leak().as_ptr() as u64 } else { 0 };
        (texts.leak().as_ptr() as u64, lens)
    }

    /// What a function writes to its out_ parameter, the last but err.
    fn made(&self, function: &str, arguments: &[u64]) -> u64 {
        let (out, err) = (room(), room());
        let status = self.library.call(function, &[arguments, &[out, err]].concat()) as u32;
        // SAFETY: the room that was made for err, and written to.
        let message = unsafe { std::ffi::CStr::from_ptr((err + 16) as *const c_char) };
        assert_eq!(status, 0, "{function}: {message:?}");
        // SAFETY: the room that was made for the out_ parameter.
        unsafe { *(out as *const u64) }
    }
}

/// Make a call in a thread whose end is asked for. Behind the call it cannot be cancelled any more.
fn while_cancelled(call: impl FnOnce() -> u64) -> u64 {
    unsafe extern "C" {
        fn pthread_setcancelstate(state: i32, before: *mut i32) -> i32;
        fn pthread_cancel(thread: libc::pthread_t) -> i32;
    }
    const ENABLE: i32 = 0;
    const DISABLE: i32 = 1;
    let mut before = 0;
    // SAFETY: it writes one int.
    unsafe { pthread_setcancelstate(DISABLE, &mut before) };
    // SAFETY: this very thread.
    let itself = unsafe { libc::pthread_self() };
    // SAFETY: a thread that lives. It ends at a cancellation point, and between here and the call there is none.
    unsafe { pthread_cancel(itself) };
    // SAFETY: as above.
    unsafe { pthread_setcancelstate(ENABLE, &mut before) };
    let returned = call();
    // SAFETY: as above.
    unsafe { pthread_setcancelstate(DISABLE, &mut before) };
    returned
}

/// What is wrong within argv: the two arrays stand one behind the other among the arguments.
fn spoil_argv(case: &Case<'_>, arguments: &mut [u64]) {
    for &(i, wrong) in &case.wrongs {
        let second = match wrong {
            Wrong::NullInArgv | Wrong::NullInArgvWithoutLengths => 0,
            Wrong::HugeInArgv => 1 << 63,
            Wrong::Null | Wrong::Number(_) | Wrong::Empty => continue,
        };
        // SAFETY: an array of two that was leaked for this call.
        let array = unsafe { &mut *(arguments[i] as *mut [u64; 2]) };
        array[1] = second;
        if wrong == Wrong::NullInArgvWithoutLengths {
            arguments[i + 1] = 0;
        }
    }
}

/// A text for a parameter, with a NUL, and its length.
fn text_for(function: &str, parameter: &str) -> Option<(&'static [u8], u64)> {
    let text: &'static [u8] = match (function, parameter) {
        (_, "url") => b"redis://localhost:6380/1\0",
        (_, "command") => b"GET\0",
        (_, "key" | "target") => b"key\0",
        (_, "value") => b"localhost\0",
        (_, "channel" | "name" | "message") => b"words\0",
        ("rredis_builder_add_number", "text") => b"1.5\0",
        (_, "text") => b"words\0",
        (_, "bytes") => b"+OK\r\n\0",
        _ => return None,
    };
    Some((text, text.len() as u64 - 1))
}

pub fn leaked(bytes: &[u8]) -> u64 {
    Box::leak(bytes.to_vec().into_boxed_slice()).as_ptr() as u64
}

/// A socket whose peer says nothing.
fn lent_socket() -> u64 {
    let (ours, peer) = std::os::unix::net::UnixStream::pair().expect("a pair of sockets");
    ours.set_nonblocking(true).expect("a socket can be set");
    std::mem::forget(peer);
    std::os::fd::IntoRawFd::into_raw_fd(ours) as u64
}

pub fn room() -> u64 {
    Box::leak(Box::new(Aligned([UNTOUCHED; 512]))).0.as_ptr() as u64
}

#[repr(align(16))]
struct Aligned([u8; 512]);

/// A transport without a server: it answers +OK to every command, but to EXEC and to those of publish and subscribe.
fn transport() -> u64 {
    // size, name, user_data, connect, read, write, close, fd, user_data_free
    let fields: [*const (); 9] = [
        size_of::<[usize; 9]>() as *const (),
        null(),
        null(),
        connect as *const (),
        read as *const (),
        write as *const (),
        close as *const (),
        null(),
        null(),
    ];
    Box::leak(Box::new(fields)).as_ptr() as u64
}

/// What the transport still has to say.
type Owed = Vec<u8>;

unsafe extern "C" fn connect(
    _user_data: *mut c_void,
    _host: *const c_char,
    _host_len: usize,
    _port: i32,
    _timeout_ms: i64,
    out_stream: &mut *mut Owed,
    _err: *mut c_void,
) -> u32 {
    *out_stream = Box::into_raw(Box::default());
    0
}

unsafe extern "C" fn read(owed: &mut Owed, buffer: *mut u8, len: usize, _: i64, out_len: &mut usize) -> u32 {
    // SAFETY: the buffer that the header promises.
    let buffer = unsafe { std::slice::from_raw_parts_mut(buffer, len) };
    let count = owed.len().min(len);
    for (to, byte) in buffer.iter_mut().zip(owed.drain(..count)) {
        *to = byte;
    }
    *out_len = count;
    if count == 0 { 3 } else { 0 }
}

unsafe extern "C" fn write(owed: &mut Owed, bytes: *const u8, len: usize, _: i64, out_len: &mut usize) -> u32 {
    // SAFETY: the bytes that the header promises.
    let bytes = unsafe { std::slice::from_raw_parts(bytes, len) };
    let has = |word: &[u8]| bytes.windows(word.len()).any(|part| part == word);
    if has(b"PUBLISH") {
        owed.extend_from_slice(b":1\r\n");
    } else if has(b"SUBSCRIBE") {
        owed.extend_from_slice(b"*3\r\n$9\r\nsubscribe\r\n$3\r\nGET\r\n:1\r\n");
        owed.extend_from_slice(b"*3\r\n$7\r\nmessage\r\n$3\r\nGET\r\n$1\r\nx\r\n");
    } else {
        for command in bytes.split(|&byte| byte == b'*').skip(1) {
            // A transaction of no commands is what ends in EXEC here.
            owed.extend_from_slice(if command.ends_with(b"EXEC\r\n") { b"*0\r\n" } else { b"+OK\r\n" });
        }
    }
    *out_len = len;
    0
}

unsafe extern "C" fn close(owed: *mut Owed) {
    // SAFETY: what connect made, once.
    drop(unsafe { Box::from_raw(owed) });
}

fn parser_type() -> u64 {
    unsafe extern "C" fn refuse(_: *mut c_void, _: *mut c_void, _: *mut c_void) -> u32 {
        20
    }
    // size, name, user_data, start, feed, next, stop, user_data_free
    let fields: [*const (); 8] = [
        size_of::<[usize; 8]>() as *const (),
        null(),
        null(),
        refuse as *const (),
        refuse as *const (),
        refuse as *const (),
        free as *const (),
        null(),
    ];
    Box::leak(Box::new(fields)).as_ptr() as u64
}

extern "C" fn callback() -> u32 {
    0
}

extern "C" fn credentials() -> i32 {
    0
}

extern "C" fn listener() {}

extern "C" fn free() {}
