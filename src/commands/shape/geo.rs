//! Geospatial commands: the positions of members, and searches.

use super::parts::{array, keep, list, name};
use super::{Row, Shape, words};
use crate::reply::{Builder, Form, Kind, View};

pub(super) static ROWS: &[Row] = &[
    Row::form("GEOPOS", &Form::Each(&PLACE), "ARRAY: longitude and latitude as DOUBLEs, or NULL"),
    Row::read("GEORADIUS", |args| found(args, 6), FOUND),
    Row::read("GEORADIUSBYMEMBER", |args| found(args, 5), FOUND),
    Row::read("GEORADIUSBYMEMBER_RO", |args| found(args, 5), FOUND),
    Row::read("GEORADIUS_RO", |args| found(args, 6), FOUND),
    Row::read("GEOSEARCH", |args| found(args, 2), FOUND),
];

const FOUND: &str = "ARRAY of members; with WITHDIST, WITHHASH or WITHCOORD of MAPs: member, dist, hash, coord";

static PLACE: Form = Form::Tuple(&[Form::Double, Form::Double]);

/// What may be asked for, in the order in which servers give it, however it was asked for.
static PARTS: [(&str, &str, Form); 3] =
    [("WITHDIST", "dist", Form::Double), ("WITHHASH", "hash", Form::Integer), ("WITHCOORD", "coord", PLACE)];

/// Options that take arguments, which might be the name of another option. BYPOLYGON says itself how many.
const TAKING: &[(&str, usize)] = &[
    ("FROMMEMBER", 1),
    ("FROMLONLAT", 2),
    ("BYRADIUS", 2),
    ("BYBOX", 3),
    ("COUNT", 1),
    ("STORE", 1),
    ("STOREDIST", 1),
];

fn found(args: &[&[u8]], from: usize) -> Shape {
    let mut at = from;
    let mut options = 0;
    while let Some(arg) = args.get(at) {
        for (bit, (word, ..)) in PARTS.iter().enumerate() {
            options |= u32::from(words::is(Some(arg), word)) << bit;
        }
        let taken = TAKING.iter().find(|(word, _)| words::is(Some(arg), word)).map(|(_, count)| *count);
        at += 1 + taken.unwrap_or_else(|| corners(&args[at..]));
    }
    if options == 0 { Shape::KEEP } else { Shape::tree(members, options) }
}

/// BYPOLYGON takes a number, and so many corners.
fn corners(args: &[&[u8]]) -> usize {
    if !words::is(args.first(), "BYPOLYGON") {
        return 0;
    }
    let count = args.get(1).and_then(|count| std::str::from_utf8(count).ok()?.parse::<usize>().ok());
    count.and_then(|count| count.checked_mul(2)?.checked_add(1)).unwrap_or(0).min(args.len())
}

fn members(options: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    let asked = || PARTS.iter().enumerate().filter(|(bit, _)| options >> bit & 1 == 1).map(|(_, part)| part);
    list(reply, out, |member, out| {
        let mut values = array(member, 1 + asked().count())?;
        out.open(Kind::RREDIS_REPLY_MAP);
        name("member", out);
        values.by_ref().take(1).for_each(|member| keep(member, out));
        for ((_, field, form), value) in asked().zip(values) {
            name(field, out);
            out.add_formed(value, form);
        }
        super::parts::more(member, 1 + asked().count(), out);
        out.end();
        Some(())
    })
}

#[cfg(test)]
mod tests {
    use crate::commands::shape::tests::{becomes, both};

    #[test]
    fn what_was_asked_for_has_its_name() {
        let near = "GEOSEARCH g FROMMEMBER Cat BYRADIUS 500 km WITHHASH withcoord WITHDIST";
        both(
            near,
            "*1\r\n*4\r\n$7\r\nPalermo\r\n$8\r\n165.6790\r\n:34\r\n*2\r\n$5\r\n13.36\r\n$5\r\n38.11\r\n",
            "*1\r\n*4\r\n$7\r\nPalermo\r\n$8\r\n165.6790\r\n:34\r\n*2\r\n,13.36\r\n,38.11\r\n",
            "[{\"member\": \"Palermo\", \"dist\": 165.679|165.6790|, \"hash\": 34, \
             \"coord\": [13.36|13.36|, 38.11|38.11|]}]",
        );
        let by_radius = "GEORADIUS g 15 37 500 km COUNT 1 ASC WITHDIST";
        let one = "*1\r\n*2\r\n$1\r\na\r\n$3\r\n1.0\r\n";
        assert_eq!(becomes(by_radius, one), "[{\"member\": \"a\", \"dist\": 1|1.0|}]");
        assert_eq!(
            becomes("GEORADIUSBYMEMBER_RO g m 1 km WITHHASH", "*1\r\n*2\r\n$1\r\na\r\n:7\r\n"),
            "[{\"member\": \"a\", \"hash\": 7}]"
        );
        assert_eq!(becomes(near, "*0\r\n"), "[]");
    }

    #[test]
    fn an_option_is_one_only_where_options_stand() {
        let plain = "*1\r\n$8\r\nWITHDIST\r\n";
        for command in [
            "GEOSEARCH g FROMMEMBER WITHDIST BYRADIUS 1 km",
            "GEOSEARCH WITHDIST FROMLONLAT 1 2 BYBOX 1 2 km ASC",
            "GEOSEARCH g BYPOLYGON 3 1 2 3 4 5 WITHCOORD",
            "GEORADIUS WITHDIST 1 2 3 km",
            "GEORADIUSBYMEMBER g WITHDIST 3 km COUNT 1 ANY",
        ] {
            assert_eq!(becomes(command, plain), "[\"WITHDIST\"]", "{command}");
        }
        assert_eq!(becomes("GEORADIUS g 1 2 3 km STORE WITHDIST", ":1\r\n"), "1");
    }

    #[test]
    fn places_are_two_numbers() {
        both(
            "GEOPOS g a no",
            "*2\r\n*2\r\n$4\r\n15.5\r\n$4\r\n37.5\r\n*-1\r\n",
            "*2\r\n*2\r\n,15.5\r\n,37.5\r\n_\r\n",
            "[[15.5|15.5|, 37.5|37.5|], null]",
        );
    }

    #[test]
    fn another_form_is_kept() {
        let near = "GEOSEARCH g FROMMEMBER a BYRADIUS 1 km WITHDIST";
        assert_eq!(becomes(near, "*2\r\n$1\r\na\r\n*1\r\n$1\r\nb\r\n"), "[\"a\", [\"b\"]]");
        assert_eq!(becomes(near, ":1\r\n"), "1");
        let more = "[{\"member\": \"a\", \"dist\": 1|1|, \"more\": [7]}]";
        assert_eq!(becomes(near, "*1\r\n*3\r\n$1\r\na\r\n$1\r\n1\r\n:7\r\n"), more);
    }
}
