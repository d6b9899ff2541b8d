//! The ABI gate: whatever a program was linked with keeps its meaning in every later library of the same SONAME.
//!
//! Functions and enumerators may be added, and each is named in CHANGELOG.md. Nothing else may change: `tests/header/abi/8.0.0.h` has
//! the declarations of the first release, and libabigail compares the types that they are compiled to with those of today.
//! The baseline is never written anew under one SONAME.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::support::tools;

const BASELINE: &str = include_str!("abi/8.0.0.h");

#[test]
fn what_was_linked_goes_on_working() {
    let report = harm(BASELINE, &crate::prototypes::plain());
    assert_eq!(report, None, "programs written for the baseline would break");
}

/// The gate is no wall of paper: each kind of change that breaks a linked program is seen.
#[test]
fn the_gate_sees_every_kind_of_harm() {
    let today = crate::prototypes::plain();
    let harms = [
        ("a function is gone", "void rredis_reply_free(rredis_reply *reply);", ""),
        ("an argument's type", "int64_t *out_integer", "int32_t *out_integer"),
        (
            "an argument more",
            "void rredis_reply_free(rredis_reply *reply);",
            "void rredis_reply_free(rredis_reply *reply, int32_t how);",
        ),
        (
            "a promise not to change what is lent",
            "const rredis_reply *map, const char *key",
            "rredis_reply *map, const char *key",
        ),
        ("what is returned", "uint32_t rredis_version_number(void);", "uint64_t rredis_version_number(void);"),
        ("a field's type", "int32_t attempts;", "int64_t attempts;"),
        ("a field's place", "int32_t os_error;\n  int32_t attempts;", "int32_t attempts;\n  int32_t os_error;"),
        ("a field more in a frozen struct", "char message[240];", "char message[240];\n  int64_t more;"),
        (
            "a field before another's",
            "const char *name;\n  void *user_data;\n  rredis_status (*connect)",
            "const char *name;\n  void *more;\n  void *user_data;\n  rredis_status (*connect)",
        ),
        (
            "a field before the last of a growing struct",
            "int32_t (*fd)(void *stream);\n",
            "int32_t (*fd)(void *stream);\n  void *more;\n",
        ),
        ("a field less", "  double number;\n", ""),
        ("an enumerator's value", "RREDIS_ERR_TIMEOUT = 12,", "RREDIS_ERR_TIMEOUT = 17,"),
        ("an enumerator is gone", "  RREDIS_ERR_TIMEOUT = 12,\n", ""),
        ("an enumerator of an enum in no prototype", "RREDIS_SHARE_NEVER = ", "RREDIS_SHARE_NEVER = 1000 + "),
        ("a function pointer's arguments", "(*rredis_reply_fn)(void *user_data, const", "(*rredis_reply_fn)(const"),
    ];
    for (kind, from, to) in harms {
        assert!(today.contains(from), "{kind}: the header has no {from:?}");
        assert!(harm(&today, &today.replacen(from, to, 1)).is_some(), "{kind} is not seen");
    }
}

/// What may be added passes, and so the gate stands in nobody's way.
#[test]
fn what_is_added_passes() {
    let today = crate::prototypes::plain();
    let function = "void rredis_reply_free(rredis_reply *reply);";
    let added =
        today.replacen(function, &format!("{function}\nint32_t rredis_reply_more(const rredis_reply *reply);"), 1);
    let added = added.replacen("RREDIS_ERR_TIMEOUT = 12,", "RREDIS_ERR_TIMEOUT = 12,\n  RREDIS_ERR_MORE = 71,", 1);
    let growing = "int32_t (*fd)(void *stream);\n  rredis_free_fn user_data_free;\n};";
    assert!(added.contains(growing));
    let added = added.replacen(
        growing,
        "int32_t (*fd)(void *stream);\n  rredis_free_fn user_data_free;\n  void (*more)(void *stream);\n};",
        1,
    );
    assert_eq!(harm(&today, &added), None);
}

