//! Each test, run once without a fault: how long it takes, whether it always passes, and which mutants it reaches.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::run::{End, Switch, list, run};
use crate::tree::{Built, Places, Result, mark, say};
use crate::{Asked, is_asked, is_left_out};

/// What is known of one test.
#[derive(Clone, Debug)]
pub struct Test {
    pub program: String,
    pub name: String,
    pub ms: u64,
    /// The numbers of the mutants that it reaches.
    pub reached: Vec<u32>,
}

/// What is known of all.
pub struct Baseline {
    pub tests: Vec<Test>,
    /// Those that failed without a fault, three times of three: they say nothing here.
    pub failing: Vec<String>,
    /// Those that take longer than a test may take to be asked.
    pub long: Vec<String>,
}

/// Run what is not known yet.
pub fn baseline(places: &Places, built: &Built, asked: &Asked) -> Result<Baseline> {
    let path = places.out.join("baseline");
    let known: Value = fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or(Value::Null);
    let mut programs = known.as_object().cloned().unwrap_or_default();
    programs.retain(|program, _| built.programs.contains_key(program) || !asked.tests.is_empty());
    let mut wanted = Vec::new();
    for (program, path) in &built.programs {
        let mark = program_mark(program, built);
        if programs.get(program).is_none_or(|known| known["mark"] != json!(mark)) {
            programs.insert(program.clone(), json!({ "mark": mark, "tests": {} }));
        }
        for test in list(places, path)?.into_iter().filter(|test| !is_left_out(program, test)) {
            // One that was ended before it was done may be asked now, where more time is given.
            let is_known = |known: &Value| known["cut"] != true || known["ms"].as_u64() > Some(asked.longest_ms);
            if !programs[program]["tests"].get(&test).is_some_and(is_known) {
                wanted.push((program.clone(), test));
            }
        }
    }
    if !wanted.is_empty() {
        say(&format!("{} tests are run without a fault first", wanted.len()));
    }
    let programs = Mutex::new(programs);
    let queue = Mutex::new(wanted.iter());
    let failure = Mutex::new(None);
    let written = Mutex::new(Instant::now());
    thread::scope(|scope| {
        for job in 0..asked.jobs.max(1) {
            let (programs, queue, failure, written, path) = (&programs, &queue, &failure, &written, &path);
            scope.spawn(move || {
                let reached = places.out.join(format!("reached.{job}"));
                loop {
                    // The queue is held no longer than it takes.
                    let Some((program, test)) = lock(queue).next() else { break };
                    match one(places, built, program, test, &reached, asked.longest_ms) {
                        Ok(found) => {
                            let mut programs = lock(programs);
                            programs[program.as_str()]["tests"][test.as_str()] = found;
                            // Little of what was found is lost where this ends; and it is much to write.
                            let mut written = lock(written);
                            if written.elapsed() > Duration::from_secs(10) {
                                let _ = fs::write(path, serde_json::to_vec(&*programs).unwrap_or_default());
                                *written = Instant::now();
                            }
                        }
                        Err(error) => {
                            *lock(failure) = Some(error);
                            break;
                        }
                    }
                }
            });
        }
    });
    fs::write(&path, serde_json::to_vec(&*lock(&programs))?)?;
    if let Some(error) = lock(&failure).take() {
        return Err(error);
    }
    let mut baseline = Baseline { tests: Vec::new(), failing: Vec::new(), long: Vec::new() };
    for (program, known) in lock(&programs).iter().filter(|(program, _)| built.programs.contains_key(*program)) {
        for (name, test) in known["tests"].as_object().into_iter().flatten() {
            if test["fails"] == true {
                baseline.failing.push(format!("{program} {name}"));
                continue;
            }
            let reached = test["reached"].as_array().into_iter().flatten();
            let reached = reached.filter_map(|number| u32::try_from(number.as_u64()?).ok()).collect();
            let ms = test["ms"].as_u64().unwrap_or(0);
            if ms > asked.longest_ms && is_asked(program, name, "").is_none() {
                baseline.long.push(format!("{program} {name}"));
                continue;
            }
            baseline.tests.push(Test { program: program.clone(), name: name.clone(), ms, reached });
        }
    }
    Ok(baseline)
}

/// One that takes much longer than it may to be asked is ended: what it reaches is not wanted.
fn one(places: &Places, built: &Built, program: &str, test: &str, reached: &Path, longest_ms: u64) -> Result<Value> {
    let mut found = Value::Null;
    let patience = match is_asked(program, test, "") {
        Some(_) => Duration::from_secs(180),
        None => Duration::from_millis(longest_ms * 4),
    };
    for _ in 0..3 {
        fs::write(reached, vec![0u8; built.mutants.len() + 1])?;
        let begin = Instant::now();
        let end = run(places, &built.programs[program], &[test], Switch::Noting(reached), patience)?;
        let ms = begin.elapsed().as_millis() as u64;
        if matches!(end, End::Hung(_)) {
            return Ok(json!({ "ms": ms, "fails": false, "cut": true, "reached": [] }));
        }
        let bytes = fs::read(reached)?;
        let numbers = built.mutants.iter().map(|mutant| mutant.number);
        let reached: Vec<u32> = numbers.filter(|&number| bytes.get(number as usize) == Some(&1)).collect();
        found = json!({ "ms": ms, "fails": end != End::Passed, "reached": reached });
        if end == End::Passed {
            break;
        }
        say(&format!("without a fault: {program} {test}: {end:?}"));
    }
    Ok(found)
}

/// What a program is made of: the library with its mutants, whose numbers these are, and its own files.
fn program_mark(program: &str, built: &Built) -> String {
    let own = format!("tests/{program}");
    let mut parts: BTreeMap<&str, u64> = BTreeMap::new();
    // The tests within the library are nothing to the programs beside it.
    let marks = if program == "lib" { &built.marks } else { &built.code_marks };
    for (path, mark) in marks {
        let is_own = path.strip_prefix(&own).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'));
        if path.starts_with("src/") || is_own {
            parts.insert(path, *mark);
        }
    }
    let mut text = String::new();
    parts.iter().for_each(|(path, mark)| text.push_str(&format!("{path} {mark}\n")));
    built.mutants.iter().for_each(|mutant| text.push_str(&mutant.name));
    format!("{:x}", mark(text.as_bytes()))
}

pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
