//! Which files of a room use which: each name that a file mentions is followed to the file that defines it.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Source, sources};

#[test]
fn no_files_of_a_room_use_each_other_in_a_circle() {
    let edges = Uses::of(&sources()).edges;
    assert!(edges.len() > 400, "only {} uses found", edges.len());
    super::none(&circles(&edges));
}

/// The rule sees what it is to see: a use of a file's own name, by its parent's, and through what another file hands on.
#[test]
fn a_use_is_followed_to_the_file_that_defines_the_name() {
    let source = |path: &str, code: &str| Source {
        path: path.to_owned(),
        text: code.to_owned(),
        code: code.to_owned(),
        shipped: code.to_owned(),
    };
    let edges = |files: &[(&str, &str)]| {
        let sources: Vec<Source> = files.iter().map(|(path, code)| source(path, code)).collect();
        let edges = Uses::of(&sources).edges;
        edges.into_iter().map(|(from, to)| format!("{from} {to}")).collect::<Vec<_>>()
    };
    let root = ("lib.rs", "pub mod room;\npub mod other;");
    let own = ("room/mod.rs", "mod a;\nmod b;\npub use a::One;\npub struct Own;\n");
    let a = ("room/a.rs", "pub struct One;\npub fn f() {}\n");
    for (code, used) in [
        ("use super::a::One;", Some("room/a.rs")),
        ("use super::One;", Some("room/a.rs")),
        ("use super::{a::{self, f}, One};", Some("room/a.rs")),
        ("use crate::{room::{One as Other}};", Some("room/a.rs")),
        ("use super::a;\nfn g() { a::f() }", Some("room/a.rs")),
        ("fn g() { super::a::f() }", Some("room/a.rs")),
        ("fn g(one: crate::room::One) {}", Some("room/a.rs")),
        ("use super::Own;", Some("room/mod.rs")),
        ("pub use super::One;\nfn g(one: One) {}", Some("room/a.rs")),
        ("pub use super::One;", None),
        ("use super::a;", None),
        ("use crate::other::Thing;", None),
        ("use std::a::One;", None),
    ] {
        let found = edges(&[root, own, a, ("room/b.rs", code), ("other.rs", "pub struct Thing;")]);
        let expected: Vec<String> = used.map(|used| format!("room/b.rs {used}")).into_iter().collect();
        assert_eq!(found, expected, "{code}");
    }
    let edge = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let round: BTreeSet<_> = [edge("a", "b"), edge("b", "c"), edge("c", "a"), edge("d", "a")].into();
    assert_eq!(circles(&round), ["a, b, c: src/a uses b, src/b uses c, src/c uses a"]);
    assert!(circles(&round.into_iter().filter(|(from, _)| from != "c").collect()).is_empty());
}

/// The files as modules, what each brings in, and which file uses which one of its room.
struct Uses {
    edges: BTreeSet<(String, String)>,
}

/// A module: the names from the crate to it.
type Path = Vec<String>;

struct Modules {
    /// The file of each.
    files: BTreeMap<Path, String>,
    /// What each brings in by `use`: the name there, and the whole path.
    names: BTreeMap<Path, BTreeMap<String, Path>>,
}

impl Uses {
    fn of(sources: &[Source]) -> Uses {
        let shipped = || sources.iter().filter(|source| !source.shipped.is_empty());
        let files: BTreeMap<Path, String> =
            shipped().map(|source| (module_of(&source.path), source.path.clone())).collect();
        let mut modules = Modules { files, names: BTreeMap::new() };
        for source in shipped() {
            let own = module_of(&source.path);
            let used =
                uses(&source.shipped).into_iter().filter_map(|(path, name)| Some((name, modules.whole(&own, &path)?)));
            let names = used.collect();
            modules.names.insert(own, names);
        }
        let mut edges = BTreeSet::new();
        for source in shipped() {
            let own = module_of(&source.path);
            let unused = handed_on(&source.shipped);
            let brought = modules.names[&own].iter().filter(|(name, _)| !unused.contains(*name));
            let mut paths: Vec<Path> = brought.map(|(_, path)| path.clone()).collect();
            paths.extend(mentioned(&source.shipped).iter().filter_map(|path| modules.whole(&own, path)));
            for path in paths {
                let Some(used) = modules.defines(&path, 0) else { continue };
                if used != source.path && room(used) == source.room() {
                    edges.insert((source.path.clone(), used.to_owned()));
                }
            }
        }
        Uses { edges }
    }
}

impl Modules {
    /// A path as it is written in a module, from the crate on. None: it is none of ours.
    fn whole(&self, own: &[String], path: &[String]) -> Option<Path> {
        let mut base = own.to_vec();
        let mut rest = path;
        let first = path.first()?.as_str();
        match first {
            "crate" => (base, rest) = (Vec::new(), &path[1..]),
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|part| part == "super") {
                    base.pop()?;
                    rest = &rest[1..];
                }
            }
            _ => {
                base.push(first.to_owned());
                if !self.files.contains_key(&base) {
                    // A name that a `use` brought in, if it is a module.
                    base = self.names.get(own)?.get(first).filter(|path| self.files.contains_key(*path))?.clone();
                }
                rest = &path[1..];
            }
        }
        base.extend(rest.iter().cloned());
        Some(base)
    }

    /// The file that defines what this path ends at. None: a module, or nothing of ours.
    fn defines(&self, path: &[String], depth: usize) -> Option<&str> {
        let end = (0..=path.len()).rev().find(|end| self.files.contains_key(&path[..*end]))?;
        let (module, rest) = path.split_at(end);
        let name = rest.first()?;
        match self.names.get(module).and_then(|names| names.get(name)).filter(|_| depth < 9) {
            Some(further) => self.defines(further, depth + 1),
            None => Some(&self.files[module]),
        }
    }
}

