//! `make install`: what it puts where, that a program finds it all through pkg-config and nothing else, and `make uninstall`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::server::{Folder, Server};
use crate::support::tools::{build, root, run};

/// The program that every test of an installed tree builds, `make packages` among them.
const PROGRAM: &str = include_str!("install/program.c");

/// The same in C++, through rredis.hpp.
const CPLUSPLUS: &str = include_str!("install/program.cpp");

/// Another library that is written in Rust: it unwinds, allocates, and has threads of its own.
const GUEST: &str = r#"
#[unsafe(no_mangle)]
pub extern "C" fn guest_hundred_over(number: i64) -> i64 {
    let over = move || std::panic::catch_unwind(|| format!("{}", 100 / number).parse().unwrap_or(-2));
    std::thread::spawn(over).join().ok().and_then(Result::ok).unwrap_or(-1)
}
"#;

#[test]
fn a_program_builds_against_a_moved_prefix_with_nothing_but_pkg_config() {
    let server = Server::start(&[]);
    let folder = Folder::new("install");
    let prefix = moved(folder.path());
    look_at_the_files(&prefix);
    nothing_in_them_tells_where_they_were_built(&prefix.join("lib"));
    the_libraries_export_our_names_alone(&prefix.join("lib"));
    a_short_reply_is_given_without_a_way_to_panic();
    let said = run(Command::new(prefix.join("bin/rredis-doctor")).arg(server.url()));
    assert!(said.contains("all is well"), "{said}");

    for (compiler, name, text) in [("cc -std=c99", "program.c", PROGRAM), ("c++ -std=c++17", "program.cpp", CPLUSPLUS)]
    {
        let source = folder.path().join(name);
        fs::write(&source, text).expect("a temporary folder can be written");
        for linked in ["shared", "static"] {
            let program = folder.path().join(format!("{linked}-{name}"));
            let (pkg_config, cc) = if linked == "static" { ("--static", "-static") } else { ("", "") };
            let line = format!(
                "{compiler} -Wall -Werror {cc} -o {} {} $(pkg-config {pkg_config} --cflags --libs rredis)",
                program.display(),
                source.display()
            );
            run(Command::new("sh").args(["-c", &line]).env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")));
            says_the_version(&program, &prefix, &server);
            let needs = run(Command::new("readelf").arg("-d").arg(&program));
            assert_eq!(needs.contains("[librredis.so.1]"), linked == "shared", "the {linked} program needs:\n{needs}");
        }
    }
    written_for_hiredis(folder.path(), &prefix, &server);
    linked_before_there_were_versions(folder.path(), &prefix, &server);
    beside_another_rust_archive(folder.path(), &prefix);
}

/// A program on hiredis's functions finds the layer alone, which finds the library.
fn written_for_hiredis(folder: &Path, prefix: &Path, server: &Server) {
    for linked in ["shared", "static"] {
        let program = folder.join(format!("{linked}-hiredis"));
        let pkg_config = if linked == "static" { "--static" } else { "" };
        let archive = if linked == "static" { "s/-lrredis_hiredis/-l:librredis_hiredis.a/" } else { "" };
        let line = format!(
            "cc -Wall -Werror -o {} benches/hiredis.c $(pkg-config {pkg_config} --cflags --libs rredis_hiredis | sed '{archive}')",
            program.display()
        );
        run(Command::new("sh").args(["-c", &line]).env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")));
        let mut once = Command::new(&program);
        once.args([&server.port().to_string(), "get", "1"]).env("LD_LIBRARY_PATH", prefix.join("lib"));
        run(&mut once);
    }
}

/// Staged, and then moved to where nobody has said that it would be.
fn moved(folder: &Path) -> PathBuf {
    let staged = folder.join("stage");
    run(Command::new("make").arg("install").arg(format!("DESTDIR={}", staged.display())).arg("PREFIX=/opt/here"));
    let prefix = folder.join("moved");
    fs::rename(staged.join("opt/here"), &prefix).expect("an installed tree can be moved");
    prefix
}

fn says_the_version(program: &Path, prefix: &Path, server: &Server) {
    let said = run(Command::new(program).arg(server.url()).env("LD_LIBRARY_PATH", prefix.join("lib")));
    assert_eq!(said.trim(), env!("CARGO_PKG_VERSION"), "{}", program.display());
}

/// Every name that leaves the shared library has the ABI's version, and no name of Rust's or of a crate's leaves either.
fn the_libraries_export_our_names_alone(lib: &Path) {
    let named = |arguments: &[&str], file: &str| {
        let symbols = run(Command::new("nm").args(arguments).arg(lib.join(file)));
        let last = |line: &str| line.rsplit(' ').next().unwrap_or_default().to_owned();
        symbols.lines().map(last).filter(|name| !name.is_empty() && !name.ends_with(':')).collect::<Vec<_>>()
    };
    let shared = named(&["--dynamic", "--defined-only"], "librredis.so");
    let others: Vec<_> = shared.iter().filter(|name| !is_ours(name, "@@RREDIS_1") && *name != "RREDIS_1").collect();
    assert!(others.is_empty(), "exported: {others:?}");
    let archive = named(&["--extern-only", "--defined-only"], "librredis.a");
    let others: Vec<_> = archive.iter().filter(|name| !is_ours(name, "")).collect();
    assert!(others.is_empty(), "global in the archive: {others:?}");
    assert_eq!(shared.len(), archive.len() + 1, "each function, and the version's own name");
    assert!(archive.len() > 100, "only {} functions", archive.len());
}

fn is_ours(name: &str, version: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    name.strip_suffix(version).is_some_and(|name| name.starts_with("rredis_") && name.chars().all(plain))
}

/// A program that was linked with a library whose symbols had no versions runs with the one that has them.
fn linked_before_there_were_versions(folder: &Path, prefix: &Path, server: &Server) {
    let program = folder.join("before");
    let before = build("debug");
    let symbols = run(Command::new("nm").args(["--dynamic", "--defined-only"]).arg(before.join("librredis.so")));
    assert!(symbols.contains(" rredis_client_new\n"), "the debug library has versions: take another one for this test");
    run(Command::new("cc").args(["-I", "include", "-o"]).arg(&program).arg(folder.join("program.c")).args([
        "-L".as_ref(),
        before.as_os_str(),
        "-lrredis".as_ref(),
    ]));
    says_the_version(&program, prefix, server);
}

/// Both archives hold all of Rust's library and a personality for unwinding: whole, in either order, they make one program.
fn beside_another_rust_archive(folder: &Path, prefix: &Path) {
    let (source, guest) = (folder.join("guest.rs"), folder.join("libguest.a"));
    fs::write(&source, GUEST).expect("a temporary folder can be written");
    run(Command::new("rustc").args(["--edition=2024", "-O", "--crate-type=staticlib", "-o"]).arg(&guest).arg(&source));
    let ours = prefix.join("lib/librredis.a");
    for archives in [[&ours, &guest], [&guest, &ours]] {
        let program = folder.join("beside");
        let mut cc = Command::new("cc");
        cc.args(["-Wall", "-Werror", "-I"]).arg(prefix.join("include")).arg("-o").arg(&program);
        cc.args(["tests/project/install/beside.c", "-Wl,--whole-archive"]).args(archives);
        run(cc.args(["-Wl,--no-whole-archive", "-lpthread", "-ldl", "-lm", "-lgcc_s"]));
        assert_eq!(run(&mut Command::new(program)), "CONFIG 20 -1\n");
    }
}

/// In /usr the compiler looks by itself, so that nothing names a folder there; what was there before stays when ours is removed.
#[test]
fn what_is_removed_is_what_was_installed() {
    let folder = Folder::new("uninstall");
    let usr = folder.path().join("usr");
    for name in
        ["include/other.h", "lib/x86_64-linux-gnu/libother.a", "share/doc/other/README", "share/man/man3/other.3"]
    {
        fs::create_dir_all(usr.join(name).parent().expect("a folder")).expect("a folder of our own");
        fs::write(usr.join(name), "not ours").expect("a file of our own");
    }
    let before = tree(&usr);
    let destdir = format!("DESTDIR={}", folder.path().display());
    let make = |target: &str| {
        run(Command::new("make").args([target, &destdir, "PREFIX=/usr", "LIBDIR=lib/x86_64-linux-gnu", "STRIP="]))
    };
    make("install");
    let installed = tree(&usr);
    let pc = fs::read_to_string(usr.join("lib/x86_64-linux-gnu/pkgconfig/rredis.pc")).expect("what pkg-config reads");
    assert!(!pc.contains('/') && !pc.contains("-I") && !pc.contains("-L"), "it names a folder: {pc}");
    assert!(pc.contains("\nLibs: -lrredis\n"), "{pc}");
    let sections = run(Command::new("readelf").args(["-SW"]).arg(usr.join("lib/x86_64-linux-gnu/librredis.so.1")));
    assert!(sections.contains(".debug_line"), "STRIP= leaves the lines of the source in");

    // What the older one had and the newer one has not is gone after the newer one was installed over it.
    let list = usr.join("share/rredis/installed");
    let listed = fs::read_to_string(&list).expect("the list of what was installed");
    fs::write(usr.join("include/rredis_gone.h"), "of an older version").expect("a file of our own");
    fs::write(&list, format!("include/rredis_gone.h\n{listed}")).expect("the list");
    make("install");
    assert_eq!(tree(&usr), installed);
    make("uninstall");
    assert_eq!(tree(&usr), before);
}

/// Every file, folder and link below a folder, in order.
fn tree(folder: &Path) -> Vec<String> {
    let found = run(Command::new("find").arg(folder));
    let mut found: Vec<String> = found.lines().map(str::to_owned).collect();
    found.sort();
    found
}

/// Two builds in two folders are the same bytes: `make reproducible` builds twice, and compares.
fn nothing_in_them_tells_where_they_were_built(lib: &Path) {
    let home = std::env::var_os("HOME").map_or_else(Default::default, PathBuf::from);
    let cargo = std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    let sysroot = run(Command::new("rustc").args(["--print", "sysroot"]));
    let version = format!("librredis.so.{}", env!("CARGO_PKG_VERSION"));
    // What is built is looked at as well: the names and lines of its debugging symbols are stripped when it is installed.
    let built = build("release");
    for file in [lib.join(version), lib.join("librredis.a"), built.join("librredis.so"), built.join("librredis.a")] {
        let bytes = fs::read(&file).expect("a library");
        for path in [root(), cargo.as_path(), Path::new(sysroot.trim())] {
            let found = memchr::memmem::find(&bytes, path.as_os_str().as_encoded_bytes());
            assert_eq!(found, None, "{} has {}", file.display(), path.display());
        }
        assert!(memchr::memmem::find(&bytes, b"cargo/registry").is_some(), "paths are there, and look otherwise");
    }
}

/// `rredis_parser_next` gives a short reply outside of what catches panics.
fn a_short_reply_is_given_without_a_way_to_panic() {
    // That which is installed has no names of what it does not export.
    let library = build("release").join("librredis.so");
    let code = run(Command::new("objdump").args(["-d", "--disassemble=rredis_parser_next"]).arg(library));
    assert!(code.contains("next_of_any") && code.lines().count() > 100, "{code}");
    // Where another function unwinds into this one, the process ends: that other one catches what unwinds.
    let panics = code.lines().filter(|line| line.contains("panic") && !line.contains("panic_cannot_unwind"));
    let panics: Vec<&str> = panics.collect();
    assert!(panics.is_empty(), "{}", panics.join("\n"));
}

fn look_at_the_files(prefix: &Path) {
    let version = env!("CARGO_PKG_VERSION");
    let lib = prefix.join("lib");
    for name in [
        "include/rredis.h",
        "include/rredis_args.h",
        "include/rredis.hpp",
        "include/rredis/client.hpp",
        "lib/librredis.a",
        "share/rredis/rredis.ffi.h",
        "share/rredis/rredis.json",
        "share/man/man3/rredis_client_new.3",
        "share/doc/librredis/rredis.html",
        "share/doc/librredis/THIRD-PARTY",
        "share/doc/librredis/examples/01_ping.c",
    ] {
        assert!(prefix.join(name).is_file(), "{name} is not installed");
    }
    assert!(lib.join(format!("librredis.so.{version}")).is_file());
    assert_eq!(link(&lib.join("librredis.so.1")), format!("librredis.so.{version}"));
    assert_eq!(link(&lib.join("librredis.so")), "librredis.so.1");

    let dynamic = run(Command::new("readelf").arg("-d").arg(lib.join("librredis.so")));
    assert!(dynamic.contains("Library soname: [librredis.so.1]"), "{dynamic}");
    let asked =
        run(Command::new("pkg-config").args(["--modversion", "rredis"]).env("PKG_CONFIG_PATH", lib.join("pkgconfig")));
    assert_eq!(asked.trim(), version);
}

fn link(path: &Path) -> String {
    let to = fs::read_link(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    to.to_string_lossy().into_owned()
}
