//! Error replies that say more than that the command failed: about the server, the connection, and whether to try
//! again.
//!
//! ```text
//!  code word                    what it says                            connection   another try
//!  LOADING, MASTERDOWN,         the server cannot do it now,            stays        where it did not run
//!  TRYAGAIN, CLUSTERDOWN        and will by itself
//!  READONLY                     the server is a replica                 ends         yes: it wrote nothing
//!  UNBLOCKED, for the server    it was a primary and is a replica:      ends         where it waits for keys,
//!  changed its state            what waited there waits in vain                      and for ever
//!  any other                    this command failed                     stays        no
//! ```
//!
//! MASTERDOWN comes from a replica too, one that lost its primary. Whoever reads there may mean to, and is answered again once
//! the link is back; whoever writes there is told READONLY. NOREPLICAS, MISCONF and OOM come from the server that is meant:
//! on another connection it would say the same.

use super::command::{Command, Failure};

/// What an error says beside that its command failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The server refused for a reason that passes.
    Passes,
    /// The server is a replica, and wrote nothing.
    ReadOnly,
    /// The server has become a replica while the command waited there.
    Unblocked,
}

impl Refusal {
    /// What this error says. `own_words`: the command may answer with errors of its own making, as a script does; then only
    /// the server's exact words count.
    pub fn of(error: &[u8], own_words: bool) -> Option<Refusal> {
        match code_word(error) {
            b"LOADING" | b"MASTERDOWN" | b"TRYAGAIN" | b"CLUSTERDOWN" => Some(Refusal::Passes),
            b"READONLY" if !own_words || is_the_servers(error) => Some(Refusal::ReadOnly),
            b"EXECABORT" if error.strip_prefix(DISCARDED).is_some_and(is_the_servers) => Some(Refusal::ReadOnly),
            b"ERR" if own_words && is_raised_before_7(error) => Some(Refusal::ReadOnly),
            b"UNBLOCKED" if !own_words && error.starts_with(STATE_CHANGED) => Some(Refusal::Unblocked),
            _ => None,
        }
    }

    /// Whether the server is no longer the one to write to, so that a connection to it is of no use.
    pub fn ends_connection(self) -> bool {
        self != Refusal::Passes
    }
}

/// Whether an error of this command may be in words of its own: those of a script, of a module, of an unknown hand.
#[inline(always)]
pub fn has_own_words(command: Option<&Command>) -> bool {
    command.is_none_or(|command| command.failure != Failure::Refused)
}

fn code_word(error: &[u8]) -> &[u8] {
    error.split(|byte| *byte == b' ').next().unwrap_or_default()
}

/// Whether these are a server's own words for a write that it refused, to a command or within a script.
fn is_the_servers(error: &[u8]) -> bool {
    READ_ONLY.iter().any(|words| {
        let rest = error.trim_ascii_end().strip_prefix(*words);
        rest.is_some_and(|rest| rest.is_empty() || rest == b"." || is_place_in_script(rest))
    })
}

/// ` script: NAME, on @user_script:LINE.`, or the same of a function.
fn is_place_in_script(text: &[u8]) -> bool {
    let text = text.strip_prefix(b".").unwrap_or(text);
    let Some(text) = text.strip_prefix(b" script: ") else { return false };
    let Some(end) = text.iter().position(|byte| *byte == b',') else { return false };
    let (name, text) = text.split_at(end);
    let line = [b", on @user_script:", &b", on @user_function:"[..]].into_iter().find_map(|on| text.strip_prefix(on));
    !name.is_empty() && !name.contains(&b' ') && line.and_then(after_a_number) == Some(b".")
}

/// Redis before 7: `ERR Error running script (call to f_SHA): @user_script:LINE: @user_script: LINE: -READONLY ...`
fn is_raised_before_7(error: &[u8]) -> bool {
    let raised = || {
        let text = error.strip_prefix(b"ERR Error running script (call to f_")?;
        let (sha, text) = text.split_at_checked(40)?;
        let text = text.strip_prefix(b"): @user_script:").filter(|_| sha.iter().all(u8::is_ascii_hexdigit))?;
        let text = after_a_number(text)?.strip_prefix(b": @user_script: ")?;
        after_a_number(text)?.strip_prefix(b": -")
    };
    raised().is_some_and(is_the_servers)
}

fn after_a_number(text: &[u8]) -> Option<&[u8]> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    text.get(digits..).filter(|_| digits > 0)
}

