//! Whom to believe and whom to ask, and real bytes of scripted Sentinels.

use super::*;
use crate::options::{Key, Options};

fn at(port: u16) -> Endpoint {
    Endpoint::Tcp { host: "h".to_owned(), port }
}

fn says(by: u16, primary: u16, epoch: u64) -> Testimony {
    Testimony { by: at(by), primary: at(primary), epoch, sentinels: Vec::new(), replicas: Vec::new() }
}

fn chosen(testimonies: &[Testimony]) -> Option<(u16, u16)> {
    let port = |endpoint: &Endpoint| match endpoint {
        Endpoint::Tcp { port, .. } => *port,
        Endpoint::Unix { .. } => 0,
    };
    choose(testimonies).map(|one| (port(&one.by), port(&one.primary)))
}

#[test]
fn the_latest_epoch_is_believed_and_of_equals_most_of_them() {
    assert_eq!(chosen(&[]), None);
    assert_eq!(chosen(&[says(1, 7, 0)]), Some((1, 7)));
    assert_eq!(chosen(&[says(1, 7, 3), says(2, 7, 3), says(3, 8, 4)]), Some((3, 8)));
    assert_eq!(chosen(&[says(1, 8, 4), says(2, 7, 4), says(3, 7, 4)]), Some((2, 7)));
    assert_eq!(chosen(&[says(1, 8, 4), says(2, 7, 4)]), Some((1, 8)), "the first of equals");
    assert_eq!(chosen(&[says(1, 8, 3), says(2, 8, 3), says(3, 7, 4), says(4, 9, 4)]), Some((3, 7)));
}

#[test]
fn who_answered_is_asked_first_and_seeds_are_never_forgotten() {
    let known = |port, is_up| KnownServer { endpoint: at(port), is_up };
    let mut best = says(3, 7, 4);
    best.sentinels = vec![known(8, false), known(9, true), known(2, true), known(1, true)];
    let order = next_order(&[at(1), at(2), at(3)], &[says(2, 7, 4), best.clone()], &best);
    assert_eq!(order, [3, 2, 1, 9, 8].map(at));
    best.sentinels = (100..400).map(|port| known(port, true)).collect();
    let order = next_order(&[at(1), at(2), at(3)], &[best.clone()], &best);
    assert_eq!(order.len(), 3 + SENTINELS_MAX);
}

fn sentinels(seeds: &[Endpoint]) -> Sentinels {
    let mut options = Options::new();
    options.set_int(Key::Topology, 2).unwrap();
    options.set_text(Key::SentinelService, b"service").unwrap();
    let dial = Dial::new(options, None, None).unwrap();
    Sentinels::new(&dial, b"service", seeds)
}

fn find(sentinels: &Sentinels, epoch: u64) -> Result<Finding> {
    sentinels.find(epoch, Deadline::after_ms(5000), &|endpoint| endpoint)
}

#[test]
fn nobody_in_reach_is_told_with_each_name() {
    // Nobody listens there: the ports are bound, and not listened at.
    let bound: Vec<socket2::Socket> = (0..4)
        .map(|_| {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
            socket
        })
        .collect();
    let port = |socket: &socket2::Socket| socket.local_addr().unwrap().as_socket().unwrap().port();
    let seeds: Vec<Endpoint> =
        bound.iter().map(|socket| Endpoint::Tcp { host: "127.0.0.1".to_owned(), port: port(socket) }).collect();
    let error = find(&sentinels(&seeds), 0).unwrap_err();
    assert_eq!((error.status, error.outcome), (Status::Connect, Outcome::NotSent));
    for seed in &seeds {
        assert!(error.to_string().contains(&format!("{seed}: connect: Connection refused")), "{error}");
    }
}

mod peers;
