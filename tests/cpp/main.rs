//! `include/rredis.hpp`: what C++ programs do with it, what they cannot, and the pages of its course.
//!
//! One compiler is tried for each standard; `make cpp` tries all four combinations.

#[path = "../support/mod.rs"]
mod support;

mod behaviour;
mod complete;
mod pages;
mod refused;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::tools::{root, run};

/// A compiler and a standard.
#[derive(Clone, Copy)]
struct Compiler(&'static str, &'static str);

const BOTH: [Compiler; 2] = [Compiler("g++", "c++17"), Compiler("clang++", "c++20")];
const OTHERS: [Compiler; 2] = [Compiler("g++", "c++20"), Compiler("clang++", "c++17")];

const STRICT: [&str; 7] =
    ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-Werror"];

/// The one that programs are run from.
fn first() -> Compiler {
    BOTH[0]
}

/// Whether all four combinations are tried, and with their optimizers.
fn in_full() -> bool {
    std::env::var("RREDIS_TEST_CPP").is_ok_and(|which| which == "all")
}

/// Those that have to take every program without a warning.
fn compilers() -> Vec<Compiler> {
    BOTH.into_iter().chain(OTHERS.into_iter().filter(|_| in_full())).collect()
}

/// Those that do not compile each program to run it.
fn others() -> Vec<Compiler> {
    compilers().into_iter().skip(usize::from(!in_full())).collect()
}

impl Compiler {
    fn command(self) -> Command {
        let mut command = Command::new(self.0);
        command.arg(format!("-std={}", self.1)).args(STRICT).args(["-pthread", "-I", "include", "-I", "tests/cpp"]);
        command
    }

    /// It has nothing to say about a file.
    fn checks(self, source: &Path) {
        let how: &[&str] = if in_full() { &["-O2", "-c", "-o", "/dev/null"] } else { &["-fsyntax-only"] };
        run(self.command().args(how).arg(source));
    }

    /// It has nothing to say about a file, and makes an object of it.
    fn compiles(self, source: &Path, object: &Path) {
        let how: &[&str] = if in_full() { &["-O2", "-c", "-o"] } else { &["-c", "-o"] };
        run(self.command().args(how).arg(object).arg(source));
    }

    fn links(self, source: &Path, program: &Path, library: &Path, more: &[&str]) {
        let rpath = format!("-Wl,-rpath,{}", library.display());
        let mut command = self.command();
        command.args(["-g", "-o"]).arg(program).arg(source).args(more);
        run(command.arg("-L").arg(library).args(["-lrredis", &rpath]));
    }
}

/// The C++ files of a folder, in order.
fn sources(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut sources: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == "cpp")).collect();
    sources.sort();
    sources
}

/// A file's name without its ending.
fn stem(path: &Path) -> String {
    path.file_stem().expect("a file has a name").to_string_lossy().into_owned()
}