/// A program's author reads CHANGELOG.md, not a comparison: every name that came after the baseline stands there.
#[test]
fn what_was_added_is_named_in_the_changelog() {
    let baseline = names(BASELINE);
    assert!(baseline.len() > 250, "{} names in the baseline", baseline.len());
    let changes = fs::read_to_string(tools::root().join("CHANGELOG.md")).expect("CHANGELOG.md");
    let said = words(&changes);
    let today = names(&crate::prototypes::plain());
    let untold: Vec<&String> = today.difference(&baseline).filter(|name| !said.contains(*name)).collect();
    assert!(untold.is_empty(), "new in the header, and not named in CHANGELOG.md: {untold:?}");
}

/// Every function, type and enumerator of plain C declarations.
fn names(plain: &str) -> BTreeSet<String> {
    words(plain).into_iter().filter(|word| word.starts_with("rredis_") || word.starts_with("RREDIS_")).collect()
}

fn words(text: &str) -> BTreeSet<String> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').map(str::to_owned).collect()
}

/// How a program written for the first of two sets of declarations would break on the second.
fn harm(before: &str, after: &str) -> Option<String> {
    signatures(before, after).or_else(|| layouts(before, after))
}

/// A promise that no layout shows, a `const`, is part of a signature too: the types of each function stay to the letter.
fn signatures(before: &str, after: &str) -> Option<String> {
    let types = |function: &crate::prototypes::Function| {
        let kinds: Vec<String> = function.parameters.iter().map(|one| one.kind.clone()).collect();
        (function.returns.clone(), kinds)
    };
    let after = crate::prototypes::functions_of(after);
    crate::prototypes::functions_of(before).iter().find_map(|function| {
        let Some(other) = after.iter().find(|other| other.name == function.name) else {
            return Some(format!("{} is gone", function.name));
        };
        let (was, is) = (types(function), types(other));
        (was != is).then(|| format!("{}: was {was:?}, is {is:?}", function.name))
    })
}

/// What the compiler makes of the declarations, compared by libabigail.
fn layouts(before: &str, after: &str) -> Option<String> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Relaxed);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("abi-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for the comparison");
    let (before, after) = (stub(&folder, "before", before), stub(&folder, "after", after));
    let mut abidiff = Command::new("abidiff");
    abidiff.args(["--no-added-syms", "--suppressions"]).arg(tools::root().join("tests/header/abi/growing.ini"));
    let output = abidiff.arg(before).arg(after).output().expect("abidiff: install abigail-tools (make test does)");
    fs::remove_dir_all(folder).expect("the folder is ours");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let status = output.status.code().expect("abidiff ends by itself");
    // The first two bits are errors of abidiff's own and of its use; the others are changes.
    assert_eq!(status & 3, 0, "abidiff could not compare: {said}");
    (status != 0).then_some(said)
}

/// A library of empty functions with these declarations: all types of the header, and none of ours behind it.
fn stub(folder: &Path, name: &str, plain: &str) -> PathBuf {
    let mut source = format!("#include <stddef.h>\n#include <stdint.h>\n{plain}\n");
    for function in crate::prototypes::functions_of(plain) {
        let parameters: Vec<String> =
            function.parameters.iter().map(|one| format!("{} {}", one.kind, one.name)).collect();
        let parameters = if parameters.is_empty() { "void".to_owned() } else { parameters.join(", ") };
        let body = if function.returns == "void" { "" } else { " return 0; " };
        writeln!(source, "{} {}({parameters}) {{{body}}}", function.returns, function.name).expect("text");
    }
    // Enumerations whose values travel as plain numbers stand in no prototype, and are looked at all the same.
    for declaration in crate::prototypes::declarations_of(plain) {
        if let Some(named) = declaration.strip_prefix("typedef enum ") {
            let kind = named.split([' ', '{']).next().expect("a name");
            writeln!(source, "{kind} stub_{kind};").expect("text");
        }
    }
    let path = folder.join(format!("{name}.c"));
    fs::write(&path, source).expect("a folder of our own");
    let library = folder.join(format!("{name}.so"));
    tools::run(Command::new("cc").args(["-g", "-O0", "-shared", "-fPIC", "-w", "-o"]).arg(&library).arg(&path));
    library
}
