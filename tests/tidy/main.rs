//! The house rules that a machine can read. The others are sentences, in CONTRIBUTING.md.

mod circles;
mod names;
mod places;
mod sizes;
mod source;

use std::collections::BTreeSet;
use std::fs;

use source::{Source, body, sources};

/// Each room, and the floor it is on. The ground, below all of them, is 0. From floor 3½ of the map on it is one more here.
const FLOORS: &[(&str, u32)] = &[
    ("error", 0),
    ("limits", 0),
    ("memory", 0),
    ("ongoing", 0),
    ("options", 0),
    ("process", 0),
    ("stats", 0),
    ("sync", 0),
    ("resp", 1),
    ("reply", 1),
    ("commands", 1),
    ("session", 2),
    ("transport", 2),
    ("conn", 3),
    ("line", 4),
    ("pool", 5),
    ("route", 6),
    ("client", 7),
    ("ffi", 8),
];

/// The doors between rooms of one floor, each opening one way.
const DOORS: &[(&str, &str)] = &[("reply", "resp"), ("commands", "reply"), ("commands", "resp")];

/// Where `unsafe` may stand. src/lib.rs and the `mod` lines deny it everywhere else too.
const UNSAFE: &[&str] = &[
    "ffi/",
    "memory/kept.rs",
    "memory/put.rs",
    "memory/room.rs",
    "ongoing/wait_point.rs",
    "ongoing/slots.rs",
    "process/cancel.rs",
    "process/cores.rs",
    "process/mark.rs",
    "process/own.rs",
    "reply/tree.rs",
    "reply/tree/",
    "reply/view.rs",
    "sync/futex.rs",
    "sync/lock.rs",
    "transport/poller.rs",
    "transport/pollset.rs",
    "transport/thread.rs",
    "transport/wait.rs",
];

/// Functions of the C surface that can neither fail nor panic, and so need no guard.
const UNGUARDED: &[&str] = &[
    "rredis_version",
    "rredis_version_number",
    "rredis_status_name",
    "rredis_status_outcome_name",
    "rredis_reply_free",
    // A short reply is given without a way to panic, as project::install finds in the code; for all else `next_of_any` has the guard.
    "rredis_parser_next",
    // These end waits, also from a signal handler.
    "rredis_client_wake",
    "rredis_conn_wake",
    "rredis_pipeline_wake",
];

#[test]
fn stairs_go_down() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.path != "lib.rs") {
        let own = floor(source.room()).unwrap_or_else(|| panic!("src/{} is in no room of the floors", source.path));
        for used in rooms_used(&source.code) {
            let door = DOORS.contains(&(source.room(), used.as_str()));
            match floor(&used) {
                Some(floor) if used == source.room() || floor < own || floor == 0 || door => {}
                _ => wrong.push(format!("src/{}: crate::{used}", source.path)),
            }
        }
    }
    none(&wrong);
}

#[test]
fn unsafe_stays_where_it_is_expected() {
    let outside = |source: &&Source| !UNSAFE.iter().any(|place| source.path.starts_with(place));
    none(&lines_with(sources().iter().filter(outside), |source| &source.code, |line| has_word(line, "unsafe")));
}

#[test]
fn unsafe_says_why_it_is_safe() {
    let mut wrong = Vec::new();
    for source in sources() {
        let text: Vec<&str> = source.text.lines().collect();
        for (at, line) in source.code.lines().enumerate() {
            let needs = line.contains("unsafe {") || line.contains("unsafe impl");
            if needs && !text[at.saturating_sub(3)..=at].iter().any(|line| line.contains("// SAFETY:")) {
                wrong.push(format!("src/{}:{}: {}", source.path, at + 1, line.trim()));
            }
        }
    }
    none(&wrong);
}

#[test]
fn nothing_ends_or_talks_in_the_hosts_process() {
    // expect() is clippy's to refuse: it takes a reasoned exception where a type cannot say what is known.
    let banned =
        [".unwrap()", "panic!", "todo!", "unimplemented!", "dbg!", "println!", "print!(", "process::exit", "abort("];
    none(&lines_with(sources().iter(), |source| &source.shipped, |line| banned.iter().any(|word| line.contains(word))));
}

/// What a caller knows things by is the roof's to say: below it an error has its reason. A reply's names are the one exception.
#[test]
fn the_names_of_c_stay_in_the_roof() {
    let is_said = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        ["rredis_", "RREDIS_"].iter().any(|prefix| {
            code.match_indices(prefix).any(|(at, _)| !code[at + prefix.len()..].to_lowercase().starts_with("reply"))
        })
    };
    let below = sources();
    let below = below.iter().filter(|source| source.room() != "ffi" && !source.shipped.is_empty());
    none(&lines_with(below, |source| &source.text, is_said));
}

