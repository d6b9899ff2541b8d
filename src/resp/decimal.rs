//! Text that may be a floating point number: what a server that has no doubles sends in their place.

use super::grammar;

/// The nearest double, if the text is one by the grammar of RESP3; nothing depends on a locale.
#[inline]
pub(crate) fn score(text: &[u8]) -> Option<f64> {
    grammar::is_double(text).then(|| grammar::double(text))
}
