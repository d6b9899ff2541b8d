//! The primary is found by Sentinels, and what is told where it is not.

use crate::support::c::{Client, Options, Outcome, Status, call, option};
use crate::support::sentinels::{SERVICE, Sentinels};
use crate::support::server::{Server, eventually, free_port};

#[test]
fn a_client_of_sentinels_is_a_client_of_the_primary() {
    let sentinels = Sentinels::start(&[]);
    for protocol in [2, 3] {
        let options = Options::at(&sentinels.url()).int(option::PROTOCOL, protocol);
        let client = options.client();
        assert_eq!(client.ask(&["SET", "key", "value"]), "+OK");
        assert_eq!(client.ask(&["GET", "key"]), "\"value\"");
        let role = client.command_with(&["ROLE"], call::RAW, 0).expect("a server answers");
        assert!(role.dump().contains("master"), "{}", role.dump());
        let pool = options.pool();
        pool.warm(3).expect("the primary is there");
    }
    // Whoever of them is there will do.
    let port = sentinels.sentinel(1).port();
    let lone = format!("redis+sentinel://127.0.0.1:{},127.0.0.1:{port}/{SERVICE}", free_port());
    assert_eq!(Client::at(&lone).ask(&["GET", "key"]), "\"value\"");
}

/// What Sentinels name is where they reach the servers. A program elsewhere reaches them elsewhere, and the next primary too.
#[test]
fn servers_are_reached_at_the_addresses_that_the_program_has_for_them() {
    let sentinels = Sentinels::start(&["bind 127.0.0.1 127.0.0.2"]);
    let options = Options::at(&sentinels.url()).text(option::ADDRESS_MAP, "127.0.0.1=127.0.0.2");
    let client = options.int(option::COMMAND_TIMEOUT_MS, 20_000).client();
    let is_reached_there = |server: usize| {
        let server = sentinels.server(server);
        let there = format!(" laddr=127.0.0.2:{} ", server.port());
        server.clients().iter().any(|line| line.contains(&there))
    };
    client.ask(&["SET", "key", "value"]);
    let old = sentinels.primary();
    assert!(is_reached_there(old));
    sentinels.fail_over();
    eventually("another is named", || sentinels.primary() != old);
    eventually("it is followed", || {
        assert_eq!(client.ask(&["SET", "key", "again"]), "+OK");
        is_reached_there(sentinels.primary())
    });
}

#[test]
fn what_is_wrong_with_sentinels_is_told() {
    let sentinels = Sentinels::start(&[]);
    let refused = |url: &str| Client::at(url).command(&["GET", "key"]).map(drop).expect_err("nobody answers");
    let unknown = refused(&format!("redis+sentinel://{}/nobody", sentinels.seeds()));
    assert_eq!((unknown.status, unknown.outcome), (Status::CONFIG, Outcome::NOT_SENT), "{unknown:?}");
    assert!(unknown.message.contains("no Sentinel knows of \"nobody\""), "{unknown:?}");
    let ports = [free_port(), free_port()];
    let nobody = refused(&format!("redis+sentinel://127.0.0.1:{},127.0.0.1:{}/{SERVICE}", ports[0], ports[1]));
    assert_eq!((nobody.status, nobody.outcome), (Status::CONNECT, Outcome::NOT_SENT), "{nobody:?}");
    for port in ports {
        assert!(nobody.message.contains(&format!("127.0.0.1:{port}")), "{nobody:?}");
    }
    let server = Server::start(&[]);
    let other = refused(&format!("redis+sentinel://127.0.0.1:{}/{SERVICE}", server.port()));
    assert_eq!(other.status, Status::CONFIG, "{other:?}");
    assert!(other.message.contains("the server is none"), "{other:?}");
}
