//! Conversations cut after every byte, both ways, by the end of the stream, by a reset, and by nothing coming any more; and
//! split at every byte. Every reply that arrived whole is given, to whom it belongs; and what is said of each other command is
//! what the server saw of it.
//!
//! A session is cut in memory, where time is only said to have passed; the whole client over a transport in memory, and over
//! sockets at one byte of twenty. With RREDIS_TEST_CUTS=all (`make cuts`) both parsers read, and sockets are cut at every byte.

mod batch;
mod near;
mod play;
mod script;

use std::sync::Arc;
use std::thread;

use rredis::error::Status;
use rredis::options::ParserChoice;

use crate::support::peer::Hello;
use batch::{Way, run};
use near::{How, Place, ask};
use play::{Cut, End, Play, WHOLE};
use script::{Conversation, batch, questions, subscription, transaction};

const EITHER: [Hello; 2] = [Hello::Resp3, Hello::Resp2];
const ENDS: [End; 3] = [End::Fin, End::Rst, End::Stall];

/// Every place to cut a conversation of so many bytes.
fn everywhere(up: usize, down: usize) -> impl Iterator<Item = Cut> {
    let ups = (0..=up).map(|up| Cut { up, ..WHOLE });
    let downs = (0..=down).map(|down| Cut { down, ..WHOLE });
    ups.chain(downs).flat_map(|cut| ENDS.map(|end| Cut { end, ..cut }))
}

/// Uncut: every reply is there, and is its own.
fn whole<'a>(conversation: &'a Conversation, hello: Hello, parser: ParserChoice, together: bool) -> Play<'a> {
    let play = Play::begin(conversation, hello, parser, WHOLE).play(together);
    assert!(play.failure.is_none(), "{} {hello:?}: {:?}", conversation.name, play.failure);
    let replies: Vec<u64> = play.events.iter().filter_map(|(ticket, _)| *ticket).collect();
    let steps = play.tickets.iter().zip(&conversation.steps);
    let asked: Vec<u64> = steps.filter(|(_, step)| step.replied).map(|(ticket, _)| *ticket).collect();
    assert_eq!(replies, asked, "{} {hello:?}", conversation.name);
    play
}

/// Whether nothing is to be left out.
fn all() -> bool {
    std::env::var("RREDIS_TEST_CUTS").is_ok_and(|text| text == "all")
}

#[test]
fn a_session_cut_after_every_byte_loses_nothing_and_knows_what_was_sent() {
    let (mut cuts, mut bytes) = (0, 0);
    let parsers: &[ParserChoice] =
        if all() { &[ParserChoice::Fast, ParserChoice::Simple] } else { &[ParserChoice::Fast] };
    for conversation in [questions(), transaction(), subscription()] {
        let ways = EITHER.into_iter().flat_map(|hello| [(hello, false), (hello, true)]);
        for ((hello, together), parser) in ways.flat_map(|way| parsers.iter().map(move |parser| (way, *parser))) {
            let whole = whole(&conversation, hello, parser, together);
            bytes += whole.up + whole.down;
            for cut in everywhere(whole.up, whole.down) {
                Play::begin(&conversation, hello, parser, cut).play(together).judge(&whole);
                cuts += 1;
            }
        }
    }
    println!("{cuts} cuts of conversations of {bytes} bytes");
}

#[test]
fn a_session_split_at_any_byte_says_the_same() {
    for conversation in [questions(), transaction(), subscription()] {
        for hello in EITHER {
            for together in [false, true] {
                let whole = whole(&conversation, hello, ParserChoice::Fast, together);
                for piece in 1..=whole.down {
                    let cut = Cut { piece, ..WHOLE };
                    let split = Play::begin(&conversation, hello, ParserChoice::Fast, cut).play(together);
                    assert!(split.failure.is_none() && split.session.is_clean() == whole.session.is_clean());
                    assert_eq!(split.events, whole.events, "{} {hello:?} {piece}", conversation.name);
                }
            }
        }
    }
}

