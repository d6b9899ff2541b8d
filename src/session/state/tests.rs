//! The state of a connection after each pair of a command and its reply, row by row.

use super::*;
use crate::commands::{self, Topic};
use crate::limits::Limits;
use crate::options::ParserChoice;
use crate::resp;

fn reply(bytes: &[u8]) -> Reply {
    let mut parser = resp::parser(ParserChoice::Fast, Limits::default());
    parser.room(bytes.len()).unwrap().bytes()[..bytes.len()].copy_from_slice(bytes);
    parser.filled(bytes.len()).unwrap();
    Reply::build(parser.next().unwrap().unwrap()).unwrap()
}

/// These commands, each with its answer, in a new conversation of RESP3.
fn after(conversation: &[(&str, &[u8])]) -> State {
    let mut state = State::new(0);
    state.speaks_resp3(true);
    conversation.iter().for_each(|(command, answer)| ask(&mut state, command, answer));
    state
}

/// Where the command is due no reply, there is none.
fn ask(state: &mut State, command: &str, answer: &[u8]) {
    let args: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
    match state.due(commands::effect(&args), &args) {
        Due::Reply(effect) => state.became(effect, &reply(answer)),
        due => assert!(answer.is_empty(), "{command} is due {due:?}"),
    }
}

/// What is refused of SUBSCRIBE, CLIENT REPLY OFF and ON.
fn refused(state: &mut State, settled: bool) -> [bool; 3] {
    let subscribe = Effect::Subscribe { topic: Topic::Channel, count: 1 };
    [subscribe, Effect::ReplyOff, Effect::ReplyOn].map(|effect| match state.refuse_in_transaction(effect, settled) {
        Ok(()) => false,
        Err(error) => {
            assert_eq!((error.status, error.outcome), (Status::State, Outcome::NotSent));
            true
        }
    })
}

const OK: &[u8] = b"+OK\r\n";
const QUEUED: &[u8] = b"+QUEUED\r\n";
const ERROR: &[u8] = b"-ERR no\r\n";

#[test]
fn nothing_is_sent_in_a_transaction_that_could_not_be_told_from_its_answers() {
    assert_eq!(refused(&mut after(&[]), false), [false; 3], "nothing is open");
    let mut other = after(&[]);
    other.due(Effect::None, &[b"GET", b"a"]);
    assert_eq!(refused(&mut other, false), [false; 3]);
    let mut asked = after(&[]);
    assert_eq!(asked.due(Effect::Multi, &[b"MULTI"]), Due::Reply(Effect::Multi));
    assert_eq!(refused(&mut asked, false), [true, true, false], "it may be open by now");
    asked.due(Effect::None, &[b"GET", b"a"]);
    assert_eq!(refused(&mut asked, false), [true, true, false]);
    asked.became(Effect::Multi, &reply(ERROR));
    assert_eq!(refused(&mut asked, true), [false; 3], "and it is not");
    assert_eq!(refused(&mut after(&[("MULTI", OK)]), true), [true, true, false]);
    assert_eq!(refused(&mut after(&[("MULTI", OK), ("EXEC", b"*0\r\n")]), true), [false; 3]);
}

/// Without replies nobody sees whether one is open, and CLIENT REPLY ON would be queued in it.
#[test]
fn a_transaction_that_nobody_sees_is_open_until_what_ends_it_whatever_is_said() {
    let off = ("CLIENT REPLY OFF", b"".as_slice());
    let unseen = |commands: &[&str]| {
        let commands: Vec<(&str, &[u8])> = commands.iter().map(|&command| (command, b"".as_slice())).collect();
        refused(&mut after(&[&[off], &commands[..]].concat()), true)
    };
    assert_eq!(unseen(&[]), [false; 3]);
    assert_eq!(unseen(&["MULTI"]), [true; 3]);
    assert_eq!(unseen(&["MULTI", "GET a"]), [true; 3]);
    for end in ["EXEC", "DISCARD"] {
        assert_eq!(unseen(&["MULTI", end]), [false; 3], "{end}");
        assert_eq!(unseen(&["MULTI", &format!("{end} a")]), [true; 3], "a wrong {end} ends nothing");
    }
}

#[test]
fn what_is_answered_is_what_the_connection_has_become() {
    for (conversation, is_as_new, is_queueing) in [
        (&[("WATCH a", OK)] as &[(&str, &[u8])], false, false),
        (&[("WATCH a", ERROR)], true, false),
        (&[("WATCH a", OK), ("UNWATCH", OK)], true, false),
        (&[("MULTI", OK)], false, true),
        (&[("WATCH a", OK), ("MULTI", OK), ("EXEC", b"*0\r\n")], true, false),
        (&[("WATCH a", OK), ("MULTI", OK), ("EXEC", b"_\r\n")], true, false),
        (&[("WATCH a", OK), ("MULTI", OK), ("EXEC", b"-EXECABORT no\r\n")], true, false),
        (&[("WATCH a", OK), ("EXEC", b"-ERR EXEC without MULTI\r\n")], false, false),
        (&[("WATCH a", OK), ("MULTI", OK), ("DISCARD", OK)], true, false),
        (&[("WATCH a", OK), ("MULTI", OK), ("DISCARD", ERROR)], false, true),
        (&[("SELECT 1", OK)], false, false),
        (&[("SELECT 1", OK), ("SELECT 0", OK)], true, false),
        (&[("MULTI", OK), ("SELECT 0", QUEUED), ("EXEC", b"*1\r\n+OK\r\n")], false, false),
        (&[("SHUTDOWN", ERROR)], false, false),
        (&[("MULTI", OK), ("GET a", QUEUED), ("EXEC", b"*1\r\n+QUEUED\r\n")], true, false),
    ] {
        let state = after(conversation);
        assert_eq!((state.is_as_new(), state.is_queueing()), (is_as_new, is_queueing), "{conversation:?}");
    }
}

