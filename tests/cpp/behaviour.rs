//! The programs of this folder: run under AddressSanitizer and UndefinedBehaviorSanitizer, and compiled by every compiler.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use crate::complete::declared;
use crate::support::cluster::Cluster;
use crate::support::program::{Workshop, address, silent};
use crate::support::server::{Folder, Server};
use crate::support::tools::{root, run};
use crate::{first, others, sources, stem};

/// Each test is a program, so that several are compiled and run at once.
macro_rules! programs {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            let server = Server::start(&[]);
            check(stringify!($name), &address(&server));
        })*

        const PROGRAMS: &[&str] = &["cluster", $(stringify!($name)),*];
    };
}
programs!(arguments async_ client pipeline protocol pubsub reply);

/// The one that is about many servers.
#[test]
fn cluster() {
    let cluster = Cluster::start(&[]);
    check("cluster", &[cluster.url()]);
}

fn check(name: &str, arguments: &[String]) {
    let workshop = Workshop::new();
    let name = name.trim_end_matches('_');
    let program = workshop.folder().join(name);
    let source = root().join(format!("tests/cpp/{name}.cpp"));
    let sanitized = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"];
    first().links(&source, &program, workshop.library(), &sanitized);
    silent(Command::new(&program).args(arguments).env("ASAN_OPTIONS", "detect_stack_use_after_return=1"));
}

#[test]
fn every_program_is_run_and_compiles_everywhere_and_together_they_call_every_function() {
    let mut names: Vec<&str> = PROGRAMS.iter().map(|name| name.trim_end_matches('_')).collect();
    names.sort_unstable();
    let sources = sources("tests/cpp");
    assert_eq!(sources.iter().map(|path| stem(path)).collect::<Vec<_>>(), names);
    let folder = Folder::new("objects");
    for compiler in others() {
        let objects: Vec<PathBuf> =
            sources.iter().map(|source| folder.path().join(stem(source)).with_extension("o")).collect();
        sources.iter().zip(&objects).for_each(|(source, object)| compiler.compiles(source, object));
        // Of an inline function that nobody calls nothing is compiled: what no object asks for, no program tries.
        let asked = run(Command::new("nm").arg("--undefined-only").args(&objects));
        let called: BTreeSet<String> =
            asked.lines().filter_map(|line| line.rsplit(' ').next()).map(str::to_owned).collect();
        let missing: Vec<String> = declared().into_iter().filter(|name| !called.contains(name)).collect();
        assert!(missing.is_empty(), "no program of tests/cpp calls {missing:?}");
    }
}
