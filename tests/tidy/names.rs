//! A name means one thing: no two types of `src` have the same.

use std::collections::BTreeMap;

use super::source::sources;

#[test]
fn a_name_of_a_type_is_defined_once() {
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let all = sources();
    for source in all.iter() {
        for name in types(&source.shipped) {
            files.entry(name).or_default().push(source.path.clone());
        }
    }
    assert!(files.len() > 300, "only {} types found", files.len());
    let twice = files.iter().filter(|(_, files)| files.len() > 1);
    let wrong: Vec<String> = twice.map(|(name, files)| format!("{name}: src/{}", files.join(", src/"))).collect();
    super::none(&wrong);
}

#[test]
fn the_types_of_a_file_are_found() {
    let code = "pub struct One(u8);\npub(super) enum Two {}\n    struct Within;\ntype Three = u8;\npub unsafe trait Four {}\n\
                impl One {\n    type Associated = u8;\n}\nfn structs() {}\nunion Five {}\nstruct rredis_six {}";
    assert_eq!(types(code), ["One", "Two", "Within", "Three", "Four", "Five", "rredis_six"]);
}

/// The types that this code defines. One that a trait asks for has the trait's name for it.
fn types(code: &str) -> Vec<String> {
    let kinds = ["struct ", "enum ", "trait ", "union ", "type "];
    let name = |line: &str| {
        let is_inner = line.starts_with(' ');
        let mut rest = line.trim_start();
        if let Some(behind) = rest.strip_prefix("pub") {
            rest = behind
                .strip_prefix('(')
                .and_then(|behind| behind.split_once(')'))
                .map_or(behind, |(_, behind)| behind)
                .trim_start();
        }
        rest = rest.strip_prefix("unsafe ").unwrap_or(rest);
        let kind = kinds.iter().find(|kind| rest.starts_with(**kind))?;
        if is_inner && *kind == "type " {
            return None;
        }
        let name: String =
            rest[kind.len()..].chars().take_while(|&letter| letter.is_alphanumeric() || letter == '_').collect();
        (!name.is_empty()).then_some(name)
    };
    code.lines().filter_map(name).collect()
}
