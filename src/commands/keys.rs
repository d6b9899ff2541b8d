//! The keys among a command's arguments, found without asking a server.

use super::command::{Access, Begin, Command, CommandFlags, Find, Finder, KeySpec};
use super::find::find;

/// The keys of a command.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    spans: [Span; SPANS_MAX],
    len: usize,
}

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandKey {
    /// Its index among the arguments.
    pub index: usize,
    /// What the command does to it.
    pub access: Access,
}

/// Why the keys of a command cannot be told. A server that is asked refuses in the same places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoKeys {
    /// The table does not have the command.
    Unknown,
    /// It has too few arguments, or too many.
    Arity,
    /// It must have keys, and its arguments do not say where: a number of keys that cannot be, no STREAMS.
    Arguments,
}

/// The keys of the command that these arguments are. A command that has none gives none.
pub fn keys(args: &[&[u8]]) -> Result<Keys, NoKeys> {
    let row = find(args).ok_or(NoKeys::Unknown)?;
    if row.flags.has(CommandFlags::CONTAINER) && args.len() > 1 {
        return Err(NoKeys::Unknown);
    }
    keys_of(row, args)
}

/// What decides the slot of the command of this row: its keys, and the channels whose slots count as keys' do.
pub fn routing_keys(row: &Command, args: &[&[u8]]) -> Result<Keys, NoKeys> {
    match row.keys().iter().all(is_key) {
        true => keys_of(row, args),
        false => Keys::NONE.found(row, args, |_| true),
    }
}

/// The keys of the command of this row.
pub(super) fn keys_of(row: &Command, args: &[&[u8]]) -> Result<Keys, NoKeys> {
    match row.keys().iter().any(is_key) {
        true => Keys::NONE.found(row, args, is_key),
        false => Ok(Keys::NONE),
    }
}

impl Keys {
    const NONE: Keys = Keys { spans: [Span::NONE; SPANS_MAX], len: 0 };

    /// With those that the specifications which count say.
    fn found(self, row: &Command, args: &[&[u8]], counts: fn(&KeySpec) -> bool) -> Result<Keys, NoKeys> {
        let mut keys = self;
        if !row.takes(args.len()) {
            return Err(NoKeys::Arity);
        }
        let said = match row.finder {
            Finder::Sort => keys.sort(args),
            Finder::SortRo => keys.add(Span::one(1, READ)),
            Finder::Migrate => keys.migrate(args),
            Finder::Specification | Finder::Set | Finder::Delex | Finder::Bitfield => keys.specified(row, args, counts),
        };
        match row.finder {
            Finder::Set if says(args, 3, b"GET") => keys.spans[0].access = CHANGED,
            Finder::Set => keys.spans[0].access = Access(Access::OW | Access::UPDATE),
            Finder::Delex if args.len() > 2 => {
                keys.spans[0].access = Access(Access::RW | Access::ACCESS | Access::DELETE)
            }
            Finder::Delex => keys.spans[0].access = Access(Access::RM | Access::DELETE),
            Finder::Bitfield => keys.spans[0].access = bitfield(args),
            _ => {}
        }
        if said.is_some() && keys.iter().next().is_some() {
            return Ok(keys);
        }
        match row.flags.has(CommandFlags::NO_MANDATORY_KEYS) {
            true => Ok(Keys { len: 0, ..keys }),
            false => Err(NoKeys::Arguments),
        }
    }

    /// Each of them, as the specifications come one after the other.
    pub fn iter(&self) -> impl Iterator<Item = CommandKey> {
        self.spans.iter().take(self.len).flat_map(|span| {
            (span.first..span.end).step_by(span.step).map(|index| CommandKey { index, access: span.access })
        })
    }

    fn add(&mut self, span: Span) -> Option<()> {
        *self.spans.get_mut(self.len)? = span;
        self.len += 1;
        Some(())
    }

    /// As the specification says. `None`: the arguments are not as it says.
    fn specified(&mut self, row: &Command, args: &[&[u8]], counts: fn(&KeySpec) -> bool) -> Option<()> {
        for spec in row.keys().iter().filter(|spec| counts(spec)) {
            let first = match spec.begin {
                Begin::Index(index) => Some(usize::from(index)),
                Begin::Keyword(word, from) => behind(args, word.text(), from),
                Begin::Unsaid => None,
            };
            if let Some(first) = first {
                self.add(span(spec, first, args)?)?;
            }
        }
        Some(())
    }

    /// The key, and where the result goes: what follows the last STORE that is no argument of LIMIT, GET or BY.
    fn sort(&mut self, args: &[&[u8]]) -> Option<()> {
        self.add(Span::one(1, READ))?;
        let mut store = None;
        let mut at = 2;
        while at < args.len() {
            let is = |word: &[u8]| args[at].eq_ignore_ascii_case(word);
            if is(b"LIMIT") {
                at += 2;
            } else if is(b"GET") || is(b"BY") {
                at += 1;
            } else if is(b"STORE") && at + 1 < args.len() {
                store = Some(at + 1);
            }
            at += 1;
        }
        store.map_or(Some(()), |store| self.add(Span::one(store, Access(Access::OW | Access::UPDATE))))
    }

