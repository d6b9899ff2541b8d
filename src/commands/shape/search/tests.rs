//! Wire bytes written from the documentation of the module; no server at hand has it.

use crate::commands::shape::tests::{becomes, both};

const TOLD: &str = "$10\r\nattributes\r\n*0\r\n$7\r\nwarning\r\n*0\r\n$6\r\nformat\r\n$6\r\nSTRING\r\n";
const SHOWN: &str = r#""attributes": [], "format": "STRING", "warning": []"#;

fn resp3(total: usize, results: &str) -> String {
    format!("%5\r\n{TOLD}$13\r\ntotal_results\r\n:{total}\r\n$7\r\nresults\r\n{results}")
}

#[test]
fn results_are_a_map() {
    let extra = "$16\r\nextra_attributes\r\n%1\r\n$1\r\nf\r\n$1\r\nv\r\n";
    both(
        "FT.SEARCH i * WITHSCORES SORTBY WITHPAYLOADS RETURN 1 NOCONTENT",
        "*4\r\n:7\r\n$1\r\na\r\n$3\r\n1.5\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n",
        &resp3(7, &format!("*1\r\n%4\r\n{extra}$2\r\nid\r\n$1\r\na\r\n$5\r\nscore\r\n,1.5\r\n$6\r\nvalues\r\n*0\r\n")),
        &format!(
            r#"{{"total_results": 7, "results": [{{"id": "a", "score": 1.5|1.5|, "extra_attributes": {{"f": "v"}}, "values": []}}], {SHOWN}}}"#
        ),
    );
    both(
        "FT.SEARCH i NOCONTENT NOCONTENT WITHSORTKEYS",
        "*5\r\n:2\r\n$1\r\na\r\n$2\r\n#1\r\n$1\r\nb\r\n$-1\r\n",
        &resp3(
            2,
            "*2\r\n%3\r\n$2\r\nid\r\n$1\r\na\r\n$7\r\nsortkey\r\n$2\r\n#1\r\n$6\r\nvalues\r\n*0\r\n%3\r\n$2\r\nid\r\n$1\r\nb\r\n$7\r\nsortkey\r\n_\r\n$6\r\nvalues\r\n*0\r\n",
        ),
        &format!(
            r##"{{"total_results": 2, "results": [{{"id": "a", "sortkey": "#1", "values": []}}, {{"id": "b", "sortkey": null, "values": []}}], {SHOWN}}}"##
        ),
    );
    assert_eq!(becomes("FT.SEARCH i *", "*2\r\n:1\r\n$1\r\na\r\n"), "[1, \"a\"]");
    // No field is returned where none is asked for; and what is no row of fields is another result.
    let two = "*3\r\n:2\r\n$1\r\na\r\n$1\r\nb\r\n";
    let results =
        "*2\r\n%2\r\n$2\r\nid\r\n$1\r\na\r\n$6\r\nvalues\r\n*0\r\n%2\r\n$2\r\nid\r\n$1\r\nb\r\n$6\r\nvalues\r\n*0\r\n";
    both(
        "FT.SEARCH i * RETURN 0 LIMIT 0 2",
        two,
        &resp3(2, results),
        &format!(
            r#"{{"total_results": 2, "results": [{{"id": "a", "values": []}}, {{"id": "b", "values": []}}], {SHOWN}}}"#
        ),
    );
    assert_eq!(becomes("FT.SEARCH i *", two), "[2, \"a\", \"b\"]");
}

