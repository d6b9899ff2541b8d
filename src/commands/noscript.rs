//! The NOSCRIPT error of a server, told from one that a script returns.

/// Whether these are the server's own words for a digest that it knows no script of. A script may well return other errors
/// that begin with NOSCRIPT, after it ran; one that it raises has more behind these words.
pub fn unknown_script(error: &[u8]) -> bool {
    const WORDS: [&[u8]; 2] = [b"NOSCRIPT No matching script. Please use EVAL.", b"NOSCRIPT No matching script."];
    WORDS.contains(&error)
}
