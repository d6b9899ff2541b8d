//! A connection: a session over a transport, driven until a reply arrives or a deadline passes, or in steps that never wait.
//!
//! ```text
//!  dial         what a connection is opened with
//!  opening      opening a connection, with a wait or in steps
//!  opening_each opening several at once
//!  greeting     the handshake
//!  connection   an open connection: its parts, and its state
//!  moving       one read or write between session and transport
//!  waiting      the driver of a call that waits
//!  calls        a command, and the wait for its reply
//!  straight     a command on the shortest way
//!  stopped      how far such a command came
//!  burst        many commands in one write, and their replies
//!  several      many connections driven at once, by one thread
//!  member       one of them
//!  goal         what it is driven for: the replies of a burst, or of a few commands
//!  steps        reads and writes that never wait, for a line
//!  lookout      whether a server is still the one to wait for
//!  inspecting   a look at a connection that was idle
//!  kept         pushes and notices that arrive during a call
//!  scripts      the scripts that the server is known to have
//!  until        the end of a wait
//!  serving      the pools whose functions this thread is inside
//!  handed       whether this thread has given bytes of a command to a transport
//! ```
#![forbid(unsafe_code)]

mod burst;
mod calls;
mod connection;
mod dial;
mod goal;
mod greeting;
mod handed;
mod inspecting;
mod kept;
mod lookout;
mod member;
mod moving;
mod opening;
mod opening_each;
mod scripts;
mod serving;
mod several;
mod steps;
mod stopped;
mod straight;
mod until;
mod waiting;

pub use burst::Handed;
pub use calls::Wait;
pub use connection::Connection;
pub use dial::{Credentials, Dial};
pub use goal::{Asking, Goal, Taking};
pub use handed::handed;
pub use kept::{Kept, Notice};
pub use lookout::{Looking, Lookout};
pub use opening::{Stepped, no_descriptor};
pub use opening_each::open_each;
pub use scripts::{Digest, Known};
pub use several::{Ended, Question, Several, ask_each};
pub use steps::{Read, Turn};
pub use straight::is_straight_in;
pub use until::Until;

#[cfg(test)]
mod tests;
