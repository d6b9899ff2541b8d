//! Sentinels and their servers in TLS: each of them proves who it is, and a client stays with the primary. Sentinels may be asked
//! without TLS where their servers have it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::c::{CErr, Client, Options, Outcome, Status, option, stat};
use crate::support::counting::Count;
use crate::support::ledger::Figures;
use crate::support::over::Over;
use crate::support::pubsub::until;
use crate::support::sentinels::Sentinels;
use crate::support::server::{Folder, eventually};
use crate::tls::certificates::Authority;

const WRITERS: usize = 4;
/// How long a call may take, whatever becomes of the servers.
const TIME_MS: i64 = 30_000;

/// Certificates in files.
struct Files {
    folder: Folder,
    root: Authority,
    ca: String,
}

impl Files {
    fn new() -> Files {
        let (folder, root) = (Folder::new("tls"), Authority::new("the root of the tests"));
        let ca = root.write(&folder.path().join("ca.crt"));
        Files { folder, root, ca }
    }

    /// The lines of a server or a Sentinel, on the port of this name. `asks`: who comes has to have a certificate too.
    fn lines(&self, port: &str, asks: bool) -> Vec<String> {
        let [certificate, key] = self.root.issue(&["127.0.0.1"]).write(self.folder.path(), "server");
        vec![
            format!("tls-port {port}"),
            "tls-replication yes".to_owned(),
            format!("tls-auth-clients {}", if asks { "yes" } else { "no" }),
            format!("tls-ca-cert-file {}", self.ca),
            format!("tls-cert-file {certificate}"),
            format!("tls-key-file {key}"),
        ]
    }

    /// The same, without another port.
    fn lines_of_tls_alone(&self, asks: bool) -> Vec<String> {
        [vec!["port 0".to_owned()], self.lines("{port}", asks)].concat()
    }

    fn options(&self, url: &str) -> Options {
        Options::at(url).text(option::TLS_CA_FILE, &self.ca).int(option::COMMAND_TIMEOUT_MS, TIME_MS)
    }
}

fn start(servers: &[String], sentinels: &[String]) -> Sentinels {
    let [servers, sentinels] = [servers, sentinels].map(|lines| lines.iter().map(String::as_str).collect::<Vec<_>>());
    Sentinels::start_with(&servers, &sentinels)
}

fn write(client: &Client, who: usize, over: &AtomicBool) -> (Count, Vec<CErr>) {
    let (mut count, mut errors) = (Count::new(1, who), Vec::new());
    while !over.load(Ordering::Relaxed) {
        let result = client.command(&["INCR", &count.next()]);
        count.told_last(&result);
        errors.extend(result.err());
        thread::sleep(Duration::from_millis(2));
    }
    (count, errors)
}

/// Another primary is chosen while threads write; then the new one dies. Every handle stays with the primary.
fn follows(sentinels: &mut Sentinels, client: &Client) {
    let pubsub = client.pubsub();
    pubsub.subscribe(&["news"]);
    let (over, old) = (AtomicBool::new(false), sentinels.primary());
    let (written, noticed) = thread::scope(|scope| {
        let _over_at_the_end = Over(&over);
        let over = &over;
        let writers: Vec<_> = (0..WRITERS).map(|who| scope.spawn(move || write(client, who, over))).collect();
        thread::sleep(Duration::from_millis(300));
        sentinels.fail_over();
        eventually("it is noticed", || client.stat(stat::FAILOVERS) == 1);
        let noticed = Instant::now();
        thread::sleep(Duration::from_millis(500));
        over.store(true, Ordering::Relaxed);
        (writers.into_iter().map(|writer| writer.join().expect("no panic")).collect::<Vec<_>>(), noticed)
    });
    assert_ne!(sentinels.primary(), old);
    let mut figures = Figures::default();
    for (count, errors) in &written {
        // What the old primary took before that is its own.
        let mut wire = sentinels.server(sentinels.primary()).wire();
        figures += count.judge(&mut wire, |told| told.begun < noticed);
        let is_unknown = errors.iter().all(|err| err.outcome == Outcome::UNKNOWN);
        assert!(is_unknown && errors.len() <= 1, "{errors:?}");
        assert!(count.all().iter().any(|told| told.outcome == Outcome::NONE && told.begun > noticed));
    }
    println!("{figures}");
    figures.check();
    sentinels.until_whole();
    let victim = sentinels.primary();
    sentinels.kill(victim);
    // What was in flight may have run; what comes after waits.
    let _ = client.command(&["SET", "k", "0"]);
    assert_eq!(client.ask(&["SET", "k", "1"]), "+OK");
    assert_ne!(sentinels.primary(), victim);
    until("it is heard", || {
        let _ = client.command(&["PUBLISH", "news", "after"]);
        pubsub.next(20).is_ok_and(|message| message.dump().contains("after"))
    });
}

