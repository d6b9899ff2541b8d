//! What other languages read in place of the header: share/rredis/rredis.ffi.h as it is, and rredis.json. Both are drawn with it.
//!
//! `RREDIS_BLESS=1 cargo test --test header` writes them.

mod json;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::server::Folder;
use crate::support::tools::{self, run};

#[test]
fn it_is_fresh() {
    let plain = crate::prototypes::plain_of(&crate::header::drawing::header());
    let about = format!(
        "/* rredis.h of librredis {}, without comments and preprocessor: for parsers of plain C declarations. */\n",
        env!("CARGO_PKG_VERSION")
    );
    fresh("rredis.ffi.h", &(about + &plain));
    fresh("rredis.json", &json::described(&plain));
}

/// LuaJIT takes the file as it is, and lays the structs out as the C compiler does.
#[test]
fn luajit_reads_it() {
    let script = "local ffi = require 'ffi'; ffi.cdef(assert(io.open(arg[1])):read '*a')
        assert(ffi.sizeof 'rredis_error' == 256 and ffi.offsetof('rredis_error', 'message') == 16)
        assert(ffi.C.RREDIS_ERR_TIMEOUT == 12)";
    let workshop = Folder::new("luajit-reads");
    let file = workshop.path().join("read.lua");
    fs::write(&file, script).expect("a folder of our own");
    run(Command::new("luajit").arg(file).arg(path("rredis.ffi.h")));
}

/// So does cffi, and it opens the library with it: every function that is declared is there.
#[test]
fn cffi_reads_it() {
    let library = std::env::current_exe().expect("this test's path").with_file_name("librredis.so");
    let script = "
import cffi, json, sys
ffi = cffi.FFI()
ffi.cdef(open(sys.argv[1]).read())
assert ffi.sizeof('rredis_error') == 256 and ffi.offsetof('rredis_error', 'message') == 16
library = ffi.dlopen(sys.argv[3])
for function in json.load(open(sys.argv[2]))['functions']:
    assert len(ffi.typeof(getattr(library, function['name'])).args) == len(function['parameters']), function
assert library.rredis_version_number() == library.RREDIS_VERSION_OF_HEADER
";
    let mut python = Command::new("python3");
    python.args(["-c", script]).args([path("rredis.ffi.h"), path("rredis.json"), library]);
    run(&mut python);
}

/// What the description says, said again in C beside the header: the compiler finds no contradiction.
#[test]
fn the_compiler_sees_what_the_description_says() {
    let script = r##"
import json, sys
said = json.load(open(sys.argv[1]))
claim = lambda it, text: print(f'_Static_assert({it}, "{text}");')
listed = lambda function: ", ".join(one["type"] + " " + one["name"] for one in function["parameters"]) or "void"
print("#include <rredis.h>")
claim(f"sizeof(void *) == {said['pointer_size']}", "pointer_size")
claim(f"RREDIS_VERSION_OF_HEADER == {said['version_number']}", "version_number")
for handle in said["handles"]:
    print(f"extern const {handle} *claimed_{handle};")
for name, values in said["enums"].items():
    claim(f"sizeof({name}) == 4", name)
    for enumerator, value in values.items():
        claim(f"{enumerator} == {value}", enumerator)
for name, struct in said["structs"].items():
    claim(f"sizeof({name}) == {struct['size']}", name)
    for field in struct["fields"]:
        claim(f"offsetof({name}, {field['name']}) == {field['offset']}", f"{name}.{field['name']}")
        claim(f"sizeof((({name} *)0)->{field['name']}) == {field['size']}", f"{name}.{field['name']}")
for function in said["functions"]:
    print(f"{function['returns']} {function['name']}({listed(function)});")
for function in said["callbacks"]:
    print(f"extern {function['returns']} (*claimed_{function['name']})({listed(function)});")
    print(f"extern {function['name']} claimed_{function['name']};")
"##;
    let claims = run(Command::new("python3").args(["-c", script]).arg(path("rredis.json")));
    assert!(claims.lines().count() > 400, "only {} lines are claimed", claims.lines().count());
    let workshop = Folder::new("described");
    let file = workshop.path().join("claims.c");
    fs::write(&file, claims).expect("a folder of our own");
    let include = tools::root().join("include");
    run(Command::new("cc").args(["-std=c11", "-Wall", "-Werror", "-fsyntax-only", "-I"]).arg(include).arg(file));
}

/// Nothing of the header is left out of the description.
#[test]
fn the_description_is_whole() {
    let said = fs::read_to_string(path("rredis.json")).expect("rredis.json");
    let plain = crate::prototypes::plain();
    let words = plain.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let names = words.filter(|word| word.starts_with("rredis_") || word.starts_with("RREDIS_"));
    let left_out: Vec<&str> = names.filter(|name| !said.contains(&format!("\"{name}\""))).collect();
    assert!(left_out.is_empty(), "rredis.json does not have {left_out:?}");
}

fn fresh(name: &str, drawn: &str) {
    if std::env::var_os("RREDIS_BLESS").is_some() {
        fs::create_dir_all(path("")).expect("share/rredis");
        fs::write(path(name), drawn).expect("share/rredis can be written");
    }
    let committed = fs::read_to_string(path(name)).unwrap_or_default();
    assert!(committed == drawn, "share/rredis/{name} is not what src/ffi says: RREDIS_BLESS=1 writes it anew");
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("share/rredis").join(name)
}
