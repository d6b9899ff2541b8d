//! Sentinels on loopback that say what a test tells them to say.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;

/// What a Sentinel says.
#[derive(Clone)]
enum Says {
    /// It names this port, in this epoch.
    Names(u16, u64),
    /// It knows no such service.
    Nothing,
    /// It answers nothing, not even the greeting.
    Silence,
    /// It greets, and answers nothing further.
    Half,
    /// It is no Sentinel.
    NoSentinel,
    /// It asks for a password.
    NoAuth,
    /// It names no address.
    Garbage,
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn fields(words: &[&str]) -> String {
    let words: String = words.iter().map(|word| bulk(word)).collect();
    format!("*{}\r\n{words}", words.matches('$').count())
}

impl Says {
    fn hello(&self) -> String {
        match self {
            Says::NoAuth => "-NOAUTH HELLO must be called with the client already authenticated\r\n".to_owned(),
            _ => format!("%2\r\n{}:3\r\n{}{}", bulk("proto"), bulk("mode"), bulk("sentinel")),
        }
    }

    fn answers(&self) -> String {
        let unknown = "-ERR No such master with that name\r\n";
        match self {
            Says::Names(port, epoch) => {
                let (port, epoch) = (port.to_string(), epoch.to_string());
                let address = fields(&["127.0.0.1", &port]);
                let service = fields(&["ip", "127.0.0.1", "port", "1", "flags", "master", "config-epoch", &epoch]);
                let replica = fields(&["ip", "127.0.0.1", "port", "77", "flags", "slave"]);
                format!("{address}{service}*0\r\n*1\r\n{replica}")
            }
            Says::Nothing => format!("_\r\n{}", unknown.repeat(3)),
            Says::NoSentinel => "-ERR unknown command 'SENTINEL', with args beginning with: \r\n".repeat(4),
            Says::Garbage => format!("*2\r\n:1\r\n:1\r\n{}", unknown.repeat(3)),
            Says::Silence | Says::Half | Says::NoAuth => String::new(),
        }
    }
}

/// Listens until the test ends. What is connected counts, where it is wanted.
fn sentinel(says: Says, connections: &'static AtomicUsize) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(std::result::Result::ok) {
            connections.fetch_add(1, Ordering::SeqCst);
            let says = says.clone();
            thread::spawn(move || play(&says, stream));
        }
    });
    Endpoint::Tcp { host: "127.0.0.1".to_owned(), port }
}

fn play(says: &Says, mut stream: TcpStream) {
    let mut bytes = Vec::new();
    let mut greeted = false;
    let mut buffer = [0; 4096];
    while let Ok(len @ 1..) = stream.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..len]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let is_silent = matches!(says, Says::Silence);
        if !greeted && text.contains("HELLO") && !is_silent {
            greeted = true;
            stream.write_all(says.hello().as_bytes()).unwrap();
        }
        if text.matches("SENTINEL\r\n").count() == 4 && text.ends_with("service\r\n") {
            stream.write_all(says.answers().as_bytes()).unwrap();
        }
    }
}

static COUNTED: AtomicUsize = AtomicUsize::new(0);
static UNCOUNTED: AtomicUsize = AtomicUsize::new(0);

fn all(says: &[Says]) -> Sentinels {
    sentinels(&says.iter().map(|says| sentinel(says.clone(), &UNCOUNTED)).collect::<Vec<_>>())
}

fn named(port: u16, epoch: u64) -> Result<Finding> {
    let at = |port| Endpoint::Tcp { host: "127.0.0.1".to_owned(), port };
    Ok(Finding { primary: at(port), epoch, replicas: vec![at(77)] })
}

#[test]
fn the_primary_is_found_whatever_some_of_them_say() {
    assert_eq!(find(&all(&[Says::Names(7, 1), Says::Names(7, 1), Says::Names(7, 1)]), 0), named(7, 1));
    assert_eq!(find(&all(&[Says::Names(7, 1), Says::Names(7, 1), Says::Names(8, 2)]), 0), named(8, 2));
    assert_eq!(find(&all(&[Says::Silence, Says::Names(7, 1), Says::Silence]), 0), named(7, 1));
    assert_eq!(find(&all(&[Says::Half, Says::Names(7, 1)]), 0), named(7, 1));
    assert_eq!(find(&all(&[Says::Nothing, Says::Garbage, Says::Names(7, 1)]), 0), named(7, 1));
    assert_eq!(find(&all(&[Says::NoSentinel, Says::NoAuth, Says::Names(7, 1)]), 0), named(7, 1));
    // The first three say nothing: the next is asked.
    assert_eq!(find(&all(&[Says::Nothing, Says::Garbage, Says::Half, Says::Names(7, 1)]), 0), named(7, 1));
    // It is its own replica.
    let own = find(&all(&[Says::Names(77, 1)]), 0).unwrap();
    assert_eq!(own.replicas, []);
}

#[test]
fn what_is_behind_is_believed_only_where_everybody_is() {
    let behind = all(&[Says::Names(7, 1), Says::Silence, Says::Silence]);
    assert_eq!(find(&behind, 1), named(7, 1));
    // From now on the two silent ones count.
    let error = find(&behind, 2).unwrap_err();
    assert!(error.to_string().contains("knows of epoch 1, and there was 2"), "{error}");
    assert_eq!(find(&all(&[Says::Names(7, 1), Says::Names(7, 1)]), 2), named(7, 1));
}

#[test]
fn why_nobody_names_it_is_told() {
    let error = |says: &[Says]| find(&all(says), 0).unwrap_err();
    let unknown = error(&[Says::Nothing, Says::Nothing]);
    assert_eq!(unknown.status, Status::Config);
    assert_eq!(unknown.to_string(), "sentinel_service: no Sentinel knows of \"service\"");
    let some = error(&[Says::Nothing, Says::Silence]);
    assert_eq!(some.status, Status::Connect);
    assert!(
        some.to_string().starts_with("no Sentinel names the primary (1 know no \"service\"): 127.0.0.1:"),
        "{some}"
    );
    let none = error(&[Says::NoSentinel]);
    assert_eq!(none.status, Status::Config);
    assert!(none.to_string().contains("topology: sentinel, and the server is none"), "{none}");
    let auth = error(&[Says::NoAuth]);
    assert_eq!(auth.status, Status::Auth);
    assert!(auth.to_string().ends_with("(for Sentinels that is sentinel_password)"), "{auth}");
    assert_eq!(error(&[Says::NoAuth, Says::Silence]).status, Status::Connect);
    assert_eq!(error(&[Says::Garbage]).status, Status::Connect);
    assert_eq!(error(&[Says::Half]).status, Status::Connect);
}

#[test]
fn three_are_asked_at_once_and_the_others_only_where_nobody_answers() {
    let seeds: Vec<Endpoint> = (0..9).map(|_| sentinel(Says::Names(7, 1), &COUNTED)).collect();
    let asked = sentinels(&seeds);
    for count in [3, 6] {
        assert_eq!(find(&asked, 0), named(7, 1));
        assert_eq!(COUNTED.load(Ordering::SeqCst), count);
    }
}