/// The protocol is what HELLO's answer says; of one that nobody reads, no more than RESP2 is believed.
#[test]
fn the_protocol_is_what_the_answer_to_hello_says() {
    const THREE: &[u8] = b"%1\r\n$5\r\nproto\r\n:3\r\n";
    const TWO: &[u8] = b"*2\r\n$5\r\nproto\r\n:2\r\n";
    for (conversation, is_resp3) in [
        (&[] as &[(&str, &[u8])], true),
        (&[("HELLO 2", TWO)], false),
        (&[("HELLO 2", TWO), ("HELLO 3", THREE)], true),
        (&[("HELLO 2", ERROR)], true),
        (&[("MULTI", OK), ("HELLO 2", QUEUED)], false),
        (&[("MULTI", OK), ("SELECT 1", QUEUED)], true),
        (&[("HELLO 2", TWO), ("MULTI", OK), ("SELECT 1", QUEUED)], false),
        (&[("CLIENT REPLY SKIP", b""), ("HELLO 2", b"")], false),
        (&[("CLIENT REPLY SKIP", b""), ("SELECT 1", b"")], true),
        (&[("HELLO 2", TWO), ("CLIENT REPLY SKIP", b""), ("SELECT 1", b"")], false),
        (&[("RESET", b"+RESET\r\n")], false),
    ] {
        assert_eq!(after(conversation).is_resp3(), is_resp3, "{conversation:?}");
    }
}

fn confirmed(state: &mut State, subscribed: bool, name: Option<&[u8]>) -> bool {
    let name = name.map(<[u8]>::to_vec);
    state.confirmed(&mut Confirmation { topic: Topic::Channel, subscribed, name }).unwrap()
}

#[test]
fn a_topic_is_empty_with_its_last_name() {
    let mut state = after(&[]);
    assert!(!confirmed(&mut state, true, Some(b"a")) && !confirmed(&mut state, true, Some(b"b")));
    assert!(state.is_subscribed() && state.expects_messages() && state.hears() && !state.is_as_new());
    assert!(!confirmed(&mut state, false, Some(b"a")) && confirmed(&mut state, false, Some(b"b")));
    assert!(!state.is_subscribed() && !state.expects_messages() && !state.hears() && state.is_as_new());
    assert!(confirmed(&mut state, false, None));
}

#[test]
fn after_reset_nothing_comes_unasked() {
    let mut state = after(&[("WATCH a", OK), ("MULTI", OK), ("DISCARD", OK), ("MONITOR", OK), ("MULTI", OK)]);
    confirmed(&mut state, true, Some(b"a"));
    assert!(state.is_monitoring() && state.hears() && state.is_queueing() && state.expects_messages());
    ask(&mut state, "RESET", b"+RESET\r\n");
    assert!(!state.is_monitoring() && !state.is_queueing() && !state.expects_messages() && !state.may_say_more());
    assert!(!state.hears() && !state.is_as_new());
}

/// The keys that are tracked are told as pushes, which RESP2 has not.
#[test]
fn what_was_changed_may_be_told_of_in_resp3() {
    assert!(!after(&[]).hears() && !after(&[("GET a", OK)]).hears());
    let mut state = after(&[("CLIENT TRACKING ON", OK)]);
    assert!(state.hears() && !state.is_as_new());
    state.speaks_resp3(false);
    assert!(!state.hears() && !state.is_as_new());
}

/// Nothing proves that CLIENT REPLY was obeyed, nor what came of what nobody saw an answer to.
#[test]
fn a_connection_whose_replies_were_turned_off_is_not_as_new() {
    for conversation in [
        &[("CLIENT REPLY SKIP", b"".as_slice()), ("GET a", b"")] as &[(&str, &[u8])],
        &[("CLIENT REPLY OFF", b""), ("GET a", b""), ("CLIENT REPLY ON", OK), ("GET a", OK)],
        &[("CLIENT REPLY SKIP", b""), ("GET a", b""), ("GET a", OK)],
    ] {
        let state = after(conversation);
        assert!(!state.is_as_new() && !state.is_monitoring() && !state.expects_messages(), "{conversation:?}");
    }
    let mut monitored = after(&[("CLIENT REPLY SKIP", b""), ("MONITOR", b"")]);
    assert!(monitored.is_monitoring() && monitored.may_say_more());
    let mut subscribed = after(&[("CLIENT REPLY SKIP", b""), ("SUBSCRIBE a", b"")]);
    assert!(subscribed.expects_messages() && subscribed.hears() && !subscribed.is_monitoring());
    for state in [&mut monitored, &mut subscribed] {
        state.speaks_resp3(false);
        assert!(state.hears() && state.may_say_more());
    }
}
