//! A cluster: what its servers say of it.
//!
//! ```text
//!  slots        who owns which slots, by CLUSTER INFO and CLUSTER SLOTS
//!  nodes        who is known at all, by CLUSTER NODES
//!  redirect     MOVED and ASK
//!  refresh      reading the map anew
//!  learn        a server that only a redirect names
//!  inquiry      reading the map anew without waiting
//! ```

pub(in crate::route) mod inquiry;
mod learn;
pub(in crate::route) mod nodes;
pub(in crate::route) mod redirect;
pub(in crate::route) mod refresh;
mod slots;
