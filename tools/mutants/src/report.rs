//! What became of each mutant, kept between runs, and what is accepted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use crate::baseline::Baseline;
use crate::rewrite::Mutant;
use crate::tree::{Built, Places, Result, mark, say};
use crate::{Asked, LEFT_OUT};

/// What became of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// By this test.
    Killed(String),
    /// Tests reach it, and none fails.
    Survived,
    /// No test reaches it.
    Unreached,
}

/// The mutants that change nothing, each with its reason.
pub struct Accepted(BTreeMap<String, String>);

pub struct Report {
    verdicts: HashMap<String, Verdict>,
    accepted: Accepted,
    failing: Vec<String>,
    long: Vec<String>,
    /// Only some of the programs are asked.
    asks_some: bool,
    /// A number that changes with any file that may decide of a survivor.
    all: u64,
    marks: HashMap<String, u64>,
    results: std::path::PathBuf,
}

/// What is counted of each file: of those killed, how many made a test hang; and how many more did not compile.
const HEAD: [&str; 8] = ["mutants", "killed", "accepted", "survived", "unreached", "not tried", "hung", "refused"];

impl Accepted {
    /// A line that is the name of a mutant, and below it, further in, why it changes nothing.
    pub fn read(path: &Path) -> Result<Accepted> {
        Accepted::parse(&fs::read_to_string(path)?)
    }

    pub fn parse(text: &str) -> Result<Accepted> {
        let mut names = BTreeMap::new();
        let mut open: Vec<String> = Vec::new();
        let mut reason = String::new();
        for line in text.lines().chain(["end"]) {
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            if line.starts_with(char::is_whitespace) {
                reason.push_str(line.trim());
                reason.push(' ');
                continue;
            }
            // Several names may share a reason.
            if !reason.is_empty() {
                let why = std::mem::take(&mut reason).trim().to_owned();
                names.extend(open.drain(..).map(|name| (name, why.clone())));
            }
            open.push(line.to_owned());
        }
        open.pop();
        match open.first() {
            Some(name) => Err(format!("equivalent.txt gives no reason for {name}").into()),
            None => Ok(Accepted(names)),
        }
    }