#[test]
fn every_file_has_its_sign() {
    let unsigned = |source: &Source| !source.text.starts_with("//! ");
    none(
        &sources()
            .iter()
            .filter(|source| unsigned(source))
            .map(|source| format!("src/{}", source.path))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn sockets_are_written_to_in_one_way() {
    let banned = ["write_vectored", "writev", "libc::write(", "libc::select"];
    none(&lines_with(sources().iter(), |source| &source.code, |line| banned.iter().any(|word| line.contains(word))));
}

/// A child of fork finds taken what a thread of its parent's had: what can be waited for is of `sync`, and made anew there.
#[test]
fn nothing_is_waited_for_that_a_child_would_find_taken() {
    let words = ["Once", "OnceLock", "LazyLock", "RwLock", "Barrier", "mpsc", "parking_lot", "park"];
    // The one is for systems without a futex; the other borrows a type's word, and makes none.
    let others = |source: &&Source| !["sync/portable.rs", "process/own.rs"].contains(&source.path.as_str());
    none(&lines_with(
        sources().iter().filter(others),
        |source| &source.shipped,
        |line| {
            let of_std = line.contains("std::sync") && ["Mutex", "Condvar"].iter().any(|word| has_word(line, word));
            let thread = ["thread::spawn", "thread::Builder"].iter().any(|start| line.contains(start));
            of_std || thread || words.iter().any(|word| has_word(line, word))
        },
    ));
    // Nor by what the library stands on: parking_lot keeps a table of all that wait in the process.
    let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).expect("Cargo.lock");
    none(&lines_with_text(&lock, |line| line.starts_with("name = \"parking")));
}

#[test]
fn deadlines_are_monotonic_and_protocols_have_no_clock() {
    let clocks = ["conn", "transport", "pool", "route", "ongoing", "client", "sync"];
    let all = sources();
    let mut wrong = lines_with(all.iter(), |source| &source.code, |line| line.contains("SystemTime"));
    let others = all.iter().filter(|source| !clocks.contains(&source.room()));
    wrong.extend(lines_with(others, |source| &source.shipped, |line| line.contains("Instant::now")));
    none(&wrong);
}

#[test]
fn every_export_has_its_files_noun_and_its_guard() {
    let mut wrong = Vec::new();
    let all = sources();
    let mut count = 0;
    for source in all.iter().filter(|source| source.path.starts_with("ffi/")) {
        let noun = format!("rredis_{}", source.path.trim_start_matches("ffi/").trim_end_matches(".rs"));
        // The letter between the quotes is blanked out, and the quotes too.
        for export in source.code.split("extern     fn ").skip(1) {
            count += 1;
            let name = export.split('(').next().unwrap_or("");
            if name != noun && !name.starts_with(&format!("{noun}_")) {
                wrong.push(format!("src/{}: {name}", source.path));
            }
            if !UNGUARDED.contains(&name) && !is_guarded(body(export)) {
                wrong.push(format!("src/{}: {name} has no guard around it", source.path));
            }
        }
    }
    assert!(count > 50, "only {count} exports found");
    none(&wrong);
}

/// Rooms of the roof whose calls work in memory alone.
const IN_MEMORY: &[&str] = &["builder", "callback", "command", "parser", "reply", "script", "status", "version"];
/// Calls of other rooms that do, and need no hold on the thread's cancellation.
const IN_MEMORY_TOO: &[&str] = &[
    "rredis_async_deadline_ms",
    "rredis_async_fd",
    "rredis_async_submit",
    "rredis_async_wants",
    "rredis_client_parser",
    "rredis_client_stat",
    "rredis_conn_fd",
    "rredis_pipeline_add",
    "rredis_pipeline_add_with",
    "rredis_pipeline_failed",
    "rredis_pipeline_len",
    "rredis_pool_stat",
    "rredis_pubsub_fd",
    "rredis_tls_wants",
];

#[test]
fn what_may_reach_the_system_is_not_cancelled() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for source in sources().iter().filter(|source| source.path.starts_with("ffi/")) {
        let room = source.path.trim_start_matches("ffi/").trim_end_matches(".rs");
        for export in source.code.split("extern     fn ").skip(1) {
            let name = export.split('(').next().unwrap_or("");
            let light = ["guard(err,", "guard_round(", "guard_brief(", "guard_queue(", "quietly("];
            // What is taken lightly holds where it does reach: see `process::uncancelled`.
            let is_light = light.iter().any(|guard| body(export).trim().starts_with(guard));
            let may_be = IN_MEMORY.contains(&room) || IN_MEMORY_TOO.contains(&name) || name == "rredis_async_next";
            count += usize::from(!is_light);
            if is_light && !may_be {
                wrong.push(format!("src/{}: {name} may be cancelled", source.path));
            }
        }
    }
    assert!(count > 30, "only {count} exports hold off a cancellation");
    none(&wrong);
}

