//! A program that was written for hiredis finds what it relies on, and libhiredis itself may be in the process.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::layer::Layer;
use crate::support::program::{address, silent, size};
use crate::support::server::Server;
use crate::support::tools::{root, run};

#[test]
fn a_program_written_for_hiredis_finds_what_it_relies_on() {
    let server = Server::start(&["enable-debug-command yes"]);
    let layer = Layer::build();
    for is_shared in [true, false] {
        let program = layer.program(&format!("layer-{is_shared}"), "hiredis/tests/layer.c", is_shared);
        silent(Command::new(program).args(address(&server)));
    }
}

#[test]
fn a_program_with_a_loop_is_told_what_comes_in_hirediss_order() {
    let server = Server::start(&[]);
    let layer = Layer::build();
    let program = layer.program("async", "hiredis/tests/async.c", true);
    silent(Command::new(program).args(address(&server)));
}

#[test]
fn it_keeps_to_its_memory_and_leaks_none() {
    let server = Server::start(&["enable-debug-command yes"]);
    let layer = Layer::build();
    for name in ["layer", "async"] {
        let program = layer.program(name, &format!("hiredis/tests/{name}.c"), true);
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["-q", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect", "--error-exitcode=9"]);
        // A child that ends at once leaves what was its parent's.
        valgrind.arg("--child-silent-after-fork=yes");
        silent(valgrind.arg(program).args(address(&server)));
    }
}

#[test]
fn an_address_sanitizer_has_nothing_to_say_of_it() {
    let server = Server::start(&["enable-debug-command yes"]);
    let layer = Layer::build_with("-fsanitize=address");
    for name in ["layer", "async"] {
        let program = layer.program(name, &format!("hiredis/tests/{name}.c"), false);
        // What leaks is valgrind's to say, which knows what a child of fork leaves.
        silent(Command::new(program).args(address(&server)).env("ASAN_OPTIONS", "detect_leaks=0"));
    }
}

/// RREDIS_TEST_FORMATS=1000000 for the long form.
#[test]
fn whatever_hiredis_formats_is_formatted_alike_and_no_value_is_read_past_its_end() {
    let layer = Layer::build_with("-fsanitize=address");
    let program = layer.program("formats", "hiredis/tests/formats.c", false);
    let count = size("RREDIS_TEST_FORMATS").unwrap_or(10_000).to_string();
    let seed = std::process::id().to_string();
    println!("seed {seed}");
    // What is checked here is reads past the end; the packaged library may leave what it likes.
    println!("{}", run(Command::new(program).args([&count, &seed]).env("ASAN_OPTIONS", "detect_leaks=0")));
}

#[test]
fn libhiredis_and_the_layer_do_not_disturb_each_other_in_one_process() {
    let server = Server::start(&[]);
    let layer = Layer::build();
    let source = "hiredis/tests/plugin.c";
    // A plugin has libhiredis as a shared library: Debian's archive is not made for one. The program has it both ways.
    let theirs = ["-lhiredis", "-ldl"];
    let theirs_static = ["-Wl,-E", "-Wl,--whole-archive", "-l:libhiredis.a", "-Wl,--no-whole-archive", "-ldl"];
    for is_shared in [true, false] {
        let port = layer.port(is_shared);
        let ours: Vec<&str> = port.iter().map(String::as_str).collect();
        let plugin = ["-shared", "-fPIC", "-DPLUGIN"];
        let host_of_ours = layer.cc("host-ours", source, &ours);
        let host_of_theirs = layer.cc("host-theirs", source, &theirs);
        let plugin_of_ours = layer.cc("plugin-ours.so", source, &[&plugin[..], &ours].concat());
        let plugin_of_theirs = layer.cc("plugin-theirs.so", source, &[&plugin[..], &theirs].concat());
        assert_eq!(both(&host_of_ours, &plugin_of_theirs, &server), "both\n", "shared: {is_shared}");
        assert_eq!(both(&host_of_theirs, &plugin_of_ours, &server), "both\n", "shared: {is_shared}");
        // All of its names are the program's own, before those of the plugin.
        let host_of_theirs = layer.cc("host-theirs-static", source, &theirs_static);
        assert_eq!(both(&host_of_theirs, &plugin_of_ours, &server), "both\n", "shared: {is_shared}");
    }
}

fn both(host: &Path, plugin: &Path, server: &Server) -> String {
    run(Command::new(host).arg(server.port().to_string()).arg(plugin))
}

#[test]
fn the_layer_exports_what_its_headers_declare_and_nothing_else() {
    let layer = Layer::build();
    for (file, flags) in [("librredis_hiredis.so", &["-D"][..]), ("librredis_hiredis.a", &["-g"])] {
        let file = layer.folder().join(file);
        let names = run(Command::new("nm").args(flags).args(["--defined-only", "--format=just-symbols"]).arg(file));
        let names: Vec<&str> = names.lines().filter(|line| !line.is_empty() && !line.ends_with(':')).collect();
        let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        names.sort();
        assert_eq!(names, declared());
    }
}

fn declared() -> Vec<String> {
    let folder = fs::read_dir(root().join("hiredis/include/hiredis")).expect("the headers");
    let headers = folder.map(|entry| entry.expect("a header").path()).filter(|path| path.is_file());
    let text: String = headers.map(|path| fs::read_to_string(path).expect("a header can be read")).collect();
    let names = text.split("RREDIS_HIREDIS(").skip(1).filter_map(|rest| rest.split(')').next());
    let mut names: Vec<String> =
        names.filter(|name| *name != "name").map(|name| format!("rredis_hiredis_{name}")).collect();
    names.sort();
    names
}
