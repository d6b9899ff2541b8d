//! Other languages: each function of the header is reached by each binding, or it is named here with the reason.

use std::fs;
use std::path::Path;

use crate::support::tools::root;

/// A binding: where it calls the library, and how a call is written in it.
struct Binding {
    name: &'static str,
    folder: &'static str,
    files: fn(&str) -> bool,
    calls: fn(function: &str) -> Vec<String>,
}

const BINDINGS: [Binding; 5] = [
    Binding {
        name: "go",
        folder: "bindings/go",
        files: |name| (ends(name, "go") && !name.ends_with("_test.go")) || ends(name, "c"),
        calls: by_name,
    },
    Binding {
        name: "ruby",
        folder: "bindings/ruby/lib/rredis",
        // What library.rb declares is used elsewhere.
        files: |name| ends(name, "rb") && name != "library.rb",
        calls: |function| {
            let short = function.trim_start_matches("rredis_");
            vec![format!("C.{short}"), format!(":{short}")]
        },
    },
    Binding { name: "lua", folder: "bindings/lua/rredis", files: |name| name == "luajit.lua", calls: by_name },
    Binding { name: "lua", folder: "bindings/lua/rredis", files: |name| name == "core.c", calls: by_name },
    Binding { name: "python", folder: "bindings/python/rredis", files: |name| ends(name, "py"), calls: by_name },
];

/// What a binding does without: its languages ("" is all of them), the beginning of the functions' names, and why.
const WITHOUT: &[(&str, &str, &str)] = &[
    ("", "rredis_reply_", "a reply becomes a value of the language, which has means of its own to look into it"),
    ("", "rredis_builder_", "a callback gives a value of the language, and not a reply"),
    (
        "",
        "rredis_parser_",
        "a parser serves programs that read sockets themselves: in these languages a binding does it",
    ),
    ("", "rredis_tls_", "TLS over a socket of the program's: in these languages a binding reads the sockets"),
    ("", "rredis_options_set_parser", "one in the language would be slower than the library's, and read the same"),
    ("", "rredis_client_parser", "there is no choice of a parser"),
    ("", "rredis_command_", "facts about commands: the client itself finds keys, slots and properties"),
    ("", "rredis_callback_", "the built-in callbacks are in use without being called"),
    ("", "rredis_options_get_", "what was set is known, and the URL of the options has all of it"),
    ("", "rredis_options_set_callback", "rredis_client_set_callback does it for the client that was made"),
    ("", "rredis_pubsub_publish", "PUBLISH is a command"),
    ("", "rredis_async_wants", "the answer is always RREDIS_READY_READ"),
    ("", "rredis_version_number", "what is compiled with the header is not loaded beside an older library"),
    ("go ruby", "rredis_async_", "goroutines and threads wait: neither has an event loop of the program's"),
    ("go ruby", "rredis_options_set_transport", "goroutines and threads wait in the library's own sockets"),
    ("go", "rredis_options_on_interrupt", "contexts end waits, by _wake"),
    ("go", "rredis_conn_fd", "a goroutine waits in Receive"),
    ("go", "rredis_pubsub_fd", "a goroutine waits in Next"),
    ("go ruby", "rredis_pipeline_len", "the queue is the binding's own"),
    ("go", "rredis_pipeline_watch", "Transact watches"),
    ("ruby", "rredis_client_new", "rredis_client_new_on makes a client for each thread"),
    ("ruby", "rredis_client_stat", "statistics are those of the pool of all threads"),
    ("ruby", "rredis_client_set_callback", "a callback of Ruby's is called when the library's frames are gone"),
    (
        "ruby",
        "rredis_pipeline_transact",
        "the block of a transaction runs outside of the library's frames, and may be left",
    ),
    ("ruby", "rredis_pool_drop_idle", "the pool is the client's own, and close ends it"),
    ("ruby", "rredis_status_", "statuses and outcomes are Symbols"),
    ("ruby", "rredis_version", "library.rb reads it"),
    ("python", "rredis_async_deadline_ms", "an event loop needs no timer: the descriptor is readable in time"),
    ("python", "rredis_status_", "statuses and outcomes are an IntEnum"),
    ("ruby lua python", "rredis_pubsub_on", "handlers are the binding's own, or a loop over messages"),
    ("ruby lua python", "rredis_pubsub_run", "handlers are the binding's own, or a loop over messages"),
    ("lua python", "rredis_pool_", "one client serves all threads, and a Lua state has one"),
    ("lua python", "rredis_client_new_on", "one client serves all threads, and a Lua state has one"),
    ("lua", "rredis_options_to_url", "the client was made of a URL"),
];

