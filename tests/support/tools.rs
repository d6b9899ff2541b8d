//! The project's own scripts and the compilers, as the tests run them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The project's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Build the libraries, `debug` or `release`, and give the folder they are in.
pub fn build(profile: &str) -> PathBuf {
    let library = run(Command::new(root().join("tools/build")).arg(profile));
    let library = root().join(library.trim());
    library.parent().expect("a file is in a folder").to_owned()
}

/// A command from the project's folder, that has to succeed: what it printed.
pub fn run(command: &mut Command) -> String {
    command.current_dir(root());
    // The make and the cargo that run the tests tell them things that are not for the make and the cargo that a test runs:
    // at a changed OUT_DIR a dependency builds itself anew, and all that stands on it.
    for (name, _) in std::env::vars_os() {
        let told = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "OUT_DIR", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"];
        if told.iter().any(|told| name.to_string_lossy().starts_with(told)) {
            command.env_remove(name);
        }
    }
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{text}{errors}", output.status);
    text
}