/// Over the whole client, at one byte of `every`. How many cuts there were.
fn cut_clients(place: Place, conversation: Conversation, hows: &[How], ends: &[End], every: usize) -> usize {
    let conversation = Arc::new(conversation);
    let mut count = 0;
    for hello in EITHER {
        let whole = ask(place, &conversation, hello, WHOLE, hows[0]);
        let mut errors = whole.results.iter().filter_map(|result| result.as_ref().err());
        assert!(errors.all(|err| err.status == Status::Server), "{:?}", whole.results);
        let (up, down) = whole.moved();
        let cuts: Vec<Cut> = everywhere(up, down).filter(|cut| ends.contains(&cut.end)).step_by(every).collect();
        count += hows.len() * cuts.len();
        let cut_some = |some: &[Cut]| {
            for (cut, how) in some.iter().flat_map(|cut| hows.iter().map(|how| (*cut, *how))) {
                ask(place, &conversation, hello, cut, how).judge(place, cut, how, &conversation, &whole);
            }
        };
        // On sockets most of the time is waiting.
        let threads = if place == Place::Tcp { 12 } else { 2 };
        thread::scope(|scope| {
            for some in cuts.chunks(cuts.len().div_ceil(threads)) {
                scope.spawn(move || cut_some(some));
            }
        });
    }
    count
}

const CLIENTS: [How; 2] = [How::Client { retry_max: 0 }, How::Client { retry_max: 3 }];

#[test]
fn a_client_cut_after_every_byte_tells_what_the_server_saw_and_repeats_only_what_it_may() {
    let cuts = cut_clients(Place::Memory, questions(), &CLIENTS, &[End::Fin, End::Rst], 1);
    println!("{cuts} cuts of clients in memory");
}

#[test]
fn a_connection_of_ones_own_cut_after_every_byte_tells_what_the_server_saw() {
    let cut = |conversation| cut_clients(Place::Memory, conversation, &[How::OwnConnection], &[End::Fin, End::Rst], 1);
    println!("{} cuts of connections of one's own", cut(questions()) + cut(transaction()) + cut(subscription()));
}

#[test]
fn a_client_cut_on_its_socket_tells_what_the_server_saw() {
    let cuts = cut_clients(Place::Tcp, questions(), &CLIENTS, &ENDS, if all() { 1 } else { 20 });
    println!("{cuts} cuts of clients on sockets");
}

const WAYS: [Way; 4] = [Way::Plain, Way::Each, Way::Atomic, Way::Watched];

/// Pipelines, at one byte of `every`. How many cuts there were.
fn cut_batches(place: Place, ways: &[Way], ends: &[End], every: usize) -> usize {
    let conversation = Arc::new(batch());
    let mut count = 0;
    for (hello, way) in EITHER.into_iter().flat_map(|hello| ways.iter().map(move |way| (hello, *way))) {
        let whole = run(place, &conversation, hello, WHOLE, way);
        let replies = whole.result.as_ref().unwrap_or_else(|err| panic!("{way:?} {hello:?}: {err:?}"));
        assert_eq!(replies.len(), conversation.steps.len() - usize::from(way == Way::Watched));
        let (up, down) = whole.moved();
        let cuts: Vec<Cut> = everywhere(up, down).filter(|cut| ends.contains(&cut.end)).step_by(every).collect();
        count += cuts.len();
        let cut_some = |some: &[Cut]| {
            for cut in some {
                run(place, &conversation, hello, *cut, way).judge(place, *cut, way, &conversation, &whole);
            }
        };
        let threads = if place == Place::Tcp { 12 } else { 2 };
        thread::scope(|scope| {
            for some in cuts.chunks(cuts.len().div_ceil(threads)) {
                scope.spawn(move || cut_some(some));
            }
        });
    }
    count
}

#[test]
fn pipelines_and_transactions_cut_after_every_byte_run_whole_or_say_what_they_know() {
    let cuts = cut_batches(Place::Memory, &WAYS, &[End::Fin, End::Rst], 1);
    println!("{cuts} cuts of pipelines in memory");
}

#[test]
fn pipelines_and_transactions_cut_on_their_socket_say_what_they_know() {
    let cuts = cut_batches(Place::Tcp, &WAYS, &ENDS, if all() { 1 } else { 20 });
    println!("{cuts} cuts of pipelines on sockets");
}
