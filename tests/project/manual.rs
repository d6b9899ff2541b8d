//! The manual: each name of the header has its place and its page, no link leads nowhere, and the guides' programs compile.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::support::server::Folder;
use crate::support::tools::{root, run};

/// Drawn once for all tests of this file: the page, and the folder of the others.
fn manual() -> (String, PathBuf) {
    static DRAWN: OnceLock<PathBuf> = OnceLock::new();
    let folder = DRAWN.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("manual");
        run(Command::new("tools/manual/draw").arg(&folder));
        folder
    });
    let page = fs::read_to_string(folder.join("rredis.html")).expect("the manual");
    (page, folder.join("man3"))
}

#[test]
fn no_link_leads_nowhere() {
    let (page, _) = manual();
    assert_eq!(wrong_links(&page), Vec::<String>::new());
    assert!(attributes(&page, "id=").count() > 300, "few places");
    assert!(attributes(&page, "href=").count() > 1000, "few links");
}

/// A fault that is put into the manual is named, and nothing else; `make doc-check` tries further ones in a browser.
#[test]
fn a_wrong_link_is_found() {
    let (page, _) = manual();
    let with = |more: &str| page.replacen("</main>", &format!("{more}</main>"), 1);
    let cut = page.replacen(" id=\"rredis_pipeline_run\"", "", 1);
    let first = |page: &str| wrong_links(page).into_iter().next();
    assert_eq!(first(&cut), Some("#rredis_pipeline_run leads nowhere".to_owned()));
    for (more, fault) in [
        ("<a href=\"#rredis_nothing\">nothing</a>", "#rredis_nothing leads nowhere"),
        ("<a href=other.html>other</a>", "other.html is not in the manual"),
        ("<p id=rredis_client_new>again</p>", "two places are called rredis_client_new"),
    ] {
        assert_eq!(wrong_links(&with(more)), [fault]);
    }
}

/// Each link that leads to no place of the page, and each name that two places have.
fn wrong_links(page: &str) -> Vec<String> {
    let mut known = BTreeSet::new();
    let mut wrong: Vec<String> = attributes(page, "id=")
        .filter(|place| !known.insert(*place))
        .map(|place| format!("two places are called {place}"))
        .collect();
    wrong.extend(attributes(page, "href=").filter_map(|target| match target.strip_prefix('#') {
        None => Some(format!("{target} is not in the manual")),
        Some(place) => (!known.contains(place)).then(|| format!("{target} leads nowhere")),
    }));
    wrong
}

/// One page, read from a disk: nothing of it is fetched.
#[test]
fn it_needs_no_network() {
    let (page, _) = manual();
    assert_eq!(attributes(&page, "src=").count(), 0);
    let (style, rest) = page.split_once("</style>").expect("a style");
    let (_, script) = rest.rsplit_once("<script>").expect("a script");
    for (part, loaded) in
        [(style, "url("), (style, "@import"), (style, "<link"), (script, "fetch("), (script, "import(")]
    {
        assert!(!part.contains(loaded), "the page has {loaded}");
    }
}

#[test]
fn each_name_has_its_place_and_its_page() {
    let (page, man) = manual();
    let known: BTreeSet<&str> = attributes(&page, "id=").collect();
    let header = fs::read_to_string(root().join("include/rredis.h")).expect("the header");
    let code: String = header.lines().map(|line| line.split("//").next().unwrap_or("").to_owned() + "\n").collect();
    let words: BTreeSet<&str> = code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let is_macro = |word: &str| code.contains(&format!("#define {word}")) || code.contains(&format!("#ifndef {word}"));
    let names = words.iter().filter(|word| word.starts_with("rredis_") || word.starts_with("RREDIS_"));
    let mut count = 0;
    for name in names.filter(|name| !is_macro(name)) {
        count += 1;
        assert!(known.contains(name), "{name} has no place in the manual");
        assert!(name.starts_with("RREDIS_") || man.join(format!("{name}.3")).is_file(), "there is no page {name}(3)");
    }
    assert!(count > 300, "only {count} names");
}

/// What reads manual pages has nothing to say against them, and shows what the header says.
#[test]
fn the_pages_are_read_without_a_word() {
    let (_, man) = manual();
    let mut pages: Vec<PathBuf> = fs::read_dir(man).expect("pages").map(|page| page.expect("a page").path()).collect();
    pages.sort();
    let mut groff = Command::new("groff");
    let output = groff.args(["-man", "-ww", "-Tascii", "-P-cbou"]).args(&pages).output();
    let output = output.expect("groff: install groff-base (make test does)");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "rredis_client_new - Make a client with a pool of its own",
        "RREDIS_ERR_TIMEOUT = 12 the deadline passed; the message names the phase",
        "rredis_client_new(NULL, &client, &err); // once per program",
        "written as \\xHH for each byte",
    ] {
        assert!(said.contains(words), "no page says {words:?}");
    }
}

/// Each piece of C in a guide compiles: a whole program as it stands, and a few lines in a function that has what they use.
#[test]
fn the_guides_programs_compile() {
    let folder = Folder::new("guides");
    let mut count = 0;
    for entry in fs::read_dir(root().join("guides")).expect("the guides") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a guide");
        for code in text.split("```c\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            count += 1;
            let source = folder.path().join("piece.c");
            let whole = code.contains("#include");
            fs::write(&source, if whole { code.to_owned() } else { format!("{AROUND}{code}\n}}\n") })
                .expect("a source");
            let mut cc = Command::new("cc");
            cc.args([
                "-std=c99",
                "-Wall",
                "-Wextra",
                "-Wno-unused-variable",
                "-Werror",
                "-fsyntax-only",
                "-I",
                "include",
            ]);
            let output = cc.arg(&source).current_dir(root()).output().expect("cc");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}:\n{code}\n{said}", path.display());
        }
    }
    assert!(count >= 5, "only {count} pieces of C");
}

/// What the pieces of a guide may use.
const AROUND: &str = "#include <rredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void check(rredis_status status);
void use(const rredis_reply *reply);
void later(const char *const *argv);
void look(const char *const *argv);
void piece(rredis_client *client, rredis_options *options, rredis_pubsub *pubsub, rredis_async *async);
void piece(rredis_client *client, rredis_options *options, rredis_pubsub *pubsub, rredis_async *async) {
  rredis_error err;
  rredis_reply *reply;
  (void)client, (void)options, (void)pubsub, (void)async, (void)err, (void)reply;
";

/// The values of an attribute, with quotes or without.
fn attributes<'a>(page: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    // What the page's own program makes while it runs is no part of the page.
    let page = page.split("<script>").next().unwrap_or(page);
    let needle = format!(" {name}");
    let starts: Vec<usize> = page.match_indices(&needle).map(|(at, _)| at + needle.len()).collect();
    starts.into_iter().map(move |start| {
        let rest = &page[start..];
        match rest.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next().unwrap_or(""),
            None => rest.split([' ', '>']).next().unwrap_or(""),
        }
    })
}
