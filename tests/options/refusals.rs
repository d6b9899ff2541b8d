//! A command that has no place on a handle is refused before anything is sent, and the message names what there is for it: for
//! every command that changes its connection, on every handle that keeps none for its caller.

use std::collections::BTreeSet;
use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::ptr::null_mut;

use rredis::commands;
use rredis::ffi::r#async::{rredis_async, rredis_async_free, rredis_async_new, rredis_async_submit};
use rredis::ffi::client::{rredis_client, rredis_client_free, rredis_client_new};
use rredis::ffi::options::{
    rredis_option, rredis_options_free, rredis_options_new, rredis_options_set_int, rredis_options_set_url,
};
use rredis::ffi::status::rredis_error;

use crate::support::c::{CErr, Client, Outcome, Status};
use crate::support::pipeline::Pipeline;
use crate::support::server::Server;

/// Every command that changes its connection, and what its refusal names.
const TABLE: &[(&str, &[&str])] = &[
    ("ASKING", CONN),
    ("AUTH", &["options username and password", "rredis_conn"]),
    ("CLIENT CACHING", CONN),
    ("CLIENT CAPA", CONN),
    ("CLIENT IMPORT-SOURCE", CONN),
    ("CLIENT MAINT_NOTIFICATIONS", CONN),
    ("CLIENT NO-EVICT", CONN),
    ("CLIENT NO-TOUCH", CONN),
    ("CLIENT REPLY", CONN),
    ("CLIENT SETINFO", &["option library_name", "rredis_conn"]),
    ("CLIENT SETNAME", &["option client_name", "rredis_conn"]),
    ("CLIENT TRACKING", CONN),
    ("DISCARD", &["rredis_pipeline_clear"]),
    ("EXEC", RUN),
    ("HELLO", &["protocol", "username", "password", "client_name", "rredis_conn"]),
    ("HIMPORT", CONN),
    ("HIMPORT DISCARD", CONN),
    ("HIMPORT DISCARDALL", CONN),
    ("HIMPORT PREPARE", CONN),
    ("HIMPORT SET", CONN),
    ("MONITOR", CONN),
    ("MULTI", RUN),
    ("PSUBSCRIBE", PUBSUB),
    ("PSYNC", &["no handle", "replicas"]),
    ("PUNSUBSCRIBE", PUBSUB),
    ("QUIT", &["_free"]),
    ("READONLY", CONN),
    ("READWRITE", CONN),
    ("REPLCONF", &["no handle", "replicas"]),
    ("RESET", CONN),
    ("SCRIPT DEBUG", CONN),
    ("SELECT", &["option database", "rredis_conn"]),
    ("SSUBSCRIBE", PUBSUB),
    ("SUBSCRIBE", PUBSUB),
    ("SUNSUBSCRIBE", PUBSUB),
    ("SYNC", &["no handle", "replicas"]),
    ("UNSUBSCRIBE", PUBSUB),
    ("UNWATCH", &["rredis_pipeline_clear"]),
    ("WATCH", &["rredis_pipeline_watch", "RREDIS_PIPELINE_ATOMIC"]),
];
const CONN: &[&str] = &["use an rredis_conn"];
const PUBSUB: &[&str] = &["use an rredis_pubsub"];
const RUN: &[&str] = &["rredis_pipeline", "RREDIS_PIPELINE_ATOMIC"];

#[test]
fn every_command_that_changes_its_connection_is_in_the_table() {
    let listed: BTreeSet<&str> = TABLE.iter().map(|row| row.0).collect();
    let known = commands::all().iter().filter_map(|row| row.connection_state());
    assert_eq!(listed, known.collect());
}

#[test]
fn each_handle_names_what_is_meant() {
    let server = Server::start(&[]);
    let client = Client::at(&server.url());
    let mut watching = Pipeline::of(&client);
    watching.watch(&["k"]).expect("it watches");
    let mut own = Loop::new(&server.url(), 2);
    for (command, words) in TABLE {
        // As the servers write it, in small letters, and with more behind it.
        for command in [(*command).to_owned(), command.to_lowercase(), format!("{command} secret 1")] {
            let args: Vec<&str> = command.split(' ').collect();
            says(&client.command(&args).map(drop), &command, words);
            says(&Pipeline::of(&client).try_add(&args), &command, words);
            says(&watching.command(&args).map(drop), &command, words);
            // Subscriptions are taken there.
            let submitted = own.submit(&args);
            match words == &PUBSUB && args.len() > 1 || command.to_uppercase().contains("UNSUBSCRIBE") {
                true => submitted.expect("it is accepted"),
                false => {
                    let (status, message) = submitted.expect_err("it is refused");
                    assert_eq!(status, 1, "{message}");
                    words_in(&message, &command, words);
                }
            }
        }
    }
}

