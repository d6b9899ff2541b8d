//! What the answers in front of a batch prove of scripts that were answered with NOSCRIPT.

use super::*;
use crate::client::Flags;
use crate::client::pipeline::plan::Mode;
use crate::client::pipeline::queue::Queue;
use crate::client::pipeline::wire::Delivery;
use crate::conn::Known;
use crate::limits::Limits;
use crate::options::ParserChoice;
use crate::resp;

const WORDS: &str = "-NOSCRIPT No matching script. Please use EVAL.\r\n";
const OWN: &str = "-NOSCRIPT of its own\r\n";

/// GET and one script, and the replies to all that goes over: what they say, what is missing, and how many replies are left.
#[expect(clippy::type_complexity, reason = "compared at once, as a tuple")]
fn taken(known: &Known, replies: &[&str]) -> (Vec<Digest>, bool, Vec<(usize, usize, Verdict)>, usize) {
    let script = Script::new(b"return 1").unwrap();
    let mut queue = Queue::default();
    queue.add_plain(&[b"GET", b"a"]).unwrap();
    queue.add_script(&script, 0, &[], Flags::default(), std::ptr::null_mut()).unwrap();
    let mut plan = Plan::new(queue, Mode::Plain);
    plan.deliver(Delivery::ByDigest(known)).unwrap();
    let mut merged = Merged::default();
    for reply in replies {
        let mut parser = resp::parser(ParserChoice::Fast, Limits::default());
        parser.feed(reply.as_bytes()).unwrap();
        merged.gather.take(&mut parser.next().unwrap().unwrap()).unwrap();
    }
    merged.unshaped.push(replies.len() - 1);
    let (front, said) = take_out_front(&plan, &mut merged).unwrap();
    assert_eq!(merged.unshaped, [1], "a place among the caller's own");
    let said = said.into_iter().map(|(missing, verdict)| (missing.index, missing.script, verdict)).collect();
    (front.known().copied().collect(), front.is_refused, said, merged.gather.len())
}

#[test]
fn what_was_known_before_is_asked_for_again_where_it_is_not_found() {
    let digest = *Script::new(b"return 1").unwrap().digest();
    let mut known = Known::default();
    known.add(&digest);
    assert_eq!(taken(&known, &["$1\r\na\r\n", ":1\r\n"]), (vec![], false, vec![], 2));
    assert_eq!(taken(&known, &["$1\r\na\r\n", "-ERR no\r\n"]).2, []);
    assert_eq!(taken(&known, &["$1\r\na\r\n", WORDS]).2, [(1, 0, Verdict::Ask(true))]);
    assert_eq!(taken(&known, &["$1\r\na\r\n", OWN]).2, [(1, 0, Verdict::Ask(false))]);
    assert_eq!(taken(&known, &[WORDS, ":1\r\n"]).2, [], "GET is no script");
    for value in ["+NOSCRIPT is a word\r\n", "$8\r\nNOSCRIPT\r\n"] {
        assert_eq!(taken(&known, &["$1\r\na\r\n", value]).2, [], "{value}: what a script gives is no error");
    }
}

#[test]
fn the_answers_in_front_prove_what_they_can() {
    use Verdict::{Ask, Told, Whole};
    let digest = *Script::new(b"return 1").unwrap().digest();
    let (had, had_not, silent) = ("*1\r\n:1\r\n", "*1\r\n:0\r\n", "-LOADING it\r\n");
    let (loaded, not_loaded) = ("$1\r\nx\r\n", "-NOPERM no\r\n");
    for (exists, load, is_known, words, own) in [
        (had, loaded, true, Ask(true), Ask(false)),
        (had_not, loaded, true, Ask(true), Ask(false)),
        (had, not_loaded, true, Told, Told),
        (had_not, not_loaded, false, Whole, Whole),
        (silent, not_loaded, false, Whole, Told),
        (silent, loaded, true, Whole, Told),
    ] {
        for (reply, verdict) in [(WORDS, words), (OWN, own)] {
            let (known, is_refused, said, left) = taken(&Known::default(), &[exists, load, "$1\r\na\r\n", reply]);
            assert_eq!((said, left, is_refused), (vec![(1, 0, verdict)], 2, false), "{exists} {load} {reply}");
            assert_eq!(known, if is_known { vec![digest] } else { vec![] });
        }
    }
}

#[test]
fn a_server_that_will_not_say_is_not_asked_again() {
    for (exists, is_refused) in
        [("-NOPERM no\r\n", true), ("-ERR unknown command\r\n", true), ("+OK\r\n", true), ("*1\r\n:1\r\n", false)]
    {
        assert_eq!(taken(&Known::default(), &[exists, "-ERR\r\n", "_\r\n", ":1\r\n"]).1, is_refused, "{exists}");
    }
}
