//! The adapters of event loops: one story on each.

use std::process::Command;

use crate::layer::Layer;
use crate::support::program::{address, silent};
use crate::support::server::Server;
use crate::support::tools::run;

/// Each loop, and what is linked beside: a library, or what pkg-config says of one.
const LOOPS: [(&str, &str); 6] = [
    ("libevent", "-levent"),
    ("libuv", "-luv"),
    ("libev", "-lev"),
    ("glib", "glib-2.0"),
    ("poll", ""),
    ("ivykis", "ivykis"),
];

#[test]
fn each_loop_serves_a_context_to_its_end_and_leaks_nothing() {
    let server = Server::start(&[]);
    let layer = Layer::build();
    let port = layer.port(true);
    for (name, library) in LOOPS {
        let beside = beside(library);
        let define = format!("-DLOOP_{name}");
        let mut args: Vec<&str> = port.iter().map(String::as_str).collect();
        args.push(&define);
        args.extend(beside.split_whitespace());
        let program = layer.cc(name, "hiredis/tests/adapters.c", &args);
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["-q", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect", "--error-exitcode=9"]);
        silent(valgrind.arg(program).args(address(&server)));
    }
}

/// A program in C++ may include what there is, with the warnings that it likes.
#[test]
fn each_header_is_cpp_too() {
    let headers = ["hiredis", "read", "async", "hiredis_ssl"].map(|name| (format!("hiredis/{name}.h"), ""));
    let adapters = LOOPS.map(|(name, library)| (format!("hiredis/adapters/{name}.h"), library));
    for (header, library) in headers.into_iter().chain(adapters) {
        for compiler in ["c++", "clang++"] {
            let mut cpp = Command::new(compiler);
            cpp.args(["-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-Ihiredis/include"]);
            cpp.args(beside(library).split_whitespace().filter(|arg| !arg.starts_with("-l")));
            run(cpp.args(["-include", &header, "-x", "c++", "/dev/null"]));
        }
    }
}

/// The flags of a library, or of what pkg-config has by its name.
fn beside(library: &str) -> String {
    match library {
        "" => String::new(),
        flag if flag.starts_with('-') => flag.to_owned(),
        package => run(Command::new("pkg-config").args(["--cflags", "--libs", package])),
    }
}
