//! librredis: a Redis client for any language that can call C.
//!
//! A whole call, without its error handling:
//!
//!   const char *get[] = {"GET", "key"};
//!   rredis_client_new(NULL, &client, &err);  // once per program
//!   status = rredis_client_command(client, 2, get, NULL, &reply, &err);
//!   if (status == RREDIS_OK) rredis_reply_free(reply);  // read it, then free
//!   rredis_client_free(client);
//!
//! Without options a client connects to 127.0.0.1:6379, without TLS or a login. It makes
//! up to 64 connections, as needed. A call waits at most 5 s; a blocking command (BLPOP)
//! for its own timeout instead. After a network failure, LOADING or READONLY, a command
//! that did not run, or that only reads, is tried again up to 3 times within that time.
//!
//! Which handle for what
//!   rredis_client    sends commands, from any thread: most programs need no other
//!   rredis_pipeline  sends many commands in one round trip, or runs a transaction
//!   rredis_pubsub    receives the messages of channels
//!   rredis_script    runs a Lua script
//!   rredis_conn      sends commands that change a connection: SELECT, MONITOR
//!   rredis_async     sends commands from an event loop
//!   rredis_pool      lets clients share connections
//!   rredis_parser    speaks RESP over a socket of yours, with rredis_command_encode
//!
//! Owning
//!   You own every object that a function gives you through an out_ parameter or
//!   returns from a _new. Free it once, with the _free of its noun. The order does not
//!   matter. Every other pointer you receive is const and borrowed: valid until the
//!   object it came from is freed. The arguments you pass in are copied. The arguments
//!   passed to a function of yours are borrowed: valid until that function returns. A
//!   _free given NULL does nothing. A handle is valid from its _new until its _free.
//!   Any other pointer is undefined behaviour.
//!
//! Sharing
//!   A handle that a function takes as const may be used by any number of threads at
//!   once. A handle that a function takes without const must be used by one thread at a
//!   time. Its _wake is the exception: another thread may call it at any time before
//!   _free begins.
//!
//!   The library starts a thread only to look up a host name, for as long as that
//!   takes. It calls a function of yours only inside a call of yours, on the thread
//!   that made the call. A function of yours must not throw, longjmp, call
//!   pthread_exit, or free the handle it is called from.
//!
//! Ending threads
//!   A thread may call the library while it ends, from the destructor of a pthread key.
//!   pthread_cancel takes no effect inside a call, nor inside a function of yours that
//!   the call runs: the thread ends at its next cancellation point after the call. To
//!   end the call earlier, use its _wake. Asynchronous cancellation is forbidden.
//!
//! Forking
//!   A child of fork may use the clients and pools of its parent: they make connections
//!   of their own. It may free all handles: the library neither writes to nor closes a
//!   connection that the parent still uses. An rredis_conn, rredis_pubsub or
//!   rredis_async of the parent is RREDIS_ERR_FORKED in the child, and so is an
//!   rredis_pipeline that watches. This holds whatever the threads of the parent were
//!   doing. A child may start threads as far as the C library's malloc, getaddrinfo and
//!   pthread_create work in such a child. Where getaddrinfo never returns there, the
//!   call ends at its deadline with RREDIS_ERR_TIMEOUT.
//!
//!   A child that shares the memory of its parent (vfork, or clone with CLONE_VM) must
//!   not call this library. A child that is forked inside a transport, parser or
//!   credentials function must not return from that function.
//!
//! Failing
//!   RREDIS_OK is 0, and err is not written: test the returned status, never
//!   err.status. For any other status err has the reason, and the outcome of the
//!   command. err may be NULL. A call that fails does not write its out_ parameters,
//!   except out_call_data of rredis_async_next. NULL for a handle or an out_ parameter
//!   is RREDIS_ERR_ARGUMENT. The exception is out_reply where a reply is not wanted: in
//!   rredis_client_command, rredis_conn_command, rredis_script_run,
//!   rredis_pipeline_command, _run and _transact, and in their _with, except with
//!   RREDIS_CALL_ERROR_REPLY. Errors are returned and response callbacks are called as
//!   ever, and then the reply is freed.
//!
//! Text
//!   A text goes in as a pointer and a length. It comes out as a pointer and a length,
//!   with a NUL after the last byte. A text is bytes: librredis assumes no encoding.
//!   NULL is the empty text if the length is 0, and otherwise RREDIS_ERR_ARGUMENT.
//!
//! Time
//!   All times are in milliseconds. A timeout of 0 does not wait, and a negative one
//!   waits for ever. An interval (health check, keepalive, idle time, age) of 0 means
//!   every time, and a negative one means never.
//!
//!   A host name is looked up on a thread, so that the call can end at its deadline.
//!   Where the system refuses the thread, the call looks up the name itself, and may
//!   outlast its deadline. At most 64 look-ups run at once. While all 64 are
//!   unanswered, another look-up is RREDIS_ERR_CONNECT after 1 s. A numeric address
//!   needs no look-up.
#![expect(non_camel_case_types, reason = "spelled as in the header, so that one grep finds both sides")]
#![expect(clippy::missing_safety_doc, reason = "the header's first page is the contract")]

mod boundary;
mod instead;
mod message;
mod option;

pub mod version;

pub mod status;

pub mod reply;

pub mod client;

pub mod options;

pub mod pipeline;

pub mod conn;

pub mod pubsub;

pub mod script;

pub mod r#async;

pub mod pool;

pub mod callback;

pub mod builder;

pub mod command;

pub mod parser;

pub mod transport;