#[test]
fn each_function_is_reached_in_each_language() {
    let functions = functions();
    assert!(functions.len() > 100, "only {} functions found", functions.len());
    let (mut wrong, mut met) = (Vec::new(), vec![false; WITHOUT.len()]);
    for binding in &BINDINGS {
        let text = sources(&root().join(binding.folder), binding.files);
        for function in functions.iter().filter(|function| !is_reached(binding, &text, function)) {
            let reason =
                WITHOUT.iter().position(|(languages, begin, _)| excepts(languages, begin, binding.name, function));
            match reason {
                Some(at) => met[at] = true,
                None => wrong.push(format!("{}: nothing calls {function}", binding.name)),
            }
        }
    }
    let idle = WITHOUT.iter().zip(met).filter(|(_, met)| !met);
    wrong.extend(idle.map(|((languages, begin, _), _)| format!("{languages} {begin}: no exception is needed")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An exception for a whole chapter ends in an underscore; any other is of one function.
fn excepts(languages: &str, begin: &str, language: &str, function: &str) -> bool {
    let named = if begin.ends_with('_') { function.starts_with(begin) } else { function == begin };
    named && (languages.is_empty() || languages.split(' ').any(|one| one == language))
}

/// A function and its `_with` are one, and either is enough.
fn is_reached(binding: &Binding, text: &str, function: &str) -> bool {
    let with = format!("{function}_with");
    [function, with.as_str(), function.trim_end_matches("_with")]
        .iter()
        .any(|name| (binding.calls)(name).iter().any(|call| has_word(text, call)))
}

/// Whether the text has this, and no longer name that begins with it.
fn has_word(text: &str, word: &str) -> bool {
    let goes_on = |rest: &str| rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_');
    text.match_indices(word).any(|(at, _)| !goes_on(&text[at + word.len()..]))
}

fn by_name(function: &str) -> Vec<String> {
    vec![function.to_owned()]
}

fn ends(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found == extension)
}

fn sources(folder: &Path, wanted: fn(&str) -> bool) -> String {
    let entries = fs::read_dir(folder).expect("a binding has its folder");
    let paths = entries.map(|entry| entry.expect("a file can be read").path());
    let wanted = paths.filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(wanted));
    wanted.map(|path| fs::read_to_string(path).expect("a file has text")).collect()
}

/// The functions of rredis.json.
fn functions() -> Vec<String> {
    let said = fs::read_to_string(root().join("share/rredis/rredis.json")).expect("rredis.json is there");
    let (_, functions) = said.split_once("\"functions\"").expect("it lists functions");
    let names = functions.split("\"name\": \"").skip(1).filter_map(|rest| rest.split('"').next());
    names.filter(|name| name.starts_with("rredis_")).map(str::to_owned).collect()
}

#[test]
fn a_function_that_nothing_calls_is_noticed() {
    assert!(
        has_word("rr.rredis_conn_send(x)", "rredis_conn_send")
            && !has_word("rredis_conn_send_with", "rredis_conn_send")
    );
    assert!(
        excepts("go ruby", "rredis_async_", "ruby", "rredis_async_new")
            && !excepts("go", "rredis_async_", "lua", "rredis_async_new")
    );
    assert!(!excepts("", "rredis_version", "go", "rredis_version_number"));
}
