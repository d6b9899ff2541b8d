//! What is wanted, what the server is asked for it, and what is made of its answers.

use super::*;
use crate::commands::Effect;
use crate::limits::{COMMAND_ARGS_MAX, Limits};
use crate::options::ParserChoice;
use crate::session::Greeting;
use Topic::{Channel, Pattern, Shard};

fn conversation() -> Session {
    let greeting = Greeting { protocol: 2, ..Greeting::default() };
    Session::new(resp::parser(ParserChoice::Fast, Limits::default()), greeting).unwrap()
}

/// The words of the commands that waited to be handed over, which they are.
fn said(session: &mut Session) -> String {
    let text = String::from_utf8(session.outgoing().to_vec()).unwrap();
    session.sent(text.len());
    let words = text.split("\r\n").filter(|part| !part.starts_with('$') && !part.is_empty());
    let words: Vec<&str> = words.map(|word| if word.starts_with('*') { "|" } else { word }).collect();
    words.join(" ").trim_start_matches("| ").to_owned()
}

/// A push of these words; `_` is null.
fn push(words: &[&str]) -> String {
    let word = |word: &&str| if *word == "_" { "_\r\n".to_owned() } else { format!("${}\r\n{word}\r\n", word.len()) };
    format!(">{}\r\n{}", words.len(), words.iter().map(word).collect::<String>())
}

/// The next that comes, when this was said.
fn hear(wanted: &mut Subscriptions, session: &mut Session, text: &str) -> Heard {
    session.receive(text.as_bytes()).unwrap();
    let event = session.poll().unwrap().unwrap();
    wanted.heard(session, event).unwrap()
}

/// A confirmation that is one.
fn confirm(wanted: &mut Subscriptions, session: &mut Session, words: &[&str]) {
    assert!(matches!(hear(wanted, session, &push(words)), Heard::Confirmation(_)), "{words:?}");
}

/// These names, wanted and confirmed, and nothing on its way.
fn subscribed(topic: Topic, names: &[&str]) -> (Subscriptions, Session) {
    let (mut wanted, mut session) = (Subscriptions::default(), conversation());
    for name in names {
        wanted.subscribe(Some(&mut session), topic, &[name.as_bytes()]).unwrap();
        assert_eq!(said(&mut session), format!("{} {name}", word(topic, true)));
        confirm(&mut wanted, &mut session, &[&word(topic, true).to_lowercase(), name]);
    }
    assert!(wanted.is_settled());
    (wanted, session)
}

/// Somebody else's command, given to this conversation.
fn pass(wanted: &mut Subscriptions, session: &mut Session, args: &[&str]) -> Ticket {
    let names: Vec<Vec<u8>> = args[1..].iter().map(|name| name.as_bytes().to_vec()).collect();
    let args: Vec<&[u8]> = args.iter().map(|arg| arg.as_bytes()).collect();
    let effect = crate::commands::effect(&args);
    let submit = || session.submit(Submit::any(&args, Shape::KEEP)).map(|submitted| submitted.ticket);
    wanted.pass(effect, &names, submit).unwrap()
}

#[test]
fn what_is_wanted_is_asked_for_where_there_is_a_conversation() {
    let (mut wanted, mut session) = (Subscriptions::default(), conversation());
    assert!(wanted.is_empty() && wanted.is_settled());
    wanted.subscribe(None, Channel, &[b"a", b"b"]).unwrap();
    assert!(!wanted.is_empty() && wanted.is_settled() && wanted.wants(Channel, b"b") && !wanted.wants(Pattern, b"b"));
    wanted.subscribe(Some(&mut session), Pattern, &[b"p*"]).unwrap();
    assert_eq!(said(&mut session), "PSUBSCRIBE p*");
    assert!(!wanted.is_settled() && wanted.asks_again());
    confirm(&mut wanted, &mut session, &["psubscribe", "p*"]);
    assert!(wanted.is_settled() && !wanted.asks_again());
    let mut names: Vec<_> = wanted.names().map(|(topic, name)| (topic as usize, name.to_vec())).collect();
    names.sort();
    assert_eq!(names, [(0, b"a".to_vec()), (0, b"b".to_vec()), (1, b"p*".to_vec())]);
    assert!(wanted.give_up() && wanted.is_empty() && !wanted.give_up());
}