#[test]
fn what_a_thread_keeps_is_there_until_its_very_end() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for source in sources() {
        for block in source.code.split("thread_local! {").skip(1) {
            let block = block.split("\n}").next().unwrap_or("");
            for line in block.lines().filter(|line| line.trim().starts_with("static ")) {
                count += 1;
                let kind = line.split_once(':').map_or("", |(_, rest)| rest.split(" = ").next().unwrap_or("")).trim();
                let is_proven = source.code.contains(&format!("without_destructor::<{kind}>()"));
                if !line.contains("= const {") || !is_proven {
                    wrong.push(format!("src/{}: const _: () = without_destructor::<{kind}>();", source.path));
                }
            }
        }
    }
    assert!(count >= 3, "only {count} found");
    none(&wrong);
}

#[test]
fn every_handle_is_proven_to_be_shared_or_sent() {
    let mut wrong = Vec::new();
    let all = sources();
    for source in all.iter().filter(|source| source.path.starts_with("ffi/")) {
        for (at, _) in source.code.match_indices("pub struct rredis_") {
            if source.code[..at].trim_end().ends_with("#[derive(Clone, Copy, Debug)]") {
                continue; // a struct that C sees
            }
            let name: String = source.code[at + "pub struct ".len()..]
                .chars()
                .take_while(|&c| c.is_alphanumeric() || c == '_')
                .collect();
            // The file of the handle's struct may be another than that of its calls.
            let borrowed = format!("Option<&{name}>");
            let proof = match all.iter().any(|source| source.code.contains(&borrowed)) {
                true => format!("const _: () = shared::<{name}>();"),
                false => format!("const _: () = sent::<{name}>();"),
            };
            if !source.code.contains(&proof) && !source.code.contains(&format!("const _: () = shared::<{name}>();")) {
                wrong.push(format!("src/{}: {proof}", source.path));
            }
        }
    }
    none(&wrong);
}

#[test]
fn tables_are_in_order() {
    let all = sources();
    let find = |path: &str| all.iter().find(|source| source.path == path).unwrap_or_else(|| panic!("src/{path}"));
    // Each list of the table: the ids, the rows by the same names, and the differences, where one server follows another.
    let table = &find("commands/table.rs").text;
    let names = |line: &str| Some(line.trim().strip_prefix("row(Id::")?.split('"').nth(1)?.to_owned());
    ascending(&table.lines().filter_map(names).collect::<Vec<_>>(), 600);
    let differences = table.lines().filter(|line| line.starts_with("    (\""));
    ascending(&differences.collect::<Vec<_>>(), 5);
    let numbers = find("options/table.rs").code.lines().filter_map(|line| {
        let (name, number) = line.trim().strip_suffix(',')?.split_once(" = ")?;
        name.chars().all(char::is_alphanumeric).then(|| number.parse::<u32>().ok())?
    });
    ascending(&numbers.collect::<Vec<_>>(), 40);
}

fn ascending<T: PartialOrd + std::fmt::Debug>(rows: &[T], least: usize) {
    assert!(rows.len() >= least, "only {} rows found", rows.len());
    if let Some(pair) = rows.windows(2).find(|pair| pair[0] >= pair[1]) {
        panic!("{:?} does not come before {:?}", pair[0], pair[1]);
    }
}

fn floor(room: &str) -> Option<u32> {
    FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor)
}

/// The rooms that a file names: `crate::room`, alone or within braces.
fn rooms_used(code: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for after in code.split("crate::").skip(1) {
        let word = |text: &str| -> String {
            text.trim_start().chars().take_while(|&c| c.is_alphanumeric() || c == '_').collect()
        };
        match after.strip_prefix('{') {
            Some(list) => rooms.extend(list.split('}').next().unwrap_or("").split(',').map(word)),
            None => rooms.push(word(after)),
        }
    }
    rooms.retain(|room| !room.is_empty());
    rooms
}

