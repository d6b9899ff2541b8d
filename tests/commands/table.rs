//! The table of commands, held against what servers say of theirs: every command has a row, every fact of a row is a fact, and
//! every key is found where a server finds it.

mod grammar;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use crate::support::dice::Dice;
use crate::support::server::{Server, program, programs};
use crate::support::tools::{root, run};
use grammar::Part;
use rredis::commands::{self, Access, Begin, CommandFlags, Find, KeySpec, NoKeys, Request, Response};
use wire::{Asker, Said};

/// Cases of each server.
const CASES: usize = 120_000;

#[test]
fn the_table_is_what_its_files_say() {
    run(Command::new("tools/commands/write").arg("--check"));
}

#[test]
fn every_command_has_a_row_and_every_fact_is_a_servers() {
    let mut wrong = Vec::new();
    for server in servers() {
        let said = server.facts();
        assert!(said.len() > 380, "{}: only {} commands", server.name, said.len());
        for (name, said) in &said {
            match commands::find(&words(name)).filter(|row| row.name() == *name) {
                Some(row) => differ(&server.name, name, said, &of_row(row), &mut wrong),
                None => wrong.push(format!("{}: {name} has no row", server.name)),
            }
        }
        println!("{}: {} commands, a sentinel's among them", server.name, said.len());
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// The library's version promises it, with or without such a server here.
#[test]
fn the_redis_of_the_version_has_no_command_that_the_table_has_not() {
    let version: Vec<&str> = env!("CARGO_PKG_VERSION").split('.').take(2).collect();
    let path = root().join(format!("tools/commands/redis-{}.txt", version.join(".")));
    let said = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let names: Vec<String> = said
        .lines()
        .filter(|line| !line.starts_with(['#', ' ']))
        .filter_map(|line| line.split(' ').next())
        .map(|name| name.replace('|', " "))
        .collect();
    assert!(names.len() > 380, "only {} commands in {}", names.len(), path.display());
    for name in names {
        assert!(commands::find(&words(&name)).is_some_and(|row| row.name() == name), "{name} has no row");
    }
}

#[test]
fn listed_differences_are_there() {
    for server in servers() {
        let said = server.facts();
        for (_, name, what, says) in commands::DIFFERENCES.iter().filter(|(one, ..)| *one == server.name) {
            assert_eq!(said[*name].get(what), *says, "{}: {what} of {name}", server.name);
        }
    }
}

#[test]
fn keys_are_where_servers_find_them() {
    for server in servers() {
        let mut asker = server.asker();
        let grammars = grammars(&mut asker);
        let names: Vec<&String> = grammars.keys().collect();
        let seed = std::env::var("RREDIS_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_260_728);
        let mut dice = Dice::new(seed, 1);
        let cases: Vec<Vec<Vec<u8>>> = (0..CASES)
            .map(|case| {
                // Each command in turn, and those with keys to look for more often.
                let name = names[case % names.len()];
                let name = if case % 3 == 0 { MOVING[case / 3 % MOVING.len()] } else { name };
                let none = Vec::new();
                grammar::random(name, grammars.get(name).unwrap_or(&none), &mut dice)
            })
            .collect();
        let mut tally = Tally::default();
        for (batch, cases) in cases.chunks(10_000).enumerate() {
            let verb = if batch % 3 == 0 { "GETKEYS" } else { "GETKEYSANDFLAGS" };
            let asked: Vec<Vec<Vec<u8>>> = cases
                .iter()
                .map(|case| [&[b"COMMAND".to_vec(), verb.as_bytes().to_vec()], &case[..]].concat())
                .collect();
            for (case, said) in cases.iter().zip(asker.ask_all(&asked)) {
                compare(&server.name, case, &said, &mut tally);
            }
        }
        println!(
            "{}: {} argument vectors, seed {seed}: keys in {}, none in {}, refused {}, not asked {}",
            server.name, CASES, tally.keys, tally.none, tally.refused, tally.skipped
        );
        assert!(tally.keys > CASES / 4 && tally.refused > CASES / 50 && tally.skipped < CASES / 20, "{tally:?}");
    }
}

/// Commands whose keys do not stand still.
const MOVING: &[&str] = &[
    "SORT",
    "SORT_RO",
    "XREAD",
    "XREADGROUP",
    "MIGRATE",
    "EVAL",
    "EVALSHA",
    "EVAL_RO",
    "FCALL",
    "GEORADIUS",
    "GEORADIUSBYMEMBER",
    "SET",
    "BITFIELD",
    "ZUNIONSTORE",
    "ZINTER",
    "ZDIFF",
    "LMPOP",
    "BLMPOP",
    "ZMPOP",
    "BZMPOP",
    "SINTERCARD",
    "BITOP",
    "MSET",
    "BLPOP",
    "OBJECT ENCODING",
    "XGROUP CREATE",
    "MEMORY USAGE",
];

#[derive(Debug, Default)]
struct Tally {
    keys: usize,
    none: usize,
    refused: usize,
    skipped: usize,
}

/// Holds our keys of a command against those of a server.
fn compare(server: &str, case: &[Vec<u8>], said: &Said, tally: &mut Tally) {
    let args: Vec<&[u8]> = case.iter().map(Vec::as_slice).collect();
    let ours = commands::keys(&args);
    let shown = || case.iter().map(|arg| arg.escape_ascii().to_string()).collect::<Vec<_>>().join(" | ");
    let name = commands::find(&args).map_or("", |row| row.name());
    let differs = |what: &str| {
        commands::DIFFERENCES
            .iter()
            .any(|(one, command, about, _)| *one == server && *command == name && *about == what)
    };
    match said {
        // Redis 7.0 wants two arguments behind its verb.
        Said::Error(error) if error.contains("'command|getkeys") => tally.skipped += 1,
        Said::Error(error) => {
            tally.refused += 1;
            let expected = match error.as_str() {
                "ERR Invalid command specified" => ours.is_err_and(|why| why == NoKeys::Unknown),
                "ERR The command has no key arguments" => ours.is_ok_and(|keys| keys.iter().next().is_none()),
                "ERR Invalid number of arguments specified for command" => {
                    ours.is_err_and(|why| why == NoKeys::Arity) || differs("arity")
                }
                "ERR Invalid arguments specified for command" => ours.is_err_and(|why| why == NoKeys::Arguments),
                _ => false,
            };
            assert!(expected, "{server}: {}\nours {ours:?}\nsaid {error}", shown());
        }
        Said::List(keys) => {
            match keys.is_empty() {
                true => tally.none += 1,
                false => tally.keys += 1,
            }
            let Ok(ours) = ours else { panic!("{server}: {}\nours {ours:?}\nsaid {said:?}", shown()) };
            // The order is nobody's business: it changes where a server falls back on code of its own.
            let mut ours: Vec<_> =
                ours.iter().map(|key| (args[key.index].to_vec(), access_words(key.access))).collect();
            let mut theirs: Vec<_> = keys.iter().map(key_and_access).collect();
            // That code does not always say what is done to keys.
            if theirs.iter().any(|(_, access)| access.is_empty()) || differs("keys") {
                ours.iter_mut().chain(&mut theirs).for_each(|(_, access)| access.clear());
            }
            ours.sort();
            theirs.sort();
            assert_eq!(ours, theirs, "{server}: {}", shown());
        }
        other => panic!("{server}: {}\nsaid {other:?}", shown()),
    }
}

/// What GETKEYS says of one key, or GETKEYSANDFLAGS.
fn key_and_access(said: &Said) -> (Vec<u8>, BTreeSet<String>) {
    let (text, access) = match said {
        Said::List(pair) => (&pair[0], pair[1].texts().iter().map(|word| word.to_lowercase()).collect()),
        text => (text, BTreeSet::new()),
    };
    let Said::Text(text) = text else { panic!("a key is {text:?}") };
    (text.clone(), access)
}

/// A server that runs, and what it is called in the table's files.
struct Found {
    path: PathBuf,
    server: Server,
    name: String,
}

impl Found {
    fn asker(&self) -> Asker {
        Asker::at(&self.server.unix_path())
    }

    /// What it says of its commands, as a server and as a sentinel.
    fn facts(&self) -> BTreeMap<String, Facts> {
        let sentinel = Server::start_sentinel(&self.path);
        let mut all = facts(&mut Asker::at(&sentinel.unix_path()));
        all.extend(facts(&mut self.asker()));
        all
    }
}

/// Every server there is: in PATH, the one that the tests run on, and those that RREDIS_TEST_SERVERS names.
fn servers() -> Vec<Found> {
    let named = std::env::var("RREDIS_TEST_SERVERS").unwrap_or_default();
    let named = named.split_whitespace().map(PathBuf::from);
    let paths: BTreeSet<PathBuf> = programs().into_iter().chain([program()]).chain(named).collect();
    let found: Vec<Found> = paths
        .iter()
        .map(|path| {
            let server = Server::start_program(path, &[]);
            let info = Asker::at(&server.unix_path()).ask(&["INFO", "server"]).text();
            let version = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            let (kind, version) = match version("valkey_version:") {
                Some(version) => ("valkey", version),
                None => ("redis", version("redis_version:").expect("INFO has a version")),
            };
            let short: Vec<&str> = version.split('.').take(2).collect();
            let name = format!("{kind}-{}", short.join("."));
            println!("found {}: {name}", path.display());
            Found { path: path.clone(), server, name }
        })
        .collect();
    assert!(!found.is_empty());
    found
}

/// What is said of one command, in the words of the table's files.
#[derive(Debug)]
struct Facts {
    arity: String,
    flags: String,
    tips: String,
    keys: String,
}

impl Facts {
    fn get(&self, what: &str) -> &str {
        match what {
            "arity" => &self.arity,
            "flags" => &self.flags,
            "tips" => &self.tips,
            _ => &self.keys,
        }
    }
}

fn differ(server: &str, name: &str, said: &Facts, row: &Facts, wrong: &mut Vec<String>) {
    for what in ["arity", "flags", "tips", "keys"] {
        let (said, row) = (said.get(what), row.get(what));
        // What another server is known to say is not news either.
        let listed =
            || commands::DIFFERENCES.iter().any(|(_, one, about, says)| (*one, *about, *says) == (name, what, said));
        if said != row && !listed() {
            wrong.push(format!("{server}: {what} of {name}: {said}, and the table has {row}"));
        }
    }
}

/// What a server says of all its commands, by their names.
fn facts(asker: &mut Asker) -> BTreeMap<String, Facts> {
    let mut all = BTreeMap::new();
    let mut rest: Vec<Said> = vec![asker.ask(&["COMMAND"])];
    while let Some(list) = rest.pop() {
        let Said::List(rows) = list else { panic!("COMMAND gives {list:?}") };
        for row in rows {
            let Said::List(mut row) = row else { panic!("COMMAND gives {row:?}") };
            let name = row[0].text().to_uppercase().replace('|', " ");
            let sorted = |said: &Said| joined(said.texts().into_iter().filter(|flag| flag != "movablekeys").collect());
            let keys: Vec<String> = row[8].list().iter().map(said_key).collect();
            let facts = Facts {
                arity: row[1].text(),
                flags: sorted(&row[2]),
                tips: sorted(&row[7]),
                keys: if keys.is_empty() { "-".to_owned() } else { keys.join(" ") },
            };
            rest.push(row.remove(9));
            all.insert(name, facts);
        }
    }
    all
}

fn joined(mut words: Vec<String>) -> String {
    words.sort();
    if words.is_empty() { "-".to_owned() } else { words.join(",") }
}

fn said_key(spec: &Said) -> String {
    let mut access = spec.get("flags").expect("flags").texts();
    access.sort_by_key(|flag| (flag.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), flag.clone()));
    let part = |name: &str| {
        let part = spec.get(name).expect("a part of a key's specification");
        (part.get("type").expect("a type").text(), part.get("spec").expect("a specification"))
    };
    let number = |said: &Said, name: &str| said.get(name).expect("a number").text();
    let (kind, begin) = part("begin_search");
    let begin = match kind.as_str() {
        "index" => number(begin, "index"),
        "keyword" => format!("{}/{}", number(begin, "keyword"), number(begin, "startfrom")),
        _ => "?".to_owned(),
    };
    let (kind, find) = part("find_keys");
    let find = match kind.as_str() {
        "range" => ["lastkey", "keystep", "limit"].map(|name| number(find, name)).join("/"),
        "keynum" => format!("#{}", ["keynumidx", "firstkey", "keystep"].map(|name| number(find, name)).join("/")),
        _ => "?".to_owned(),
    };
    format!("{}@{begin}:{find}", access.join(","))
}

/// What the table says, in the same words.
fn of_row(row: &commands::Command) -> Facts {
    let words = |words: &[(&str, u32)]| -> Vec<String> {
        words.iter().filter(|(_, flag)| row.flags.has(*flag)).map(|(word, _)| (*word).to_owned()).collect()
    };
    let mut tips = words(&[
        ("nondeterministic_output", CommandFlags::NONDETERMINISTIC_OUTPUT),
        ("nondeterministic_output_order", CommandFlags::NONDETERMINISTIC_OUTPUT_ORDER),
    ]);
    if row.request != Request::Default {
        tips.push(format!("request_policy:{}", snake(&format!("{:?}", row.request))));
    }
    if row.response != Response::Default {
        tips.push(format!("response_policy:{}", snake(&format!("{:?}", row.response))));
    }
    let keys: Vec<String> = row.keys().iter().map(row_key).collect();
    Facts {
        arity: row.arity.to_string(),
        flags: joined(words(FLAGS)),
        tips: joined(tips),
        keys: if keys.is_empty() { "-".to_owned() } else { keys.join(" ") },
    }
}

fn row_key(spec: &KeySpec) -> String {
    let mut access: Vec<&str> =
        ACCESS.iter().filter(|(_, flag)| spec.access.0 & flag != 0).map(|(word, _)| *word).collect();
    access.sort_by_key(|flag| (flag.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), *flag));
    let begin = match spec.begin {
        Begin::Index(index) => index.to_string(),
        Begin::Keyword(word, from) => format!("{}/{from}", String::from_utf8_lossy(word.text())),
        Begin::Unsaid => "?".to_owned(),
    };
    let find = match spec.find {
        Find::Range { last, step, limit } => format!("{last}/{step}/{limit}"),
        Find::Count { at, first, step } => format!("#{at}/{first}/{step}"),
        Find::Unsaid => "?".to_owned(),
    };
    format!("{}@{begin}:{find}", access.join(","))
}

fn access_words(access: Access) -> BTreeSet<String> {
    ACCESS.iter().filter(|(_, flag)| access.0 & flag != 0).map(|(word, _)| word.to_lowercase()).collect()
}

/// `AllNodes` as `all_nodes`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

fn words(name: &str) -> Vec<&[u8]> {
    name.split(' ').map(str::as_bytes).collect()
}

/// The grammar of every command of a server, subcommands by both words.
fn grammars(asker: &mut Asker) -> BTreeMap<String, Vec<Part>> {
    let mut all = BTreeMap::new();
    let mut rest = vec![asker.ask(&["COMMAND", "DOCS"])];
    while let Some(docs) = rest.pop() {
        let Said::List(docs) = docs else { panic!("COMMAND DOCS gives {docs:?}") };
        let mut docs = docs.into_iter();
        while let (Some(name), Some(doc)) = (docs.next(), docs.next()) {
            all.insert(name.text().to_uppercase().replace('|', " "), Part::all(doc.get("arguments")));
            if let Said::List(fields) = doc {
                let at = fields.iter().position(|field| matches!(field, Said::Text(name) if name == b"subcommands"));
                rest.extend(at.and_then(|at| fields.into_iter().nth(at + 1)));
            }
        }
    }
    assert!(all.len() > 350, "only {} grammars", all.len());
    all
}

const FLAGS: &[(&str, u32)] = &[
    ("write", CommandFlags::WRITE),
    ("readonly", CommandFlags::READONLY),
    ("denyoom", CommandFlags::DENYOOM),
    ("module", CommandFlags::MODULE),
    ("admin", CommandFlags::ADMIN),
    ("pubsub", CommandFlags::PUBSUB),
    ("noscript", CommandFlags::NOSCRIPT),
    ("blocking", CommandFlags::BLOCKING),
    ("loading", CommandFlags::LOADING),
    ("stale", CommandFlags::STALE),
    ("skip_monitor", CommandFlags::SKIP_MONITOR),
    ("skip_slowlog", CommandFlags::SKIP_SLOWLOG),
    ("asking", CommandFlags::ASKING),
    ("fast", CommandFlags::FAST),
    ("no_auth", CommandFlags::NO_AUTH),
    ("no_multi", CommandFlags::NO_MULTI),
    ("no_mandatory_keys", CommandFlags::NO_MANDATORY_KEYS),
    ("no_async_loading", CommandFlags::NO_ASYNC_LOADING),
    ("allow_busy", CommandFlags::ALLOW_BUSY),
];

const ACCESS: &[(&str, u32)] = &[
    ("RO", Access::RO),
    ("RW", Access::RW),
    ("OW", Access::OW),
    ("RM", Access::RM),
    ("access", Access::ACCESS),
    ("update", Access::UPDATE),
    ("insert", Access::INSERT),
    ("delete", Access::DELETE),
    ("not_key", Access::NOT_KEY),
    ("incomplete", Access::INCOMPLETE),
    ("variable_flags", Access::VARIABLE_FLAGS),
];