/// In the order of wishing, each once, and no more of them in one command than others may wait for.
#[test]
fn a_new_conversation_is_asked_for_all_that_is_wanted() {
    let mut wanted = Subscriptions::default();
    let names: Vec<String> = (0..40).map(|number| format!("n{}", number * 17 % 40)).collect();
    let (first, rest) = names.split_at(20);
    let first: Vec<&[u8]> = first.iter().map(|name| name.as_bytes()).collect();
    wanted.subscribe(None, Channel, &first).unwrap();
    // The others were somebody else's.
    let mut lost = conversation();
    pass(&mut wanted, &mut lost, &["SUBSCRIBE", "other"]);
    for name in rest {
        pass(&mut wanted, &mut lost, &["SUBSCRIBE", name]);
    }
    said(&mut lost);
    confirm(&mut wanted, &mut lost, &["subscribe", "other"]);
    for name in rest {
        confirm(&mut wanted, &mut lost, &["subscribe", name]);
    }
    wanted.unsubscribe(None, Channel, &[b"other"]).unwrap();
    // What is wanted once more keeps its place.
    wanted.subscribe(None, Channel, &first[..1]).unwrap();
    pass(&mut wanted, &mut lost, &["SUBSCRIBE", &names[1]]);
    said(&mut lost);
    confirm(&mut wanted, &mut lost, &["subscribe", &names[1]]);
    wanted.subscribe(Some(&mut lost), Shard, &[b"s"]).unwrap();
    let mut session = conversation();
    wanted.again(&mut session).unwrap();
    assert_eq!(said(&mut session), format!("SUBSCRIBE {} | SSUBSCRIBE s", names.join(" ")));
    for name in &names {
        assert!(!wanted.is_settled());
        confirm(&mut wanted, &mut session, &["subscribe", name]);
    }
    confirm(&mut wanted, &mut session, &["ssubscribe", "s"]);
    assert!(wanted.is_settled(), "what the lost one was asked is forgotten");

    let mut many = Subscriptions::default();
    let names: Vec<String> = (0..=BATCH).map(|number| format!("n{number}")).collect();
    many.subscribe(None, Channel, &names.iter().map(|name| name.as_bytes()).collect::<Vec<_>>()).unwrap();
    let mut session = conversation();
    many.again(&mut session).unwrap();
    let said = said(&mut session);
    assert!(said.matches("SUBSCRIBE").count() == 2 && said.ends_with(&format!("| SUBSCRIBE n{BATCH}")));
}

#[test]
fn what_cannot_be_asked_changes_nothing() {
    let mut wanted = Subscriptions::default();
    let many = vec![b"x".as_slice(); COMMAND_ARGS_MAX];
    assert_eq!(wanted.subscribe(None, Channel, &many).unwrap_err().status, Status::Argument);
    assert!(wanted.is_empty());
    wanted.subscribe(None, Channel, &[b"x", b"y"]).unwrap();
    assert_eq!(wanted.unsubscribe(None, Channel, &many).unwrap_err().status, Status::Argument);
    let mut over = conversation();
    over.fail(Error::new(Status::Io, "it is over"));
    assert!(wanted.subscribe(Some(&mut over), Channel, &[b"z"]).is_err());
    assert!(wanted.unsubscribe(Some(&mut over), Channel, &[b"x"]).is_err());
    assert!(wanted.unsubscribe(Some(&mut over), Channel, &[]).is_err());
    assert!(wanted.unsubscribe(Some(&mut over), Pattern, &[]).is_err());
    assert!(wanted.again(&mut over).is_err());
    assert!(wanted.wants(Channel, b"x") && !wanted.wants(Channel, b"z") && wanted.is_settled());
    let submit = || Err(Error::new(Status::State, "it is over"));
    assert!(wanted.pass(Effect::Subscribe { topic: Channel, count: 1 }, &[b"z".to_vec()], submit).is_err());
    assert!(wanted.is_settled());

    // What has to be asked again is not, where the conversation is over.
    let (mut wanted, mut session) = subscribed(Channel, &["a"]);
    session.receive(push(&["unsubscribe", "a"]).as_bytes()).unwrap();
    let event = session.poll().unwrap().unwrap();
    session.fail(Error::new(Status::Io, "it is over"));
    assert!(wanted.heard(&mut session, event).is_err());
    let (mut wanted, mut session) = (Subscriptions::default(), conversation());
    wanted.subscribe(Some(&mut session), Channel, &[b"a", b"b"]).unwrap();
    said(&mut session);
    session.receive(b"-ERR no\r\n").unwrap();
    let event = session.poll().unwrap().unwrap();
    session.fail(Error::new(Status::Io, "it is over"));
    assert!(wanted.heard(&mut session, event).is_err());
}

