//! The shared connection: commands of many threads go over one leased connection, and no thread of the library's drives it.
//!
//! A caller boards: it encodes its command behind those of others, and takes a seat. The first one conducts: it leases a
//! connection, writes all that have boarded, and reads until their replies are in. Meanwhile others board, and the next
//! conductor takes them all at once. Callers that do not conduct sleep until their reply is there, or until they are called to
//! conduct.
//!
//! ```text
//!  caller       a caller's way: boarding, waiting, conducting
//!  sharing      the shared connection of a pool: who boards, and whether callers are many enough
//!  seats        where callers wait, woken together
//!  boarding     the commands that wait to be taken, and whose turn it is to conduct
//!  train        the leased connection and the commands on it
//!  ends         what a command comes to, and who is woken for it
//!  short        a short reply on its way to its caller
//!  term         what a conductor does
//! ```

mod boarding;
mod caller;
mod ends;
mod seats;
mod sharing;
mod short;
mod term;
mod train;

pub use boarding::{Boarded, Boarding, Load, Riders};
pub use caller::{Ride, Thrown};
pub use seats::{AtSeat, Departure, SEATS, Seat, Seats};
pub(super) use sharing::Sharing;
