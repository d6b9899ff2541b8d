//! What leaves the shared library is what the header declares, and nothing else.

use std::collections::BTreeSet;
use std::path::PathBuf;
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
    let exported: BTreeSet<String> =
        symbols.lines().filter_map(|line| line.rsplit(' ').next()).map(str::to_owned).collect();
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

#[test]
fn the_library_says_which_abi_it_has_and_stays_where_it_is() {
    let dynamic = output(Command::new("readelf").args(["--dynamic", "--wide"]).arg(library()));
    assert!(dynamic.contains("[librredis.so.1]"), "{dynamic}");
    assert!(dynamic.contains("NODELETE"), "{dynamic}");
    assert!(!dynamic.contains("STATIC_TLS"), "{dynamic}");
}
