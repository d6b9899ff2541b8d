//! What does not compile: each of these lines is an error, and the compiler's words say what to write instead.

use std::fmt::Write;
use std::fs;

use crate::support::program::Workshop;
use crate::{Compiler, compilers};

/// A statement, and what the compiler says of it.
const REFUSED: &[(&str, &str)] = &[
    ("client.command(\"SET\", \"key\", true);", "Redis has no booleans"),
    ("client.command(\"SADD\", \"key\", std::vector<bool>{true});", "Redis has no booleans"),
    ("client.command(\"GET\", nullptr);", "nullptr is no argument"),
    ("client.command(\"GET\", std::make_tuple(1, nullptr));", "nullptr is no argument"),
    ("client.command(\"SET\", L'x');", "convert it to UTF-8"),
    ("client.command(\"SET\", std::u16string(u\"x\"));", "convert it to UTF-8"),
    ("client.command(\"SET\", \"key\", std::vector<unsigned char>{1});", "say rredis::bytes"),
    ("client.command(\"SET\", \"key\", std::vector<char>{'a'});", "say rredis::bytes"),
    ("client.command(\"SET\", \"key\", point{});", "an argument is a text, a number, or a range of such"),
    ("client.command(\"SET\", \"key\", static_cast<const void *>(&client));", "an argument is a text, a number"),
    ("client.command(\"GET\", \"key\").as<std::string_view>();", "it would point into a reply that is gone"),
    (
        "client.command(\"GET\", \"key\").as<std::optional<std::string_view>>();",
        "it would point into a reply that is gone",
    ),
    (
        "client.command(\"MGET\", \"a\").as<std::vector<std::string_view>>();",
        "it would point into a reply that is gone",
    ),
    (
        "client.command(\"HGETALL\", \"a\").as<std::map<std::string_view, int>>();",
        "it would point into a reply that is gone",
    ),
    ("client.command(\"MGET\", \"a\")[0].as<rredis::view>();", "it would point into a reply that is gone"),
    ("rredis::view view = client.command(\"GET\", \"key\");", "deleted"),
    ("auto text = client.command(\"GET\", \"key\").text();", "deleted"),
    ("for (auto [key, value] : client.command(\"HGETALL\", \"key\").pairs()) {}", "deleted"),
    ("auto part = client.command(\"MGET\", \"a\")[0]; (void)part.as<int>();", "as"),
    ("reply.as<char>();", "read a std::string in place of a character"),
    ("reply.as<point>();", "specialize rredis::reading"),
    ("rredis::client copy = client;", "deleted"),
    ("rredis::reply copy = reply;", "deleted"),
    ("rredis::options().set(RREDIS_OPTION_PORT, 1.5);", "an option is a text, an integer or a time"),
    ("rredis::builder().add('x');", "a single character is no reply"),
    ("client.set_callback(\"GET\", [](const rredis::answer &) { return 1; });", "a callback gives nothing, a reply"),
];

/// Statements beside them that do compile, so that it is they that are refused and not the lines around them.
const TAKEN: &[&str] = &[
    "client.command(\"SET\", \"key\", 1);",
    "(void)reply.as<std::string_view>();",
    "(void)client.command(\"MGET\", \"a\")[0].as<std::string>();",
    "const rredis::view taken = reply; (void)taken;",
    "for (const rredis::view each : client.command(\"MGET\", \"a\")) (void)each;",
];

const HEAD: &str = "#include <map>\n#include <rredis.hpp>\nstruct point { int x, y; };\n\
                    void all(const rredis::client &client, const rredis::reply &reply);\n\
                    void all(const rredis::client &client, const rredis::reply &reply) {\n";

#[test]
fn what_would_go_wrong_does_not_compile() {
    compilers().into_iter().for_each(refuses);
}

fn refuses(compiler: Compiler) {
    let workshop = Workshop::new();
    let source = workshop.folder().join("refused.cpp");
    let mut text = HEAD.to_owned();
    let first = HEAD.lines().count() + 1;
    let lines = TAKEN.iter().copied().chain(REFUSED.iter().map(|(line, _)| *line));
    lines.for_each(|line| writeln!(text, "  {{ {line} }}").expect("a string can be written to"));
    fs::write(&source, text + "}\n").expect("a temporary folder can be written");

    let mut command = Compiler::command(compiler);
    command.args(["-Wno-error", "-w", "-fsyntax-only"]).arg(&source).env("LC_ALL", "C");
    if compiler.0 == "clang++" {
        command.args(["-ferror-limit=0", "-ftemplate-backtrace-limit=0"]);
    }
    let output = command.current_dir(crate::root()).output().expect("the compiler is installed");
    assert!(!output.status.success(), "all of it compiles");
    let said = String::from_utf8_lossy(&output.stderr);
    // Each error with all that belongs to it: from what it is in, to its last note.
    let at = |line: usize| format!("refused.cpp:{line}:");
    let Compiler(name, standard) = compiler;
    for (index, line) in TAKEN.iter().enumerate() {
        assert!(!said.contains(&at(first + index)), "{name} {standard} does not take {line}:\n{said}");
    }
    for (index, (line, words)) in REFUSED.iter().enumerate() {
        let place = at(first + TAKEN.len() + index);
        assert!(said.contains(&place), "{name} {standard} takes {line}");
        assert!(said.contains(words), "{name} {standard} does not say {words:?} of {line}:\n{said}");
    }
}