    pub fn reason(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl Report {
    pub fn new(places: &Places, built: &Built, baseline: &Baseline, accepted: Accepted, asks_some: bool) -> Report {
        let parts: BTreeMap<&String, &u64> =
            built.marks.iter().filter(|(path, _)| path.starts_with("src/") || path.starts_with("tests/")).collect();
        let text: String = parts.iter().map(|(path, mark)| format!("{path} {mark}\n")).collect();
        let results = places.out.join("results");
        let (failing, long) = (baseline.failing.clone(), baseline.long.clone());
        let mut report = Report {
            verdicts: HashMap::new(),
            accepted,
            failing,
            long,
            asks_some,
            all: mark(text.as_bytes()),
            marks: built.code_marks.clone(),
            results,
        };
        for line in fs::read_to_string(&report.results).unwrap_or_default().lines() {
            if let Some((name, verdict)) = report.remembered(line) {
                report.verdicts.insert(name, verdict);
            }
        }
        report
    }

    /// What was killed stays killed while its file is as it was, the tests in it aside; what survived, while nothing at all has changed.
    fn remembered(&self, line: &str) -> Option<(String, Verdict)> {
        let mut fields = line.splitn(5, '\t');
        let (what, of_file, of_all, name) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let file = name.split(' ').next()?;
        let same_file = self.marks.get(file).is_some_and(|mark| mark.to_string() == of_file);
        let same_all = self.all.to_string() == of_all;
        let verdict = match what {
            "killed" if same_file => Verdict::Killed(fields.next()?.to_owned()),
            "survived" if same_all => Verdict::Survived,
            "unreached" if same_all => Verdict::Unreached,
            _ => return None,
        };
        Some((name.to_owned(), verdict))
    }

    /// Whether there is nothing to try: what became of it is known, or accepted.
    pub fn is_known(&self, mutant: &Mutant) -> bool {
        self.verdicts.contains_key(&mutant.name) || self.accepted.reason(&mutant.name).is_some()
    }

    pub fn add(&mut self, mutant: &Mutant, verdict: Verdict) -> Result<()> {
        let (what, by) = match &verdict {
            Verdict::Killed(by) => ("killed", by.as_str()),
            Verdict::Survived => ("survived", ""),
            Verdict::Unreached => ("unreached", ""),
        };
        // What some of the tests do not notice, others may.
        if !self.asks_some || matches!(verdict, Verdict::Killed(_)) {
            let of_file = self.marks.get(&mutant.file).copied().unwrap_or(0);
            let line = format!("{what}\t{of_file}\t{}\t{}\t{by}\n", self.all, mutant.name);
            OpenOptions::new().create(true).append(true).open(&self.results)?.write_all(line.as_bytes())?;
        }
        self.verdicts.insert(mutant.name.clone(), verdict);
        Ok(())
    }

    /// Write target/mutants/report, and say the figures. False: something survived that is not accepted.
    pub fn write(&self, places: &Places, built: &Built, asked: &Asked) -> Result<bool> {
        let is_asked_for =
            |file: &str| asked.files.is_empty() || asked.files.iter().any(|asked| crate::tree::is_of(file, asked));
        let mut rows: BTreeMap<&str, [usize; HEAD.len()]> = BTreeMap::new();
        let mut lists: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut open = 0;
        for mutant in built.mutants.iter().filter(|mutant| is_asked_for(&mutant.file)) {
            let row = rows.entry(&mutant.file).or_default();
            row[0] += 1;
            let at = format!("#{} line {} {}", mutant.number, mutant.line, mutant.name);
            let (column, list) = match (self.verdicts.get(&mutant.name), self.accepted.reason(&mutant.name)) {
                (Some(Verdict::Killed(by)), _) => {
                    lists.entry("killed").or_default().push(format!("{at}\n    {by}"));
                    row[6] += usize::from(by.ends_with("(hangs)"));
                    (1, None)
                }
                (_, Some(reason)) => {
                    lists.entry("accepted").or_default().push(format!("{at}\n    {reason}"));
                    (2, None)
                }
                (Some(Verdict::Survived), None) => (3, Some("survived")),
                (Some(Verdict::Unreached), None) => (4, Some("unreached")),
                (None, None) => (5, Some("not tried")),
            };
            row[column] += 1;
            open += usize::from(column == 3 || column == 4);
            if let Some(list) = list {
                lists.entry(list).or_default().push(at);
            }
        }
        for name in &built.refused {
            let file = name.split(' ').next().unwrap_or("");
            if let Some(row) = rows.get_mut(file) {
                row[7] += 1;
            }
        }
        let names: BTreeSet<&str> = built.mutants.iter().map(|mutant| mutant.name.as_str()).collect();
        let stale: Vec<&String> = self.accepted.0.keys().filter(|name| !names.contains(name.as_str())).collect();
        let mut figures = format!("{:<38}", "");
        HEAD.iter().for_each(|word| figures.push_str(&format!("{word:>10}")));
        let mut total = [0; HEAD.len()];
        for (file, row) in &rows {
            figures.push_str(&format!("\n{file:<38}"));
            row.iter().for_each(|count| figures.push_str(&format!("{count:>10}")));
            total.iter_mut().zip(row).for_each(|(total, count)| *total += count);
        }
        figures.push_str(&format!("\n{:<38}", "all"));
        total.iter().for_each(|count| figures.push_str(&format!("{count:>10}")));
        let mut text = format!("{figures}\n\nNot run: {}\n", LEFT_OUT.join(", "));
        text.push_str(&format!("Fail without a fault, and are not asked: {}\n", self.failing.join(", ")));
        text.push_str(&format!("Take longer than a test may to be asked: {}\n", self.long.join(", ")));
        for (list, mutants) in ["survived", "unreached", "not tried", "accepted", "killed"]
            .iter()
            .filter_map(|list| Some((list, lists.get(list)?)))
        {
            text.push_str(&format!("\n== {list}\n{}\n", mutants.join("\n")));
        }
        text.push_str(&format!("\n== not compiled\n{}\n", built.refused.join("\n")));
        let path = places.out.join("report");
        fs::write(&path, text)?;
        for list in ["survived", "unreached"] {
            lists.get(list).into_iter().flatten().for_each(|mutant| println!("{list}: {mutant}"));
        }
        // The figures last: they are what a reader looks for.
        println!("\n{figures}\nAll of it: {}", path.display());
        for name in &stale {
            say(&format!("equivalent.txt names what is no mutant any more: {name}"));
        }
        Ok(open == 0 && stale.is_empty())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Killed(by) => write!(f, "killed by {by}"),
            Verdict::Survived => f.write_str("SURVIVED"),
            Verdict::Unreached => f.write_str("UNREACHED"),
        }
    }
}
