//! A cluster that speaks TLS: every server proves who it is, also one that was met by a redirect.

use crate::support::c::{Options, Outcome, Status, option, stat};
use crate::support::cluster::{Cluster, first_slot};
use crate::support::moving::Mover;
use crate::support::server::Folder;
use crate::support::slots::key;
use crate::tls::certificates::Authority;

#[test]
fn every_server_of_a_cluster_proves_who_it_is() {
    let folder = Folder::new("tls");
    let [root, stranger] = ["the root of the tests", "another"].map(Authority::new);
    let ca = root.write(&folder.path().join("ca.crt"));
    let [certificate, key_file] = root.issue(&["127.0.0.1"]).write(folder.path(), "server");
    let lines = [
        "port 0".to_owned(),
        "tls-port {port}".to_owned(),
        "tls-cluster yes".to_owned(),
        "tls-replication yes".to_owned(),
        "tls-auth-clients no".to_owned(),
        format!("tls-ca-cert-file {ca}"),
        format!("tls-cert-file {certificate}"),
        format!("tls-key-file {key_file}"),
        // Six that shake hands with each other at once take longer to answer.
        "cluster-node-timeout 1500".to_owned(),
    ];
    let mut cluster = Cluster::start(&lines.each_ref().map(String::as_str));
    let url = cluster.url().replace("redis+", "rediss+");
    let client = Options::at(&url).text(option::TLS_CA_FILE, &ca).client();
    let names: Vec<String> = (0..3).map(|shard| key(first_slot(shard) + 1, "k")).collect();
    names.iter().for_each(|name| assert_eq!(client.ask(&["SET", name, "1"]), "+OK"));
    // By a redirect, by a failover, and by a death.
    let mut mover = Mover::new(&cluster);
    let moving = mover.begin(first_slot(1) + 1, cluster.primary(first_slot(0)));
    mover.move_keys(&moving, 10);
    assert_eq!(client.number(&["INCR", &names[1]]), 2);
    mover.end(moving);
    assert_eq!(client.number(&["INCR", &names[1]]), 3);
    assert!(client.stat(stat::ASKED) == 1 && client.stat(stat::MOVED) == 1);
    drop(mover);
    cluster.fail_over(cluster.replica(first_slot(0)));
    assert_eq!(client.number(&["INCR", &names[0]]), 2);
    cluster.until_whole();
    cluster.kill(cluster.primary(first_slot(2)));
    assert_eq!(client.number(&["INCR", &names[2]]), 2);
    // Who trusts somebody else is told so, and nothing is sent.
    let other = stranger.write(&folder.path().join("other.crt"));
    let err =
        Options::at(&url).text(option::TLS_CA_FILE, &other).client().command(&["GET", &names[0]]).expect_err("who?");
    assert_eq!((err.status, err.outcome), (Status::TLS, Outcome::NOT_SENT), "{err:?}");
}
