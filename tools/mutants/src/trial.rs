//! One mutant after another, against the tests that reach it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::baseline::{Baseline, Test, lock};
use crate::is_asked;
use crate::report::{Report, Verdict};
use crate::rewrite::Mutant;
use crate::run::{End, Switch, run};
use crate::tree::{Built, Places, Result, say};

/// How often each test killed a mutant of a file: the next of the file is shown to the most successful first.
type Killers<'b> = HashMap<(&'b str, usize), u32>;

/// Try these mutants, so many at once, until they are all tried or the time is over.
pub fn try_all(
    places: &Places,
    built: &Built,
    baseline: &Baseline,
    report: &mut Report,
    chosen: &[u32],
    jobs: usize,
    end: Option<Instant>,
) -> Result<()> {
    let mut reaching: HashMap<u32, Vec<usize>> = HashMap::new();
    for (index, test) in baseline.tests.iter().enumerate() {
        for number in &test.reached {
            if is_asked(&test.program, &test.name, &built.mutants[*number as usize - 1].name).unwrap_or(true) {
                reaching.entry(*number).or_default().push(index);
            }
        }
    }
    let killers = Mutex::new(Killers::new());
    let queue = Mutex::new(chosen.iter().enumerate());
    let report = Mutex::new(report);
    let failure = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            let (killers, queue, report, failure, reaching) = (&killers, &queue, &report, &failure, &reaching);
            scope.spawn(move || {
                while end.is_none_or(|end| Instant::now() < end) {
                    let Some((count, number)) = lock(queue).next() else {
                        break;
                    };
                    let mutant = &built.mutants[*number as usize - 1];
                    let tests = reaching.get(number).map_or(&[][..], Vec::as_slice);
                    let begin = Instant::now();
                    let verdict = match try_one(places, built, baseline, mutant, tests, killers) {
                        Ok(verdict) => verdict,
                        Err(error) => {
                            *lock(failure) = Some(error);
                            break;
                        }
                    };
                    let took = begin.elapsed().as_secs_f32();
                    say(&format!("{}/{} #{number} {verdict} ({took:.1} s) {}", count + 1, chosen.len(), mutant.name));
                    if let Err(error) = lock(report).add(mutant, verdict) {
                        *lock(failure) = Some(error);
                        break;
                    }
                }
            });
        }
    });
    match lock(&failure).take() {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn try_one<'b>(
    places: &Places,
    built: &'b Built,
    baseline: &'b Baseline,
    mutant: &'b Mutant,
    reaching: &[usize],
    killers: &Mutex<Killers<'b>>,
) -> Result<Verdict> {
    if reaching.is_empty() {
        return Ok(Verdict::Unreached);
    }
    let trial = |indices: &[usize]| trial(places, built, baseline, mutant, indices);
    let note = |killer: Option<usize>| {
        if let Some(killer) = killer {
            *lock(killers).entry((mutant.file.as_str(), killer)).or_insert(0) += 1;
        }
    };
    let mut favourites: Vec<(u32, usize)> = {
        let killers = lock(killers);
        reaching.iter().filter_map(|&index| Some((*killers.get(&(mutant.file.as_str(), index))?, index))).collect()
    };
    favourites.sort_by_key(|&(kills, index)| (std::cmp::Reverse(kills), baseline.tests[index].ms));
    favourites.truncate(FAVOURITES);
    for &(_, favourite) in favourites.iter().filter(|&&(_, index)| baseline.tests[index].ms < QUICK_MS) {
        if let Some((verdict, killer)) = trial(&[favourite])? {
            note(killer);
            return Ok(verdict);
        }
    }
    let mut programs: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for &index in reaching {
        programs.entry(&baseline.tests[index].program).or_default().push(index);
    }
    let cost = |indices: &Vec<usize>| indices.iter().map(|&index| baseline.tests[index].ms).sum::<u64>();
    let mut programs: Vec<Vec<usize>> = programs.into_values().collect();
    programs.sort_by_key(cost);
    for indices in programs {
        if let Some((verdict, killer)) = trial(&indices)? {
            note(killer);
            return Ok(verdict);
        }
    }
    Ok(Verdict::Survived)
}

/// Run these tests of one program. One that fails has to pass without the mutant and to fail once more with it: what fails by
/// chance, or because the machine is busy, kills nothing.
fn trial(
    places: &Places,
    built: &Built,
    baseline: &Baseline,
    mutant: &Mutant,
    indices: &[usize],
) -> Result<Option<(Verdict, Option<usize>)>> {
    let mut left: Vec<&Test> = indices.iter().map(|&index| &baseline.tests[index]).collect();
    let Some(program) = left.first().map(|test| test.program.clone()) else { return Ok(None) };
    let run = |tests: &[&Test], number: u32| {
        let names: Vec<&str> = tests.iter().map(|test| test.name.as_str()).collect();
        let longest = tests.iter().map(|test| test.ms).max().unwrap_or(0);
        let patience = Duration::from_millis(longest * 4) + Duration::from_secs(20);
        run(places, &built.programs[&program], &names, Switch::Mutant(number), patience)
    };
    let fails_by_it = |tests: &[&Test]| -> Result<bool> {
        Ok(run(tests, 0)? == End::Passed && run(tests, mutant.number)? != End::Passed)
    };
    while !left.is_empty() {
        let (how, suspects) = match run(&left, mutant.number)? {
            End::Passed => return Ok(None),
            End::Failed(name) => {
                let one: Vec<&Test> = left.iter().copied().filter(|test| test.name == name).collect();
                (name, one)
            }
            // What had passed before it did not hang.
            End::Hung(passed) => {
                left.retain(|test| !passed.contains(&test.name));
                ("(hangs)".to_owned(), left.clone())
            }
            // Which test it was is not said.
            End::Broke(how) => (format!("({how})"), left.clone()),
        };
        if suspects.is_empty() || fails_by_it(&suspects)? {
            let killer = indices.iter().copied().find(|&index| baseline.tests[index].name == how);
            return Ok(Some((Verdict::Killed(format!("{program} {how}")), killer)));
        }
        left.retain(|test| suspects.iter().all(|suspect| suspect.name != test.name));
    }
    Ok(None)
}

/// So many tests are tried alone, before all that reach a mutant.
const FAVOURITES: usize = 3;
/// And only such as are quick.
const QUICK_MS: u64 = 2000;
