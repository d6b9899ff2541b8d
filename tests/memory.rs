//! What the peer sends decides how much memory is taken, and what it announces does not: peaks of a child process.

use rredis::limits::{Limits, READ_BYTES};
use rredis::options::ParserChoice;
use rredis::reply::Reply;
use rredis::resp::{self, Parse};
use std::process::Command;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const BOTH: [ParserChoice; 2] = [ParserChoice::Fast, ParserChoice::Simple];

/// Up to 64 bytes that promise, or look like, much more.
const HOSTILE: &[&str] = &[
    "*100000000\r\n",
    "*16777215\r\n",
    "*10000000\r\n",
    "*4294967295\r\n",
    "*4611686018427387905\r\n",
    "%4294967295\r\n",
    "%8000000\r\n",
    "|8000000\r\n",
    "~16000000\r\n",
    ">16000000\r\n",
    "$1099511627776\r\n",
    "$1073741000\r\n",
    "$4611686018427387904\r\nx",
    "=1073741000\r\ntxt:",
    "!1073741000\r\nERR",
    "$?\r\n;1073741000\r\n",
    "*9000000\r\n*1000000\r\n*1000000\r\n*1000000\r\n*1000000\r\n*1000000\r\n",
    "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
    "|1\r\n|1\r\n|1\r\n|1\r\n|1\r\n|1\r\n|1\r\n|1\r\n|1\r\n|1\r\n|1\r\n",
    ">9\r\n>9\r\n>9\r\n>9\r\n>9\r\n>9\r\n>9\r\n>9\r\n>9\r\n>9\r\n>9\r\n>9\r\n",
    "*?\r\n*?\r\n*?\r\n*?\r\n*?\r\n*?\r\n*?\r\n*?\r\n*?\r\n*?\r\n*?\r\n",
    "HTTP/1.1 400 Bad Request\r\n",
    "(99999999999999999999999999999999999999999999999999999999",
];

/// The smallest elements there are.
const TINY: &[&str] = &["_\r\n", ":1\r\n", "+\r\n", "*0\r\n", "#t\r\n", "$0\r\n\r\n", "|0\r\n", ",1\r\n"];
const TINY_COUNT: usize = 1_000_000;
const TINY_FACTOR_MAX: usize = 32;

const BULK_BYTES: usize = 64 * MIB;

#[test]
fn a_hostile_header_costs_next_to_nothing() {
    for choice in BOTH {
        for (index, header) in HOSTILE.iter().enumerate() {
            assert!(header.len() <= 64);
            let grown = peak(choice, "hostile", index);
            assert!(grown <= 64 * KIB, "{choice:?} {}: {grown} bytes", header.escape_debug());
        }
    }
}

#[test]
fn the_tiniest_elements_cost_at_most_32_bytes_a_byte() {
    for choice in BOTH {
        for (index, element) in TINY.iter().enumerate() {
            let (wire, grown) = (TINY_COUNT * element.len(), peak(choice, "tiny", index));
            assert!(grown <= TINY_FACTOR_MAX * wire, "{choice:?} {}: {grown} bytes for {wire}", element.escape_debug());
        }
    }
}

#[test]
fn a_large_string_costs_little_more_than_its_size() {
    for choice in BOTH {
        let grown = peak(choice, "bulk", 0);
        let max = BULK_BYTES + BULK_BYTES / 10 + 64 * KIB;
        assert!(grown <= max, "{choice:?}: {grown} bytes for {BULK_BYTES}");
    }
}

