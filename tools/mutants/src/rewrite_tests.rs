//! What is rewritten, said in small files: which mutants there are, and that the text with all of them is what it was.

use super::*;

/// The mutants of a function, without what says where it stands.
fn changes(source: &str) -> Vec<String> {
    let done = rewrite("f.rs", source, 1, &|_| true).expect("it parses");
    syn::parse_file(&done.text).unwrap_or_else(|error| panic!("{error}\n{}", done.text));
    let names = done.mutants.iter().map(|mutant| mutant.name.split_once(": ").expect("a name says where").1.to_owned());
    names.collect()
}

#[test]
fn both_operands_of_a_conjunction_and_the_whole() {
    assert_eq!(
        changes("fn f(a: bool, b: u8) { if a && b < 3 { g(b) } }"),
        ["does nothing", "`a` -> `true`", "`b < 3` -> `true`", "`b < 3`: <=", "`a && b < 3` -> `false`"]
    );
}

#[test]
fn a_denied_disjunction() {
    assert_eq!(
        changes("fn f(a: bool, b: bool) -> S { S(!(a || b)) }"),
        ["`a` -> `false`", "`b` -> `false`", "`a || b` -> `true`"]
    );
}

#[test]
fn a_chain_with_a_pattern_stays_one() {
    assert_eq!(
        changes("fn f(a: bool) -> S { if a && let Some(b) = g(1) { b } else { h() } }"),
        ["`a` -> `true`", "`1` -> `2`"]
    );
}

#[test]
fn statements_and_errors_are_left_out() {
    assert_eq!(
        changes("fn f(&mut self) -> S { self.a += 1; self.b()?; c(); if x { return y; } z }"),
        [
            "`self.a += 1` left out",
            "`self.a += 1`: -=",
            "`1` -> `2`",
            "`self.b()?` left out",
            "`self.b()?`: its error ignored",
            "`c()` left out",
            "`x` -> `true`",
            "`x` -> `false`",
            "`return y` left out",
        ]
    );
}

#[test]
fn guards_and_arms() {
    assert_eq!(
        changes("fn f(x: X) -> S { match x { A if b => c, D => e, _ => g } }"),
        ["`b` -> `true`", "`b` -> `false`", "`D =>` never taken"]
    );
    assert_eq!(changes("fn f(x: X) -> S { match x { A => c, D => e } }"), [""; 0], "every arm is needed");
}

#[test]
fn what_a_function_returns_at_once() {
    assert_eq!(changes("fn f() -> Result<()> { g()?; h() }")[0], "returns `Ok(())`");
    assert_eq!(changes("fn f() -> Option<bool> { g() }")[..2], ["returns `None`", "returns `Some(true)`"]);
    assert_eq!(changes("fn f() -> i64 { g() }"), ["returns `0`", "returns `1`", "returns `-1`"]);
    assert_eq!(changes("fn f(a: u8) -> bool { a == b }"), ["`a == b` -> `true`", "`a == b` -> `false`"]);
}

#[test]
fn limits_outcomes_and_opposites() {
    assert_eq!(
        changes("fn f(a: u8) -> S { a.min(BYTES_MAX) }"),
        ["`a.min(BYTES_MAX)`: max", "`BYTES_MAX` -> `(BYTES_MAX + 1)`"]
    );
    assert_eq!(changes("fn f(e: E) -> E { e.with(Outcome::NotSent) }"), ["`Outcome::NotSent` -> `Outcome::Unknown`"]);
    assert_eq!(changes("fn f(a: u8) -> S { S { a, b: a + 2 } }"), ["`a + 2`: -", "`2` -> `3`"]);
}

#[test]
fn what_is_constant_or_for_tests_is_left_alone() {
    let source = "const A: usize = 1 + 2; const fn f(a: bool) -> bool { !a } struct S([u8; 1 + 1]);
        #[cfg(test)] mod tests { fn f() -> bool { 1 > 2 } }
        #[cfg(not(feature = \"tls\"))] fn g() -> bool { 1 > 2 }
        impl fmt::Debug for S { fn fmt(&self) -> bool { 1 > 2 } }";
    assert_eq!(changes(source), [""; 0]);
}

#[test]
fn two_of_a_name_are_told_apart() {
    assert_eq!(
        changes("fn f() -> S { g(true); g(true) }"),
        ["`g(true)` left out", "`true` -> `false`", "`true` -> `false` (2)"]
    );
}

/// What is inserted closes in the order that it opened, and each place is where its mutant is.
#[test]
fn the_text_is_what_it_was_between_the_insertions() {
    let done = rewrite("f.rs", "fn f(a: u8) { /* \u{e9} */ g(a + 1); }", 7, &|name| !name.ends_with("nothing"))
        .expect("it parses");
    let on = "crate::mutants::on";
    assert_eq!(
        done.text,
        format!(
            "fn f(a: u8) {{ /* \u{e9} */ if !{on}(7) {{ g((if {on}(8) {{ a - 1 }} else {{ \
             a + (if {on}(9) {{ 2 }} else {{ 1 }}) }})); }} }}"
        )
    );
    for place in &done.places {
        assert!(done.text[place.instead.clone()].contains(&format!("{on}({})", place.number)));
        assert!(done.text[place.whole.clone()].starts_with(&done.text[place.instead.clone()]));
        assert!(done.text[place.whole.clone()].ends_with(" }") || done.text[place.whole.clone()].ends_with(" })"));
    }
}
