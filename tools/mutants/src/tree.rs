//! A copy of the tree with every mutant in it, built once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::rewrite::{Mutant, Place, rewrite};

pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Where everything is.
pub struct Places {
    /// The project's folder.
    pub root: PathBuf,
    /// target/mutants
    pub out: PathBuf,
    /// The copy of the tree.
    pub tree: PathBuf,
    /// What is built of it.
    pub build: PathBuf,
}

/// Everything built, and what was built into it.
pub struct Built {
    pub mutants: Vec<Mutant>,
    /// The names of those that do not compile.
    pub refused: Vec<String>,
    /// The programs of tests, by their names: `lib`, `pool`.
    pub programs: BTreeMap<String, PathBuf>,
    /// A number that changes with each file's text, by the file.
    pub marks: HashMap<String, u64>,
    /// The same of what is in a file besides tests.
    pub code_marks: HashMap<String, u64>,
}

/// A file with its mutants in it.
struct Written {
    file: String,
    places: Vec<Place>,
    text: String,
}

impl Places {
    pub fn new(root: &Path) -> Places {
        let out = root.join("target/mutants");
        Places { root: root.to_owned(), tree: out.join("tree"), build: out.join("build"), out }
    }

    fn cargo(&self, words: &[&str]) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(words).arg("--message-format=json").current_dir(&self.tree);
        command.env("CARGO_TARGET_DIR", &self.build).env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only");
        command.stdin(Stdio::null()).stderr(Stdio::null());
        // What the cargo that runs this told it is not for the cargo that it runs.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_"].iter().any(|told| name.starts_with(told)) {
                command.env_remove(name);
            }
        }
        command
    }
}

/// Copy the tree, put the mutants of these files into it, and build the tests named.
pub fn build(places: &Places, files: &[String], tests: &[String]) -> Result<Built> {
    let mut texts = BTreeMap::new();
    collect(&places.root, Path::new(""), &mut texts)?;
    let marks = texts.iter().map(|(path, text)| (path.clone(), mark(text))).collect();
    let code_marks = texts.iter().map(|(path, text)| (path.clone(), mark(without_tests(path, text)))).collect();
    let chosen: Vec<&String> = texts.keys().filter(|path| files.iter().any(|file| is_of(path, file))).collect();
    let chosen: Vec<String> = chosen.into_iter().cloned().collect();
    remove_others(&places.tree, &texts)?;
    // What did not compile before does not now, unless the file has changed: begin with what is known.
    let known = places.out.join("refused");
    let mut refused: BTreeSet<String> =
        fs::read_to_string(&known).unwrap_or_default().lines().map(str::to_owned).collect();
    let mut rounds = 0;
    let (mutants, refused) = loop {
        rounds += 1;
        let mut mutants = Vec::new();
        let mut written = Vec::new();
        let mut outputs = texts.clone();
        for file in &chosen {
            let text = String::from_utf8(texts[file].clone())?;
            let first = mutants.len() as u32 + 1;
            let done = rewrite(file, &text, first, &|name| !refused.contains(name))
                .map_err(|error| format!("{file}: {error}"))?;
            outputs.insert(file.clone(), done.text.clone().into_bytes());
            written.push(Written { file: file.clone(), places: done.places, text: done.text });
            mutants.extend(done.mutants);
        }
        let lib = String::from_utf8(texts["src/lib.rs"].clone())? + "\n#[allow(missing_docs)]\npub mod mutants;\n";
        // A constant that is the largest of its kind overflows where it is one larger: that is for a test to see.
        let lib = lib.replacen("#![deny(", "#![allow(arithmetic_overflow)]\n#![deny(", 1);
        outputs.insert("src/lib.rs".to_owned(), lib.into_bytes());
        let ground = include_str!("ground.rs.in").replace("@COUNT@", &mutants.len().to_string());
        outputs.insert("src/mutants.rs".to_owned(), ground.into_bytes());
        for (path, text) in &outputs {
            write(&places.tree.join(path), text)?;
        }
        let bad = refusals(places, &written)?;
        if bad.is_empty() {
            break (mutants, refused);
        }
        say(&format!("round {rounds}: {} of {} do not compile", bad.len(), mutants.len()));
        let names: Vec<String> = bad.iter().map(|number| mutants[*number as usize - 1].name.clone()).collect();
        refused.extend(names);
        fs::write(&known, lines(&refused))?;
        if rounds == 40 {
            return Err("the mutated tree does not compile".into());
        }
    };
    // Names of mutants that there are no more.
    let all: BTreeSet<String> = names_of(&texts, &chosen)?;
    let refused: BTreeSet<String> = refused.intersection(&all).cloned().collect();
    fs::write(&known, lines(&refused))?;
    say(&format!("{} mutants in {} files; building the tests", mutants.len(), chosen.len()));
    let programs = programs(places, tests)?;
    Ok(Built { mutants, refused: refused.into_iter().collect(), programs, marks, code_marks })
}

