//! The tests' own server: it starts, answers, dies and comes back, and leaves nothing behind.

mod support;

use support::server::Server;

#[test]
fn a_server_starts_dies_comes_back_and_leaves_nothing_behind() {
    let mut server = Server::start(&["maxclients 100"]);
    assert_eq!(server.ask(&["PING"]), "PONG");
    assert_eq!(server.ask(&["CONFIG", "GET", "maxclients"]), "maxclients\n100");
    assert!(server.info("connected_clients") >= 1);
    let port = server.port();
    server.kill();
    assert_eq!(server.process(), 0);
    server.restart();
    assert_eq!(server.port(), port);
    assert_eq!(server.ask(&["GET", "absent"]), "(nil)");
    let folder = server.folder().to_owned();
    drop(server);
    assert!(!folder.exists());
}
