//! What leaves the shared library is what the header declares, and nothing else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn library() -> PathBuf {
    std::env::current_exe().expect("this test's path").with_file_name("librredis.so")
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_library_exports_the_header_and_nothing_else() {
    let symbols = output(Command::new("nm").args(["--dynamic", "--defined-only"]).arg(library()));
    let exported = last_words(&symbols);
    let declared: BTreeSet<String> = crate::prototypes::functions().into_iter().map(|function| function.name).collect();
    assert!(declared.len() > 50, "only {} functions read from the header", declared.len());
    assert_eq!(
        exported.difference(&declared).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "exported, and not in the header"
    );
    assert_eq!(
        declared.difference(&exported).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "in the header, and not exported"
    );
}

/// The link of the release, of this test's own archive: each function of the header has the ABI's version, and the archive has
/// no other global name, so that it lies beside any other in one program.
#[test]
fn the_release_link_gives_each_function_its_version_and_hides_the_rest() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("linked");
    let link = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/link");
    output(
        Command::new(link)
            .arg(library().with_extension("a"))
            .arg(&folder)
            .arg(["-lpthread", "-ldl", "-lm", "-lgcc_s", "-lc"].join(" ")),
    );
    let versioned = crate::prototypes::functions().into_iter().map(|function| function.name + "@@RREDIS_1");
    let mut versioned: BTreeSet<String> = versioned.collect();
    versioned.insert("RREDIS_1".to_owned());
    let symbols = output(Command::new("nm").args(["--dynamic", "--defined-only"]).arg(folder.join("librredis.so")));
    assert_eq!(last_words(&symbols), versioned);

    // It is loaded when something unwinds: tests/project/unwind.rs has what does that.
    let needed = output(Command::new("readelf").arg("-d").arg(folder.join("librredis.so")));
    assert!(needed.contains("libc.so") && !needed.contains("libgcc_s"), "{needed}");

    let declared: BTreeSet<String> = crate::prototypes::functions().into_iter().map(|function| function.name).collect();
    let archive = output(Command::new("nm").args(["--extern-only", "--defined-only"]).arg(folder.join("librredis.a")));
    let lines: String = archive.lines().filter(|line| line.contains(" T ")).map(|line| format!("{line}\n")).collect();
    assert_eq!(last_words(&lines), declared);
    assert_eq!(
        archive.lines().filter(|line| line.contains(' ')).count(),
        declared.len(),
        "and nothing else: {archive}"
    );
}

fn last_words(lines: &str) -> BTreeSet<String> {
    lines.lines().filter_map(|line| line.rsplit(' ').next()).map(str::to_owned).collect()
}

#[test]
fn the_library_says_which_abi_it_has_and_stays_where_it_is() {
    let dynamic = output(Command::new("readelf").args(["--dynamic", "--wide"]).arg(library()));
    assert!(dynamic.contains("[librredis.so.1]"), "{dynamic}");
    assert!(dynamic.contains("NODELETE"), "{dynamic}");
    assert!(!dynamic.contains("STATIC_TLS"), "{dynamic}");
}
