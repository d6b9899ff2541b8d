//! Whatever a C library prints for a double, except in hexadecimal digits, is a DOUBLE with that text, for both parsers, in both protocols and by hand.

use std::ffi::{CStr, CString, c_char};

use crate::dump::BOTH;
use proptest::prelude::*;
use rredis::commands::shape::shape;
use rredis::limits::Limits;
use rredis::reply::{Builder, Kind, Reply};
use rredis::resp;

/// What this system's C library prints.
fn printed(format: &CStr, value: f64) -> String {
    let mut text = [0u8; 512];
    // SAFETY: every format of this file takes one double, and the length is that of the buffer.
    let len = unsafe { libc::snprintf(text.as_mut_ptr().cast::<c_char>(), text.len(), format.as_ptr(), value) };
    String::from_utf8(text[..len as usize].to_vec()).expect("a number is ASCII")
}

/// What this system's C library reads.
fn read(text: &str) -> f64 {
    let text = CString::new(text).expect("a number has no NUL");
    // SAFETY: the text ends in a NUL, and nobody asks where the number ends.
    unsafe { libc::strtod(text.as_ptr(), std::ptr::null_mut()) }
}

/// The reply as it came by wire, and the score of RESP2.
fn replies(text: &str) -> Vec<Reply> {
    let mut made = Vec::new();
    let score = shape(&[b"ZSCORE", b"key", b"member"]);
    for choice in BOTH {
        for wire in [format!(",{text}\r\n"), format!("${}\r\n{text}\r\n", text.len()), format!("+{text}\r\n")] {
            let mut parser = resp::parser(choice, Limits::default());
            parser.feed(wire.as_bytes()).expect("a parser takes bytes");
            let frame = parser.next().unwrap_or_else(|error| panic!("{wire:?}: {error:?}"));
            made.push(score.build(frame.expect("it is whole")).expect("it is built"));
        }
    }
    let mut builder = Builder::new();
    builder.add_number(read(text), Some(text.as_bytes()));
    made.push(builder.take().unwrap_or_else(|error| panic!("{text:?}: {error:?}")));
    made
}

fn is_the_double(text: &str) {
    let value = read(text);
    for reply in replies(text) {
        assert_eq!((reply.kind(), reply.text()), (Kind::RREDIS_REPLY_DOUBLE, text.as_bytes()));
        let number = reply.root().number;
        let same = number.to_bits() == value.to_bits() || (number.is_nan() && value.is_nan());
        assert!(same && number.is_sign_negative() == value.is_sign_negative(), "{text}: {number}, not {value}");
        assert!(reply.view().number().is_some());
    }
}

const FORMATS: [&CStr; 12] =
    [c"%f", c"%F", c"%e", c"%E", c"%g", c"%G", c"%.17g", c"%.17f", c"%.0f", c"%#.0f", c"%+.3e", c"%+F"];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_any_double_and_any_format(bits: u64) {
        for format in FORMATS {
            is_the_double(&printed(format, f64::from_bits(bits)));
        }
    }
}

#[test]
fn of_what_is_no_number_or_has_no_end() {
    for value in
        [0.0, -0.0, 1.0, f64::INFINITY, -f64::INFINITY, f64::NAN, -f64::NAN, f64::MAX, f64::MIN_POSITIVE, 5e-324]
    {
        for format in FORMATS {
            is_the_double(&printed(format, value));
        }
    }
}

/// Other systems' words.
#[test]
fn of_libraries_elsewhere() {
    for text in [
        "inf",
        "-inf",
        "INF",
        "infinity",
        "-Infinity",
        "+Inf",
        "nan",
        "-nan",
        "NaN",
        "NAN",
        "nan()",
        "-nan(ind)",
        "nan(snan)",
        "NAN(0x8000000000000)",
    ] {
        is_the_double(text);
    }
    for text in [
        "",
        "in",
        "infinit",
        "infinityy",
        "na",
        "nan(",
        "nan)",
        "nan(a",
        "nan(a b)",
        "nan(-)",
        "0x1p+3",
        "1e",
        "0x",
        "1,5",
        "1 ",
    ] {
        for choice in BOTH {
            let mut parser = resp::parser(choice, Limits::default());
            let fed = parser.feed(format!(",{text}\r\n").as_bytes());
            assert!(fed.is_err() || parser.next().is_err(), "{text}");
        }
    }
}