fn says(result: &Result<(), CErr>, command: &str, words: &[&str]) {
    let err = result.as_ref().expect_err("it is refused");
    assert_eq!((err.status, err.outcome), (Status::ARGUMENT, Outcome::NOT_SENT), "{err:?}");
    words_in(&err.message, command, words);
}

fn words_in(message: &str, command: &str, words: &[&str]) {
    let name: String = command.split(' ').take_while(|word| *word != "secret").collect::<Vec<_>>().join(" ");
    assert!(message.to_uppercase().starts_with(&name.to_uppercase()), "{message}");
    assert!(words.iter().all(|word| message.contains(word)), "{words:?}: {message}");
    assert!(!message.contains("secret"), "{message}");
    // None is cut, and where something else is meant it is not a connection of one's own that is named.
    assert!(message.len() < 239, "{message}");
    assert_eq!(message.contains("rredis_conn"), words.iter().any(|word| word.contains("rredis_conn")), "{message}");
}

/// An rredis_async.
struct Loop {
    client: Option<Box<rredis_client>>,
    handle: Option<Box<rredis_async>>,
}

impl Loop {
    fn new(url: &str, protocol: i64) -> Loop {
        let mut options = rredis_options_new();
        // SAFETY: a text that is there.
        let status = unsafe { rredis_options_set_url(options.as_deref_mut(), url.as_ptr().cast(), url.len(), None) };
        assert_eq!(status as u32, 0);
        let option = MaybeUninit::new(rredis_option::RREDIS_OPTION_PROTOCOL);
        assert_eq!(rredis_options_set_int(options.as_deref_mut(), option, protocol, None) as u32, 0);
        let mut client = MaybeUninit::uninit();
        assert_eq!(rredis_client_new(options.as_deref(), Some(&mut client), None) as u32, 0);
        rredis_options_free(options);
        let client = ours(client);
        let mut handle = MaybeUninit::uninit();
        assert_eq!(rredis_async_new(Some(&client), Some(&mut handle), None) as u32, 0);
        Loop { client: Some(client), handle: Some(ours(handle)) }
    }

    /// The status and the message, where it is refused.
    fn submit(&mut self, args: &[&str]) -> Result<(), (u32, String)> {
        let argv: Vec<*const c_char> = args.iter().map(|arg| arg.as_ptr().cast()).collect();
        let lens: Vec<usize> = args.iter().map(|arg| arg.len()).collect();
        let (handle, mut err) = (self.handle.as_deref_mut(), MaybeUninit::<rredis_error>::uninit());
        let (argv, lens) = (argv.as_ptr(), lens.as_ptr());
        // SAFETY: the arrays and what they point at outlive the call.
        let status = unsafe { rredis_async_submit(handle, args.len(), argv, lens, 0, 0, null_mut(), Some(&mut err)) };
        if status as u32 == 0 {
            return Ok(());
        }
        // SAFETY: written, for the call failed.
        let err = unsafe { err.assume_init() };
        assert_eq!(err.outcome as u32, 1, "NOT_SENT");
        let message: Vec<u8> = err.message.iter().map(|&byte| byte as u8).take_while(|&byte| byte != 0).collect();
        Err((status as u32, String::from_utf8(message).expect("a line is UTF-8")))
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        rredis_async_free(self.handle.take());
        rredis_client_free(self.client.take());
    }
}

/// What a call that succeeded has made.
fn ours<T>(made: MaybeUninit<*mut T>) -> Box<T> {
    // SAFETY: written, for the call succeeded.
    let made = unsafe { made.assume_init() };
    // SAFETY: made by _new, and ours.
    unsafe { Box::from_raw(made) }
}
