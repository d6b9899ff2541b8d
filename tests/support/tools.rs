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
    // A make that runs the tests has its own ideas, which are not for the make that a test runs.
    command.current_dir(root()).env_remove("MAKEFLAGS").env_remove("MAKELEVEL").env_remove("MFLAGS");
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{text}{errors}", output.status);
    text
}
