//! Looks every command up once, by its name as the table has it and in small letters, and then some that nobody has. Run under
//! callgrind by benches/lookup, which counts each call of `look_up_one`.

use std::hint::black_box;

use rredis::commands::{self, Id};

fn main() {
    let small: Vec<String> = commands::all().iter().map(|row| row.name().to_lowercase()).collect();
    let names = commands::all().iter().map(|row| row.name()).chain(small.iter().map(String::as_str));
    let mut found = 0;
    for name in names.chain(["NOSUCH", "GETT", "client nosuch", "CLUSTER COUNT-FAILURE-REPORT", ""]) {
        let words: Vec<&[u8]> = name.split(' ').map(str::as_bytes).chain([&b"key"[..], b"value"]).collect();
        found += usize::from(look_up_one(&words).is_some());
    }
    assert_eq!(found, commands::all().len() * 2 + 2);
    println!("{found}");
}

#[inline(never)]
fn look_up_one(args: &[&[u8]]) -> Option<Id> {
    commands::find(black_box(args)).map(|row| row.id)
}
