//! The committed header, read back: every prototype in it.

/// One function of the header.
#[derive(Clone, Debug)]
pub struct Function {
    pub name: String,
    pub returns: String,
    pub parameters: Vec<Parameter>,
}

/// One parameter: its type as C has it, without spaces around the stars, and its name.
#[derive(Clone, Debug)]
pub struct Parameter {
    pub kind: String,
    pub name: String,
}

pub const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/include/rredis.h");

/// The committed header.
pub fn text() -> String {
    std::fs::read_to_string(PATH).expect("include/rredis.h")
}

/// The header without comments, # lines and the two brackets: what a parser of plain C declarations takes.
pub fn plain() -> String {
    plain_of(&text())
}

/// That of a header's text.
pub fn plain_of(text: &str) -> String {
    let mut plain = String::new();
    // A macro may have several lines.
    for line in text.replace("\\\n", "").lines() {
        let code = line.split("//").next().unwrap_or("").trim_end();
        if !code.starts_with('#') && code != "extern \"C\" {" && !code.is_empty() {
            plain.push_str(code);
            plain.push('\n');
        }
    }
    let end = plain.trim_end().strip_suffix("\n}").expect("the bracket's end").len();
    plain.truncate(end);
    plain + "\n"
}

/// Every declaration, on one line each.
pub fn declarations() -> Vec<String> {
    declarations_of(&plain())
}

/// Those of plain C declarations.
pub fn declarations_of(plain: &str) -> Vec<String> {
    let mut declarations = Vec::new();
    let mut one = String::new();
    let mut depth = 0;
    for character in plain.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        match character {
            ';' if depth == 0 => declarations.push(single_spaced(&std::mem::take(&mut one))),
            _ => one.push(character),
        }
    }
    whole(declarations)
}

/// A struct that is declared ahead of its definition, as one declaration: its typedef.
fn whole(mut declarations: Vec<String>) -> Vec<String> {
    let defined: Vec<String> = declarations
        .iter()
        .filter_map(|one| one.strip_prefix("struct ")?.split_once(" {").map(|(name, _)| name.to_owned()))
        .collect();
    for name in defined {
        declarations.retain(|one| *one != format!("typedef struct {name} {name}"));
        for one in &mut declarations {
            if one.starts_with(&format!("struct {name} {{")) {
                *one = format!("typedef {one} {name}");
            }
        }
    }
    declarations
}

pub fn single_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Every function.
pub fn functions() -> Vec<Function> {
    functions_of(&plain())
}

/// Those of plain C declarations.
pub fn functions_of(plain: &str) -> Vec<Function> {
    declarations_of(plain).iter().filter(|one| !one.starts_with("typedef")).map(|one| function(one)).collect()
}

fn function(declaration: &str) -> Function {
    let (head, parameters) = declaration.split_once('(').expect("a prototype");
    let parameters = parameters.strip_suffix(')').expect("a prototype's end");
    let Parameter { kind: returns, name } = parameter(head);
    let parameters = parameters.split(", ").filter(|one| *one != "void").map(parameter).collect();
    Function { name, returns, parameters }
}

fn parameter(text: &str) -> Parameter {
    let start = text.rfind([' ', '*']).expect("a type and a name") + 1;
    Parameter { kind: text[..start].trim().to_owned(), name: text[start..].to_owned() }
}
