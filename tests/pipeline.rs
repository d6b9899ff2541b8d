//! Pipelines: many commands in one burst, their replies in order in one array, and errors in their places.

mod support;

use support::c::{Client, Options, option};
use support::pipeline::{Pipeline, mode};
use support::server::Server;

/// A client of every kind that a server is spoken to by.
fn clients(server: &Server) -> Vec<Client> {
    let of = |url: &str, protocol| Options::at(url).int(option::PROTOCOL, protocol).client();
    vec![of(&server.url(), 2), of(&server.url(), 3), of(&server.unix_url(), 2), of(&server.unix_url(), 3)]
}

#[test]
fn replies_come_in_order_and_errors_in_their_places() {
    let server = Server::start(&[]);
    for client in clients(&server) {
        client.ask(&["FLUSHALL"]);
        let mut pipeline = Pipeline::of(&client);
        pipeline.add(&["SET", "a", "1"]).add(&["LPUSH", "a", "x"]).add(&["GET", "a"]);
        pipeline.add(&["RPUSH", "l", "x", "", "z"]).add(&["LRANGE", "l", "0", "-1"]).add(&["GET", "none"]);
        assert_eq!(pipeline.len(), 6);
        let reply = pipeline.run(mode::PLAIN).expect("the batch itself succeeds");
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        assert_eq!(reply.dump(), format!("[#1 {wrong} \"1\" :3 [\"x\" \"\" \"z\"] (nil)]"));
        assert_eq!((pipeline.len(), pipeline.failed()), (0, 1));
        // The same pipeline again, and what was wrong before is forgotten.
        pipeline.add(&["GET", "a"]);
        assert_eq!((pipeline.ask(mode::PLAIN), pipeline.failed()), ("[\"1\"]".to_owned(), -1));
    }
}

#[test]
fn a_transaction_gives_what_exec_gives() {
    let server = Server::start(&[]);
    for client in clients(&server) {
        client.ask(&["FLUSHALL"]);
        let mut pipeline = Pipeline::of(&client);
        pipeline.add(&["SET", "a", "1"]).add(&["LPUSH", "a", "x"]).add(&["INCR", "a"]);
        let reply = pipeline.run(mode::ATOMIC).expect("the transaction runs");
        assert_eq!(reply.dump(), "[#1 -WRONGTYPE Operation against a key holding the wrong kind of value :2]");
        assert_eq!(pipeline.failed(), 1);
    }
}
