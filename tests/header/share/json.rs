//! The declarations of the header as JSON: functions, callbacks, enumerators, and structs as a 64-bit system lays them out.

use std::fmt::Write;

use crate::prototypes::{Function, declarations_of, functions_of};

/// The whole file.
pub fn described(plain: &str) -> String {
    let declarations = declarations_of(plain);
    let version = env!("CARGO_PKG_VERSION");
    let (mut handles, mut enums, mut structs, mut callbacks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for declaration in &declarations {
        let Some(rest) = declaration.strip_prefix("typedef ") else { continue };
        if let Some(named) = rest.strip_prefix("enum ") {
            enums.push(enumeration(named));
        } else if let Some(named) = rest.strip_prefix("struct ").filter(|named| !named.contains(" (*rredis_")) {
            match named.contains('{') {
                true => structs.push(structure(named)),
                false => handles.push(format!("    \"{}\"", named.split(' ').next().expect("a name"))),
            }
        } else {
            callbacks.push(function(&callback(rest)));
        }
    }
    let functions: Vec<String> = functions_of(plain).iter().map(function).collect();
    let number = enums[0].split_once("VERSION_OF_HEADER\": ").expect("a version").1;
    let number: String = number.chars().take_while(char::is_ascii_digit).collect();
    let list = |rows: Vec<String>| rows.join(",\n");
    let mut page =
        format!("{{\n  \"version\": \"{version}\",\n  \"version_number\": {number},\n  \"pointer_size\": 8,\n");
    writeln!(page, "  \"handles\": [\n{}\n  ],", list(handles)).expect("text");
    writeln!(page, "  \"enums\": {{\n{}\n  }},", list(enums)).expect("text");
    writeln!(page, "  \"structs\": {{\n{}\n  }},", list(structs)).expect("text");
    writeln!(page, "  \"callbacks\": [\n{}\n  ],", list(callbacks)).expect("text");
    writeln!(page, "  \"functions\": [\n{}\n  ]\n}}", list(functions)).expect("text");
    page
}

/// `rredis_status (*rredis_each_fn)(void *user_data, …)` as a function of that name.
fn callback(declared: &str) -> Function {
    let (returns, rest) = declared.split_once("(*").expect("a function's type");
    let (name, rest) = rest.split_once(")(").expect("a function's name");
    functions_of(&format!("{returns} {name}({rest};\n")).remove(0)
}

fn function(function: &Function) -> String {
    let parameter =
        |one: &crate::prototypes::Parameter| format!("{{\"name\": \"{}\", \"type\": \"{}\"}}", one.name, one.kind);
    let parameters: Vec<String> = function.parameters.iter().map(parameter).collect();
    let (name, returns) = (&function.name, &function.returns);
    format!("    {{\"name\": \"{name}\", \"returns\": \"{returns}\", \"parameters\": [{}]}}", parameters.join(", "))
}

/// `rredis_status { RREDIS_OK = 0, … } rredis_status`
fn enumeration(named: &str) -> String {
    let (name, body) = body(named);
    let values = body.split(',').map(str::trim).filter(|one| !one.is_empty()).map(|one| {
        let (enumerator, value) = one.split_once(" = ").expect("an enumerator with its value");
        let value = value.strip_prefix("0x").map_or_else(|| value.parse(), |hex| i64::from_str_radix(hex, 16));
        format!("      \"{enumerator}\": {}", value.expect("a number"))
    });
    format!("    \"{name}\": {{\n{}\n    }}", values.collect::<Vec<_>>().join(",\n"))
}

/// `rredis_error { rredis_status status; … } rredis_error`, with the places that its fields have.
fn structure(named: &str) -> String {
    let (name, body) = body(named);
    let (mut fields, mut end, mut widest) = (Vec::new(), 0_usize, 1);
    for field in body.split(';').map(str::trim).filter(|one| !one.is_empty()) {
        let (field, kind, size, align) = laid_out(field);
        let offset = end.next_multiple_of(align);
        (end, widest) = (offset + size, widest.max(align));
        let place = format!("\"offset\": {offset}, \"size\": {size}");
        fields.push(format!("      {{\"name\": \"{field}\", \"type\": \"{kind}\", {place}}}"));
    }
    let size = end.next_multiple_of(widest);
    format!("    \"{name}\": {{\"size\": {size}, \"fields\": [\n{}\n    ]}}", fields.join(",\n"))
}

/// A field's name, its type, its size and its alignment.
fn laid_out(field: &str) -> (String, String, usize, usize) {
    if let Some((returns, rest)) = field.split_once("(*") {
        let (name, parameters) = rest.split_once(")(").expect("a function pointer");
        return (name.to_owned(), format!("{}(*)({parameters}", returns), 8, 8);
    }
    let start = field.rfind([' ', '*']).expect("a type and a name") + 1;
    let (kind, name) = (field[..start].trim(), &field[start..]);
    if let Some((name, count)) = name.split_once('[') {
        assert_eq!(kind, "char", "{field}: an array of what?");
        let count = count.trim_end_matches(']');
        return (name.to_owned(), format!("char[{count}]"), count.parse().expect("a count"), 1);
    }
    let size = match kind {
        _ if kind.ends_with('*') || kind.ends_with("_fn") => 8,
        "size_t" | "int64_t" | "uint64_t" | "double" => 8,
        "int32_t" | "uint32_t" => 4,
        _ if kind.starts_with("rredis_") => 4,
        _ => panic!("{field}: how large is that?"),
    };
    (name.to_owned(), kind.to_owned(), size, size)
}

fn body(named: &str) -> (&str, &str) {
    let (name, rest) = named.split_once(" {").expect("a definition");
    (name, rest.rsplit_once('}').expect("a definition's end").0)
}
