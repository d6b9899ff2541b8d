//! Which calls the sweep makes of a function, and what is expected of each.

use super::prototypes::{Function, Parameter};

/// One call of one function.
pub struct Case<'f> {
    pub function: &'f Function,
    pub label: String,
    /// What is wrong with it: parameters by their index.
    pub wrongs: Vec<(usize, Wrong)>,
    pub expected: Expected,
    /// What the message must name.
    pub names: Vec<&'static str>,
}

/// What is wrong with a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wrong {
    Null,
    Number(u64),
    /// A pointer to a NUL.
    Empty,
    /// A NULL at argv[1].
    NullInArgv,
    /// A NULL at argv[1], and no lengths.
    NullInArgvWithoutLengths,
    /// argv_len[1] is larger than any object.
    HugeInArgv,
}

/// What must come of it.
pub enum Expected {
    /// One of these statuses.
    Status(Vec<u32>),
    Returns(u64),
    /// No more than that the process lives.
    Survives,
    /// Whatever it is: to be compared.
    Said,
}

const OK: u32 = 0;
const ARGUMENT: u32 = 1;
const AGAIN: u32 = 3;
const COMMAND_ARGS_MAX: u64 = 1024 * 1024;

/// Every text of a function, empty: first as a pointer to nothing, and then as NULL.
pub fn empty_texts(function: &Function) -> Vec<[Case<'_>; 2]> {
    let mut pairs = Vec::new();
    for (i, parameter) in function.parameters.iter().enumerate() {
        let len = function.parameters.get(i + 1).filter(|len| len.kind == "size_t");
        let is_text = len.is_some_and(|len| len.name == format!("{}_len", parameter.name));
        if parameter.kind == "const char *" && is_text {
            let empty = |text| {
                let wrongs = vec![(i, text), (i + 1, Wrong::Number(0))];
                case(function, &format!("{} empty as {text:?}", parameter.name), wrongs, Expected::Said)
            };
            pairs.push([empty(Wrong::Empty), empty(Wrong::Null)]);
        }
    }
    pairs
}

/// Every case of a function, the faultless call first.
pub fn cases(function: &Function) -> Vec<Case<'_>> {
    let mut cases = vec![case(function, "nothing wrong", vec![], faultless(function))];
    let pointers: Vec<usize> =
        (0..function.parameters.len()).filter(|&i| is_pointer(&function.parameters[i])).collect();
    for &i in &pointers {
        let parameter = &function.parameters[i];
        let expected = if may_be_null(function, parameter) { faultless(function) } else { refused(function) };
        cases.push(case(function, &format!("{} NULL", parameter.name), vec![(i, Wrong::Null)], expected));
    }
    if pointers.len() > 1 {
        let wrongs = pointers.iter().map(|&i| (i, Wrong::Null)).collect();
        cases.push(case(function, "every pointer NULL", wrongs, refused(function)));
    }
    let place = |name: &str| function.parameters.iter().position(|parameter| parameter.name == name);
    if let (Some(out_reply), Some(flags)) = (place("out_reply"), place("flags")) {
        // An error that is a reply is for somebody to see.
        let wrongs = vec![(out_reply, Wrong::Null), (flags, Wrong::Number(ERROR_REPLY))];
        let mut unseen = case(function, "out_reply NULL and ERROR_REPLY", wrongs, refused(function));
        unseen.names = vec!["out_reply"];
        cases.push(unseen);
    }
    for (i, parameter) in function.parameters.iter().enumerate() {
        for (wrong, expected) in wrongs(function, parameter) {
            cases.push(case(function, &format!("{} {wrong:x?}", parameter.name), vec![(i, wrong)], expected));
        }
    }
    cases
}

fn case<'f>(function: &'f Function, label: &str, wrongs: Vec<(usize, Wrong)>, expected: Expected) -> Case<'f> {
    let named = match wrongs[..] {
        [(i, Wrong::Null)] => Some(function.parameters[i].name.as_str()),
        [(_, Wrong::NullInArgv | Wrong::NullInArgvWithoutLengths)] => Some("argv[1]"),
        [(_, Wrong::HugeInArgv)] => Some("argv_len[1]"),
        [(i, Wrong::Number(_))] => Some(function.parameters[i].name.as_str()),
        _ => None,
    };
    let names = named.map(|name| -> &'static str { Box::leak(name.to_owned().into_boxed_str()) }).into_iter().collect();
    Case { function, label: label.to_owned(), wrongs, expected, names }
}

/// What the faultless call comes to.
fn faultless(function: &Function) -> Expected {
    match function.returns.as_str() {
        // Nothing was submitted.
        _ if function.name == "rredis_async_next" => Expected::Status(vec![AGAIN]),
        // The peer has not answered.
        _ if function.name == "rredis_tls_read" || function.name == "rredis_tls_write" => Expected::Status(vec![AGAIN]),
        "rredis_status" => Expected::Status(vec![OK]),
        _ => Expected::Survives,
    }
}