#[test]
fn sentinels_and_servers_prove_who_they_are() {
    let files = Files::new();
    let lines = files.lines_of_tls_alone(false);
    let mut sentinels = start(&lines, &lines);
    let url = sentinels.url().replace("redis+", "rediss+");
    let client = files.options(&url).client();
    assert_eq!(client.ask(&["SET", "a", "b"]), "+OK");
    // Who trusts somebody else is told so, of the Sentinels too, and nothing is sent.
    let other = Authority::new("another").write(&files.folder.path().join("other.crt"));
    let stranger = Options::at(&url).text(option::TLS_CA_FILE, &other).client();
    let err = stranger.command(&["GET", "a"]).expect_err("who?");
    println!("{err:?}");
    assert_eq!((err.status, err.outcome), (Status::TLS, Outcome::NOT_SENT), "{err:?}");
    follows(&mut sentinels, &client);
}

#[test]
fn who_has_to_show_a_certificate_shows_it_to_sentinels_and_servers() {
    let files = Files::new();
    let lines = files.lines_of_tls_alone(true);
    let mut sentinels = start(&lines, &lines);
    let url = sentinels.url().replace("redis+", "rediss+");
    let [certificate, key] = files.root.issue(&["a client"]).write(files.folder.path(), "client");
    let options = files.options(&url).text(option::TLS_CERT_FILE, &certificate).text(option::TLS_KEY_FILE, &key);
    let client = options.client();
    assert_eq!(client.ask(&["SET", "a", "b"]), "+OK");
    let nobody = files.options(&url).int(option::COMMAND_TIMEOUT_MS, 2_000).client();
    let err = nobody.command(&["GET", "a"]).expect_err("a certificate is asked for");
    println!("{err:?}");
    assert_eq!(err.outcome, Outcome::NOT_SENT, "{err:?}");
    follows(&mut sentinels, &client);
}

#[test]
fn sentinels_are_asked_without_tls_where_that_is_said() {
    let files = Files::new();
    // Among themselves, and to the servers, they speak TLS; whoever comes on the port of this does not.
    let mut sentinels = start(&files.lines_of_tls_alone(false), &files.lines("{second}", false));
    let client = files.options(&sentinels.url().replace("redis+", "rediss+")).int(option::SENTINEL_TLS, 0).client();
    assert_eq!(client.ask(&["SET", "a", "b"]), "+OK");
    follows(&mut sentinels, &client);
}

#[test]
fn servers_are_asked_without_tls_where_sentinels_alone_have_it() {
    let files = Files::new();
    let of_sentinels = [vec!["port {second}".to_owned()], files.lines("{port}", false)].concat();
    let of_sentinels: Vec<String> =
        of_sentinels.iter().map(|line| line.replace("replication yes", "replication no")).collect();
    let mut sentinels = start(&[], &of_sentinels);
    let client = files.options(&sentinels.url()).int(option::SENTINEL_TLS, 1).client();
    assert_eq!(client.ask(&["SET", "a", "b"]), "+OK");
    follows(&mut sentinels, &client);
}