#[test]
fn what_is_wanted_no_more_is_named_where_it_is_known() {
    let (mut wanted, mut session) = subscribed(Channel, &["c", "a", "b"]);
    wanted.subscribe(None, Shard, &[b"s"]).unwrap();
    wanted.unsubscribe(Some(&mut session), Channel, &[b"a"]).unwrap();
    assert_eq!(said(&mut session), "UNSUBSCRIBE a");
    assert!(!wanted.wants(Channel, b"a") && wanted.wants(Channel, b"b"));
    wanted.unsubscribe(Some(&mut session), Channel, &[]).unwrap();
    assert_eq!(said(&mut session), "UNSUBSCRIBE c b");
    assert!(!wanted.wants(Channel, b"c") && wanted.wants(Shard, b"s"));
    wanted.unsubscribe(Some(&mut session), Pattern, &[]).unwrap();
    assert_eq!(said(&mut session), "PUNSUBSCRIBE");
    confirm(&mut wanted, &mut session, &["unsubscribe", "a"]);
    confirm(&mut wanted, &mut session, &["unsubscribe", "c"]);
    // One that names nothing answers nothing that was named.
    confirm(&mut wanted, &mut session, &["unsubscribe", "_"]);
    confirm(&mut wanted, &mut session, &["punsubscribe", "_"]);
    assert!(!wanted.is_settled());
    wanted.unsubscribe(None, Shard, &[]).unwrap();
    assert!(wanted.is_empty());
}

#[test]
fn a_command_is_confirmed_when_each_of_its_names_is() {
    let (mut wanted, mut session) = (Subscriptions::default(), conversation());
    wanted.subscribe(Some(&mut session), Channel, &[b"a", b"b", b"c"]).unwrap();
    wanted.subscribe(Some(&mut session), Channel, &[b"d"]).unwrap();
    said(&mut session);
    for name in ["z", "b", "a"] {
        confirm(&mut wanted, &mut session, &["subscribe", name]);
    }
    confirm(&mut wanted, &mut session, &["psubscribe", "c"]);
    confirm(&mut wanted, &mut session, &["subscribe", "c"]);
    assert!(!wanted.is_settled(), "d is not confirmed");
    confirm(&mut wanted, &mut session, &["subscribe", "d"]);
    assert!(wanted.is_settled() && said(&mut session).is_empty());
    confirm(&mut wanted, &mut session, &["subscribe", "a"]);
    assert!(said(&mut session).is_empty(), "nobody asked for it, and it is as it should be");
    wanted.subscribe(Some(&mut session), Channel, &[b"e", b"f"]).unwrap();
    said(&mut session);
    for name in ["z", "e"] {
        confirm(&mut wanted, &mut session, &["subscribe", name]);
        assert!(!wanted.is_settled(), "f is not confirmed");
    }
    confirm(&mut wanted, &mut session, &["subscribe", "f"]);
    assert!(wanted.is_settled());
}

/// One that names nothing ends with the last that there was, whatever is asked behind it.
#[test]
fn the_end_of_all_subscriptions_is_confirmed_with_the_last() {
    for asks_more in [false, true] {
        let (mut wanted, mut session) = subscribed(Channel, &["a", "b"]);
        pass(&mut wanted, &mut session, &["UNSUBSCRIBE"]);
        if asks_more {
            session.submit(Submit::any(&[b"PING"], Shape::KEEP)).unwrap();
        }
        said(&mut session);
        confirm(&mut wanted, &mut session, &["unsubscribe", "b"]);
        assert!(!wanted.is_settled() && wanted.wants(Channel, b"a") && !wanted.wants(Channel, b"b"));
        confirm(&mut wanted, &mut session, &["unsubscribe", "a"]);
        assert!(wanted.is_settled() && wanted.is_empty());
        pass(&mut wanted, &mut session, &["PUNSUBSCRIBE"]);
        wanted.subscribe(None, Pattern, &[b"p"]).unwrap();
        said(&mut session);
        if asks_more {
            assert!(matches!(hear(&mut wanted, &mut session, "+PONG\r\n"), Heard::Reply(..)));
        }
        confirm(&mut wanted, &mut session, &["punsubscribe", "_"]);
        assert!(wanted.is_settled() && wanted.is_empty());
    }
}

