//! Who may board the shared connection, and who is to go alone: no more waits there than so many bytes, and nobody waits behind a
//! long reply.

use rredis::error::{Error, Result, Status};
use rredis::pool::shared::{Boarding, Load, Riders, Seat};
use rredis::sync::Futex;

/// Nothing that is under way.
#[derive(Default)]
struct Nothing;

impl Riders<u32, Futex> for Nothing {
    fn waiting(&self, _: usize) -> Option<(usize, Seat<u32, Futex>)> {
        None
    }
}

type Callers = Boarding<u32, u32, Futex, Nothing>;

fn callers() -> Callers {
    Callers::new(Futex::default)
}

/// Board with so many bytes: whether there was room, and whether the caller is to conduct.
fn board(callers: &Callers, len: usize) -> Option<bool> {
    let boarded = callers.board(7, |bytes| {
        bytes.resize(bytes.len() + len, b'x');
        Ok(())
    });
    boarded.expect("there is memory").map(|(_, conducts)| conducts)
}

fn taken(callers: &Callers) -> (usize, usize) {
    let mut load = Load::default();
    callers.take(&mut load);
    assert_eq!(load.commands.iter().map(|boarded| boarded.len).sum::<usize>(), load.bytes.len());
    (load.commands.len(), load.bytes.len())
}

#[test]
fn nobody_boards_behind_a_mebibyte() {
    const MAX: usize = 1 << 20;
    let callers = callers();
    assert_eq!(board(&callers, MAX - 1), Some(true), "the first conducts");
    assert_eq!(board(&callers, 1), Some(false), "there is room for a byte, and so for one command more");
    assert_eq!((board(&callers, 1), board(&callers, 0)), (None, None));
    assert_eq!(taken(&callers), (2, MAX));
    assert_eq!(board(&callers, 5), Some(false), "what was taken makes room");
    assert_eq!(taken(&callers), (1, 5));
}

#[test]
fn nobody_boards_behind_a_long_reply() {
    let callers = callers();
    assert_eq!(board(&callers, 3), Some(true));
    callers.close(true);
    assert_eq!(board(&callers, 3), None);
    assert_eq!(taken(&callers), (1, 3), "who boarded before is there");
    callers.close(false);
    assert_eq!(board(&callers, 3), Some(false));
}

#[test]
fn a_command_that_cannot_be_written_is_told_and_leaves_its_place_to_the_next() {
    let callers = callers();
    let refused: Result<_> = callers.board(7, |_| Err(Error::new(Status::Memory, "none")));
    assert_eq!(refused.err().map(|error| error.status), Some(Status::Memory));
    assert!(!callers.has_waiting());
    assert_eq!(board(&callers, 3), Some(true), "nobody conducts yet");
    assert_eq!(taken(&callers), (1, 3));
}

/// Nobody waits, and whoever comes next conducts. What was left is found.
#[test]
fn a_role_that_nobody_takes_is_free() {
    let callers = callers();
    assert_eq!(board(&callers, 3), Some(true));
    taken(&callers);
    callers.close(true);
    let mut settled = 0;
    assert!(callers.put_down(Nothing, |_| settled += 1).is_none());
    assert_eq!(settled, 1);
    assert_eq!(board(&callers, 3), Some(true), "and it is open, whatever its reply was");
    assert!(callers.unpark().is_some());
}

/// Who has gone takes its command along: otherwise nobody boards for as long as a connection is opened.
#[test]
fn those_who_have_gone_make_room() {
    let callers = callers();
    let long = |callers: &Callers| {
        let boarded = callers.board(7, |bytes| {
            bytes.resize(bytes.len() + (1 << 19), b'x');
            Ok(())
        });
        boarded.expect("there is memory").map(|(seat, _)| seat)
    };
    let (first, second) = (long(&callers).expect("there is room"), long(&callers).expect("there is room"));
    assert!(long(&callers).is_none());
    first.leave();
    assert!(long(&callers).is_some(), "there is room again");
    assert!(long(&callers).is_none());
    assert_eq!(taken(&callers), (2, 1 << 20));
    assert!(second.is_taken());
}
