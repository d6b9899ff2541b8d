//! Bloom and cuckoo filters, count-min sketches, top-k lists and t-digests.
//!
//! Integers of RESP2 are booleans in RESP3 here, and texts are numbers.

use super::parts::{array, keep, name};
use super::{Row, Shape, words};
use crate::reply::{Builder, Form, Kind, View};

pub(super) static ROWS: &[Row] = &[
    Row::form("BF.ADD", &Form::Bool, "BOOL"),
    Row::form("BF.EXISTS", &Form::Bool, "BOOL"),
    Row::read("BF.INFO", bloom_info, "MAP"),
    Row::form("BF.INSERT", &BOOLS, "ARRAY of BOOLs"),
    Row::form("BF.LOADCHUNK", &Form::Bool, "BOOL"),
    Row::form("BF.MADD", &BOOLS, "ARRAY of BOOLs"),
    Row::form("BF.MEXISTS", &BOOLS, "ARRAY of BOOLs"),
    Row::form("BF.RESERVE", &Form::Bool, "BOOL"),
    Row::form("CF.ADD", &Form::Bool, "BOOL"),
    Row::form("CF.ADDNX", &Form::Bool, "BOOL"),
    Row::form("CF.DEL", &Form::Bool, "BOOL"),
    Row::form("CF.EXISTS", &Form::Bool, "BOOL"),
    Row::form("CF.INFO", &NAMED, "MAP"),
    Row::form("CF.INSERT", &BOOLS, "ARRAY of BOOLs, or -1 where it is full"),
    Row::form("CF.INSERTNX", &BOOLS, "ARRAY of BOOLs, or -1 where it is full"),
    Row::form("CF.LOADCHUNK", &Form::Bool, "BOOL"),
    Row::form("CF.MEXISTS", &BOOLS, "ARRAY of BOOLs"),
    Row::form("CF.RESERVE", &Form::Bool, "BOOL"),
    Row::form("CMS.INFO", &NAMED, "MAP"),
    Row::form("CMS.INITBYDIM", &Form::Bool, "BOOL"),
    Row::form("CMS.INITBYPROB", &Form::Bool, "BOOL"),
    Row::form("CMS.MERGE", &Form::Bool, "BOOL"),
    Row::form("TDIGEST.ADD", &Form::Bool, "BOOL"),
    Row::form("TDIGEST.BYRANK", &DOUBLES, "ARRAY of DOUBLEs"),
    Row::form("TDIGEST.BYREVRANK", &DOUBLES, "ARRAY of DOUBLEs"),
    Row::form("TDIGEST.CDF", &DOUBLES, "ARRAY of DOUBLEs"),
    Row::form("TDIGEST.CREATE", &Form::Bool, "BOOL"),
    Row::form("TDIGEST.INFO", &NAMED, "MAP"),
    Row::form("TDIGEST.MAX", &Form::Double, "DOUBLE"),
    Row::form("TDIGEST.MERGE", &Form::Bool, "BOOL"),
    Row::form("TDIGEST.MIN", &Form::Double, "DOUBLE"),
    Row::form("TDIGEST.QUANTILE", &DOUBLES, "ARRAY of DOUBLEs"),
    Row::form("TDIGEST.RESET", &Form::Bool, "BOOL"),
    Row::form("TDIGEST.TRIMMED_MEAN", &Form::Double, "DOUBLE"),
    Row::form("TOPK.INFO", &Form::Record(&[("decay", Form::Double)], &Form::Keep), "MAP; decay a DOUBLE"),
    Row::read("TOPK.LIST", top, "ARRAY; with WITHCOUNT pairs of an item and an INTEGER"),
    Row::form("TOPK.QUERY", &BOOLS, "ARRAY of BOOLs"),
    Row::form("TOPK.RESERVE", &Form::Bool, "BOOL"),
];

const BOOLS: Form = Form::Each(&Form::Bool);
const DOUBLES: Form = Form::Each(&Form::Double);
static NAMED: Form = Form::Map(&Form::Keep, &Form::Keep);

fn top(args: &[&[u8]]) -> Shape {
    match words::is(args.get(2), "WITHCOUNT") {
        true => Shape::form(&Form::Pairs(&Form::Keep, &Form::Integer)),
        false => Shape::KEEP,
    }
}

/// What BF.INFO may be asked for alone, and what it is called where all is told.
static PARTS: [(&str, &str); 5] = [
    ("CAPACITY", "Capacity"),
    ("SIZE", "Size"),
    ("FILTERS", "Number of filters"),
    ("ITEMS", "Number of items inserted"),
    ("EXPANSION", "Expansion rate"),
];