/// Once, until that is confirmed.
#[test]
fn what_the_server_ends_by_itself_is_asked_for_again() {
    let (mut wanted, mut session) = subscribed(Shard, &["s"]);
    let ends = push(&["sunsubscribe", "s"]);
    let again = |wanted: &mut Subscriptions, session: &mut Session, expected: &str| {
        assert!(matches!(hear(wanted, session, &ends), Heard::Dropped(_)));
        assert_eq!(said(session), expected);
    };
    again(&mut wanted, &mut session, "SSUBSCRIBE s");
    again(&mut wanted, &mut session, "");
    confirm(&mut wanted, &mut session, &["ssubscribe", "s"]);
    assert!(wanted.is_settled());
    again(&mut wanted, &mut session, "SSUBSCRIBE s");
    // And on the next connection anew.
    let mut session = conversation();
    wanted.again(&mut session).unwrap();
    assert_eq!(said(&mut session), "SSUBSCRIBE s");
    again(&mut wanted, &mut session, "SSUBSCRIBE s");
    // Before it was confirmed, too, and where it was somebody else's.
    wanted.subscribe(Some(&mut session), Channel, &[b"c"]).unwrap();
    assert_eq!(said(&mut session), "SUBSCRIBE c");
    assert!(matches!(hear(&mut wanted, &mut session, &push(&["unsubscribe", "c"])), Heard::Dropped(_)));
    assert_eq!(said(&mut session), "SUBSCRIBE c");
    let (mut wanted, mut session) = (Subscriptions::default(), conversation());
    pass(&mut wanted, &mut session, &["SSUBSCRIBE", "s"]);
    said(&mut session);
    confirm(&mut wanted, &mut session, &["ssubscribe", "s"]);
    again(&mut wanted, &mut session, "SSUBSCRIBE s");
    // What nobody wants is not.
    confirm(&mut wanted, &mut session, &["sunsubscribe", "other"]);
    confirm(&mut wanted, &mut session, &["unsubscribe", "_"]);
    assert!(said(&mut session).is_empty());
}

#[test]
fn a_refused_command_is_asked_name_by_name_and_a_refused_name_is_given_up() {
    let (mut wanted, mut session) = (Subscriptions::default(), conversation());
    wanted.subscribe(Some(&mut session), Channel, &[b"a", b"b", b"c"]).unwrap();
    wanted.unsubscribe(Some(&mut session), Channel, &[b"b"]).unwrap();
    said(&mut session);
    assert!(matches!(hear(&mut wanted, &mut session, "-NOPERM no\r\n"), Heard::Nothing));
    assert_eq!(said(&mut session), "SUBSCRIBE a | SUBSCRIBE c");
    confirm(&mut wanted, &mut session, &["unsubscribe", "b"]);
    let Heard::Refused(error) = hear(&mut wanted, &mut session, "-NOPERM no\r\n") else { panic!("it is refused") };
    assert_eq!((error.status, error.outcome), (Status::Server, Outcome::Refused));
    assert_eq!(error.to_string(), "NOPERM no (SUBSCRIBE a)");
    assert!(!wanted.wants(Channel, b"a") && wanted.wants(Channel, b"c") && !wanted.is_settled());
    for passes in ["-LOADING Redis is loading the dataset in memory\r\n", "-BUSY Redis is busy running a script\r\n"] {
        wanted.subscribe(Some(&mut session), Channel, &[b"c"]).unwrap();
        said(&mut session);
        let Heard::NotNow(error) = hear(&mut wanted, &mut session, passes) else { panic!("it passes: {passes}") };
        assert_eq!(error.to_string(), passes[1..].trim_end());
        assert!(wanted.wants(Channel, b"c"));
    }
    for (answer, is_refusal) in [("-NOSUB nothing\r\n", false), ("-NOPERM no\r\n", true)] {
        let (mut wanted, mut session) = (Subscriptions::default(), conversation());
        wanted.unsubscribe(Some(&mut session), Channel, &[b"a"]).unwrap();
        said(&mut session);
        match hear(&mut wanted, &mut session, answer) {
            Heard::Nothing => assert!(!is_refusal),
            Heard::Refused(error) => assert!(is_refusal && error.to_string() == "NOPERM no"),
            other => panic!("{other:?}"),
        }
        assert!(wanted.is_settled() && said(&mut session).is_empty());
    }
}

