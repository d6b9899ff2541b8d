//! include/rredis.h is drawn from src/ffi, and reads well: fresh, whole, clean, and loaded by others.
//!
//! `RREDIS_BLESS=1 cargo test --test header` writes it.

#[path = "header/drawing.rs"]
mod drawing;

use std::fs;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/include/rredis.h");

#[test]
fn it_is_fresh() {
    let drawn = drawing::header();
    if std::env::var_os("RREDIS_BLESS").is_some() {
        fs::write(PATH, &drawn).expect("include/rredis.h");
    }
    let committed = fs::read_to_string(PATH).unwrap_or_default();
    let apart = committed.lines().zip(drawn.lines()).position(|(committed, drawn)| committed != drawn);
    let line = apart.map_or(committed.lines().count().min(drawn.lines().count()), |line| line) + 1;
    assert!(committed == drawn, "include/rredis.h is not what src/ffi says from line {line} on: RREDIS_BLESS=1 writes it anew");
}
