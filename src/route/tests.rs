//! The tries of a command against scripted peers.

use super::*;
use crate::commands::{self, Effect, Shape};
use crate::options::Key;
use crate::transport::Deadline;
use crate::transport::script::{Script, Scripts, Step, expect, give};

const HELLO: &str = "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n";
const GREETED: &str = "%1\r\n$5\r\nproto\r\n:3\r\n";

struct Nobody;

impl Audience for Nobody {
    fn kept(&self) -> Kept {
        Kept::new(false, 0)
    }

    fn show(&self, _kept: Kept, _again: bool) {}
}

/// Only a connection that was idle is replaced whatever the retry settings are: one that is closed as soon as it is opened
/// would be so again.
#[test]
fn a_connection_that_is_closed_right_behind_its_handshake_counts_as_a_try() {
    let mut options = Options::new();
    options.set_int(Key::RetryMax, 0).unwrap();
    let scripts = (0..3).map(|_| Script::new([expect(HELLO), give(GREETED), Step::End]));
    let dial = Dial::new(options.clone(), Some(Arc::new(Scripts::new(scripts))), None).unwrap();
    let route = Route::new(Servers::new(dial), &options);
    let args: &[&[u8]] = &[b"GET", b"k"];
    let wait = Wait { deadline: Deadline::after_ms(60_000), allowed_ms: 60_000, name: args[0] };
    let row = commands::find(args);
    let order = Order {
        args,
        row,
        room: 0,
        effect: Effect::None,
        shape: Shape::KEEP,
        wait,
        begun: Instant::now(),
        once: false,
        alone: false,
        primary: false,
        idempotent: false,
    };
    let mut tries = Tries::default();
    let error = route.ask(&order, &mut tries, None, &Nobody, &mut |_, _, _| panic!("it is not asked")).unwrap_err();
    assert_eq!((error.status, error.outcome, tries.count), (Status::Io, Outcome::NotSent, 1), "{error}");
}