/// By how many bytes the peak of a child grew that parsed this.
fn peak(choice: ParserChoice, case: &str, index: usize) -> usize {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(CASE, format!("{choice:?} {case} {index}"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let grown = text.lines().find_map(|line| line.split_once("grown by ")?.1.parse().ok());
    grown.unwrap_or_else(|| panic!("no figure from the child: {text}{}", String::from_utf8_lossy(&output.stderr)))
}

const CASE: &str = "RREDIS_TEST_MEMORY_CASE";

#[test]
#[ignore = "a child of the other tests here, which measure it"]
fn child() {
    let Ok(case) = std::env::var(CASE) else { return };
    let mut words = case.split(' ');
    let choice = if words.next() == Some("Fast") { ParserChoice::Fast } else { ParserChoice::Simple };
    let (case, index) = (words.next().unwrap(), words.next().unwrap().parse::<usize>().unwrap());
    warm_up(choice);
    let before = forget_peak();
    match case {
        "hostile" => hostile(choice, HOSTILE[index]),
        "tiny" => tiny(choice, TINY[index]),
        _ => bulk(choice),
    }
    println!("\ngrown by {}", status("VmHWM") - before);
}

/// Have the code and the allocator in memory, so that only data counts.
fn warm_up(choice: ParserChoice) {
    for bytes in [
        "*3\r\n:1\r\n+a\r\n$1\r\na\r\n",
        "*99999999999\r\n",
        ":x\r\n",
        "$99999999999999\r\n",
        "|1\r\n+a\r\n>1\r\n:1\r\n",
    ] {
        let mut parser = resp::parser(choice, Limits::default());
        parser.feed(bytes.as_bytes()).unwrap();
        while let Ok(Some(frame)) = parser.next() {
            drop(Reply::build(frame).unwrap());
        }
    }
}

fn hostile(choice: ParserChoice, header: &str) {
    let mut parser = resp::parser(choice, Limits::default());
    parser.feed(header.as_bytes()).unwrap();
    assert!(!matches!(parser.next(), Ok(Some(_))));
    // What a connection would do next.
    let _ = parser.room(READ_BYTES);
}

fn tiny(choice: ParserChoice, element: &str) {
    let mut parser = resp::parser(choice, Limits::default());
    let is_attribute = element.starts_with('|');
    if !is_attribute {
        parser.feed(format!("*{TINY_COUNT}\r\n").as_bytes()).unwrap();
    }
    let reply = read(&mut *parser, TINY_COUNT * element.len(), |at| element.as_bytes()[at % element.len()]);
    let reply = match reply {
        Some(reply) => reply,
        None => {
            parser.feed(b"_\r\n").unwrap();
            Reply::build(parser.next().unwrap().unwrap()).unwrap()
        }
    };
    assert_eq!(reply.view().len(), if is_attribute { 0 } else { TINY_COUNT });
}

fn bulk(choice: ParserChoice) {
    let mut parser = resp::parser(choice, Limits::default());
    parser.feed(format!("${BULK_BYTES}\r\n").as_bytes()).unwrap();
    let reply = read(&mut *parser, BULK_BYTES + 2, |at| match at {
        BULK_BYTES => b'\r',
        at if at > BULK_BYTES => b'\n',
        _ => b'x',
    });
    let reply = reply.unwrap();
    assert_eq!(reply.text().len(), BULK_BYTES);
    assert!(reply.text().iter().all(|&byte| byte == b'x'));
}

/// Read as a connection does: so many bytes, a piece at a time, straight into the parser's room.
fn read(parser: &mut dyn Parse, len: usize, byte: impl Fn(usize) -> u8) -> Option<Reply> {
    let mut at = 0;
    while at < len {
        let mut room = parser.room(READ_BYTES).unwrap();
        let piece = room.len().min(READ_BYTES).min(len - at);
        for (index, place) in room.bytes()[..piece].iter_mut().enumerate() {
            *place = byte(at + index);
        }
        parser.filled(piece).unwrap();
        at += piece;
        if let Some(frame) = parser.next().unwrap() {
            assert_eq!(at, len);
            return Some(Reply::build(frame).unwrap());
        }
    }
    None
}

/// Let the peak be what is resident now, and say how much that is.
fn forget_peak() -> usize {
    // Where the kernel will not, the peak so far stands, which is all the same to what grows past it.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    status("VmHWM")
}

/// A figure of the process, in bytes.
fn status(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let figure: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    figure * KIB
}
