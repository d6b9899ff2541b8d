//! librredis: a Redis client for any language that can call C.
//!
//! A complete call, without error handling:
//!
//!   rredis_client_new(NULL, &client, &err);  // once per program
//!   status = rredis_client_command(client, RREDIS_TEXTS("GET", "key"), &reply, &err);
//!   if (status == RREDIS_OK) rredis_reply_free(reply);  // read it, then free
//!   rredis_client_free(client);
//!
//! Without options a client connects to 127.0.0.1:6379, without TLS or a login. It opens
//! up to 64 connections, as needed. A command takes at most 5 s. A blocking one (BLPOP)
//! takes at most its own timeout plus 1 s. If the network fails, or the server answers
//! LOADING or READONLY, a command that did not run or that only reads is tried again:
//! up to 3 times, within that time.
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
//!   rredis_tls       encrypts what a socket of yours carries
//!
//! Owning
//!   You own every object that rredis_X_new returns or that a function writes to an
//!   out_ parameter. Free an object of type rredis_X once, with rredis_X_free, which
//!   ignores NULL. Objects may be freed in any order. Every other pointer you receive
//!   is borrowed: valid until the object it came from is freed. The arguments you pass
//!   are copied. The arguments that a callback receives are borrowed: valid until the
//!   callback returns. A handle is valid from its _new until its _free. To pass any
//!   other pointer except NULL as a handle is undefined behaviour.
//!
//! Sharing
//!   Functions that take a handle as const may run in any number of threads at once.
//!   While a function that takes a handle without const runs, no other thread may use
//!   that handle, except to call its _wake, which is allowed until _free begins.
//!
//!   The library starts a thread only to look up a host name, for as long as that
//!   takes. It calls a callback (a function you gave it) only during a call that you
//!   make, on the thread of that call. A callback must not throw, longjmp, call
//!   pthread_exit, or free the handle it is called from.
//!
//! Ending threads
//!   A destructor of a pthread key may call the library while its thread ends.
//!   pthread_cancel takes no effect during a call, nor in a callback that the call
//!   runs: the thread ends at its next cancellation point after the call. To end the
//!   call earlier, use the _wake of its handle. Asynchronous cancellation
//!   (PTHREAD_CANCEL_ASYNCHRONOUS) is forbidden.
//!
//! Forking
//!   A child of fork may use the clients and pools of its parent: they open connections
//!   of their own. It may free all handles: the library neither writes to nor closes a
//!   connection that the parent still uses. In the child, calls with an rredis_conn,
//!   rredis_pubsub, rredis_async or rredis_tls of the parent return RREDIS_ERR_FORKED,
//!   and so do calls with an rredis_pipeline that watches keys. All this holds whatever
//!   the threads of the parent were doing, and also if the child starts threads. The C
//!   library must allow malloc, pthread_create and getaddrinfo in a child of fork. If
//!   getaddrinfo never returns, the call ends at its deadline with RREDIS_ERR_TIMEOUT.
//!
//!   A child that shares the memory of its parent (vfork, or clone with CLONE_VM) must
//!   not call this library. A child that is forked inside a transport, parser or
//!   credentials function must not return from that function.
//!
//! Failing
//!   Test the returned status, never err.status: RREDIS_OK is 0, and err is written only
//!   on failure, with the reason and the outcome of the command. err may be NULL. A call
//!   that fails does not write its out_ parameters, except out_call_data of
//!   rredis_async_next. "X is RREDIS_ERR_Y" means that a call with X returns that
//!   status. NULL for a handle or an out_ parameter is RREDIS_ERR_ARGUMENT. If you do
//!   not want the reply, out_reply may be NULL in rredis_client_command,
//!   rredis_conn_command, rredis_script_run, rredis_pipeline_command, _run and
//!   _transact, and in their _with functions, except with RREDIS_CALL_ERROR_REPLY.
//!   Errors are returned and response callbacks are called all the same.
//!
//! Text
//!   A text is a pointer and a length. A text you receive also has a NUL after its last
//!   byte. A text is bytes: librredis assumes no encoding. NULL with a length of 0 is
//!   the empty text. NULL with any other length is RREDIS_ERR_ARGUMENT.
//!
//! Time
//!   All times are in milliseconds. With a timeout of 0 a call does not wait; with a
//!   negative timeout it waits for ever. An interval (health check, idle time, age) of
//!   0 has always passed, and a negative interval never passes.
//!
//!   A host name is looked up on a thread, so that the call can end at its deadline.
//!   If the thread cannot be started, the call looks up the name itself, and may
//!   outlast its deadline. At most 64 look-ups run at once. While all 64 are
//!   unanswered, another look-up fails with RREDIS_ERR_CONNECT after 1 s. A numeric
//!   address needs no look-up.
#![expect(non_camel_case_types, reason = "spelled as in the header, so that one grep finds both sides")]
#![expect(clippy::missing_safety_doc, reason = "the header's first page is the contract")]

mod boundary;
mod instead;
mod message;
mod option;
mod option_values;

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

pub mod tls;

pub mod transport;
