//! Sentinels: what they say of the servers that they watch.
//!
//! ```text
//!  answers      the replies and messages of Sentinels, and ROLE's
//!  discover     asking them which server is the primary
//!  ear          hearing of a failover
//!  named        the map that comes of it
//!  watchers     who is asked and listened to
//! ```

pub(in crate::route) mod answers;
pub(in crate::route) mod discover;
pub(in crate::route) mod ear;
pub(in crate::route) mod named;
pub(in crate::route) mod watchers;
