//! Random arguments of a command: by its own grammar, which COMMAND DOCS tells, and then perhaps spoilt.

use super::wire::Said;
use crate::support::dice::Dice;

/// One argument of a grammar, or several.
#[derive(Debug)]
pub struct Part {
    name: String,
    kind: String,
    token: Option<String>,
    flags: Vec<String>,
    parts: Vec<Part>,
}

impl Part {
    /// The parts that a server tells of.
    pub fn all(said: Option<&Said>) -> Vec<Part> {
        said.map(|said| said.list().iter().map(Part::of).collect()).unwrap_or_default()
    }

    fn of(said: &Said) -> Part {
        let text = |name: &str| said.get(name).map(Said::text);
        Part {
            name: text("name").unwrap_or_default(),
            kind: text("type").unwrap_or_default(),
            token: text("token"),
            flags: said.get("flags").map(Said::texts).unwrap_or_default(),
            parts: Part::all(said.get("arguments")),
        }
    }

    fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|one| one == flag)
    }
}

/// The arguments of one command: its name, of one word or two, and what its grammar brings.
pub fn random(name: &str, grammar: &[Part], dice: &mut Dice) -> Vec<Vec<u8>> {
    let mut args: Vec<Vec<u8>> = name.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    if grammar.is_empty() {
        (0..dice.throw(6)).for_each(|_| args.push(word(dice)));
    }
    add(grammar, &mut args, dice);
    if dice.throw(2) == 0 {
        spoil(&mut args, dice);
    }
    if dice.throw(4) == 0 {
        args[0].make_ascii_lowercase();
    }
    args
}

fn add(parts: &[Part], args: &mut Vec<Vec<u8>>, dice: &mut Dice) {
    // A number of keys stands before them, and is written when they are there.
    let mut count = None;
    for part in parts {
        if part.has("optional") && dice.throw(2) == 0 {
            continue;
        }
        let times = if part.has("multiple") { 1 + dice.throw(4) } else { 1 };
        let before = args.len();
        for time in 0..times {
            if let Some(token) = &part.token
                && !token.is_empty()
                && (time == 0 || part.has("multiple_token"))
            {
                args.push(token.as_bytes().to_vec());
            }
            match part.kind.as_str() {
                "pure-token" => {}
                "block" => add(&part.parts, args, dice),
                "oneof" => {
                    let chosen = dice.throw(part.parts.len() as u64) as usize;
                    add(&part.parts[chosen..=chosen], args, dice);
                }
                "key" => args.push(format!("key:{}", dice.throw(1_000_000)).into_bytes()),
                "integer" | "double" | "unix-time" => args.push(dice.throw(100).to_string().into_bytes()),
                _ => args.push(word(dice)),
            }
        }
        match (part.name.as_str(), count) {
            ("numkeys", _) => count = Some(args.len() - 1),
            (_, Some(at)) if part.kind == "key" && part.has("multiple") => {
                args[at] = (args.len() - before).to_string().into_bytes();
                count = None;
            }
            _ => {}
        }
    }
    if let Some(at) = count {
        args[at] = b"0".to_vec();
    }
}

/// One to three changes that a careless caller might make, or a wicked one.
fn spoil(args: &mut Vec<Vec<u8>>, dice: &mut Dice) {
    for _ in 0..=dice.throw(3) {
        let at = 1 + dice.throw(args.len() as u64) as usize;
        match dice.throw(6) {
            0 if at < args.len() => drop(args.remove(at)),
            1 if at < args.len() => args.insert(at, args[at].clone()),
            2 if at < args.len() => args[at] = word(dice),
            3 => args.insert(at.min(args.len()), word(dice)),
            4 => args.truncate(at.max(2)),
            _ => args.push(word(dice)),
        }
    }
}

/// Words that mean something somewhere, numbers that do not count, and words that mean nothing.
fn word(dice: &mut Dice) -> Vec<u8> {
    const WORDS: [&str; 44] = [
        "STORE",
        "store",
        "STOREDIST",
        "StoreDist",
        "STREAMS",
        "streams",
        "KEYS",
        "keys",
        "GET",
        "get",
        "BY",
        "LIMIT",
        "BLOCK",
        "COUNT",
        "GROUP",
        "AUTH",
        "AUTH2",
        "COPY",
        "REPLACE",
        "SET",
        "INCRBY",
        "OVERFLOW",
        "WEIGHTS",
        "AGGREGATE",
        "WITHSCORES",
        "IDX",
        "NX",
        "",
        "0",
        "1",
        "2",
        "3",
        "-1",
        "01",
        "+1",
        " 1",
        "2abc",
        "1.5",
        "99",
        "2147483648",
        "4294967297",
        "-9223372036854775808",
        "99999999999999999999",
        "\t2",
    ];
    match dice.throw(3) {
        0 => format!("w{}", dice.throw(1_000_000)).into_bytes(),
        1 => [0xff, b'{', dice.throw(256) as u8, b'}'].to_vec(),
        _ => WORDS[dice.throw(WORDS.len() as u64) as usize].as_bytes().to_vec(),
    }
}