fn bloom_info(args: &[&[u8]]) -> Shape {
    match PARTS.iter().position(|(word, _)| words::is(args.get(2), word)) {
        Some(part) => Shape::tree(one_part, part as u32),
        None => Shape::form(&NAMED),
    }
}

/// RESP2 has the value alone in its array.
fn one_part(part: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    let (_, field) = PARTS.get(part as usize)?;
    let value = array(reply, 1).filter(|parts| parts.len() == 1)?.next()?;
    out.open(Kind::RREDIS_REPLY_MAP);
    name(field, out);
    keep(value, out);
    out.end();
    Some(())
}

/// Written from the documentation of these modules; no server at hand has them.
#[cfg(test)]
mod tests {
    use crate::commands::shape::tests::{becomes, both};

    #[test]
    fn members_are_bools() {
        for command in ["BF.ADD", "BF.EXISTS", "CF.ADD", "CF.ADDNX", "CF.DEL", "CF.EXISTS"] {
            both(&format!("{command} k a"), ":1\r\n", "#t\r\n", "true");
        }
        for command in
            ["BF.MADD k a b", "BF.MEXISTS k a b", "BF.INSERT k ITEMS a b", "CF.MEXISTS k a b", "TOPK.QUERY k a b"]
        {
            both(command, "*2\r\n:1\r\n:0\r\n", "*2\r\n#t\r\n#f\r\n", "[true, false]");
        }
        let full = "*2\r\n:1\r\n:-1\r\n";
        assert_eq!(becomes("CF.INSERT k ITEMS a b", full), "[true, -1]");
        assert_eq!(becomes("CF.INSERTNX k ITEMS a b", full), "[true, -1]");
        let refused = "*2\r\n:1\r\n-ERR non scaling filter is full\r\n";
        assert_eq!(becomes("BF.MADD k a b", refused), "[true, -ERR non scaling filter is full]");
        for command in ["BF.RESERVE", "CF.RESERVE", "CMS.INITBYDIM", "CMS.INITBYPROB", "CMS.MERGE", "TOPK.RESERVE"] {
            assert_eq!(becomes(&format!("{command} k 1 2"), "+OK\r\n"), "true(OK)");
        }
        for command in
            ["TDIGEST.CREATE", "TDIGEST.RESET", "TDIGEST.ADD", "TDIGEST.MERGE", "BF.LOADCHUNK", "CF.LOADCHUNK"]
        {
            assert_eq!(becomes(&format!("{command} k 1 2"), "+OK\r\n"), "true(OK)");
        }
    }

    #[test]
    fn what_is_told_is_a_map() {
        for command in ["BF.INFO k", "CF.INFO k", "CMS.INFO k", "TDIGEST.INFO k"] {
            let fields = "+Capacity\r\n:100\r\n+Size\r\n:240\r\n";
            both(command, &format!("*4\r\n{fields}"), &format!("%2\r\n{fields}"), "{+Capacity: 100, +Size: 240}");
        }
        both(
            "BF.INFO k ITEMS",
            "*1\r\n:7\r\n",
            "%1\r\n$24\r\nNumber of items inserted\r\n:7\r\n",
            r#"{"Number of items inserted": 7}"#,
        );
        let fields = "$1\r\nk\r\n:5\r\n$5\r\ndecay\r\n";
        both(
            "TOPK.INFO k",
            &format!("*4\r\n{fields}$3\r\n0.9\r\n"),
            &format!("%2\r\n{fields},0.9\r\n"),
            r#"{"k": 5, "decay": 0.9|0.9|}"#,
        );
    }

    #[test]
    fn numbers_are_numbers() {
        for command in ["TDIGEST.MIN k", "TDIGEST.MAX k", "TDIGEST.TRIMMED_MEAN k 0.1 0.9"] {
            both(command, "$3\r\n1.5\r\n", ",1.5\r\n", "1.5|1.5|");
            both(command, "$3\r\nnan\r\n", ",nan\r\n", "NaN|nan|");
        }
        for command in
            ["TDIGEST.QUANTILE k 0.5 1", "TDIGEST.CDF k 1 2", "TDIGEST.BYRANK k 0 9", "TDIGEST.BYREVRANK k 0 9"]
        {
            both(command, "*2\r\n$3\r\n1.5\r\n$3\r\ninf\r\n", "*2\r\n,1.5\r\n,inf\r\n", "[1.5|1.5|, inf|inf|]");
        }
        let counted = "*4\r\n$1\r\na\r\n:3\r\n$1\r\nb\r\n:2\r\n";
        assert_eq!(becomes("TOPK.LIST k WITHCOUNT", counted), r#"[["a", 3], ["b", 2]]"#);
        assert_eq!(becomes("TOPK.LIST WITHCOUNT", "*1\r\n$1\r\na\r\n"), r#"["a"]"#);
    }
}
