//! The report of `make bench-report`: medians, spreads, and which way a ratio points, by the tests that stand beside it.

use std::process::Command;

use crate::support::tools::root;

#[test]
fn the_reports_arithmetic_is_right() {
    let mut tests = Command::new("python3");
    tests.args(["-B", "-m", "unittest", "discover", "-s", "benches/report"]).current_dir(root());
    let done = tests.output().expect("python3 is there, by tools/setup");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    let count = said.split("Ran ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<u32>().ok());
    assert!(count.is_some_and(|count| count >= 18), "too few tests ran: {said}");
}