pub fn say(text: &str) {
    eprintln!("mutants: {text}");
}

/// Whether a file is this one, or in this folder.
pub fn is_of(path: &str, file: &str) -> bool {
    let is_test = path.ends_with("/tests.rs") || path.contains("/tests/") || !path.ends_with(".rs");
    let below =
        path.strip_prefix(file).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || file.ends_with('/'));
    !is_test && below
}

/// FNV-1a: what was found of one text is not believed of another.
pub fn mark(text: &[u8]) -> u64 {
    text.iter().fold(0xcbf2_9ce4_8422_2325, |mark, byte| (mark ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// What of a file is there where it is not built for its own tests: those come last in it, or are a file of their own.
fn without_tests<'t>(path: &str, text: &'t [u8]) -> &'t [u8] {
    if path.starts_with("src/") && path.ends_with("/tests.rs") {
        return &[];
    }
    let end = text.windows(TESTS.len()).position(|window| window == TESTS);
    &text[..end.unwrap_or(text.len())]
}

const TESTS: &[u8] = b"\n#[cfg(test)]\nmod tests {\n";

fn names_of(texts: &BTreeMap<String, Vec<u8>>, chosen: &[String]) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for file in chosen {
        let done = rewrite(file, std::str::from_utf8(&texts[file])?, 1, &|_| true)?;
        names.extend(done.mutants.into_iter().map(|mutant| mutant.name));
    }
    Ok(names)
}

fn lines(names: &BTreeSet<String>) -> String {
    names.iter().map(|name| format!("{name}\n")).collect()
}

fn collect(root: &Path, below: &Path, texts: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        let name = path.to_string_lossy().into_owned();
        if matches!(name.as_str(), "target" | ".git" | "tools/mutants") {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => collect(root, &path, texts)?,
            false => drop(texts.insert(name, fs::read(entry.path())?)),
        }
    }
    Ok(())
}

/// Written only where it differs: cargo goes by the time of a file.
fn write(path: &Path, text: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|before| before == text) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)?;
    #[cfg(unix)]
    if text.starts_with(b"#!") {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

fn remove_others(tree: &Path, texts: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    let mut there = BTreeMap::new();
    if tree.exists() {
        collect(tree, Path::new(""), &mut there)?;
    }
    for path in there.keys().filter(|path| !texts.contains_key(*path) && *path != "src/mutants.rs") {
        fs::remove_file(tree.join(path))?;
    }
    Ok(())
}

/// The numbers of the mutants that the compiler does not like.
fn refusals(places: &Places, written: &[Written]) -> Result<BTreeSet<u32>> {
    let output = places.cargo(&["check", "--lib"]).stderr(Stdio::piped()).output()?;
    if output.status.success() {
        return Ok(BTreeSet::new());
    }
    let mut refused = BTreeSet::new();
    let mut unplaced = Vec::new();
    for message in messages(&output.stdout) {
        let message = &message["message"];
        if message["level"] != "error" || message["spans"].as_array().is_none_or(Vec::is_empty) {
            continue;
        }
        let bad = refused_by(message, written);
        if bad.is_empty() {
            unplaced.push(message["rendered"].as_str().unwrap_or("").to_owned());
        }
        refused.extend(bad);
    }
    match refused.is_empty() {
        true if unplaced.is_empty() => Err(String::from_utf8_lossy(&output.stderr).into_owned().into()),
        true => Err(unplaced.join("\n").into()),
        false => Ok(refused),
    }
}

fn messages(output: &[u8]) -> impl Iterator<Item = Value> {
    output.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok())
}

