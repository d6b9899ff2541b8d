//! What becomes of replies: shapes and callbacks laid over them, each in its place.

use std::sync::Arc;

use super::*;
use crate::client::pipeline::plan::Mode;
use crate::client::pipeline::queue::Queue;
use crate::client::{Callback, Flags};
use crate::commands;
use crate::limits::Limits;
use crate::options::ParserChoice;
use crate::resp;

/// Makes PONG of the first argument `pong`, fails at `fail`, and leaves the rest as it is.
struct ByArgument;

impl Callback for ByArgument {
    fn call(&self, _: *mut (), args: &[&[u8]], _: &Reply) -> Result<Option<Reply>> {
        match args[1] {
            b"pong" => {
                let mut builder = Builder::for_copies();
                builder.add_text(Kind::RREDIS_REPLY_STATUS, b"PONG");
                builder.take().map(Some)
            }
            b"fail" => Err(Error::new(Status::Callback, "it failed")),
            _ => Ok(None),
        }
    }
}

fn plan(commands: &[&[&[u8]]]) -> Plan {
    let mut queue = Queue::default();
    for args in commands {
        let shape = commands::shape_of(commands::find(args), args);
        queue.add(args, Flags::default(), std::ptr::null_mut(), shape, None).unwrap();
    }
    let mut plan = Plan::new(queue, Mode::Plain);
    let mut table = Callbacks::default();
    table.set(b"ECHO", Some(Arc::new(ByArgument))).unwrap();
    plan.ask(Flags::default(), &Arc::new(table)).unwrap();
    plan
}

fn merged(replies: &[&str]) -> Merged {
    let mut merged = Merged::default();
    for reply in replies {
        let mut parser = resp::parser(ParserChoice::Fast, Limits::default());
        parser.feed(reply.as_bytes()).unwrap();
        merged.gather.take(&mut parser.next().unwrap().unwrap()).unwrap();
    }
    merged
}

fn texts(reply: &Reply) -> Vec<String> {
    reply.view().children().map(|child| String::from_utf8_lossy(child.text()).into_owned()).collect()
}

#[test]
fn each_callback_is_shown_its_own_reply_and_what_it_makes_stands_in_its_place() {
    let echo = |argument: &'static [u8]| [b"ECHO".as_slice(), argument];
    let commands = [echo(b"pong"), echo(b"stay"), echo(b"fail"), echo(b"pong")];
    let plan = plan(&[&commands[0], &commands[1], &[b"GET", b"a"], &commands[2], &commands[3]]);
    let mut merged = merged(&["+0\r\n", "+1\r\n", "+2\r\n", "+3\r\n", "-ERR 4\r\n"]);
    let reply = merged.finish(&plan).unwrap();
    let texts = texts(&reply);
    assert_eq!((&texts[..3], &texts[4]), (&["PONG".to_owned(), "1".into(), "2".into()][..], &"ERR 4".to_owned()));
    assert!(texts[3].starts_with("CALLBACK ") && texts[3].contains("it failed"), "{texts:?}");
    assert!(reply.view().get(3).unwrap().is_error());
    assert_eq!(merged.failed, Some(3));
}

#[test]
fn the_first_failure_is_the_servers_or_a_callbacks() {
    let (fail, stay): (&[&[u8]], &[&[u8]]) = (&[b"ECHO", b"fail"], &[b"ECHO", b"stay"]);
    for (before, commands, failed) in [
        (None, [stay, stay], None),
        (Some(0), [stay, fail], Some(0)),
        (Some(1), [fail, stay], Some(0)),
        (None, [stay, fail], Some(1)),
    ] {
        let mut merged = Merged { failed: before, ..merged(&["+0\r\n", "+1\r\n"]) };
        merged.finish(&plan(&commands)).unwrap();
        assert_eq!(merged.failed, failed);
    }
}

#[test]
fn a_reply_that_was_left_gets_its_shape_and_no_other_does() {
    let hgetall: &[&[u8]] = &[b"HGETALL", b"h"];
    let plan = plan(&[hgetall, &[b"GET", b"a"]]);
    let mut plain = merged(&["*2\r\n+f\r\n+v\r\n", "+1\r\n"]);
    assert_eq!(plain.finish(&plan).unwrap().view().get(0).unwrap().kind(), Kind::RREDIS_REPLY_ARRAY);
    let mut kept = merged(&["-ERR\r\n", "+1\r\n"]);
    kept.leave(0).unwrap();
    assert!(kept.finish(&plan).unwrap().view().get(0).unwrap().is_error(), "an error has no shape");
}

#[test]
fn what_is_quiet_keeps_no_list_of_the_replies_that_were_to_be_given_their_shape() {
    let mut merged = Merged::default();
    (0..100).for_each(|index| merged.leave(index).unwrap());
    merged.clear();
    assert_eq!(merged.unshaped.capacity(), 0);
}

#[test]
fn a_replica_refused_a_transaction_that_was_aborted_where_the_server_takes_no_writes() {
    for (read_only, status, refused) in [
        (true, Status::Aborted, true),
        (false, Status::Aborted, false),
        (true, Status::Server, false),
        (true, Status::Watch, false),
    ] {
        let merged = Merged { read_only, ..Merged::default() };
        assert_eq!(merged.is_refused_by_a_replica(&Error::new(status, "")), refused, "{read_only} {status:?}");
    }
}

#[test]
fn what_is_replaced_alone_is_a_reply_of_its_own() {
    let reply = Replaced::Failed(b"CALLBACK no".to_vec()).into_reply().unwrap();
    assert!(reply.is_error() && reply.text() == b"CALLBACK no");
}