/// A guard, perhaps behind the user_data that it must find whatever happens.
fn is_guarded(body: &str) -> bool {
    let owner = "let user_data = UserData::new(user_data, user_data_free);";
    let body = body.trim();
    let body = body.strip_prefix(owner).unwrap_or(body).trim();
    let guards = [
        "guard(err,",
        "guard_reaching(err,",
        "guard_on(",
        "guard_command(",
        "guard_alone(",
        "guard_command_alone(",
        "guard_change(",
        "guard_reentrant(",
        "guard_round(",
        "guard_brief(",
        "guard_queue(",
        "quietly(",
        "quietly_reaching(",
    ];
    guards.iter().any(|guard| body.starts_with(guard)) && body.ends_with(')') && closes_last(body)
}

/// Whether the parenthesis that opens first closes last: nothing is done outside of it.
fn closes_last(body: &str) -> bool {
    let mut depth = 0;
    let close = body.char_indices().find(|(_, letter)| {
        depth += i32::from(*letter == '(') - i32::from(*letter == ')');
        depth == 0 && *letter == ')'
    });
    close.is_some_and(|(at, _)| at + 1 == body.len())
}

/// Each version has each heading once, in one order; and nothing is told twice.
#[test]
fn the_changes_have_each_heading_and_each_line_once() {
    let changes = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/CHANGELOG.md")).expect("CHANGELOG.md");
    none(&disorder(&changes));
    // What a merge of two people's lines makes of it is seen.
    for (from, to) in [
        ("\n*Changed*\n", "\n*Fixed*\n"),
        ("\n*Changed*\n", "\n*ABI*: so.\n\n*Changed*\n"),
        ("\n*New*\n\n- ", "\n*New*\n\n- A line.\n\n- "),
        ("\n*Fixed*\n\n", "\n*Fixed*\n\nA line.\n- A line\n  that goes on.\n"),
        (
            "\n*Fixed*\n\n",
            "\n*Fixed*\n\n- A change that is told in so many words that its beginning is long\n- A change that is told in so many words that its beginning is longer\n",
        ),
    ] {
        let broken = changes.replacen(from, to, 1);
        assert!(broken != changes && !disorder(&broken).is_empty(), "{from:?} as {to:?} is not seen");
    }
}

fn disorder(changes: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut told: BTreeSet<&[&str]> = BTreeSet::new();
    let mut versions: Vec<&str> = changes.split("\n## ").collect();
    versions.remove(0);
    assert!(!versions.is_empty(), "no version in CHANGELOG.md");
    for version in versions {
        let name = version.lines().next().unwrap_or_default();
        let listed = version.find("\n\n*New*\n").map_or("", |at| &version[at..]);
        let parts: Vec<&str> = listed.trim().split("\n\n").collect();
        let heads: Vec<&str> = parts.iter().filter(|part| part.starts_with('*')).copied().collect();
        let is_abi = heads.last().is_some_and(|last| last.starts_with("*ABI*: "));
        let is_ordered = heads.len() == 4 && heads[..3] == ["*New*", "*Changed*", "*Fixed*"] && is_abi;
        if !is_ordered || parts.len() != 7 {
            wrong.push(format!("{name}: *New*, *Changed*, *Fixed*, each once with one list, and *ABI*: {heads:?}"));
        }
        for list in parts.iter().filter(|part| !part.starts_with('*')) {
            if !list.lines().next().is_some_and(|line| line.starts_with("- ")) {
                wrong.push(format!("{name}: a list begins with {:?}", list.lines().next()));
            }
        }
    }
    let words: Vec<&str> = changes.split_whitespace().collect();
    for said in words.windows(SAID_TWICE) {
        if !told.insert(said) {
            wrong.push(format!("told twice: {}", said.join(" ")));
        }
    }
    wrong
}

/// Words in a row that two changes do not have in common by chance.
const SAID_TWICE: usize = 8;

fn lines_with<'s>(
    sources: impl Iterator<Item = &'s Source>,
    part: impl Fn(&'s Source) -> &'s str,
    is_wrong: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for (at, line) in part(source).lines().enumerate() {
            if is_wrong(line) {
                found.push(format!("src/{}:{}: {}", source.path, at + 1, line.trim()));
            }
        }
    }
    found
}

fn lines_with_text(text: &str, is_wrong: impl Fn(&str) -> bool) -> Vec<String> {
    text.lines().filter(|line| is_wrong(line)).map(str::to_owned).collect()
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|one| one == word)
}

fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}
