//! What this process holds of the machine's.

use std::fs;

/// How many descriptors are open, the one that this looks through among them.
pub fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("Linux lists them").count()
}

/// How many threads there are.
pub fn threads() -> usize {
    fs::read_dir("/proc/self/task").expect("Linux lists them").count()
}

/// How many KiB of memory are resident.
pub fn resident_kib() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).expect("it is a number of kB")
}
