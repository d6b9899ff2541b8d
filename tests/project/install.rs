//! `make install`: what it puts where, and that a program finds it all through pkg-config and nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::server::{Folder, Server};
use crate::support::tools::{build, root, run};

/// Makes a client for the URL it is given, and prints what PING says.
const PROGRAM: &str = r#"
#include <rredis.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
  rredis_options *options = rredis_options_new();
  rredis_client *client;
  rredis_reply *reply;
  const char *ping[] = {"PING", rredis_version()};
  if (argc != 2 || rredis_options_set_url(options, argv[1], strlen(argv[1]), NULL) != RREDIS_OK ||
      rredis_client_new(options, &client, NULL) != RREDIS_OK ||
      rredis_client_command(client, 2, ping, NULL, &reply, NULL) != RREDIS_OK) return 1;
  printf("%s\n", reply->str);
  rredis_reply_free(reply);
  rredis_client_free(client);
  rredis_options_free(options);
  return 0;
}
"#;

#[test]
fn a_program_builds_against_a_moved_prefix_with_nothing_but_pkg_config() {
    let server = Server::start(&[]);
    let folder = Folder::new("install");
    let staged = folder.path().join("stage");
    run(Command::new("make").arg("install").arg(format!("DESTDIR={}", staged.display())).arg("PREFIX=/opt/here"));
    let prefix = folder.path().join("moved");
    fs::rename(staged.join("opt/here"), &prefix).expect("an installed tree can be moved");
    look_at_the_files(&prefix);
    nothing_in_them_tells_where_they_were_built(&prefix.join("lib"));

    let source = folder.path().join("program.c");
    fs::write(&source, PROGRAM).expect("a temporary folder can be written");
    for linked in ["shared", "static"] {
        let program = folder.path().join(linked);
        let (pkg_config, cc) = if linked == "static" { ("--static", "-static") } else { ("", "") };
        let line = format!(
            "cc -std=c99 -Wall -Werror {cc} -o {} {} $(pkg-config {pkg_config} --cflags --libs rredis)",
            program.display(),
            source.display()
        );
        run(Command::new("sh").args(["-c", &line]).env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")));
        let said = run(Command::new(&program).arg(server.url()).env("LD_LIBRARY_PATH", prefix.join("lib")));
        assert_eq!(said.trim(), env!("CARGO_PKG_VERSION"), "the {linked} program");
        let needs = run(Command::new("readelf").arg("-d").arg(&program));
        assert_eq!(needs.contains("[librredis.so.1]"), linked == "shared", "the {linked} program needs:\n{needs}");
    }
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

fn look_at_the_files(prefix: &Path) {
    let version = env!("CARGO_PKG_VERSION");
    let lib = prefix.join("lib");
    assert!(prefix.join("include/rredis.h").is_file());
    assert!(lib.join("librredis.a").is_file());
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
