//! The shape of a command by its row in the command table, from a list that is made at compile time.

use std::ffi::CStr;

use super::becomes::Row;
use super::{
    access, cluster, collections, geo, introspection, json, monitor, numbers, probabilistic, scores, search, sentinel,
    server, status, streams, text, timeseries, transactions, vectors,
};
use crate::commands::{self, Command, table};

/// The row of a command of one word, or of the two that its arguments begin with.
#[inline]
pub(super) fn find(args: &[&[u8]]) -> Option<&'static Row> {
    of(commands::find(args), args)
}

/// The same, where its row in the table of commands is at hand.
#[inline(always)]
pub(super) fn of(command: Option<&Command>, args: &[&[u8]]) -> Option<&'static Row> {
    match command.map_or(NONE, |command| PLACES[command.id as usize]) {
        // No stray is as short as the most frequent commands are.
        NONE if args.first().is_none_or(|word| word.len() < STRAY_BYTES_MIN) => None,
        NONE => stray(args),
        place => row(place),
    }
}

/// The same for any arguments; `None`: it depends on them.
pub(super) fn certain(command: &Command) -> Option<Option<&'static Row>> {
    match PLACES[command.id as usize] {
        NONE => (command.name().len() < STRAY_BYTES_MIN).then_some(None),
        place => Some(row(place)),
    }
}

/// The row of a command that the table of commands does not have.
#[inline]
fn stray(args: &[&[u8]]) -> Option<&'static Row> {
    let is = |word: Option<&&[u8]>, name: &str| word.is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()));
    let is_named =
        |stray: &&Stray| is(args.first(), stray.first) && (stray.second.is_empty() || is(args.get(1), stray.second));
    STRAYS.iter().find(is_named).and_then(|stray| row(stray.place))
}

/// The row with this number, counted through the families.
pub(super) fn row_at(index: usize) -> Option<&'static Row> {
    ORDER.get(index).and_then(|place| row(*place))
}

/// Its name, with a NUL behind it.
pub(super) fn c_name_at(index: usize) -> Option<&'static CStr> {
    let name = row_at(index)?.name;
    let start = usize::from(*STARTS.get(index)?);
    CStr::from_bytes_with_nul(TEXT.get(start..=start + name.len())?).ok()
}

/// A family, and a row of it.
#[inline]
fn row(place: u16) -> Option<&'static Row> {
    FAMILIES.get(usize::from(place >> FAMILY_SHIFT))?.get(usize::from(place & ROW_MASK))
}

/// The place of the row of each command of the table, by its number.
static PLACES: [u16; table::WRITTEN.len()] = {
    let mut places = [NONE; table::WRITTEN.len()];
    let mut index = 0;
    while index < LEN {
        let name = name_at(index);
        if !is_stray(name) {
            let command = position(name);
            assert!(places[command] == NONE, "a command has two rows");
            places[command] = ORDER[index];
        }
        index += 1;
    }
    places
};

/// A command that has a row here and none in the table of commands.
struct Stray {
    first: &'static str,
    /// Empty where it has one word.
    second: &'static str,
    place: u16,
}

/// Subcommands that no server lists, and a command that only old servers have.
const STRAY_NAMES: [&str; 6] =
    ["DEBUG OBJECT", "FT.CONFIG GET", "FT.CONFIG SET", "FT.CURSOR DEL", "FT.CURSOR READ", "STRALGO"];

/// The first words of them all have as many bytes at least.
const STRAY_BYTES_MIN: usize = 5;

static STRAYS: [Stray; STRAY_NAMES.len()] = {
    const NOBODY: Stray = Stray { first: "", second: "", place: NONE };
    let mut strays = [NOBODY; STRAY_NAMES.len()];
    let mut index = 0;
    while index < STRAY_NAMES.len() {
        let name = STRAY_NAMES[index];
        let mut space = 0;
        while space < name.len() && name.as_bytes()[space] != b' ' {
            space += 1;
        }
        let (first, second) = name.split_at(space);
        let second = if second.is_empty() { second } else { second.split_at(1).1 };
        strays[index] = Stray { first, second, place: place_of(name.as_bytes()) };
        index += 1;
    }
    strays
};

