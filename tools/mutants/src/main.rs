//! Mutation testing: faults are put into the files that decide, one at a time, and a test has to see each.
//!
//! All of them are compiled in at once, each behind a number that stands in the environment, so that nothing is built anew
//! for a fault. Each test is run once without a fault, to know how long it takes and which faults it reaches; then, for each
//! fault, the tests that reach it, until one fails. What no test sees is a promise without a test, unless equivalent.txt says
//! why the fault changes nothing.

mod baseline;
mod report;
mod rewrite;
mod run;
mod tree;
mod trial;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use report::{Accepted, Report};
use tree::{Places, Result, say};

/// What is mutated where nothing else is asked for, the weightiest first.
const FILES: &[&str] = &[
    "src/commands/effect.rs",
    "src/route",
    "src/client/mod.rs",
    "src/pool",
    "src/stats.rs",
    "src/conn",
    "src/line",
    "src/client/pipeline",
    "src/session",
    "src/transport/deadline.rs",
];

/// Tests that say nothing of what the code does, or that build what is not mutated, or that take minutes by their purpose.
const LEFT_OUT: &[&str] =
    &["commands::fuzz", "commands::table", "header", "project", "scale", "soak", "tidy", "timers"];

/// Whether this test of a program is left out, by its file or with all of the program; `""`: whether all of it is.
fn is_left_out(program: &str, test: &str) -> bool {
    LEFT_OUT.iter().any(|name| is_part(name, program, test))
}

/// Whether a test of a program is one of these: `oom`, a program, or `protocol::secrets`, a file of it.
fn is_part(name: &str, program: &str, test: &str) -> bool {
    match name.split_once("::") {
        Some((of, part)) => of == program && test.strip_prefix(part).is_some_and(|rest| rest.starts_with("::")),
        None => name == program,
    }
}

/// Tests that take long and look for one kind of thing: they are asked about the mutants whose names have one of these words.
const SPECIALISTS: &[(&str, &[&str])] = &[
    ("oom", &["reserve", "memory", "capacity", "room", "submit_secretly", "its error ignored", "?` left out"]),
    ("protocol::secrets_memory", &["secret", "wipe", "inflight::drop"]),
];

/// Whether a test of a program is asked about this mutant, however long it takes. None: it is no specialist.
fn is_asked(program: &str, test: &str, mutant: &str) -> Option<bool> {
    let (_, words) = SPECIALISTS.iter().find(|(name, _)| is_part(name, program, test))?;
    let mutant = mutant.to_lowercase();
    Some(words.iter().any(|word| mutant.contains(word)))
}

/// What was asked for on the command line.
struct Asked {
    files: Vec<String>,
    /// The programs that are asked; all where there are none.
    tests: Vec<String>,
    sample: Option<usize>,
    only: Option<String>,
    minutes: Option<f64>,
    jobs: usize,
    /// The longest that a test may take to be asked.
    longest_ms: u64,
}

const USAGE: &str = "usage: mutants [--files src/a.rs,src/b] [--sample N] [--only NUMBER|NAME] [--minutes M] [--jobs N]
               [--longest SECONDS] [--tests pool,retry]

  --files    these files and folders alone
  --sample   this many of them, spread over all
  --only     the one of this number, or those whose name has this text in it, tried whatever is known of them
  --minutes  as many as can be tried in this time; the next run goes on from there
  --jobs     so many at once (2)
  --longest  ask only tests that take so long at the most (3): the longer ones look for what chance brings together
  --tests    ask the library's own tests and these programs alone, and remember only what they kill";

fn main() -> ExitCode {
    match asked().and_then(|asked| work(&asked)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&error.to_string());
            ExitCode::from(2)
        }
    }
}

fn asked() -> Result<Asked> {
    let (files, tests) = (Vec::new(), Vec::new());
    let mut asked = Asked { files, tests, sample: None, only: None, minutes: None, jobs: 2, longest_ms: 3000 };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().filter(|value| !value.is_empty()).ok_or(USAGE)?;
        match word.as_str() {
            "--files" => asked.files = value.split(',').map(|file| file.trim_end_matches('/').to_owned()).collect(),
            "--tests" => asked.tests = value.split(',').map(str::to_owned).collect(),
            "--sample" => asked.sample = Some(value.parse()?),
            "--only" => asked.only = Some(value),
            "--minutes" => asked.minutes = Some(value.parse()?),
            "--longest" => asked.longest_ms = (value.parse::<f64>()? * 1000.0) as u64,
            "--jobs" => asked.jobs = value.parse()?,
            _ => return Err(USAGE.into()),
        }
    }
    Ok(asked)
}

/// False: there is a fault that no test sees.
fn work(asked: &Asked) -> Result<bool> {
    let begin = Instant::now();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let places = Places::new(&root);
    fs::create_dir_all(&places.out)?;
    let accepted = Accepted::read(&root.join("tools/mutants/equivalent.txt"))?;
    let mut tests = tests(&root)?;
    tests.retain(|test| asked.tests.is_empty() || asked.tests.contains(test));
    let files: Vec<String> = FILES.iter().map(|&file| file.to_owned()).collect();
    let built = tree::build(&places, &files, &tests)?;
    let baseline = baseline::baseline(&places, &built, asked)?;
    let mut report = Report::new(&places, &built, &baseline, accepted, !asked.tests.is_empty());
    let chosen = chosen(asked, &built, &report);
    let end = asked.minutes.map(|minutes| begin + Duration::from_secs_f64(minutes * 60.0));
    trial::try_all(&places, &built, &baseline, &mut report, &chosen, asked.jobs, end)?;
    report.write(&places, &built, asked)
}

/// The files of `tests` that are run.
fn tests(root: &Path) -> Result<Vec<String>> {
    let mut tests = Vec::new();
    for entry in fs::read_dir(root.join("tests"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let has_main = root.join("tests").join(&name).join("main.rs").exists();
        match name.strip_suffix(".rs").or(has_main.then_some(name.as_str())) {
            Some(name) if !is_left_out(name, "") => tests.push(name.to_owned()),
            _ => {}
        }
    }
    tests.sort();
    Ok(tests)
}

/// The numbers of the mutants to try, in the order that was asked for and then of FILES; a sample is spread over all of them.
fn chosen(asked: &Asked, built: &tree::Built, report: &Report) -> Vec<u32> {
    let is_asked_for = |mutant: &rewrite::Mutant| match &asked.only {
        Some(only) => only.parse() == Ok(mutant.number) || mutant.name.contains(only.as_str()),
        None => {
            let in_files = asked.files.is_empty() || asked.files.iter().any(|file| tree::is_of(&mutant.file, file));
            in_files && !report.is_known(mutant)
        }
    };
    let mut chosen: Vec<&rewrite::Mutant> = built.mutants.iter().filter(|mutant| is_asked_for(mutant)).collect();
    let place = |mutant: &rewrite::Mutant| asked.files.iter().position(|file| tree::is_of(&mutant.file, file));
    let weight =
        |mutant: &rewrite::Mutant| (place(mutant), FILES.iter().position(|file| tree::is_of(&mutant.file, file)));
    chosen.sort_by_key(|mutant| (weight(mutant), mutant.number));
    if let Some(size) = asked.sample {
        chosen.sort_by_key(|mutant| tree::mark(mutant.name.as_bytes()));
        chosen.truncate(size);
    }
    chosen.into_iter().map(|mutant| mutant.number).collect()
}