#[test]
fn aggregates_are_a_map_and_a_cursor() {
    let shown =
        format!(r#"{{"total_results": 1, "results": [{{"extra_attributes": {{"f": "v"}}, "values": []}}], {SHOWN}}}"#);
    let resp2 = "*2\r\n:1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n";
    let resp3 = resp3(1, "*1\r\n%2\r\n$16\r\nextra_attributes\r\n%1\r\n$1\r\nf\r\n$1\r\nv\r\n$6\r\nvalues\r\n*0\r\n");
    both("FT.AGGREGATE i *", resp2, &resp3, &shown);
    for command in ["FT.AGGREGATE i * WITHCURSOR", "FT.CURSOR READ i 5"] {
        both(command, &format!("*2\r\n{resp2}:5\r\n"), &format!("*2\r\n{resp3}:5\r\n"), &format!("[{shown}, 5]"));
    }
    let profile = "$7\r\nProfile\r\n*1\r\n:3\r\n";
    both(
        "FT.PROFILE i AGGREGATE QUERY *",
        &format!("*2\r\n{resp2}*1\r\n:3\r\n"),
        &format!("%2\r\n$7\r\nResults\r\n{resp3}{profile}"),
        &format!(r#"{{"Results": {shown}, "Profile": [3]}}"#),
    );
}

#[test]
fn the_rest_has_its_form() {
    both(
        "FT.SPELLCHECK i helo",
        "*1\r\n*3\r\n$4\r\nTERM\r\n$4\r\nhelo\r\n*1\r\n*2\r\n$3\r\n0.5\r\n$5\r\nhello\r\n",
        "%1\r\n$7\r\nresults\r\n%1\r\n$4\r\nhelo\r\n*1\r\n%1\r\n$5\r\nhello\r\n,0.5\r\n",
        r#"{"results": {"helo": [{"hello": 0.5|0.5|}]}}"#,
    );
    both("FT.CONFIG GET *", "*1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n", "%1\r\n$1\r\na\r\n$1\r\n1\r\n", r#"{"a": "1"}"#);
    both("FT.SYNDUMP i", "*2\r\n$1\r\na\r\n*1\r\n$1\r\ng\r\n", "%1\r\n$1\r\na\r\n*1\r\n$1\r\ng\r\n", r#"{"a": ["g"]}"#);
    for command in ["FT._LIST", "FT.TAGVALS i f", "FT.DICTDUMP d", "FT.ALIASLIST i"] {
        both(command, "*1\r\n$1\r\na\r\n", "~1\r\n$1\r\na\r\n", r#"~["a"]"#);
    }
    for command in ["FT.CREATE i SCHEMA a TEXT", "FT.ALTER i SCHEMA ADD b TEXT", "FT.DROPINDEX i", "FT.CONFIG SET a 1"]
    {
        assert_eq!(becomes(command, "+OK\r\n"), "true(OK)");
    }
    for command in ["FT.ALIASADD a i", "FT.ALIASDEL a", "FT.ALIASUPDATE a i", "FT.CURSOR DEL i 5", "FT.SYNUPDATE i g a"]
    {
        assert_eq!(becomes(command, "+OK\r\n"), "true(OK)");
    }
    both(
        "FT.HYBRID i SEARCH a VSIM b c",
        "*4\r\n$7\r\nresults\r\n*1\r\n*2\r\n$5\r\n__key\r\n$1\r\na\r\n$14\r\nexecution_time\r\n$3\r\n0.5\r\n",
        "%2\r\n$7\r\nresults\r\n*1\r\n%1\r\n$5\r\n__key\r\n$1\r\na\r\n$14\r\nexecution_time\r\n,0.5\r\n",
        r#"{"results": [{"__key": "a"}], "execution_time": 0.5|0.5|}"#,
    );
    let field = "$10\r\nidentifier\r\n$1\r\nf\r\n$6\r\nWEIGHT\r\n";
    both(
        "FT.INFO i",
        &format!(
            "*6\r\n$8\r\nnum_docs\r\n$1\r\n2\r\n$7\r\npercent\r\n$3\r\n0.5\r\n$10\r\nattributes\r\n*1\r\n*5\r\n{field}$1\r\n1\r\n$8\r\nSORTABLE\r\n"
        ),
        &format!(
            "%3\r\n$8\r\nnum_docs\r\n:2\r\n$7\r\npercent\r\n,0.5\r\n$10\r\nattributes\r\n*1\r\n%3\r\n{field}:1\r\n$5\r\nflags\r\n*1\r\n$8\r\nSORTABLE\r\n"
        ),
        r#"{"num_docs": 2, "percent": 0.5|0.5|, "attributes": [{"identifier": "f", "WEIGHT": 1, "flags": ["SORTABLE"]}]}"#,
    );
}
