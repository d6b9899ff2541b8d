//! `RREDIS_TEXTS` and `rredis_args.h`: what is right compiles everywhere without a warning, what is wrong nowhere, and what a
//! number is written as is read as the same number.

use std::fs;
use std::process::Command;

use crate::support::program::{Workshop, address, silent, watch};
use crate::support::server::{Folder, Server};
use crate::support::tools::run;

/// What stands before each snippet.
const BEFORE: &str = "#include <stdbool.h>
struct pair { int a, b; };
static inline rredis_status call(const rredis_client *client, rredis_conn *conn, rredis_pipeline *pipeline,
    rredis_async *loop, rredis_error *err, char *text, const char *const name, int number);
static inline rredis_status call(const rredis_client *client, rredis_conn *conn, rredis_pipeline *pipeline,
    rredis_async *loop, rredis_error *err, char *text, const char *const name, int number) {
  rredis_reply *reply = NULL;
  rredis_client *own = NULL;
  struct pair pair = {number, number};
  const bool yes = number > 0;
  unsigned char bytes[2] = {0, 0};
  (void)client, (void)conn, (void)pipeline, (void)loop, (void)err, (void)text, (void)name, (void)reply, (void)pair;
  (void)own, (void)yes, (void)bytes;
  return ";

/// Twenty-four arguments.
const MOST: &str = "\"SET\", 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24";

#[test]
fn what_is_right_compiles_without_a_warning() {
    let texts = [
        "rredis_client_command(client, RREDIS_TEXTS(\"PING\"), &reply, err)",
        "rredis_client_command(client, RREDIS_TEXTS(\"SET\", name, text), NULL, err)",
        "rredis_pipeline_transact(pipeline, RREDIS_TEXTS(name, text), NULL, NULL, 1, &reply, err)",
        "rredis_async_submit(loop, RREDIS_TEXTS(\"GET\", name), RREDIS_CALL_RAW, 0, NULL, err)",
    ];
    for right in texts {
        for standard in ["c99", "c11", "c17"] {
            everywhere("rredis.h", standard, right);
        }
    }
    let most = format!("rredis_do(client, &reply, err, {MOST})");
    let args = [
        "rredis_do(client, &reply, err, \"PING\")",
        "rredis_do(client, NULL, NULL, name, text, number, 7u, 7L, 7ul, 7LL, 7ull, 1.5f, 1.5, 1.5L, 'c', sizeof reply)",
        "rredis_do(client, &reply, err, \"SET\", name, rredis_bytes(bytes, sizeof bytes), pair.a, bytes[0])",
        "rredis_do(conn, &reply, err, \"SELECT\", 1)",
        "rredis_do(pipeline, &reply, err, \"GET\", name)",
        "rredis_do(own, &reply, err, number > 0 ? \"PING\" : \"ECHO\", (short)1, (signed char)2, (unsigned short)3)",
        "rredis_add(pipeline, err, \"ZADD\", \"board\", 95.5, name)",
        "rredis_send(conn, err, \"MONITOR\")",
        "rredis_submit(loop, &pair, err, \"INCRBY\", name, -1)",
        most.as_str(),
    ];
    for right in args {
        for standard in ["c11", "c17"] {
            everywhere("rredis_args.h", standard, right);
        }
    }
}

/// Each stands beside what differs from it in the one thing that is wrong, and compiles.
#[test]
fn what_is_wrong_does_not_compile() {
    let (more, most) =
        (format!("rredis_do(client, &reply, err, {MOST}, 25)"), format!("rredis_do(client, &reply, err, {MOST})"));
    let pairs = [
        (
            "rredis_do(client, &reply, err, \"SET\", name, yes)",
            "rredis_do(client, &reply, err, \"SET\", name, (int)yes)",
        ),
        ("rredis_do(client, &reply, err, \"SET\", name, (bool)1)", "rredis_do(client, &reply, err, \"SET\", name, 1)"),
        (
            "rredis_do(client, &reply, err, \"SET\", name, pair)",
            "rredis_do(client, &reply, err, \"SET\", name, pair.a)",
        ),
        (
            "rredis_do(client, &reply, err, \"SET\", name, ((void *)0))",
            "rredis_do(client, &reply, err, \"SET\", name, (char *)0)",
        ),
        ("rredis_do(client, &reply, err, \"SET\", name, NULL)", "rredis_do(client, &reply, err, \"SET\", name, text)"),
        (
            "rredis_do(client, &reply, err, \"SET\", name, bytes)",
            "rredis_do(client, &reply, err, \"SET\", name, rredis_bytes(bytes, 2))",
        ),
        (
            "rredis_do(client, &reply, err, \"SET\", name, &number)",
            "rredis_do(client, &reply, err, \"SET\", name, number)",
        ),
        ("rredis_do(client, &reply, err)", "rredis_do(client, &reply, err, \"PING\")"),
        ("rredis_do(loop, &reply, err, \"PING\")", "rredis_do(conn, &reply, err, \"PING\")"),
        ("rredis_do(client, reply, err, \"PING\")", "rredis_do(client, &reply, err, \"PING\")"),
        ("rredis_add(client, err, \"PING\")", "rredis_add(pipeline, err, \"PING\")"),
        (more.as_str(), most.as_str()),
        (
            "rredis_client_command(client, RREDIS_TEXTS(\"SET\", number), &reply, err)",
            "rredis_client_command(client, RREDIS_TEXTS(\"SET\", name), &reply, err)",
        ),
    ];
    for (wrong, right) in pairs {
        for compiler in ["gcc", "clang"] {
            let said = compiled(compiler, "rredis_args.h", "c11", right, &["-Werror"]);
            assert!(said.is_empty(), "{compiler}: {right}: {said}");
            let said = compiled(compiler, "rredis_args.h", "c11", wrong, &["-Werror"]);
            assert!(said.contains("error"), "{compiler} takes {wrong}: {said}");
        }
    }
    // It says what it is for.
    for (compiler, standard, word) in [("gcc", "c99", "C11"), ("clang", "c99", "C11"), ("g++", "c++17", "rredis.hpp")] {
        let said = compiled(compiler, "rredis_args.h", standard, "RREDIS_OK", &["-Wno-unused"]);
        assert!(said.contains(word), "{compiler} {standard}: {said}");
    }
    let said = compiled("gcc", "rredis_args.h", "c11", &more, &[]);
    assert!(said.contains("AT_MOST_24_ARGUMENTS"), "{said}");
}

/// Numbers of every type go to a server and come back as the same, in two locales; and a program of two files may use it.
#[test]
fn what_is_sent_is_what_was_given() {
    let server = Server::start(&[]);
    let workshop = Workshop::new();
    let locales = workshop.folder().join("locales");
    fs::create_dir(&locales).expect("a temporary folder can be written");
    // What localedef compiles is in the package locales.
    let made = watch(Command::new("localedef").args(["-i", "de_DE", "-f", "UTF-8"]).arg(locales.join("de_DE.UTF-8")));
    assert!(made.status.success(), "no locale de_DE: install the package locales (make test does): {}", made.said);
    let library = workshop.library().display();
    for compiler in ["gcc", "clang"] {
        let program = workshop.folder().join(compiler);
        let mut command = Command::new(compiler);
        command.args([
            "-std=c11",
            "-Wall",
            "-Wextra",
            "-pedantic",
            "-Werror",
            "-g",
            "-fsanitize=undefined",
            "-fno-sanitize-recover",
        ]);
        command.args(["-I", "include", "-I", "tests/c", "-o"]).arg(&program);
        command.args(["tests/project/arguments/sent.c", "tests/project/arguments/beside.c", "-lm"]);
        run(command.arg(format!("-L{library}")).arg("-lrredis").arg(format!("-Wl,-rpath,{library}")));
        for locale in ["C", "de_DE.UTF-8"] {
            let mut command = Command::new(&program);
            silent(command.env("LOCPATH", &locales).env("RREDIS_TEST_LOCALE", locale).args(address(&server)));
        }
    }
}

/// Both compilers have nothing to say of it.
fn everywhere(header: &str, standard: &str, right: &str) {
    let strict =
        ["-Wall", "-Wextra", "-pedantic", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-Wcast-qual", "-Werror"];
    let everything = ["-Weverything", "-Wno-declaration-after-statement", "-Werror"];
    for (compiler, options) in [("gcc", &strict[..]), ("clang", &strict), ("clang", &everything)] {
        let said = compiled(compiler, header, standard, right, options);
        assert!(said.is_empty(), "{compiler} -std={standard}: {right}: {said}");
    }
}

/// What a compiler says of a call.
fn compiled(compiler: &str, header: &str, standard: &str, call: &str, options: &[&str]) -> String {
    let folder = Folder::new("arguments");
    let file = folder.path().join("call.c");
    fs::write(&file, format!("#include <{header}>\n{BEFORE}{call};\n}}\nint main(void) {{ return 0; }}\n"))
        .expect("a file");
    let mut command = Command::new(compiler);
    command.arg(format!("-std={standard}")).args(options).args(["-Wno-unused-function", "-fsyntax-only", "-Iinclude"]);
    let ended = watch(command.arg(&file).current_dir(crate::support::tools::root()));
    assert_eq!(ended.status.success(), !ended.said.contains("error"), "{}", ended.said);
    ended.said
}