/// What a wrong call comes to.
fn refused(function: &Function) -> Expected {
    match function.returns.as_str() {
        "rredis_status" => Expected::Status(vec![ARGUMENT]),
        "int64_t" => Expected::Returns(-1_i64 as u64),
        "int32_t" => Expected::Returns(u64::from(u32::MAX)),
        "void" => Expected::Survives,
        // Words, for sentences: never NULL.
        _ if function.name.starts_with("rredis_status") => Expected::Survives,
        _ => Expected::Returns(0),
    }
}

fn is_pointer(parameter: &Parameter) -> bool {
    parameter.kind.ends_with('*') || parameter.kind.ends_with("_fn")
}

/// Whose reply may be left to the library.
const REPLY_UNWANTED: [&str; 6] = [
    "rredis_client_command",
    "rredis_conn_command",
    "rredis_pipeline_command",
    "rredis_pipeline_run",
    "rredis_pipeline_transact",
    "rredis_script_run",
];
const ERROR_REPLY: u64 = 16;
const TIMEOUT: u64 = 8;
/// The last flag. Of those before it 128 and 256 are none yet.
const MORE: u64 = 512;

/// The few pointers that may be NULL, each with its meaning in the header.
fn may_be_null(function: &Function, parameter: &Parameter) -> bool {
    let made_from_options =
        ["rredis_parser_new", "rredis_pool_new", "rredis_client_new", "rredis_client_new_on", "rredis_tls_new"];
    match (function.name.as_str(), parameter.name.as_str()) {
        ("rredis_pipeline_run_each" | "rredis_pipeline_transact", "function") => false,
        (_, "err" | "argv_len" | "call_data" | "user_data" | "user_data_free" | "function") => true,
        (name, "options") => made_from_options.contains(&name),
        ("rredis_options_get_str", "out_len") => true,
        ("rredis_reply_free", "reply") => true,
        (name, "out_reply") => REPLY_UNWANTED.contains(&name.trim_end_matches("_with")),
        ("rredis_builder_add_number", "text") => true,
        ("rredis_command_keys", "access") => true,
        _ => false,
    }
}

/// What else can be wrong with a parameter.
fn wrongs(function: &Function, parameter: &Parameter) -> Vec<(Wrong, Expected)> {
    let refuses = |wrong| (wrong, refused(function));
    let numbers = |numbers: &[u64]| numbers.iter().map(|&number| refuses(Wrong::Number(number))).collect();
    match (parameter.kind.as_str(), parameter.name.as_str()) {
        // Of all of a topic.
        ("size_t", "argc") if function.name == "rredis_pubsub_unsubscribe" => numbers(&[1 << 63, u64::MAX]),
        ("size_t", "argc") => numbers(&[0, COMMAND_ARGS_MAX + 1, 1 << 63, u64::MAX]),
        ("size_t", "count") => vec![(Wrong::Number(u64::MAX), faultless(function))],
        ("size_t", _) => numbers(&[1 << 63, u64::MAX]),
        ("const char *const *", _) => [Wrong::NullInArgv, Wrong::NullInArgvWithoutLengths].map(refuses).into(),
        ("const size_t *", _) => vec![refuses(Wrong::HugeInArgv)],
        ("uint32_t", "flags") if function.name == "rredis_conn_send_with" => {
            let mut cases = numbers(&[TIMEOUT, 128, 256, MORE << 1, 1 << 31, u64::from(u32::MAX)]);
            cases.push((Wrong::Number(MORE), faultless(function)));
            cases
        }
        ("int32_t", "fd") => numbers(&[u64::from(u32::MAX), 1 << 31]),
        ("uint32_t", "flags") => numbers(&[128, 256, MORE, MORE << 1, 1 << 31, u64::from(u32::MAX)]),
        // Without its flag it has no effect, and what has none is not taken.
        ("int64_t", "timeout_ms") if function.parameters.iter().any(|parameter| parameter.name == "flags") => {
            let mut cases = numbers(&[1, 300, i64::MAX as u64, -1_i64 as u64, i64::MIN as u64]);
            cases.push((Wrong::Number(0), faultless(function)));
            cases
        }
        ("int64_t", _) => {
            [0, i64::MIN as u64, i64::MAX as u64].map(|number| (Wrong::Number(number), Expected::Survives)).into()
        }
        (kind, _) if kind.starts_with("rredis_") && !is_pointer(parameter) => numbers(&[99, 0x7fff_ffff, 0xffff_ffff]),
        _ => Vec::new(),
    }
}