fn room(path: &str) -> &str {
    path.split(['/', '.']).next().unwrap_or(path)
}

fn module_of(path: &str) -> Path {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').filter(|part| *part != "lib").map(|part| part.trim_start_matches("r#").to_owned()).collect()
}

/// Every `use` of this code, as paths and the names that they bring in.
fn uses(code: &str) -> Vec<(Path, String)> {
    let mut found = Vec::new();
    for tree in use_trees(code).map(|(_, tree)| tree) {
        unfold(&[], tree, &mut found);
    }
    found
}

/// The names that it hands on, and does not use.
fn handed_on(code: &str) -> BTreeSet<String> {
    let mut found = Vec::new();
    use_trees(code).filter(|(is_handed_on, _)| *is_handed_on).for_each(|(_, tree)| unfold(&[], tree, &mut found));
    let rest = without_uses(code);
    found.into_iter().map(|(_, name)| name).filter(|name| !super::has_word(&rest, name)).collect()
}

fn without_uses(code: &str) -> String {
    let mut rest = String::new();
    let mut end = 0;
    for (_, tree) in use_trees(code) {
        let start = tree.as_ptr() as usize - code.as_ptr() as usize;
        rest.push_str(&code[end..start]);
        end = start + tree.len();
    }
    rest + &code[end..]
}

/// What stands behind each `use`, and whether it is handed on.
fn use_trees(code: &str) -> impl Iterator<Item = (bool, &str)> {
    code.match_indices("use ").filter_map(|(at, _)| {
        let before = code[..at].rsplit('\n').next().unwrap_or_default().trim();
        let is_use = before.is_empty() || before == "pub" || (before.starts_with("pub(") && before.ends_with(')'));
        let tree = code[at + 4..].split(';').next()?;
        is_use.then_some((!before.is_empty(), tree))
    })
}

fn unfold(base: &[String], tree: &str, found: &mut Vec<(Path, String)>) {
    let tree = tree.trim();
    if let Some((front, list)) = tree.split_once('{') {
        let base: Path = base.iter().cloned().chain(parts(front)).collect();
        let list = list.rsplit_once('}').map_or(list, |(list, _)| list);
        split(list).into_iter().for_each(|one| unfold(&base, one, found));
        return;
    }
    let (path, name) = tree.split_once(" as ").map_or((tree, None), |(path, name)| (path, Some(name)));
    let mut path: Path = base.iter().cloned().chain(parts(path)).collect();
    if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
        path.pop();
    }
    if let Some(last) = path.last().cloned() {
        found.push((path, name.unwrap_or(&last).trim().to_owned()));
    }
}

fn parts(path: &str) -> impl Iterator<Item = String> {
    path.split("::").map(|part| part.trim().trim_start_matches("r#").to_owned()).filter(|part| !part.is_empty())
}

/// The members of a list in braces.
fn split(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut members) = (0, 0, Vec::new());
    for (at, letter) in list.char_indices() {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        if letter == ',' && depth == 0 {
            members.push(&list[start..at]);
            start = at + 1;
        }
    }
    members.push(&list[start..]);
    members.into_iter().filter(|member| !member.trim().is_empty()).collect()
}

/// The paths in this code that are no `use`: `super::wire::put`.
fn mentioned(code: &str) -> Vec<Path> {
    let rest = without_uses(code);
    let is_of_path = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':' || letter == '#';
    let lines = rest.split(|letter: char| !is_of_path(letter));
    let is_path = |text: &&str| text.contains("::") && text.starts_with(|letter: char| letter.is_lowercase());
    lines.filter(is_path).map(|path| parts(path).collect()).collect()
}

/// Each circle: its files, and the uses that make it.
fn circles(edges: &BTreeSet<(String, String)>) -> Vec<String> {
    let nodes: BTreeSet<&str> = edges.iter().flat_map(|(from, to)| [from.as_str(), to.as_str()]).collect();
    let reach: BTreeMap<&str, BTreeSet<&str>> = nodes.iter().map(|node| (*node, reached(edges, node))).collect();
    let mut told: BTreeSet<Vec<&str>> = BTreeSet::new();
    for node in &nodes {
        let circle: Vec<&str> =
            nodes.iter().copied().filter(|other| reach[node].contains(other) && reach[other].contains(node)).collect();
        if !circle.is_empty() {
            told.insert(circle);
        }
    }
    let tell = |circle: Vec<&str>| {
        let within = edges.iter().filter(|(from, to)| circle.contains(&from.as_str()) && circle.contains(&to.as_str()));
        let uses: Vec<String> = within.map(|(from, to)| format!("src/{from} uses {to}")).collect();
        format!("{}: {}", circle.join(", "), uses.join(", "))
    };
    told.into_iter().map(tell).collect()
}

/// What is used from there on, by one or by what it uses.
fn reached<'e>(edges: &'e BTreeSet<(String, String)>, start: &str) -> BTreeSet<&'e str> {
    let mut seen = BTreeSet::new();
    let mut open = vec![start.to_owned()];
    while let Some(node) = open.pop() {
        let next = edges.iter().filter(|(from, _)| *from == node).map(|(_, to)| to.as_str());
        open.extend(next.filter(|to| seen.insert(*to)).map(str::to_owned));
    }
    seen
}
