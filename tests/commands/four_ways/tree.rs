//! A reply as text, as exactly as the test can ask.

use crate::support::raw::{Node, kind};

/// How alike two replies must be.
#[derive(Clone, Copy, PartialEq)]
pub enum How {
    /// Every value. What a SET has comes in any order; of a DOUBLE the number counts, which one server writes in two ways.
    Same,
    /// The same, in any order.
    Unordered,
    /// What each value is, and the names of what is in a map.
    Kinds,
    /// What each value is.
    Loose,
}

/// "text", +status, -error, =verbatim, true(OK), 1, 1.5, null, [array], ~[set], {key: value}.
pub fn shown(node: &Node, how: How) -> String {
    let kinds = matches!(how, How::Kinds | How::Loose);
    let text = || node.text().escape_ascii().to_string();
    let leaf = |name: &str, value: String| if kinds { name.to_owned() } else { value };
    match node.kind {
        kind::NULL => "null".to_owned(),
        kind::INTEGER => leaf("integer", node.integer.to_string()),
        kind::BOOL if node.str.is_null() => leaf("bool", (node.integer == 1).to_string()),
        kind::BOOL => leaf("bool", format!("{}({})", node.integer == 1, text())),
        kind::STRING => leaf("string", format!("\"{}\"", text())),
        kind::STATUS => leaf("status", format!("+{}", text())),
        kind::ERROR => leaf("error", format!("-{}", text())),
        kind::VERBATIM => leaf("verbatim", format!("={}", text())),
        kind::BIG_NUMBER => leaf("big number", format!("({}", text())),
        kind::DOUBLE => leaf("double", format!("{:?}", node.number).trim_end_matches(".0").to_owned()),
        kind::ARRAY => format!("[{}]", elements(node, how, how != How::Same)),
        kind::SET => format!("~[{}]", elements(node, how, true)),
        kind::PUSH => format!(">[{}]", elements(node, how, false)),
        _ => map(node, how),
    }
}

fn elements(node: &Node, how: How, in_any_order: bool) -> String {
    let mut elements: Vec<String> = node.elements().iter().map(|child| shown(child, how)).collect();
    if in_any_order {
        elements.sort();
    }
    if matches!(how, How::Kinds | How::Loose) {
        elements.dedup();
    }
    elements.join(", ")
}

fn map(node: &Node, how: How) -> String {
    let children: Vec<&Node> = node.elements().iter().collect();
    let name = |key: &Node| shown(key, if how == How::Kinds { How::Same } else { how });
    let pair = |pair: &[&Node]| format!("{}: {}", name(pair[0]), shown(pair[1], how));
    let mut pairs: Vec<String> = children.chunks(2).map(pair).collect();
    if how != How::Same {
        pairs.sort();
    }
    if how == How::Loose {
        pairs.dedup();
    }
    format!("{{{}}}", pairs.join(", "))
}
