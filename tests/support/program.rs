//! Programs in other languages that use the library: compiled against the header, run against a server, and silent.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use super::server::{Folder, Server};
use super::tools::{build, root, run};

/// Where programs are compiled to, and the library they are linked with.
///
/// A sanitizer's run brings a library and flags of its own: RREDIS_TEST_LIBRARY is the folder that the library is in,
/// RREDIS_TEST_CFLAGS and RREDIS_TEST_LDFLAGS stand in front of and behind the ordinary arguments.
pub struct Workshop {
    folder: Folder,
    library: PathBuf,
}

/// How a program ended, and all that it said.
pub struct Ended {
    pub status: ExitStatus,
    pub said: String,
}

impl Workshop {
    pub fn new() -> Workshop {
        static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
        let named = || std::env::var_os("RREDIS_TEST_LIBRARY").map(PathBuf::from);
        let library = LIBRARY.get_or_init(|| named().unwrap_or_else(|| build("debug"))).clone();
        Workshop { folder: Folder::new("programs"), library }
    }

    /// Where the programs are, and their leavings.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of librredis.so.
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// Compile a file of the project's, `"tests/c/reply.c"`, and link it with the library; C++ where its name says so.
    pub fn compile(&self, source: &str) -> PathBuf {
        let rpath = format!("-Wl,-rpath,{}", self.library.display());
        self.compile_with(source, &[OsStr::new("-L"), self.library.as_os_str(), "-lrredis".as_ref(), rpath.as_ref()])
    }

    /// The same for a program that finds the library by itself.
    pub fn compile_alone(&self, source: &str) -> PathBuf {
        self.compile_with(source, &["-ldl".as_ref()])
    }

    fn compile_with(&self, source: &str, libraries: &[&OsStr]) -> PathBuf {
        let cplusplus = source.ends_with(".cpp");
        let program = self.folder().join(Path::new(source).file_stem().expect("a source has a name"));
        let compiler = match std::env::var("RREDIS_TEST_CC") {
            Ok(named) if !cplusplus => named,
            _ => if cplusplus { "c++" } else { "cc" }.to_owned(),
        };
        let mut command = Command::new(compiler);
        command.args(words("RREDIS_TEST_CFLAGS"));
        command.args(if cplusplus { ["-std=c++11", "-Wno-unused"] } else { ["-std=c99", "-Wno-unused-function"] });
        command.args(["-Wall", "-Wextra", "-Werror", "-pthread", "-g", "-I", "include", "-I", "tests/c", "-o"]);
        command.args([program.as_os_str(), OsStr::new(source)]).args(libraries);
        if source.contains("hiredis") {
            command.arg("-lhiredis");
        }
        run(command.arg("-lm").args(words("RREDIS_TEST_LDFLAGS")));
        program
    }

    /// What a program prints that speaks to 127.0.0.1:6379, when it is led to this server instead.
    pub fn led_to(&self, server: &Server, program: &Path) -> String {
        let redirect = preload(self.folder(), "tools/redirect.c");
        run(Command::new(program).env("LD_PRELOAD", redirect).env("RREDIS_PORT", server.port().to_string()))
    }

    /// Compile a program and run it against a server: it must succeed, and nothing may be said by anybody.
    pub fn check(&self, source: &str, server: &Server, weather: &[(&str, &str)]) {
        let program = self.compile(source);
        let mut command = Command::new(program);
        command.envs(weather.iter().copied()).args(address(server));
        silent(&mut command);
    }
}

/// A file of the project's, compiled to what LD_PRELOAD puts in front of the system's own functions.
pub fn preload(folder: &Path, source: &str) -> PathBuf {
    let library = folder.join(Path::new(source).file_stem().expect("a source has a name")).with_extension("so");
    run(Command::new("cc")
        .args(["-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"])
        .arg(&library)
        .args([source, "-ldl"]));
    library
}

/// An ignored test of this very binary, by its whole name, to be run in a process of its own.
pub fn child(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a file"));
    command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]);
    command
}

/// A number that stands in the environment, for the long form of a test.
pub fn size(variable: &str) -> Option<usize> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// The names of the programs of a folder, as `"tests/c"`: `["builder", "callback", ...]`.
pub fn programs(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).expect("the tests have their folders");
    let names = entries.map(|entry| entry.expect("a folder can be read").file_name());
    let mut programs: Vec<String> =
        names.filter_map(|name| Some(name.to_str()?.strip_suffix(".c")?.to_owned())).collect();
    programs.sort();
    programs
}

/// What every program takes: host, port, path.
pub fn address(server: &Server) -> [String; 3] {
    ["127.0.0.1".to_owned(), server.port().to_string(), server.unix_path().display().to_string()]
}

/// Run a command that must succeed without a word on either stream, in two minutes at most.
pub fn silent(command: &mut Command) {
    let ended = watch(command);
    assert!(ended.status.success() && ended.said.is_empty(), "{command:?}: {}\n{}", ended.status, ended.said);
}

/// Run a command to its end, for two minutes at most.
pub fn watch(command: &mut Command) -> Ended {
    let folder = Folder::new("said");
    let path = folder.path().join("said");
    let file = File::create(&path).expect("a temporary folder can be written");
    let twin = file.try_clone().expect("a file can be had twice");
    command.current_dir(root()).stdin(Stdio::null()).stdout(file).stderr(twin);
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}: is it installed?"));
    let status = wait(&mut child, Duration::from_secs(120));
    let said = String::from_utf8_lossy(&fs::read(&path).expect("what was written can be read")).into_owned();
    let status = status.unwrap_or_else(|| panic!("{command:?} does not end; so far it said:\n{said}"));
    Ended { status, said }
}

fn wait(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let end = Instant::now() + patience;
    while Instant::now() < end {
        if let Some(status) = child.try_wait().expect("a child can be asked") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(5));
    }
    // Nothing can be done about a failure here: it may have ended by itself this moment.
    let _ = child.kill();
    let _ = child.wait();
    None
}

fn words(variable: &str) -> Vec<String> {
    let value = std::env::var(variable).unwrap_or_default();
    value.split_whitespace().map(str::to_owned).collect()
}
