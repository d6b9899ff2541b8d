//! librredis: a Redis client for any language that can call C.
//!
//! Owning
//!   What you get through an out_ parameter, or from a _new, is yours: end it once,
//!   with the _free of its noun, in any order. Whatever else you get is const: it is
//!   on loan, until what it came from ends. What you pass in is copied. What a function
//!   of yours is handed is on loan until it returns. A _free given NULL does nothing.
//!   A handle is good until its _free; after it, and from anything else than its _new,
//!   it is not.
//!
//! Sharing
//!   A handle taken as const may be in use by any number of threads at once. A handle
//!   taken without const must be in use by no other, except that another thread may call
//!   its _wake while it is in use; not during or after its _free. The library starts no
//!   thread but one that looks up a host name, while it does, and never calls you from it:
//!   only inside a call of yours, on the thread that made it. A function of yours must not
//!   throw, longjmp, or free the handle it is called from.
//!
//! Forking
//!   In a child of fork the clients and pools of its parent work, on connections of
//!   their own, and all handles may be freed: nothing is written or closed that the
//!   parent still uses. An rredis_conn, rredis_pubsub or rredis_async of the parent's is
//!   RREDIS_ERR_FORKED there, and so is an rredis_pipeline that watches. This holds
//!   whatever the threads of the parent were doing, and where the child starts threads
//!   itself, as far as the C library's malloc, getaddrinfo and pthread_create work in such
//!   a child. Where getaddrinfo never returns there, the call ends at its deadline with
//!   RREDIS_ERR_TIMEOUT. A child that shares the memory of its parent (vfork, or clone with
//!   CLONE_VM) must not call this library. A child that is made inside a transport, parser
//!   or credentials function must not return from that function.
//!
//! Failing
//!   RREDIS_OK is 0, and leaves err alone. Any other status leaves every out_ parameter
//!   as it was (but rredis_async_next, which says whose failure it is) and, unless err is
//!   NULL, says why in err, and what became of the command.
//!   NULL where a handle, an out_ parameter or a text is due is RREDIS_ERR_ARGUMENT.
//!
//! Text
//!   Text goes in as a pointer and a length, and comes out as a pointer, a length, and
//!   a NUL after the last byte. It is bytes: librredis never asks what encoding.
//!
//! Time
//!   Milliseconds. 0 does not wait; a negative number waits for ever. For an interval
//!   (health check, keepalive, idle, age) 0 is every time and a negative number never.
//!   A host name is looked up on a thread, so that the call can end at its deadline. Where
//!   the system refuses the thread, the call looks the name up itself, and may outlast its
//!   deadline. 64 names are looked up at once: while all of them go unanswered, one more is
//!   RREDIS_ERR_CONNECT after 1 s. An address in numbers is not looked up.
#![expect(non_camel_case_types, reason = "spelled as in the header, so that one grep finds both sides")]
#![expect(clippy::missing_safety_doc, reason = "the header's first page is the contract")]

mod boundary;
mod instead;
mod message;
mod option;

pub mod version;

pub mod status;

pub mod reply;

pub mod builder;

pub mod callback;

pub mod transport;

pub mod parser;

pub mod command;

pub mod options;

pub mod pool;

pub mod client;

pub mod conn;

pub mod pipeline;

pub mod pubsub;

pub mod script;

pub mod r#async;
