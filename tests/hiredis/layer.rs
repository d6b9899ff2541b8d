//! The layer over the library that is here, and programs that are built against it.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::program::Workshop;
use crate::support::tools::{root, run};

/// The layer over the library that is here.
pub struct Layer {
    workshop: Workshop,
    flags: &'static str,
}

impl Layer {
    pub fn build() -> Layer {
        Layer::build_with("")
    }

    /// `flags`: for the C compiler, of the layer and of the programs.
    pub fn build_with(flags: &'static str) -> Layer {
        let workshop = Workshop::new();
        let mut build = Command::new(root().join("tools/hiredis"));
        build.arg(workshop.folder()).arg(workshop.library());
        run(build.env("RREDIS_HIREDIS_CFLAGS", flags).env("RREDIS_HIREDIS_LDFLAGS", flags));
        // As they are installed: one beside the other.
        for name in ["librredis.so", "librredis.so.1"] {
            symlink(workshop.library().join("librredis.so"), workshop.folder().join(name)).expect("a link can be made");
        }
        Layer { workshop, flags }
    }

    /// Where the layer's libraries are, and the programs.
    pub fn folder(&self) -> &Path {
        self.workshop.folder()
    }

    /// Compile a file of the project's.
    pub fn cc(&self, name: &str, source: &str, args: &[&str]) -> PathBuf {
        let program = self.workshop.folder().join(name);
        let mut cc = Command::new("cc");
        cc.args(["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-g"]).args(self.flags.split_whitespace());
        run(cc.arg("-o").arg(&program).arg(source).args(args));
        program
    }

    /// The whole port: an include path, and a link line.
    pub fn port(&self, is_shared: bool) -> Vec<String> {
        let here = self.workshop.folder().display();
        let mut args = vec!["-Ihiredis/include".to_owned(), format!("-L{here}"), format!("-Wl,-rpath,{here}")];
        match is_shared {
            true => args.push("-lrredis_hiredis".to_owned()),
            false => args.extend(["-l:librredis_hiredis.a".to_owned(), "-lrredis".to_owned()]),
        }
        args.extend(["-ldl".to_owned(), "-levent".to_owned()]);
        args
    }

    /// A program on the layer, shared or static.
    pub fn program(&self, name: &str, source: &str, is_shared: bool) -> PathBuf {
        let port = self.port(is_shared);
        self.cc(name, source, &port.iter().map(String::as_str).collect::<Vec<_>>())
    }
}