const fn is_stray(name: &[u8]) -> bool {
    let mut index = 0;
    while index < STRAY_NAMES.len() {
        if is_same(name, STRAY_NAMES[index].as_bytes()) {
            return true;
        }
        index += 1;
    }
    false
}

const fn place_of(name: &[u8]) -> u16 {
    let mut index = 0;
    while !is_same(name_at(index), name) {
        index += 1;
    }
    ORDER[index]
}

const fn name_at(index: usize) -> &'static [u8] {
    FAMILIES[(ORDER[index] >> FAMILY_SHIFT) as usize][(ORDER[index] & ROW_MASK) as usize].name.as_bytes()
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    !is_before(one, other) && !is_before(other, one)
}

/// The places of all rows, family by family.
static ORDER: [u16; LEN] = {
    let mut order = [NONE; LEN];
    let (mut family, mut next) = (0, 0);
    while family < FAMILIES.len() {
        assert!(FAMILIES[family].len() <= ROW_MASK as usize);
        let mut row = 0;
        while row < FAMILIES[family].len() {
            order[next] = (family << FAMILY_SHIFT | row) as u16;
            (row, next) = (row + 1, next + 1);
        }
        family += 1;
    }
    order
};

/// The names of all rows as C has them, one behind the other, and where each begins.
static TEXT: [u8; TEXT_LEN] = names().0;
static STARTS: [u16; LEN] = names().1;

const fn names() -> ([u8; TEXT_LEN], [u16; LEN]) {
    let (mut text, mut starts) = ([0; TEXT_LEN], [0; LEN]);
    let (mut index, mut end) = (0, 0);
    while index < LEN {
        let name = name_at(index);
        starts[index] = end as u16;
        let mut at = 0;
        while at < name.len() {
            text[end + at] = name[at];
            at += 1;
        }
        end += name.len() + 1;
        index += 1;
    }
    (text, starts)
}

/// The number of the command with this name: the table is sorted by name.
const fn position(name: &[u8]) -> usize {
    let (mut low, mut high) = (0, table::WRITTEN.len());
    while low < high {
        let middle = (low + high) / 2;
        if is_before(table::WRITTEN[middle].name.as_bytes(), name) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    assert!(low < table::WRITTEN.len() && !is_before(name, table::WRITTEN[low].name.as_bytes()), "no such command");
    low
}

const fn is_before(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() {
        if one[at] != other[at] {
            return one[at] < other[at];
        }
        at += 1;
    }
    one.len() < other.len()
}

/// How many rows there are, and how long their names are with a NUL behind each.
const LEN: usize = count(false);
const TEXT_LEN: usize = count(true);

const fn count(bytes: bool) -> usize {
    let (mut family, mut sum) = (0, 0);
    while family < FAMILIES.len() {
        let mut row = 0;
        while row < FAMILIES[family].len() {
            sum += if bytes { FAMILIES[family][row].name.len() + 1 } else { 1 };
            row += 1;
        }
        family += 1;
    }
    sum
}

const NONE: u16 = u16::MAX;
const FAMILY_SHIFT: u32 = 8;
const ROW_MASK: u16 = (1 << FAMILY_SHIFT) - 1;

/// Every family: the order of the rows is that of `name`.
pub(super) static FAMILIES: &[&[Row]] = &[
    status::ROWS,
    numbers::ROWS,
    collections::ROWS,
    scores::ROWS,
    geo::ROWS,
    streams::ROWS,
    text::ROWS,
    server::ROWS,
    access::ROWS,
    introspection::ROWS,
    cluster::ROWS,
    sentinel::ROWS,
    monitor::ROWS,
    json::ROWS,
    probabilistic::ROWS,
    search::ROWS,
    timeseries::ROWS,
    transactions::ROWS,
    vectors::ROWS,
];
