//! One file of source with all its mutants compiled in, each behind `crate::mutants::on(N)`.
//!
//! Every change is an insertion: text before an expression and after it, never in place of it. What a mutant does instead is
//! the source as it was with one thing changed; only one mutant is on at a time, so nothing within it has to be rewritten too.

use std::collections::HashMap;
use std::ops::Range;

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Block, Expr, ExprBinary, Item, ItemFn, Lit, Pat, ReturnType, Stmt, Type, UnOp};

/// One change to one file.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// Its number in this build, from 1 on.
    pub number: u32,
    /// The file, as `src/pool/mod.rs`.
    pub file: String,
    pub line: usize,
    /// What says which it is however the numbers and lines change: the file, the function, the source and the change.
    pub name: String,
}

/// A file rewritten, and where in it each mutant stands.
pub struct Rewritten {
    pub text: String,
    pub mutants: Vec<Mutant>,
    pub places: Vec<Place>,
}

/// Where a mutant stands in the text that was written.
#[derive(Clone, Debug)]
pub struct Place {
    pub number: u32,
    /// What it does instead.
    pub instead: Range<usize>,
    /// What it does instead, and what is done otherwise.
    pub whole: Range<usize>,
}

/// Rewrite a file. The mutants are numbered from `first` on; those whose name is refused are left out and take no number.
pub fn rewrite(path: &str, text: &str, first: u32, wanted: &dyn Fn(&str) -> bool) -> Result<Rewritten, syn::Error> {
    let file = syn::parse_file(text)?;
    let mut finder =
        Finder { path, text, functions: Vec::new(), names: HashMap::new(), found: Vec::new(), bare: false };
    finder.visit_file(&file);
    let mut mutants = Vec::new();
    let mut cuts = Vec::new();
    for (number, found) in (first..).zip(finder.found.into_iter().filter(|found| wanted(&found.name))) {
        let (before, after) = found.change.texts(number);
        cuts.push(Cut { range: found.range.clone(), order: number, before, after });
        mutants.push(Mutant { number, file: path.to_owned(), line: found.line, name: found.name });
    }
    let (text, places) = written(text, &cuts);
    Ok(Rewritten { text, mutants, places })
}

/// What is inserted around a piece of the file.
struct Cut {
    range: Range<usize>,
    order: u32,
    before: String,
    after: String,
}

fn written(text: &str, cuts: &[Cut]) -> (String, Vec<Place>) {
    // At one place what ends comes before what begins; the inner ends first, the outer begins first.
    let mut marks: Vec<(usize, bool, isize, isize, &Cut)> = Vec::new();
    for cut in cuts {
        let order = cut.order as isize;
        if cut.range.is_empty() {
            marks.push((cut.range.start, true, isize::MIN, order, cut));
        } else {
            marks.push((cut.range.start, true, -(cut.range.end as isize), order, cut));
            marks.push((cut.range.end, false, -(cut.range.start as isize), -order, cut));
        }
    }
    marks.sort_by_key(|&(at, begins, width, order, _)| (at, begins, width, order));
    let mut out = String::with_capacity(text.len() * 3);
    let mut places: HashMap<u32, Place> = HashMap::new();
    let mut done = 0;
    for (at, begins, _, _, cut) in marks {
        out.push_str(&text[done..at]);
        done = at;
        let start = out.len();
        out.push_str(if begins { &cut.before } else { &cut.after });
        let range = start..out.len();
        match begins {
            true => {
                places.insert(cut.order, Place { number: cut.order, instead: range.clone(), whole: range });
            }
            false => {
                if let Some(place) = places.get_mut(&cut.order) {
                    place.whole.end = range.end;
                }
            }
        }
    }
    out.push_str(&text[done..]);
    let mut places: Vec<Place> = places.into_values().collect();
    places.sort_by_key(|place| place.number);
    (out, places)
}

/// What a mutant does.
enum Change {
    /// This expression instead.
    Instead(String),
    /// This statement instead.
    Statement(String),
    /// Nothing instead of a statement.
    Nothing,
    /// This before anything else that a function does.
    AtOnce(String),
    /// An arm of a match that is never taken.
    Never,
}

