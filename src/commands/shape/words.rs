//! Reading a command's options by position, as the server does, so that a key or a member is never taken for an option.

/// Whether an argument is this word, in any case of letters.
#[inline]
pub(super) fn is(arg: Option<&&[u8]>, word: &str) -> bool {
    arg.is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether one of the arguments from `from` on is this word: for a row of options where nothing else can stand.
pub(super) fn any(args: &[&[u8]], from: usize, word: &str) -> bool {
    args.get(from..).unwrap_or_default().iter().any(|arg| is(Some(arg), word))
}

/// Where the options begin behind `numkeys keys...`, when `numkeys` stands at this place.
pub(super) fn behind_keys(args: &[&[u8]], at: usize) -> Option<usize> {
    let count = std::str::from_utf8(args.get(at)?).ok()?.parse::<usize>().ok()?;
    at.checked_add(1)?.checked_add(count).filter(|&end| end <= args.len())
}

/// Options, and how many arguments belong to each: whether `word` is one of those given from `from` on.
pub(super) fn option(args: &[&[u8]], from: usize, word: &str, taking: &[(&str, usize)]) -> bool {
    let mut at = from;
    while let Some(arg) = args.get(at) {
        if is(Some(arg), word) {
            return true;
        }
        at += 1 + taking.iter().find(|(name, _)| is(Some(arg), name)).map_or(0, |(_, count)| *count);
    }
    false
}
