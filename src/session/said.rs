//! The part of an error reply to the handshake that a message may show: nothing that could be a part of a password.

use crate::error::head;

/// The words of an answer that a message may show. `secretive`: the greeting has secrets in it. A server may repeat what it
/// was told, cut, folded or escaped as it likes, so that no search for the secret finds all of it: only words are shown that
/// are known beforehand, and that no argument ever stands in.
pub(super) fn shown(text: &[u8], secretive: bool) -> Vec<u8> {
    let sentence = SENTENCES.iter().filter(|sentence| text.starts_with(sentence.as_bytes())).max_by_key(|it| it.len());
    match (sentence, code(text)) {
        (Some(sentence), _) => sentence.as_bytes().to_vec(),
        (None, _) if !secretive => head(text).to_vec(),
        (None, Some(code)) => format!("{code} (what is behind it could repeat a secret)").into_bytes(),
        (None, None) => b"an error (whose words could repeat a secret)".to_vec(),
    }
}

/// The code word of an error, if it is one that servers have.
pub(super) fn code(text: &[u8]) -> Option<&'static str> {
    let word = text.split(|byte| *byte == b' ').next().unwrap_or_default();
    CODES.iter().copied().find(|code| code.as_bytes() == word)
}

/// Whether the server knows no such command.
pub(super) fn is_unknown_command(text: &[u8]) -> bool {
    begins(text, &["unknown command", "unknown or disabled command", "unsupported command", "command not"])
}

/// Whether a command has too many arguments for the server, or too few.
pub(super) fn is_wrong_count(text: &[u8]) -> bool {
    begins(text, &["wrong number of arg"])
}

/// Whether it is the password that is wrong, and not the form.
pub(super) fn is_wrong_password(text: &[u8]) -> bool {
    begins(text, &["invalid password", "invalid username", "invalid user"])
}

/// Whether the server asks for no password, and does not like to be told one.
pub(super) fn wants_no_password(text: &[u8]) -> bool {
    begins(text, &["Client sent AUTH, but no password is set", "AUTH <password> called without any password"])
}

/// Whether an error without a code of its own begins with one of these words, in any case of letters.
fn begins(text: &[u8], words: &[&str]) -> bool {
    let Some(text) = text.strip_prefix(b"ERR ") else { return false };
    let starts = |word: &&str| text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()));
    words.iter().any(starts)
}

/// The code words with which servers refuse commands such as those of a greeting.
const CODES: &[&str] = &[
    "ERR",
    "BUSY",
    "CLUSTERDOWN",
    "DENIED",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "NOAUTH",
    "NOPERM",
    "NOPROTO",
    "NOREPLICAS",
    "OOM",
    "READONLY",
    "TRYAGAIN",
    "WRONGPASS",
];

/// Sentences of servers, each up to where it may have an argument in it.
const SENTENCES: &[&str] = &[
    "BUSY Redis is busy running a script",
    "DENIED Redis is running in protected mode",
    "DENIED Running in protected mode",
    "ERR AUTH <password> called without any password configured for the default user",
    "ERR Client sent AUTH, but no password is set",
    "ERR DB index is out of range",
    "ERR invalid DB index",
    "ERR invalid password",
    "ERR max number of clients + cluster connections reached",
    "ERR max number of clients reached",
    "ERR operation not permitted",
    "ERR Protocol version is not an integer or out of range",
    "ERR SELECT is not allowed in cluster mode",
    "ERR Syntax error in HELLO option",
    "ERR syntax error",
    "ERR unknown command",
    "ERR wrong number of arguments for 'auth' command",
    "ERR wrong number of arguments for 'hello' command",
    "ERR wrong number of arguments",
    "LOADING Redis is loading the dataset in memory",
    "MASTERDOWN Link with MASTER is down",
    "NOAUTH Authentication required.",
    "NOAUTH HELLO must be called with the client already authenticated",
    "NOPERM this user has no permissions to run the 'auth' command",
    "NOPERM this user has no permissions to run the 'hello' command",
    "NOPERM this user has no permissions to run the 'select' command",
    "NOPROTO sorry, this protocol version is not supported",
    "NOPROTO unsupported protocol version",
    "WRONGPASS invalid username-password pair or user is disabled.",
];
