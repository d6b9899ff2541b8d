//! What held a secret is overwritten, whichever way the greeting ended: a child logs in and fails, and then looks through all of
//! its own memory.

#![expect(clippy::multiple_unsafe_ops_per_block, reason = "a chapter of C reads better whole")]

mod remnants;

use std::ffi::{c_char, c_void};
use std::mem::zeroed;
use std::process::Command;
use std::ptr::{null, null_mut};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::peer::{Hello, Line, Peer};
use crate::support::raw::*;
#[cfg(feature = "tls")]
use crate::support::server::Folder;
use crate::support::server::Server;
use remnants::{Places, Search};
use zeroize::Zeroizing;

/// How long the secret is: a password's length, and more than any token's, for which buffers have to grow.
const LENGTHS: [usize; 2] = [96, 20_000];

/// What the child is told to do, as words of its environment.
const URL: &str = "RREDIS_SECRETS_URL";
const LENGTH: &str = "RREDIS_SECRETS_LENGTH";
const STACK: &str = "RREDIS_SECRETS_STACK";

/// A child that is refused, or that nobody answers, for each length of its secret. What it says it was told.
fn child(url: &str, length: usize, places: Places) -> String {
    let program = std::env::current_exe().expect("this test is a program");
    let output = Command::new(program)
        .args([
            "--exact",
            "secrets_memory::a_client_that_looks_through_its_memory",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(URL, url)
        .env(LENGTH, length.to_string())
        .env(STACK, if places == Places::All { "1" } else { "0" })
        .output()
        .expect("this test can be started");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let left: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("left: ")).collect();
    assert!(left.len() == 12 && left.iter().all(|left| *left == "0"), "{length} bytes: {said}");
    said
}

fn each_length(url: &str, words: &str) {
    each_length_in(url, words, Places::All);
}

fn each_length_in(url: &str, words: &str, places: Places) {
    for length in LENGTHS {
        let said = child(url, length, places);
        assert!(said.contains(words), "{length} bytes: {said}");
    }
}

#[test]
fn a_login_that_is_refused_leaves_nothing() {
    let server = Server::start(&["requirepass another"]);
    // A server that has authenticated nobody takes no argument of more than 16 KiB: it says so and hangs up.
    assert!(child(&server.url(), LENGTHS[0], Places::All).contains("WRONGPASS"));
    child(&server.url(), LENGTHS[1], Places::All);
}

#[test]
fn a_login_that_succeeds_leaves_nothing() {
    for hello in [Hello::Resp3, Hello::Resp2] {
        let peer = Peer::tcp(hello, Line::serve);
        each_length(&peer.url(), "told: OK");
    }
}

#[test]
fn a_login_that_nobody_answers_leaves_nothing() {
    let silent = Peer::tcp(Hello::Resp3, Line::until_left);
    each_length(&silent.url(), "did not answer within");
    let deaf = Peer::tcp(Hello::Resp3, Line::stall);
    assert!(child(&deaf.url(), LENGTHS[1], Places::All).contains("did not answer within"));
}

#[test]
fn a_login_in_which_the_peer_hangs_up_leaves_nothing() {
    let gone = Peer::tcp(Hello::Resp3, |line| line.any_command().map(drop));
    each_length(&gone.url(), "told: CONNECT");
    let at_once = Peer::tcp(Hello::Resp3, |_| Ok(()));
    assert!(child(&at_once.url(), LENGTHS[0], Places::All).contains("told: CONNECT"));
    let babbling = Peer::tcp(Hello::Resp3, |line| {
        line.any_command()?;
        line.send(b"no RESP at all\r\n")
    });
    assert!(child(&babbling.url(), LENGTHS[0], Places::All).contains("told: PROTOCOL"));
}

#[test]
fn what_a_server_repeats_is_overwritten_too() {
    let repeating = Peer::tcp(Hello::Resp3, |line| {
        loop {
            let told = line.any_command()?.join(&b"' '"[..]);
            line.send(&[b"-ERR unknown command, with args beginning with: '", &told[..], b"'\r\n"].concat())?;
        }
    });
    each_length_in(&repeating.url(), "ERR unknown command", Places::NotTheStack);
    // In pieces, so that what has come moves as more comes; and never to its end.
    let dripping = Peer::tcp(Hello::Resp3, |line| {
        let told = line.any_command()?.join(&b"' '"[..]);
        for piece in [b"-ERR unknown command: ", &told[..]].concat().chunks(700) {
            line.send(piece)?;
            line.wait(Duration::from_micros(200))?;
        }
        line.until_left()
    });
    each_length_in(&dripping.url(), "did not answer within", Places::NotTheStack);
}

#[cfg(feature = "tls")]
#[test]
fn a_login_over_tls_leaves_nothing() {
    let identity = crate::tls::certificates::Identity::self_signed(&["localhost"], |_| {});
    for (peer, words) in [
        (Peer::tcp(Hello::Resp3, Line::until_left), "did not answer within"),
        (
            Peer::tcp(Hello::Resp3, |line| {
                line.any_command()?;
                line.send(b"-WRONGPASS no\r\n")
            }),
            "WRONGPASS",
        ),
    ] {
        let front = crate::tls::front::Listener::front(&identity, &peer, crate::tls::front::Goodbye::Said);
        let url = format!("rediss://127.0.0.1:{}?tls_insecure_skip_verify=1&connect_timeout=400ms", front.port());
        for length in LENGTHS {
            let said = child(&url, length, Places::All);
            assert!(said.contains(words), "{length} bytes: {said}");
        }
    }
}

/// A key that is none, its body being the secret, is read and refused: by its text, in a URL, and from files.
#[cfg(feature = "tls")]
#[test]
fn a_key_that_is_refused_leaves_nothing() {
    let folder = Folder::new("keys");
    for length in LENGTHS {
        let pem = [CERTIFICATE.as_bytes(), b"-----BEGIN PRIVATE KEY-----\n", &remnants::secret(length), END].concat();
        let path = folder.path().join("key.pem");
        std::fs::write(&path, pem).expect("a temporary folder can be written");
        let program = std::env::current_exe().expect("this test is a program");
        let output = Command::new(program)
            .args([
                "--exact",
                "secrets_memory::a_client_that_reads_a_key",
                "--ignored",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(URL, path)
            .env(LENGTH, length.to_string())
            .output()
            .expect("this test can be started");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        let left: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("left: ")).collect();
        assert_eq!(left, ["0"; 4], "{length} bytes: {said}");
        assert_eq!(said.matches("told: tls_").count(), 4, "{said}");
    }
}

#[cfg(feature = "tls")]
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
#[cfg(feature = "tls")]
const END: &[u8] = b"\n-----END PRIVATE KEY-----\n";

/// The child of that test.
#[cfg(feature = "tls")]
#[test]
#[ignore = "run by the test above, in a process of its own"]
fn a_client_that_reads_a_key() {
    let (Ok(path), Ok(length)) = (std::env::var(URL), std::env::var(LENGTH)) else { return };
    let length: usize = length.parse().expect("a number");
    let mut search = Search::new(length);
    // It is in the texts of this process for as long as it takes to give it.
    let pem = |head: &[u8], end: &[u8]| {
        let secret = remnants::secret(length);
        let mut pem = Zeroizing::new(Vec::with_capacity(head.len() + secret.len() + end.len()));
        [head, &secret[..], end].iter().for_each(|piece| pem.extend_from_slice(piece));
        pem
    };
    for by in ["text", "URL", "key file", "one file"] {
        // SAFETY: zeros are such a struct.
        let mut err: RawError = unsafe { zeroed() };
        let err: *mut RawError = &mut err;
        let set = |options, option, text: &[u8]| {
            // SAFETY: the options are there, and the text lives as long as the call.
            let status = unsafe { rredis_options_set_str(options, option, text.as_ptr().cast(), text.len(), err) };
            assert_eq!(status, 0, "{by}");
        };
        // SAFETY: every handle is used by this thread alone, and freed once.
        unsafe {
            let options = rredis_options_new();
            for option in [option::TLS, option::TLS_INSECURE_SKIP_VERIFY] {
                assert_eq!(rredis_options_set_int(options, option, 1, err), 0);
            }
            match by {
                "text" => set(options, option::TLS_KEY_PEM, &pem(b"-----BEGIN PRIVATE KEY-----\n", END)),
                "URL" => {
                    let head = b"rediss://h?tls_key_pem=-----BEGIN%20PRIVATE%20KEY-----%0A";
                    let url = pem(head, b"%0A-----END%20PRIVATE%20KEY-----");
                    assert_eq!(rredis_options_set_url(options, url.as_ptr().cast(), url.len(), err), 0);
                }
                "key file" => set(options, option::TLS_KEY_FILE, path.as_bytes()),
                _ => set(options, option::TLS_CERT_FILE, path.as_bytes()),
            }
            if by != "one file" {
                set(options, option::TLS_CERT_PEM, CERTIFICATE.as_bytes());
            }
            let mut client = null_mut();
            assert_eq!(rredis_client_new(options, &mut client, err), 4, "CONFIG, by {by}");
            let message = std::ffi::CStr::from_ptr((*err).message.as_ptr().cast()).to_string_lossy();
            println!("told: {message}");
            assert!(by.ends_with("file") || search.found(Places::All) > 0, "it is there while it is needed, and found");
            rredis_options_free(options);
        }
        println!("left: {}", search.found(Places::All));
    }
}

/// How the secret is given.
#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    Text,
    Url,
    Function,
    /// A function that gives it and then refuses.
    Refusing,
}

#[repr(C)]
struct rredis_async {
    _private: [u8; 0],
}

// SAFETY: these are the prototypes of include/rredis.h, which tests/header keeps true to the library.
unsafe extern "C" {
    fn rredis_async_new(client: *const rredis_client, out_async: *mut *mut rredis_async, err: *mut RawError) -> u32;
    fn rredis_async_submit(
        handle: *mut rredis_async,
        argc: usize,
        argv: *const *const c_char,
        argv_len: *const usize,
        flags: u32,
        timeout_ms: i64,
        call_data: *mut c_void,
        err: *mut RawError,
    ) -> u32;
    fn rredis_async_step(handle: *mut rredis_async, ready: u32, err: *mut RawError) -> u32;
    fn rredis_async_next(
        handle: *mut rredis_async,
        out_reply: *mut *mut Node,
        out_call_data: *mut *mut c_void,
        err: *mut RawError,
    ) -> u32;
    fn rredis_async_free(handle: *mut rredis_async);
    fn rredis_builder_add_null(builder: *mut rredis_builder);
    fn rredis_options_set_credentials(
        options: *mut rredis_options,
        function: Option<
            unsafe extern "C" fn(*mut c_void, *const c_char, usize, *mut rredis_builder, *mut RawError) -> u32,
        >,
        user_data: *mut c_void,
        user_data_free: Option<RawFree>,
        err: *mut RawError,
    ) -> u32;
}

/// Says the secret; its length is behind the pointer, and that it refuses afterwards is beside it.
unsafe extern "C" fn says(
    user_data: *mut c_void,
    _endpoint: *const c_char,
    _endpoint_len: usize,
    credentials: *mut rredis_builder,
    _err: *mut RawError,
) -> u32 {
    // SAFETY: it is what the options were given.
    let &(length, refuses) = unsafe { &*user_data.cast::<(usize, bool)>() };
    let secret = remnants::secret(length);
    // SAFETY: the builder is this function's while it runs.
    unsafe {
        rredis_builder_add_null(credentials);
        rredis_builder_add_text(credentials, kind::STRING, secret.as_ptr().cast(), secret.len());
    }
    u32::from(refuses) * 80
}

/// The child: every kind of handle, with the secret from every place, and then a look through all memory.
#[test]
#[ignore = "run by the others, in a process of its own"]
fn a_client_that_looks_through_its_memory() {
    let (Ok(url), Ok(length)) = (std::env::var(URL), std::env::var(LENGTH)) else { return };
    let length: usize = length.parse().expect("a number");
    let places = if std::env::var(STACK).is_ok_and(|stack| stack == "1") { Places::All } else { Places::NotTheStack };
    let mut search = Search::new(length);
    assert_eq!(search.found(places), 0);
    for by in [By::Text, By::Url, By::Function, By::Refusing] {
        for protocol in [0, 2, 3] {
            let data = (length, by == By::Refusing);
            // SAFETY: every handle is used by this thread alone, and freed once.
            unsafe { log_in(&url, length, by, protocol, (&raw const data).cast_mut().cast(), &mut search) };
            println!("left: {}", search.found(places));
        }
    }
}

unsafe fn log_in(url: &str, length: usize, by: By, protocol: i64, data: *mut c_void, search: &mut Search) {
    // SAFETY: zeros are such a struct.
    let mut err: RawError = unsafe { zeroed() };
    let err: *mut RawError = &mut err;
    // SAFETY: every handle is used by this thread alone, and freed once; every text lives as long as its call.
    unsafe {
        let options = rredis_options_new();
        let secret = remnants::secret(length);
        let mut whole = Zeroizing::new(Vec::with_capacity(url.len() + length + 4));
        match by {
            By::Url => {
                let (scheme, place) = url.split_once("://").expect("a URL");
                whole.extend_from_slice(scheme.as_bytes());
                whole.extend_from_slice(b"://:");
                whole.extend_from_slice(&secret);
                whole.push(b'@');
                whole.extend_from_slice(place.as_bytes());
            }
            _ => whole.extend_from_slice(url.as_bytes()),
        }
        assert_eq!(rredis_options_set_url(options, whole.as_ptr().cast(), whole.len(), err), 0);
        match by {
            By::Text => {
                let pointer = secret.as_ptr().cast();
                assert_eq!(rredis_options_set_str(options, option::PASSWORD, pointer, secret.len(), err), 0);
            }
            By::Url => {}
            By::Function | By::Refusing => {
                assert_eq!(rredis_options_set_credentials(options, Some(says), data, None, err), 0);
            }
        }
        drop((secret, whole));
        let settings = [
            (option::PROTOCOL, protocol),
            (option::COMMAND_TIMEOUT_MS, 100),
            (option::RETRY_MAX, 1),
            (option::BACKOFF_MS, 0),
            (option::DATABASE, 1),
        ];
        for (key, value) in settings {
            assert_eq!(rredis_options_set_int(options, key, value, err), 0);
        }
        if !url.contains("connect_timeout") {
            assert_eq!(rredis_options_set_int(options, option::CONNECT_TIMEOUT_MS, 50, err), 0);
        }
        let mut client = null_mut();
        assert_eq!(rredis_client_new(options, &mut client, err), 0);
        rredis_options_free(options);
        if matches!(by, By::Text | By::Url) && protocol == 0 {
            assert!(search.found(Places::All) > 0, "it is there while it is needed, and found");
        }
        ask(client, protocol, err);
        rredis_client_free(client);
    }
}

/// Make the client log in: by one call, or by one after the other, whose connection is then the last that there was.
unsafe fn ask(client: *mut rredis_client, protocol: i64, err: *mut RawError) {
    let argv = [c"GET".as_ptr(), c"k".as_ptr()];
    let mut reply = null_mut();
    // SAFETY: as above.
    unsafe {
        let status = rredis_client_command(client, 2, argv.as_ptr(), null(), &mut reply, err);
        let message = std::ffi::CStr::from_ptr((*err).message.as_ptr().cast()).to_string_lossy();
        let name = std::ffi::CStr::from_ptr(rredis_status_name(status)).to_string_lossy();
        println!("told: {} {}", name.trim_start_matches("RREDIS_ERR_").trim_start_matches("RREDIS_"), message);
        if status == 0 {
            rredis_reply_free(reply);
        }
        if protocol == 0 {
            return;
        }
        let mut conn = null_mut();
        if rredis_conn_new(client, &mut conn, err) == 0 {
            rredis_conn_free(conn);
        }
        if protocol == 2 {
            return;
        }
        let mut pubsub = null_mut();
        assert_eq!(rredis_pubsub_new(client, &mut pubsub, err), 0);
        if rredis_pubsub_subscribe(pubsub, topic::CHANNEL, 1, argv.as_ptr(), null(), err) == 0 {
            rredis_pubsub_next(pubsub, 0, &mut reply, err);
        }
        rredis_pubsub_free(pubsub);
        let mut handle = null_mut();
        assert_eq!(rredis_async_new(client, &mut handle, err), 0);
        rredis_async_submit(handle, 2, argv.as_ptr(), null(), 0, 0, null_mut(), err);
        let end = Instant::now() + Duration::from_millis(70);
        let mut data = null_mut();
        while Instant::now() < end {
            rredis_async_step(handle, 1, err);
            if rredis_async_next(handle, &mut reply, &mut data, err) == 0 {
                rredis_reply_free(reply);
            }
            sleep(Duration::from_millis(1));
        }
        rredis_async_free(handle);
    }
}
