//! The C programs of `tests/c`, one for each chapter of the header: compiled without a warning, run against a server.

use std::collections::BTreeSet;
use std::fs;

use crate::support::program::{Workshop, programs};
use crate::support::server::Server;
use crate::support::tools::root;

macro_rules! chapters {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let server = Server::start(&[]);
                Workshop::new().check(&format!("tests/c/{}.c", named(stringify!($name))), &server, &[]);
            }
        )*

        #[test]
        fn every_program_is_run() {
            assert_eq!(programs("tests/c"), [$(named(stringify!($name))),*]);
        }
    };
}

chapters! {
    r#async builder callback client command conn credentials event options parser parser_hiredis parser_type pipeline pool
    pubsub pubsub_transport push reply script status tls transport transport_failing transport_hostile
    unwanted version wake
}

/// Whoever adds a function adds its C test, or hears of it here.
#[test]
fn every_function_of_the_header_is_called() {
    let read = |path: &str| fs::read_to_string(root().join(path)).expect("a file of the project's");
    let called: BTreeSet<String> =
        programs("tests/c").iter().flat_map(|name| functions(&read(&format!("tests/c/{name}.c")))).collect();
    let shared = functions(&read("tests/c/check.h"));
    for function in functions(&read("include/rredis.h")) {
        assert!(
            called.contains(&function) || shared.contains(&function),
            "{function} is called by no program of tests/c"
        );
    }
}

/// A signal interrupts whatever waits, and they run in a storm of them too: what may be interrupted is called through calls.h,
/// which calls it again.
#[test]
fn no_program_makes_a_call_that_a_signal_interrupts() {
    const INTERRUPTED: [&str; 18] = [
        "accept",
        "accept4",
        "connect",
        "epoll_wait",
        "nanosleep",
        "pause",
        "poll",
        "ppoll",
        "read",
        "recv",
        "recvmsg",
        "select",
        "send",
        "sendmsg",
        "sleep",
        "usleep",
        "waitpid",
        "write",
    ];
    let mut found = Vec::new();
    for program in programs("tests/c") {
        let text = fs::read_to_string(root().join(format!("tests/c/{program}.c"))).expect("a file of the project's");
        for (number, line) in text.lines().enumerate() {
            // Where one is defined, a type stands first among its parameters.
            let calls =
                words_called(line).filter(|(word, rest)| INTERRUPTED.contains(word) && !rest.starts_with("void"));
            found.extend(calls.map(|(word, _)| format!("tests/c/{program}.c:{}: {word}", number + 1)));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
    let line = "  if (x) poll(&one, 1, -1); check_poll(&one); a->read(1); // and connect(void *x)";
    let words: Vec<&str> = words_called(line).map(|(word, _)| word).collect();
    assert_eq!(words, ["poll", "check_poll", "connect"]);
}

/// Every `word(` of a line that is no field's, and what stands behind it.
fn words_called(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.match_indices('(').filter_map(|(end, _)| {
        let before = &line[..end];
        let start = before.rfind(|byte: char| !byte.is_ascii_alphanumeric() && byte != '_').map_or(0, |at| at + 1);
        let is_field = before[..start].ends_with(['.', '>']);
        (start < end && !is_field).then(|| (&line[start..end], &line[end + 1..]))
    })
}

/// A chapter's name, which may be a word of Rust's own.
fn named(name: &str) -> &str {
    name.trim_start_matches("r#")
}

/// Every `rredis_...(` in a text.
fn functions(text: &str) -> BTreeSet<String> {
    let ends = text.match_indices('(').map(|(end, _)| &text[..end]);
    let words =
        ends.filter_map(|before| before.rsplit(|byte: char| !byte.is_ascii_alphanumeric() && byte != '_').next());
    words.filter(|word| word.starts_with("rredis_")).map(str::to_owned).collect()
}