impl Change {
    fn texts(&self, number: u32) -> (String, String) {
        let on = format!("crate::mutants::on({number})");
        match self {
            Change::Instead(other) => (format!("(if {on} {{ {other} }} else {{ "), " })".to_owned()),
            Change::Statement(other) => (format!("if {on} {{ {other} }} else {{ "), " }".to_owned()),
            Change::Nothing => (format!("if !{on} {{ "), " }".to_owned()),
            Change::AtOnce(first) => (format!(" if {on} {{ {first} }} "), String::new()),
            Change::Never => (format!(" if !{on} "), String::new()),
        }
    }
}

struct Found {
    range: Range<usize>,
    line: usize,
    name: String,
    change: Change,
}

struct Finder<'t> {
    path: &'t str,
    text: &'t str,
    /// The functions and types that this stands in, from the outermost on.
    functions: Vec<String>,
    /// How many mutants of a name there are so far.
    names: HashMap<String, usize>,
    found: Vec<Found>,
    /// Whether numbers and names are left as they are: beside a comparison, which has mutants of its own.
    bare: bool,
}

impl Finder<'_> {
    fn source(&self, span: Span) -> &str {
        &self.text[span.byte_range()]
    }

    fn add(&mut self, range: Range<usize>, line: usize, what: &str, change: Change) {
        let mut name = format!("{} {}: {what}", self.path, self.functions.join("::"));
        let count = self.names.entry(name.clone()).or_insert(0);
        *count += 1;
        if *count > 1 {
            name = format!("{name} ({count})");
        }
        self.found.push(Found { range, line, name, change });
    }

    fn instead(&mut self, span: Span, other: &str) {
        let what = format!("`{}` -> `{}`", short(self.source(span)), short(other));
        self.add(span.byte_range(), span.start().line, &what, Change::Instead(other.to_owned()));
    }

    /// A condition, which is said to be true, and to be false, where that is not what another mutant is.
    fn condition(&mut self, expr: &Expr, when_true: bool, when_false: bool) {
        match expr {
            Expr::Paren(inner) => self.condition(&inner.expr, when_true, when_false),
            Expr::Let(inner) => self.visit_expr(&inner.expr),
            Expr::Binary(binary) if matches!(binary.op, BinOp::And(_) | BinOp::Or(_)) => {
                let is_and = matches!(binary.op, BinOp::And(_));
                self.condition(&binary.left, is_and, !is_and);
                self.condition(&binary.right, is_and, !is_and);
                if !has_let(expr) && if is_and { when_false } else { when_true } {
                    self.instead(expr.span(), if is_and { "false" } else { "true" });
                }
            }
            Expr::Unary(unary) if matches!(unary.op, UnOp::Not(_)) => match unary.expr.as_ref() {
                Expr::Paren(_) => self.condition(&unary.expr, when_false, when_true),
                _ => {
                    self.constants(expr, when_true, when_false);
                    self.visit_expr_plain(&unary.expr);
                }
            },
            Expr::Binary(binary) if is_comparison(&binary.op) => {
                self.constants(expr, when_true, when_false);
                self.boundary(binary);
                let bare = std::mem::replace(&mut self.bare, true);
                self.visit_expr(&binary.left);
                self.visit_expr(&binary.right);
                self.bare = bare;
            }
            Expr::Lit(_) => {}
            _ => {
                self.constants(expr, when_true, when_false);
                self.visit_expr_plain(expr);
            }
        }
    }

    fn constants(&mut self, expr: &Expr, when_true: bool, when_false: bool) {
        if when_true {
            self.instead(expr.span(), "true");
        }
        if when_false {
            self.instead(expr.span(), "false");
        }
    }

    fn boundary(&mut self, binary: &ExprBinary) {
        let other = match binary.op {
            BinOp::Lt(_) => "<=",
            BinOp::Le(_) => "<",
            BinOp::Gt(_) => ">=",
            BinOp::Ge(_) => ">",
            _ => return,
        };
        self.operator(binary, other);
    }

    fn operator(&mut self, binary: &ExprBinary, other: &str) {
        let (left, right) = (self.source(binary.left.span()), self.source(binary.right.span()));
        let whole = self.source(binary.span());
        let what = format!("`{}`: {other}", short(whole));
        let text = format!("{left} {other} {right}");
        let change = match is_assignment(&binary.op) {
            true => Change::Instead(format!("{text};")),
            false => Change::Instead(text),
        };
        self.add(binary.span().byte_range(), binary.span().start().line, &what, change);
    }

    /// What is within an expression that has had its own mutants as a condition.
    fn visit_expr_plain(&mut self, expr: &Expr) {
        match expr {
            Expr::MethodCall(call) => {
                self.visit_expr(&call.receiver);
                call.args.iter().for_each(|arg| self.visit_expr(arg));
            }
            Expr::Call(call) => call.args.iter().for_each(|arg| self.visit_expr(arg)),
            _ => self.visit_expr(expr),
        }
    }

    /// A function: at once it returns what its type has that says nothing; and then what is within it.
    fn function(&mut self, name: &str, signature: &syn::Signature, block: &Block) {
        if signature.constness.is_some() {
            return;
        }
        self.functions.push(name.to_owned());
        for value in constants_of(signature, block) {
            let at = block.brace_token.span.open().byte_range().end;
            let what = if value.is_empty() { "does nothing".to_owned() } else { format!("returns `{value}`") };
            let line = signature.ident.span().start().line;
            self.add(at..at, line, &what, Change::AtOnce(format!("return {value};")));
        }
        self.visit_block(block);
        if matches!(signature.output, ReturnType::Default)
            && block.stmts.len() > 1
            && let Some(Stmt::Expr(last, None)) = block.stmts.last()
            && matches!(last, Expr::Call(_) | Expr::MethodCall(_))
        {
            self.left_out(last.span());
        }
        self.functions.pop();
    }

    fn left_out(&mut self, span: Span) {
        let what = format!("`{}` left out", short(self.source(span).trim_end_matches(';')));
        self.add(span.byte_range(), span.start().line, &what, Change::Nothing);
    }

    fn plain_within(&mut self, body: impl FnOnce(&mut Self)) {
        let bare = std::mem::replace(&mut self.bare, false);
        body(self);
        self.bare = bare;
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        match item {
            Item::Fn(ItemFn { attrs, sig, block, .. }) if !is_left_out(attrs) => {
                self.function(&sig.ident.to_string(), sig, block);
            }
            Item::Impl(inner) if !is_left_out(&inner.attrs) && !is_debug(inner) => {
                self.functions
                    .push(short(self.source(inner.self_ty.span())).split('<').next().unwrap_or("").to_owned());
                for part in &inner.items {
                    if let syn::ImplItem::Fn(function) = part
                        && !is_left_out(&function.attrs)
                    {
                        self.function(&function.sig.ident.to_string(), &function.sig, &function.block);
                    }
                }
                self.functions.pop();
            }
            Item::Mod(inner) if !is_left_out(&inner.attrs) => visit::visit_item_mod(self, inner),
            Item::Trait(inner) => {
                self.functions.push(inner.ident.to_string());
                for part in &inner.items {
                    if let syn::TraitItem::Fn(function) = part
                        && let Some(block) = &function.default
                    {
                        self.function(&function.sig.ident.to_string(), &function.sig, block);
                    }
                }
                self.functions.pop();
            }
            _ => {}
        }
    }

    fn visit_stmt(&mut self, stmt: &'ast Stmt) {
        match stmt {
            Stmt::Expr(expr, Some(_)) => {
                let span = stmt.span();
                match expr {
                    Expr::Call(_)
                    | Expr::MethodCall(_)
                    | Expr::Assign(_)
                    | Expr::Return(_)
                    | Expr::Break(_)
                    | Expr::Continue(_) => self.left_out(span),
                    Expr::Binary(binary) if is_assignment(&binary.op) => self.left_out(span),
                    Expr::Try(tried) => {
                        self.left_out(span);
                        let other = format!("let _ = {};", self.source(tried.expr.span()));
                        let what = format!("`{}`: its error ignored", short(self.source(expr.span())));
                        self.add(span.byte_range(), span.start().line, &what, Change::Statement(other));
                    }
                    _ => {}
                }
                self.plain_within(|finder| finder.visit_expr(expr));
            }
            Stmt::Expr(expr, None) => {
                if matches!(expr, Expr::ForLoop(_)) {
                    self.left_out(expr.span());
                }
                self.plain_within(|finder| finder.visit_expr(expr));
            }
            Stmt::Local(local) => {
                if let Some(init) = &local.init {
                    self.plain_within(|finder| {
                        finder.visit_expr(&init.expr);
                        if let Some((_, diverge)) = &init.diverge {
                            finder.visit_expr(diverge);
                        }
                    });
                }
            }
            Stmt::Item(item) => self.visit_item(item),
            Stmt::Macro(_) => {}
        }
    }

    fn visit_expr(&mut self, expr: &'ast Expr) {
        match expr {
            Expr::If(inner) => {
                self.condition(&inner.cond, true, true);
                self.plain_within(|finder| {
                    finder.visit_block(&inner.then_branch);
                    if let Some((_, branch)) = &inner.else_branch {
                        finder.visit_expr(branch);
                    }
                });
            }
            Expr::While(inner) => {
                self.condition(&inner.cond, false, true);
                self.plain_within(|finder| finder.visit_block(&inner.body));
            }
            Expr::Match(inner) => {
                self.plain_within(|finder| finder.visit_expr(&inner.expr));
                let has_rest = inner.arms.last().is_some_and(|arm| takes_anything(&arm.pat) && arm.guard.is_none());
                for arm in &inner.arms {
                    match &arm.guard {
                        Some((_, guard)) => self.condition(guard, true, true),
                        None if has_rest && !takes_anything(&arm.pat) => {
                            let at = arm.pat.span().byte_range().end;
                            let what = format!("`{} =>` never taken", short(self.source(arm.pat.span())));
                            self.add(at..at, arm.pat.span().start().line, &what, Change::Never);
                        }
                        None => {}
                    }
                    self.plain_within(|finder| finder.visit_expr(&arm.body));
                }
            }
            Expr::Binary(binary) if matches!(binary.op, BinOp::And(_) | BinOp::Or(_)) => {
                self.condition(expr, true, true);
            }
            Expr::Binary(binary) if is_comparison(&binary.op) => self.condition(expr, true, true),
            Expr::Binary(binary) => {
                self.operator(binary, swapped(&binary.op));
                self.visit_expr(&binary.left);
                self.visit_expr(&binary.right);
            }
            Expr::Unary(unary) if matches!(unary.op, UnOp::Not(_)) => {
                let bare = self.bare;
                self.condition(expr, true, true);
                self.bare = bare;
            }
            Expr::MethodCall(call) => {
                let name = call.method.to_string();
                if tells(&name) {
                    self.constants(expr, true, true);
                }
                if let Some(other) = twin(&name) {
                    let (start, end) = (call.span().byte_range().start, call.span().byte_range().end);
                    let at = call.method.span().byte_range();
                    let text = format!("{}{other}{}", &self.text[start..at.start], &self.text[at.end..end]);
                    let what = format!("`{}`: {other}", short(self.source(expr.span())));
                    self.add(start..end, expr.span().start().line, &what, Change::Instead(text));
                }
                self.plain_within(|finder| {
                    finder.visit_expr(&call.receiver);
                    call.args.iter().for_each(|arg| finder.visit_expr(arg));
                });
            }
            Expr::Call(call) => {
                self.plain_within(|finder| call.args.iter().for_each(|arg| finder.visit_expr(arg)));
            }
            Expr::Lit(literal) => match &literal.lit {
                Lit::Bool(value) => self.instead(expr.span(), if value.value { "false" } else { "true" }),
                Lit::Int(value) if !self.bare => {
                    if let Ok(number) = value.base10_parse::<u128>() {
                        self.instead(expr.span(), &format!("{}{}", number + 1, value.suffix()));
                    }
                }
                _ => {}
            },
            Expr::Path(path) if !self.bare => {
                let segments: Vec<String> = path.path.segments.iter().map(|part| part.ident.to_string()).collect();
                match segments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                    [name] if is_constant(name) => self.instead(expr.span(), &format!("({name} + 1)")),
                    ["Outcome", name] => {
                        let other = if name == "Unknown" { "NotSent" } else { "Unknown" };
                        self.instead(expr.span(), &format!("Outcome::{other}"));
                    }
                    ["Status", name] => {
                        let other = if name == "Io" { "Protocol" } else { "Io" };
                        self.instead(expr.span(), &format!("Status::{other}"));
                    }
                    _ => {}
                }
            }
            Expr::Index(index) => {
                self.visit_expr(&index.expr);
                let bare = std::mem::replace(&mut self.bare, true);
                self.visit_expr(&index.index);
                self.bare = bare;
            }
            // The length is a constant's.
            Expr::Repeat(repeat) => self.visit_expr(&repeat.expr),
            Expr::Assign(assign) => {
                self.visit_expr(&assign.right);
            }
            Expr::Let(inner) => self.visit_expr(&inner.expr),
            Expr::Struct(built) => {
                for field in &built.fields {
                    // One that is short for itself stays so.
                    if field.colon_token.is_some() {
                        self.plain_within(|finder| finder.visit_expr(&field.expr));
                    }
                }
                if let Some(rest) = &built.rest {
                    self.visit_expr(rest);
                }
            }
            Expr::Macro(_) | Expr::Const(_) => {}
            _ => visit::visit_expr(self, expr),
        }
    }

    fn visit_pat(&mut self, _: &'ast Pat) {}
    fn visit_type(&mut self, _: &'ast Type) {}
    fn visit_generic_argument(&mut self, _: &'ast syn::GenericArgument) {}
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
}

/// The constants that a function may return at once.
fn constants_of(signature: &syn::Signature, block: &Block) -> Vec<String> {
    if block.stmts.is_empty() {
        return Vec::new();
    }
    let ReturnType::Type(_, ty) = &signature.output else {
        return vec![String::new()];
    };
    // What its one expression is has mutants of its own.
    let is_told = match &block.stmts[..] {
        [Stmt::Expr(Expr::Binary(one), None)] => is_comparison(&one.op) || is_logic(&one.op),
        [Stmt::Expr(Expr::Unary(one), None)] => matches!(one.op, UnOp::Not(_)),
        [Stmt::Expr(Expr::MethodCall(one), None)] => tells(&one.method.to_string()),
        [Stmt::Expr(Expr::Lit(_), None)] => true,
        _ => false,
    };
    if is_told { Vec::new() } else { values(ty) }
}

fn values(ty: &Type) -> Vec<String> {
    let strings = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
    let path = match ty {
        Type::Tuple(tuple) if tuple.elems.is_empty() => return strings(&["()"]),
        Type::Path(path) => path,
        _ => return Vec::new(),
    };
    let Some(last) = path.path.segments.last() else {
        return Vec::new();
    };
    let first_argument = match &last.arguments {
        syn::PathArguments::AngleBracketed(list) => list.args.iter().find_map(|argument| match argument {
            syn::GenericArgument::Type(ty) => Some(ty),
            _ => None,
        }),
        _ => None,
    };
    match last.ident.to_string().as_str() {
        "bool" => strings(&["true", "false"]),
        "u8" | "u16" | "u32" | "u64" | "usize" => strings(&["0", "1"]),
        "i8" | "i16" | "i32" | "i64" | "isize" => strings(&["0", "1", "-1"]),
        "String" => strings(&["String::new()"]),
        "Vec" => strings(&["Vec::new()"]),
        "Duration" => strings(&["std::time::Duration::ZERO"]),
        "Option" => {
            let inner = first_argument.map(values).unwrap_or_default();
            let some = inner.into_iter().map(|value| format!("Some({value})"));
            std::iter::once("None".to_owned()).chain(some).collect()
        }
        "Result" => {
            let inner = first_argument.map(values).unwrap_or_default();
            inner.into_iter().map(|value| format!("Ok({value})")).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a pattern takes whatever the arms before it left.
fn takes_anything(pattern: &Pat) -> bool {
    match pattern {
        Pat::Wild(_) => true,
        Pat::Ident(ident) => ident.subpat.is_none() && ident.ident.to_string().starts_with(char::is_lowercase),
        Pat::Tuple(tuple) => tuple.elems.iter().all(takes_anything),
        _ => false,
    }
}

fn has_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

/// What is for tests alone, and what this build has not.
fn is_left_out(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let text = match &attribute.meta {
            syn::Meta::List(list) if list.path.is_ident("cfg") => list.tokens.to_string(),
            meta => return meta.path().is_ident("test"),
        };
        text == "test" || text.starts_with("not")
    })
}

/// What a program prints of a value for its own programmer.
fn is_debug(block: &syn::ItemImpl) -> bool {
    let last = block.trait_.as_ref().and_then(|(_, path, _)| path.segments.last());
    last.is_some_and(|part| part.ident == "Debug")
}

fn is_comparison(op: &BinOp) -> bool {
    matches!(op, BinOp::Eq(_) | BinOp::Ne(_) | BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_))
}

fn is_logic(op: &BinOp) -> bool {
    matches!(op, BinOp::And(_) | BinOp::Or(_))
}

fn is_assignment(op: &BinOp) -> bool {
    swapped(op).ends_with('=')
}

fn swapped(op: &BinOp) -> &'static str {
    match op {
        BinOp::Add(_) => "-",
        BinOp::Sub(_) => "+",
        BinOp::Mul(_) => "/",
        BinOp::Div(_) | BinOp::Rem(_) => "*",
        BinOp::BitAnd(_) => "|",
        BinOp::BitOr(_) | BinOp::BitXor(_) => "&",
        BinOp::Shl(_) => ">>",
        BinOp::Shr(_) => "<<",
        BinOp::AddAssign(_) => "-=",
        BinOp::SubAssign(_) => "+=",
        BinOp::MulAssign(_) => "/=",
        BinOp::DivAssign(_) | BinOp::RemAssign(_) => "*=",
        BinOp::BitAndAssign(_) => "|=",
        BinOp::BitOrAssign(_) | BinOp::BitXorAssign(_) => "&=",
        BinOp::ShlAssign(_) => ">>=",
        BinOp::ShrAssign(_) => "<<=",
        _ => "",
    }
}

/// Whether a method of this name says yes or no.
fn tells(name: &str) -> bool {
    let begins = ["is_", "has_", "may_", "wants_", "contains", "starts_with", "ends_with", "eq_ignore"];
    begins.iter().any(|begin| name.starts_with(begin)) || matches!(name, "any" | "all" | "ptr_eq")
}

/// The method that does the opposite.
fn twin(name: &str) -> Option<&'static str> {
    Some(match name {
        "min" => "max",
        "max" => "min",
        "saturating_add" => "saturating_sub",
        "saturating_sub" => "saturating_add",
        "saturating_mul" => "saturating_add",
        "push_back" => "push_front",
        "push_front" => "push_back",
        "pop_back" => "pop_front",
        "pop_front" => "pop_back",
        "first" => "last",
        "last" => "first",
        _ => return None,
    })
}

fn is_constant(name: &str) -> bool {
    name.len() > 1 && name.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_')
}

/// A piece of source on one line, and not too long.
fn short(source: &str) -> String {
    let line = source.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHORT) {
        Some((at, _)) => format!("{}...", &line[..at]),
        None => line,
    }
}

const SHORT: usize = 72;

#[cfg(test)]
#[path = "rewrite_tests.rs"]
mod tests;