    /// The one key, or where that is empty, those behind KEYS.
    fn migrate(&mut self, args: &[&[u8]]) -> Option<()> {
        let taken = Access(Access::RW | Access::ACCESS | Access::DELETE);
        let mut at = 6;
        // KEYS as the last word has no keys behind it.
        while at < args.len() && behind(args, b"KEYS", -2).is_some() {
            let is = |word: &[u8]| args[at].eq_ignore_ascii_case(word);
            if is(b"KEYS") {
                return match args[3].is_empty() {
                    true => self.add(Span { first: at + 1, end: args.len(), step: 1, access: taken }),
                    // One key and several are not for one command.
                    false => None,
                };
            }
            at += if is(b"AUTH") {
                2
            } else if is(b"AUTH2") {
                3
            } else {
                1
            };
        }
        self.add(Span::one(3, taken))
    }
}

/// Some keys: every `step`th argument from `first` on and before `end`.
#[derive(Clone, Copy, Debug)]
struct Span {
    first: usize,
    end: usize,
    step: usize,
    access: Access,
}

impl Span {
    const NONE: Span = Span { first: 0, end: 0, step: 1, access: Access(0) };

    fn one(index: usize, access: Access) -> Span {
        Span { first: index, end: index + 1, step: 1, access }
    }
}

/// Where the keys of one specification are.
fn span(spec: &KeySpec, first: usize, args: &[&[u8]]) -> Option<Span> {
    let argc = args.len();
    let (first, last, step) = match spec.find {
        Find::Range { last, step, limit } => {
            let to = match (last >= 0, limit) {
                (true, _) => first.checked_add_signed(last.into())?,
                (false, 0) => argc.checked_add_signed(last.into())?,
                (false, part) => {
                    (first + argc.checked_sub(first)? / usize::from(part)).checked_add_signed(last.into())?
                }
            };
            (first, to, usize::from(step))
        }
        Find::Count { at, first: skipped, step } => {
            let (begin, step) = (first + usize::from(skipped), usize::from(step));
            let count = usize::try_from(atoi(args.get(first + usize::from(at))?)).ok()?;
            if count == 0 || count > argc.checked_sub(begin)?.div_ceil(step) {
                return None;
            }
            (begin, begin + (count - 1) * step, step)
        }
        Find::Unsaid => return None,
    };
    (first < argc && last < argc).then_some(Span {
        first,
        end: last + 1,
        step: step.max(1),
        access: Access(spec.access.0 & ACCESS_MASK),
    })
}

/// The index behind a word that is not the last argument.
fn behind(args: &[&[u8]], word: &[u8], from: i8) -> Option<usize> {
    let is = |at: &usize| args[*at].eq_ignore_ascii_case(word);
    let found = if from >= 0 {
        (usize::from(from.unsigned_abs())..args.len().saturating_sub(1)).find(is)
    } else {
        (2..=args.len().checked_add_signed(from.into())?).rev().find(is)
    };
    found.map(|at| at + 1)
}

/// What BITFIELD does: it only reads where it is asked for nothing but GET.
fn bitfield(args: &[&[u8]]) -> Access {
    let mut at = 2;
    while at < args.len() {
        let left = args.len() - at - 1;
        if args[at].eq_ignore_ascii_case(b"GET") && left >= 2 {
            at += 3;
        } else if args[at].eq_ignore_ascii_case(b"OVERFLOW") && left >= 1 {
            at += 2;
        } else {
            return CHANGED;
        }
    }
    READ
}

/// Whether this word is among the arguments from an index on.
fn says(args: &[&[u8]], from: usize, word: &[u8]) -> bool {
    args.iter().skip(from).any(|arg| arg.eq_ignore_ascii_case(word))
}

/// Whether a specification is of keys; a channel's slot counts as one's does, but it is none.
fn is_key(spec: &KeySpec) -> bool {
    spec.access.0 & Access::NOT_KEY == 0
}

/// A number as C's atoi reads it, for the servers do: what follows the digits does not count, and what is past an int wraps.
fn atoi(text: &[u8]) -> i32 {
    let text = &text[text.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == 0x0b).count()..];
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    let number = digits.fold(0i64, |number, digit| {
        let digit = i64::from(digit - b'0');
        number.saturating_mul(10).saturating_add(if negative { -digit } else { digit })
    });
    number as i32
}

const READ: Access = Access(Access::RO | Access::ACCESS);
const CHANGED: Access = Access(Access::RW | Access::ACCESS | Access::UPDATE);

/// What is said of a key, without what is said of the specification.
const ACCESS_MASK: u32 = 0xff;

/// No command has more specifications than this.
const SPANS_MAX: usize = 3;
