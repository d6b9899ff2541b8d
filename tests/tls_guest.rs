//! The manners of a guest, with TLS: signals, stacks, descriptors and a parent's connections are as without it.
//!
//! What is tried here is the whole process's, so that it is one test, whose parts come one after the other.

#![cfg(feature = "tls")]

mod support;

#[path = "support/tls/mod.rs"]
mod tls;

use std::thread;

use support::c::{Client, Options, Status, call, option};
use support::peer::{Hello, Peer};
use support::vitals;
use tls::certificates::Authority;
use tls::front::{Goodbye, Listener};
use tls::world::TlsServer;

#[test]
fn a_guest_with_tls_behaves_as_one_without() {
    a_peer_that_resets_raises_no_sigpipe();
    let server = TlsServer::start(&[]);
    let before = vitals::descriptors();
    a_small_stack_is_enough(&server);
    a_child_says_nothing_on_its_parents_connections(&server);
    assert_eq!(vitals::descriptors(), before, "a freed client leaves nothing open");
}

/// SIGPIPE as a C program finds it: it ends the process.
fn a_peer_that_resets_raises_no_sigpipe() {
    // SAFETY: the default action is a valid one, and no other thread changes it.
    let before = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let root = Authority::new("a root");
    let identity = root.issue(&["127.0.0.1"]);
    let large = vec![b'x'; 4 << 20];
    for _ in 0..10 {
        // It answers the handshake, and is gone with what comes next.
        let peer = Peer::tcp(Hello::Resp3, |line| {
            let hello = line.any_command()?;
            let answer = line.handshake_answer(&hello).unwrap_or_default();
            line.send(&answer)?;
            line.any_command().map(drop)
        });
        let front = Listener::front(&identity, &peer, Goodbye::Reset);
        let options = Options::at(&format!("rediss://127.0.0.1:{}?retry_max=0", front.port()));
        let client = options.text(option::TLS_CA_PEM, &root.pem()).client();
        for _ in 0..3 {
            let err = client.command(&[b"SET", b"k".as_slice(), &large]).expect_err("the peer leaves");
            assert!([Status::IO, Status::CONNECT].contains(&err.status), "{err:?}");
        }
        if let Ok(mut conn) = client.conn() {
            while conn.send(&[b"SET", b"k".as_slice(), &large]).is_ok() {}
        }
    }
    // SAFETY: as above.
    unsafe { libc::signal(libc::SIGPIPE, before) };
}

/// Host languages have threads with stacks of their own sizes. TLS wants twice the 64 KiB that are enough without it.
fn a_small_stack_is_enough(server: &TlsServer) {
    let options = server.options();
    let client = options.client();
    thread::scope(|scope| {
        let run = || assert_eq!(client.ask(&["PING"]), "+PONG");
        let thread = thread::Builder::new().stack_size(128 << 10).spawn_scoped(scope, run);
        thread.expect("a thread").join().expect("it is enough");
    });
}

/// Neither bytes of RESP nor an alert of TLS: the parent goes on with its connections as if there were no child.
fn a_child_says_nothing_on_its_parents_connections(server: &TlsServer) {
    let client: Client = server.options().client();
    let id = client.number(&["CLIENT", "ID"]);
    // SAFETY: the child calls the library, whose locks nobody else holds, and _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let own = client.command_with(&["CLIENT", "ID"], call::RAW | call::TIMEOUT, 5000);
        let has_its_own = own.is_ok_and(|reply| reply.integer > id);
        drop(client);
        // SAFETY: ends the child without running what is its parent's.
        unsafe { libc::_exit(if has_its_own { 0 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: the child is ours, and the status outlives the call.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0, "the child has a connection of its own");
    for _ in 0..3 {
        assert_eq!(client.number(&["CLIENT", "ID"]), id, "and the parent still has its own");
    }
}