/// The mutants that an error is about: the innermost whose own text it points at, or else the innermost around what it points
/// at.
fn refused_by(message: &Value, written: &[Written]) -> BTreeSet<u32> {
    let mut spans: Vec<&Value> = Vec::new();
    let all = message["spans"].as_array().into_iter().flatten();
    let (first, others): (Vec<&Value>, Vec<&Value>) = all.partition(|span| span["is_primary"] == true);
    spans.extend(first);
    spans.extend(others);
    let children = message["children"].as_array().into_iter().flatten();
    spans.extend(children.flat_map(|child| child["spans"].as_array().into_iter().flatten()));
    let ranges: Vec<(&Written, usize, usize)> = spans
        .iter()
        .filter_map(|span| {
            let name = span["file_name"].as_str()?;
            let file = written.iter().find(|written| name.ends_with(&written.file))?;
            Some((file, span["byte_start"].as_u64()? as usize, span["byte_end"].as_u64()? as usize))
        })
        .collect();
    let smallest = |choose: &dyn Fn(&Place) -> &std::ops::Range<usize>, file: &Written, start: usize, end: usize| {
        let around = file.places.iter().filter(|place| choose(place).start <= start && end <= choose(place).end);
        around.min_by_key(|place| choose(place).len()).map(|place| place.number)
    };
    for &(file, start, end) in &ranges {
        if let Some(number) = smallest(&|place| &place.instead, file, start, end) {
            return BTreeSet::from([number]);
        }
    }
    for &(file, start, end) in &ranges {
        if let Some(number) = smallest(&|place| &place.whole, file, start, end) {
            return BTreeSet::from([number]);
        }
    }
    // What stands within what it points at, or beside it: first what leaves a statement out, for then something is not
    // returned or not given its value; and where there is none, all.
    let Some(&(file, start, end)) = ranges.first() else {
        return BTreeSet::new();
    };
    // A value may be moved far from where it is used again, and what was left out stands behind both.
    let all = ranges.iter().filter(|(other, ..)| other.file == file.file);
    let (first, last) = all.fold((start, end), |(first, last), &(_, start, end)| (first.min(start), last.max(end)));
    for (start, end, reach) in [(start, end, 0), (start, end, 300), (first, last, 0), (first, last, 1500)] {
        let near = |place: &&Place| place.whole.start + reach >= start && place.whole.end <= end + reach;
        let near: Vec<&Place> = file.places.iter().filter(near).collect();
        let is_omission = |place: &&&Place| file.text[place.instead.clone()].starts_with("if !");
        let omissions: BTreeSet<u32> = near.iter().filter(is_omission).map(|place| place.number).collect();
        if !omissions.is_empty() {
            return omissions;
        }
        if !near.is_empty() {
            return near.iter().map(|place| place.number).collect();
        }
    }
    BTreeSet::new()
}

fn programs(places: &Places, tests: &[String]) -> Result<BTreeMap<String, PathBuf>> {
    let mut words = vec!["test", "--no-run", "--lib"];
    tests.iter().for_each(|test| words.extend(["--test", test.as_str()]));
    let output = places.cargo(&words).output()?;
    let mut programs = BTreeMap::new();
    let mut said = String::new();
    for message in messages(&output.stdout) {
        if message["message"]["level"] == "error" {
            said.push_str(message["message"]["rendered"].as_str().unwrap_or(""));
        }
        let (target, program) = (&message["target"], &message["executable"]);
        if message["profile"]["test"] == true
            && let (Some(name), Some(program)) = (target["name"].as_str(), program.as_str())
        {
            let is_lib = target["kind"].as_array().is_some_and(|kinds| kinds.iter().all(|kind| kind != "test"));
            programs.insert(if is_lib { "lib".to_owned() } else { name.to_owned() }, PathBuf::from(program));
        }
    }
    if !output.status.success() {
        return Err(format!("the tests do not build:\n{said}").into());
    }
    // A program linked in the tree looks for the library by its SONAME.
    let library = places.build.join("debug/deps");
    let link = library.join("librredis.so.1");
    if !link.exists() {
        std::os::unix::fs::symlink("librredis.so", link)?;
    }
    Ok(programs)
}