/// It is wanted from its confirmation on; its error is whose it is.
#[test]
fn somebody_elses_command_counts_when_the_server_has_obeyed() {
    let (mut wanted, mut session) = (Subscriptions::default(), conversation());
    let first = pass(&mut wanted, &mut session, &["SUBSCRIBE", "a", "b"]);
    let second = pass(&mut wanted, &mut session, &["SUBSCRIBE", "c"]);
    said(&mut session);
    assert!(wanted.is_empty() && !wanted.is_settled() && !wanted.asks_again());
    confirm(&mut wanted, &mut session, &["subscribe", "a"]);
    assert!(wanted.wants(Channel, b"a") && !wanted.wants(Channel, b"b"));
    assert!(
        matches!(hear(&mut wanted, &mut session, "-ERR no\r\n"), Heard::Reply(ticket, ..) if ticket == first && ticket < second)
    );
    assert!(!wanted.is_settled() && !wanted.wants(Channel, b"b"));
    confirm(&mut wanted, &mut session, &["subscribe", "c"]);
    assert!(wanted.is_settled() && wanted.wants(Channel, b"c"));
    // Beside it is what was asked for by name.
    wanted.subscribe(Some(&mut session), Channel, &[b"d"]).unwrap();
    let other = pass(&mut wanted, &mut session, &["UNSUBSCRIBE", "a"]);
    assert!(wanted.asks_again());
    wanted.withdrawn(other);
    assert!(!wanted.is_settled());
    said(&mut session);
    confirm(&mut wanted, &mut session, &["subscribe", "d"]);
    assert!(wanted.is_settled() && wanted.wants(Channel, b"a"));
    // Whatever else is passed is nothing to what is wanted.
    pass(&mut wanted, &mut session, &["PING", "d"]);
    assert!(wanted.is_settled());
    said(&mut session);
    let answers = [push(&["message", "d", "text"]), push(&["invalidate", "k"])];
    assert!(matches!(hear(&mut wanted, &mut session, &answers[0]), Heard::Message(_)));
    assert!(matches!(hear(&mut wanted, &mut session, &answers[1]), Heard::Other(_)));
}

#[test]
fn what_was_sent_before_the_connection_was_lost_may_have_been_obeyed() {
    let mut wanted = Subscriptions::default();
    wanted.subscribe(None, Channel, &[b"x"]).unwrap();
    wanted.subscribe(None, Pattern, &[b"p"]).unwrap();
    wanted.subscribe(None, Shard, &[b"s"]).unwrap();
    let mut session = conversation();
    wanted.unsubscribe(Some(&mut session), Pattern, &[b"other"]).unwrap();
    wanted.subscribe(Some(&mut session), Channel, &[b"own"]).unwrap();
    pass(&mut wanted, &mut session, &["SUBSCRIBE", "a", "b"]);
    pass(&mut wanted, &mut session, &["UNSUBSCRIBE", "x", "own"]);
    pass(&mut wanted, &mut session, &["PUNSUBSCRIBE"]);
    let unsent = pass(&mut wanted, &mut session, &["SUNSUBSCRIBE", "s"]);
    let behind = pass(&mut wanted, &mut session, &["SUBSCRIBE", "c"]);
    // Of what was its own only the wish counts, which may be a later one.
    wanted.unsubscribe(Some(&mut session), Channel, &[b"d"]).unwrap();
    wanted.subscribe(None, Channel, &[b"d"]).unwrap();
    wanted.interrupted(|ticket| ticket != unsent && ticket != behind);
    let mut names: Vec<_> = wanted.names().map(|(_, name)| String::from_utf8_lossy(name).into_owned()).collect();
    names.sort();
    assert_eq!(names, ["a", "b", "d", "s"]);
    assert!(wanted.is_settled());
}