/// Servers of every age: to a command, and to a script that says beforehand that it writes.
const READ_ONLY: [&[u8]; 3] = [
    b"READONLY You can't write against a read only replica",
    b"READONLY You can't write against a read only slave",
    b"READONLY Can not run script with write flag on readonly replica",
];
/// EXEC's own, where the server became a replica behind MULTI.
const DISCARDED: &[u8] = b"EXECABORT Transaction discarded because of: ";
const STATE_CHANGED: &[u8] = b"UNBLOCKED force unblock from blocking operation, instance state changed";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::find;

    const REPLICA: &str = "READONLY You can't write against a read only replica.";
    const SHA: &str = "bad08606eaa4af3ce8f1b0f914bcae0af3c8e91b";

    /// What an ordinary command's error says, and the same words of a script.
    fn says(error: &str) -> [Option<Refusal>; 2] {
        [Refusal::of(error.as_bytes(), false), Refusal::of(error.as_bytes(), true)]
    }

    #[test]
    fn some_refusals_pass() {
        for error in ["LOADING Redis is loading the dataset in memory", "TRYAGAIN", "CLUSTERDOWN x", "MASTERDOWN x"] {
            assert_eq!(says(error), [Some(Refusal::Passes); 2], "{error}");
        }
        for error in ["LOADINGS x", "ERR LOADING", "BUSY x", "NOREPLICAS x", "MISCONF x", "OOM x", "MOVED 1 a:1", ""] {
            assert_eq!(says(error), [None; 2], "{error}");
        }
    }

    #[test]
    fn a_command_is_refused_by_the_code_word_and_a_script_by_the_servers_words() {
        for error in [
            REPLICA.to_owned(),
            "READONLY You can't write against a read only slave.".to_owned(),
            "READONLY Can not run script with write flag on readonly replica".to_owned(),
            format!("{REPLICA} script: {SHA}, on @user_script:1."),
            format!("{REPLICA} script: name, on @user_function:12."),
            format!("EXECABORT Transaction discarded because of: {REPLICA}"),
        ] {
            assert_eq!(says(&error), [Some(Refusal::ReadOnly); 2], "{error}");
        }
        for error in [
            "READONLY this account".to_owned(),
            "READONLY".to_owned(),
            format!("{REPLICA} Really."),
            format!("{REPLICA} script: , on @user_script:1."),
            format!("{REPLICA} script: a b, on @user_script:1."),
            format!("{REPLICA} script: {SHA}, on @user_script:."),
            format!("{REPLICA} script: {SHA}, on @user_script:1. And more"),
            "READONLY You can't write against a read only replicant".to_owned(),
        ] {
            assert_eq!(says(&error), [Some(Refusal::ReadOnly), None], "{error}");
        }
        for error in ["READONLYISH x", "ERR READONLY", "EXECABORT Transaction discarded because of previous errors."] {
            assert_eq!(says(error), [None; 2], "{error}");
        }
    }

    #[test]
    fn what_a_script_raises_on_a_server_before_redis_7_is_understood_to_the_letter() {
        let raised = format!("ERR Error running script (call to f_{SHA}): @user_script:1: @user_script: 1: -{REPLICA}");
        assert_eq!(says(&raised), [None, Some(Refusal::ReadOnly)]);
        assert_eq!(says(&format!("{raised} ")), [None, Some(Refusal::ReadOnly)]);
        for (from, to) in [("f_b", "f_"), ("f_b", "f_x"), ("t:1", "t:"), (": 1", ": "), ("-R", "R"), ("ca.", "ca. x")] {
            let other = raised.replacen(from, to, 1);
            assert_ne!(other, raised);
            assert_eq!(says(&other), [None, None], "{other}");
        }
    }

    #[test]
    fn a_server_that_changed_its_state_is_told_from_one_that_was_asked_to_unblock() {
        let changed = "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)";
        assert_eq!(says(changed), [Some(Refusal::Unblocked), None]);
        assert_eq!(says("UNBLOCKED client unblocked via CLIENT UNBLOCK"), [None; 2]);
        assert!(Refusal::Unblocked.ends_connection() && Refusal::ReadOnly.ends_connection());
        assert!(!Refusal::Passes.ends_connection());
    }

    #[test]
    fn scripts_modules_and_the_unknown_have_words_of_their_own() {
        for name in ["EVAL", "EVALSHA", "FCALL", "FT.SEARCH", "MIGRATE", "NOSUCH"] {
            assert!(has_own_words(find(&[name.as_bytes()])), "{name}");
        }
        for name in ["SET", "EXEC", "BLPOP"] {
            assert!(!has_own_words(find(&[name.as_bytes()])), "{name}");
        }
    }
}
