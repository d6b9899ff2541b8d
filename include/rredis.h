// librredis: a Redis client for any language that can call C.
//
// A complete call, without error handling:
//
//   rredis_client_new(NULL, &client, &err);  // once per program
//   status = rredis_client_command(client, RREDIS_TEXTS("GET", "key"), &reply, &err);
//   if (status == RREDIS_OK) rredis_reply_free(reply);  // read it, then free
//   rredis_client_free(client);
//
// Without options a client connects to 127.0.0.1:6379, without TLS or a login. It opens
// up to 64 connections, as needed. A command takes at most 5 s. A blocking one (BLPOP)
// takes at most its own timeout plus 1 s. If the network fails, or the server answers
// LOADING or READONLY, a command that did not run or that only reads is tried again:
// up to 3 times, within that time.
//
// Which handle for what
//   rredis_client    sends commands, from any thread: most programs need no other
//   rredis_pipeline  sends many commands in one round trip, or runs a transaction
//   rredis_pubsub    receives the messages of channels
//   rredis_script    runs a Lua script
//   rredis_conn      sends commands that change a connection: SELECT, MONITOR
//   rredis_async     sends commands from an event loop
//   rredis_pool      lets clients share connections
//   rredis_parser    speaks RESP over a socket of yours, with rredis_command_encode
//   rredis_tls       encrypts what a socket of yours carries
//
// Owning
//   You own every object that rredis_X_new returns or that a function writes to an
//   out_ parameter. Free an object of type rredis_X once, with rredis_X_free, which
//   ignores NULL. Objects may be freed in any order. Every other pointer you receive
//   is borrowed: valid until the object it came from is freed. The arguments you pass
//   are copied. The arguments that a callback receives are borrowed: valid until the
//   callback returns. A handle is valid from its _new until its _free. To pass any
//   other pointer except NULL as a handle is undefined behaviour.
//
// Sharing
//   Functions that take a handle as const may run in any number of threads at once.
//   While a function that takes a handle without const runs, no other thread may use
//   that handle, except to call its _wake, which is allowed until _free begins.
//
//   The library starts a thread only to look up a host name, for as long as that
//   takes. It calls a callback (a function you gave it) only during a call that you
//   make, on the thread of that call. A callback must not throw, longjmp, call
//   pthread_exit, or free the handle it is called from.
//
// Ending threads
//   A destructor of a pthread key may call the library while its thread ends.
//   pthread_cancel takes no effect during a call, nor in a callback that the call
//   runs: the thread ends at its next cancellation point after the call. To end the
//   call earlier, use the _wake of its handle. Asynchronous cancellation
//   (PTHREAD_CANCEL_ASYNCHRONOUS) is forbidden.
//
// Forking
//   A child of fork may use the clients and pools of its parent: they open connections
//   of their own. It may free all handles: the library neither writes to nor closes a
//   connection that the parent still uses. In the child, calls with an rredis_conn,
//   rredis_pubsub, rredis_async or rredis_tls of the parent return RREDIS_ERR_FORKED,
//   and so do calls with an rredis_pipeline that watches keys. All this holds whatever
//   the threads of the parent were doing, and also if the child starts threads. The C
//   library must allow malloc, pthread_create and getaddrinfo in a child of fork. If
//   getaddrinfo never returns, the call ends at its deadline with RREDIS_ERR_TIMEOUT.
//
//   A child that shares the memory of its parent (vfork, or clone with CLONE_VM) must
//   not call this library. A child that is forked inside a transport, parser or
//   credentials function must not return from that function.
//
// Failing
//   Test the returned status, never err.status: RREDIS_OK is 0, and err is written only
//   on failure, with the reason and the outcome of the command. err may be NULL. A call
//   that fails does not write its out_ parameters, except out_call_data of
//   rredis_async_next. "X is RREDIS_ERR_Y" means that a call with X returns that
//   status. NULL for a handle or an out_ parameter is RREDIS_ERR_ARGUMENT. If you do
//   not want the reply, out_reply may be NULL in rredis_client_command,
//   rredis_conn_command, rredis_script_run, rredis_pipeline_command, _run and
//   _transact, and in their _with functions, except with RREDIS_CALL_ERROR_REPLY.
//   Errors are returned and response callbacks are called all the same.
//
// Text
//   A text is a pointer and a length. A text you receive also has a NUL after its last
//   byte. A text is bytes: librredis assumes no encoding. NULL with a length of 0 is
//   the empty text. NULL with any other length is RREDIS_ERR_ARGUMENT.
//
// Time
//   All times are in milliseconds. With a timeout of 0 a call does not wait; with a
//   negative timeout it waits for ever. An interval (health check, idle time, age) of
//   0 has always passed, and a negative interval never passes.
//
//   A host name is looked up on a thread, so that the call can end at its deadline.
//   If the thread cannot be started, the call looks up the name itself, and may
//   outlast its deadline. At most 64 look-ups run at once. While all 64 are
//   unanswered, another look-up fails with RREDIS_ERR_CONNECT after 1 s. A numeric
//   address needs no look-up.

#ifndef RREDIS_H
#define RREDIS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---- Version ------------------------------------------------------------------------

/// The version of the header that a program was compiled with. It may run with another
/// version of the library: compare this with rredis_version_number() at its start.
typedef enum rredis_version_of {
  RREDIS_VERSION_OF_HEADER = 0x080000,  // the version of this header, as 0xMMmmpp
} rredis_version_of;

/// Give the library's version, such as "8.0.1". Version 8.0.z supports every command of
/// Redis 8.0.
const char *rredis_version(void);

/// Give the library's version as a number, 0xMMmmpp. Later versions have larger ones.
uint32_t rredis_version_number(void);

// ---- Handles ------------------------------------------------------------------------

typedef struct rredis_async rredis_async;        // sends commands from an event loop of
                                                 // yours
typedef struct rredis_builder rredis_builder;    // makes a reply
typedef struct rredis_client rredis_client;      // sends commands from any thread
typedef struct rredis_conn rredis_conn;          // one connection for a single owner
typedef struct rredis_options rredis_options;    // settings for a pool, a client or a
                                                 // parser
typedef struct rredis_parser rredis_parser;      // turns bytes into replies
typedef struct rredis_pipeline rredis_pipeline;  // queues commands, and runs them in
                                                 // one burst
typedef struct rredis_pool rredis_pool;          // connections that clients share
typedef struct rredis_pubsub rredis_pubsub;      // receives messages of channels
typedef struct rredis_script rredis_script;      // a Lua script and its digest
typedef struct rredis_tls rredis_tls;            // encrypts what a socket carries

typedef struct rredis_parser_type rredis_parser_type;  // a struct, defined in the
                                                       // chapter Parser
typedef struct rredis_transport rredis_transport;      // a struct, defined in the
                                                       // chapter Transports

// ---- Status and errors --------------------------------------------------------------

/// The result of a call. The number says where a failure came from: the caller (1 to
/// 9), the network (10), the protocol (20), the server (30), a callback (80), the
/// library (90).
typedef enum rredis_status {
  RREDIS_OK = 0,               // the call succeeded
  RREDIS_ERR_ARGUMENT = 1,     // an argument is wrong: a NULL, a length, an unknown
                               // enumerator, or a command that this handle refuses
  RREDIS_ERR_STATE = 2,        // the handle is not in a state that allows this call
  RREDIS_ERR_AGAIN = 3,        // no complete reply has arrived yet; nothing has changed
  RREDIS_ERR_CONFIG = 4,       // an option or a URL is wrong; the message names it
  RREDIS_ERR_UNSUPPORTED = 5,  // this build or this server does not support the request
  RREDIS_ERR_CONNECT = 10,     // no connection could be made
  RREDIS_ERR_IO = 11,          // the connection was lost
  RREDIS_ERR_TIMEOUT = 12,     // the deadline passed; the message names the phase
  RREDIS_ERR_BUSY = 13,        // all connections stayed in use until POOL_WAIT_MS or
                               // the deadline; or an rredis_async is at its limit
  RREDIS_ERR_WOKEN = 14,       // a _wake or an interrupt function ended the call
  RREDIS_ERR_FORKED = 15,      // the handle belongs to the parent process
  RREDIS_ERR_TLS = 16,         // TLS failed: the peer's certificate is not trusted, or
                               // the peer does not speak TLS
  RREDIS_ERR_PROTOCOL = 20,    // the server sent bytes that are not RESP, or a reply
                               // that belongs to no command
  RREDIS_ERR_LIMIT = 21,       // a reply exceeded a limit of the options
  RREDIS_ERR_AUTH = 30,        // the server refused the user name or password
  RREDIS_ERR_SERVER = 31,      // the server answered with an error; err.message has its
                               // text
  RREDIS_ERR_WATCH = 32,       // a watched key changed, or the connection was lost
                               // before EXEC; the transaction did not run
  RREDIS_ERR_ABORTED = 33,     // the server answered EXECABORT; the transaction did not
                               // run
  RREDIS_ERR_CALLBACK = 80,    // a callback returned a failure
  RREDIS_ERR_PANIC = 90,       // a bug in librredis was caught; free the handle
  RREDIS_ERR_MEMORY = 91,      // there was not enough memory
} rredis_status;

/// Whether the command of a failed call ran. Outcome and status say what to do now:
///
///   outcome             what to do now
///   NONE                mend the cause: see the status below
///   NOT_SENT, REFUSED   the command did not run: mend the cause, then repeat it
///   UNKNOWN             repeat only a command that may run twice, or check its effect
///   RAN                 do not repeat: only the reply is lost
///
///   status                  what to do now
///   ARGUMENT, STATE, CONFIG correct the program or its options
///   UNSUPPORTED             use another version, build or option
///   AGAIN                   wait, and call again
///   CONNECT, IO, TIMEOUT    the outcome says whether to repeat the command
///   BUSY                    repeat later, or raise POOL_MAX or the INFLIGHT_ options
///   WOKEN                   stop, as _wake or the interrupt function wanted
///   FORKED                  make a new handle in this process
///   TLS, AUTH               correct certificates, credentials, or the port
///   PROTOCOL                check that the peer is a Redis or Valkey server
///   LIMIT                   raise the limit, or ask for less at once
///   SERVER                  read err.message: its first word is the code
///   WATCH                   begin the transaction again
///   ABORTED                 correct the command that rredis_pipeline_failed names
///   CALLBACK                read the callback's text in err.message
///   PANIC                   free the handle
///   MEMORY                  free memory; replace a handle that still returns MEMORY
typedef enum rredis_outcome {
  RREDIS_OUTCOME_NONE = 0,      // the call had no command
  RREDIS_OUTCOME_NOT_SENT = 1,  // the command did not run: none of its bytes was sent,
                                // or the EXEC of its transaction was not sent
  RREDIS_OUTCOME_REFUSED = 2,   // the server answered that it did not run the command
  RREDIS_OUTCOME_UNKNOWN = 3,   // the command was sent, and may have run
  RREDIS_OUTCOME_RAN = 4,       // the command ran, and its reply exceeded a limit or a
                                // callback failed
} rredis_outcome;

/// Why a call failed. You own the struct. A call writes only to the struct that is
/// passed to it. Nothing in the struct must be freed. Its size is 256 bytes in every
/// version. A message that a callback writes is escaped as described below.
typedef struct rredis_error {
  rredis_status status;    // the status that the call returned
  rredis_outcome outcome;  // whether the command ran
  int32_t os_error;        // errno, or 0
  int32_t attempts;        // how many times the command was tried
  char message[240];       // one line of UTF-8, ending in a NUL, safe to print on a
                           // terminal. Control and format characters, line separators
                           // and invalid UTF-8 are written as \xHH for each byte, and a
                           // backslash as two. A server's error begins with its code,
                           // such as WRONGTYPE. A long message is cut, never inside a
                           // character or an escape
} rredis_error;

/// Give the name of a status, such as "TIMEOUT", or "?" for an unknown status.
const char *rredis_status_name(rredis_status status);

/// Give the name of an outcome, such as "NOT_SENT", or "?" for an unknown outcome.
const char *rredis_status_outcome_name(rredis_outcome outcome);

// ---- Replies ------------------------------------------------------------------------
//
// A reply is a tree of rredis_reply nodes in one block of memory. Read the fields
// directly. A reply never changes, so any thread may read it. SHAPES.md has the shape
// of the reply to each command.

/// The kind of a reply. Kinds 0 to 9 are scalars, 10 to 19 have text, 20 and above have
/// elements.
typedef enum rredis_reply_kind {
  RREDIS_REPLY_NULL = 0,         // no value, such as for an absent key; from any null
                                 // of RESP2 or RESP3
  RREDIS_REPLY_INTEGER = 1,      // integer has the value
  RREDIS_REPLY_BOOL = 2,         // integer is 0 or 1; str has the server's text (OK) if
                                 // it sent one
  RREDIS_REPLY_STRING = 10,      // str has the bytes
  RREDIS_REPLY_STATUS = 11,      // str has a short text of the server, such as OK
  RREDIS_REPLY_ERROR = 12,       // str has the server's error; its first word is the
                                 // code
  RREDIS_REPLY_VERBATIM = 13,    // str has a text for people; rredis_reply_format gives
                                 // its format
  RREDIS_REPLY_BIG_NUMBER = 14,  // str has an integer of any size, in decimal
  RREDIS_REPLY_DOUBLE = 15,      // number has the value, and str its text from the
                                 // server
  RREDIS_REPLY_ARRAY = 20,       // elements has len nodes
  RREDIS_REPLY_SET = 21,         // elements has len nodes, in no order
  RREDIS_REPLY_MAP = 22,         // elements has key, value, key, value, and so on; len
                                 // counts both
  RREDIS_REPLY_PUSH = 23,        // elements has a message that the server sent without
                                 // a request; the first element names its kind
} rredis_reply_kind;

/// A reply, or a part of one. A field that its kind does not use is zero.
typedef struct rredis_reply {
  rredis_reply_kind kind;               // the kind, which decides the fields in use
  uint32_t reserved;                    // do not use
  size_t len;                           // the bytes of str, or the nodes of elements
  const char *str;                      // a text, with a NUL after the last byte
  const struct rredis_reply *elements;  // len nodes in a row; NULL when len is 0
  int64_t integer;                      // the value of an INTEGER, or of a BOOL: 0 or 1
  double number;                        // the value of a DOUBLE
} rredis_reply;

/// Find a key in a MAP, and give its value. NULL: the key is absent, or map is no MAP.
const rredis_reply *rredis_reply_find(const rredis_reply *map, const char *key,
    size_t key_len);

/// Give the RESP3 attributes of a node: a MAP, or NULL where there are none.
///
///   root  the whole reply; if root is only a part of a reply, the result is NULL
///   node  root, or a node anywhere below it
const rredis_reply *rredis_reply_attributes(const rredis_reply *root,
    const rredis_reply *node);

/// Give the format of a VERBATIM, such as "txt" or "mkd". NULL: any other kind.
const char *rredis_reply_format(const rredis_reply *verbatim);

/// Read an integer from an INTEGER, a BOOL, a whole DOUBLE, or a text that is an
/// integer. RREDIS_ERR_ARGUMENT: any other reply, or the integer does not fit.
rredis_status rredis_reply_integer(const rredis_reply *reply, int64_t *out_integer,
    rredis_error *err);

/// Read a number from a DOUBLE, an INTEGER, a BOOL, or a text that is a number.
rredis_status rredis_reply_number(const rredis_reply *reply, double *out_number,
    rredis_error *err);

/// Copy a reply, or a part of one, with its children and without its attributes. Use it
/// to keep a borrowed reply.
rredis_status rredis_reply_clone(const rredis_reply *reply, rredis_reply **out_reply,
    rredis_error *err);

/// Give the block of memory that has all nodes and texts of a reply, and of its
/// attributes. A language that reads C memory slowly copies the block once. An address
/// in the reply, minus the address of the block, is the offset in the copy.
///
///   root     the whole reply; if root is only a part of a reply, the result is NULL
///   out_len  receives the length of the block, or 0
const void *rredis_reply_bytes(const rredis_reply *root, size_t *out_len);

/// Free a whole reply.
void rredis_reply_free(rredis_reply *reply);

// ---- Shared types -------------------------------------------------------------------
//
// Types that several chapters use.

/// Frees a user_data. It is called once: when the last handle that needs user_data is
/// freed or given another function, or by the setter if that fails. It is not called if
/// a struct is refused because its size field is too small. NULL: nothing is freed.
typedef void (*rredis_free_fn)(void *user_data);

/// Receives a reply that belongs to no command: a push, an event, or a message.
typedef void (*rredis_reply_fn)(void *user_data, const rredis_reply *reply);

/// A response callback: receives each reply to its command as the server sent it, and
/// may replace it. It is called in place of the built-in callback, which it can call
/// with rredis_callback_builtin. It is not called for a server's error.
///
/// *out_reply is NULL at first. Leave it NULL to keep the reply, or write a whole reply
/// that you own to it (from a builder, a clone, another command): the library then owns
/// it. call_data is the pointer that the caller passed, for example to a struct to
/// fill. argv_len and err are never NULL, and *err is zero at first.
///
/// If it returns any status except RREDIS_OK, the call returns RREDIS_ERR_CALLBACK with
/// RREDIS_OUTCOME_RAN and the text in err->message. In a pipeline run and in the reply
/// to EXEC, an ERROR with the text takes the place of the command's reply instead.
///
/// The connection is returned to the pool before the function is called, so the
/// function may use this client. An rredis_conn, a watching pipeline and _run_each keep
/// their connection: a call with this client in their callback leases a second one.
typedef rredis_status (*rredis_callback_fn)(void *user_data, void *call_data,
    size_t argc, const char *const *argv, const size_t *argv_len,
    const rredis_reply *reply, rredis_reply **out_reply, rredis_error *err);

// ---- Arguments ----------------------------------------------------------------------

/// The parameters argc, argv and argv_len of a function, from texts that end in a NUL:
///
///   rredis_client_command(client, RREDIS_TEXTS("GET", key), &reply, &err);
///
/// An array that you have, such as main's argv, is passed as (const char *const *)argv.
/// In C11, rredis_args.h takes numbers and bytes too.
#define RREDIS_TEXTS(...) \
    sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *), \
    (const char *const[]){__VA_ARGS__}, NULL

// ---- Clients ------------------------------------------------------------------------
//
// A client leases a connection of its pool for each command. A command that would
// change the connection for later commands (SELECT, WATCH, SUBSCRIBE) is
// RREDIS_ERR_ARGUMENT. The message names the option or the handle to use instead.
//
// A server that obeys SHUTDOWN closes the connection without a reply: the library then
// gives BOOL true. This holds on every handle, and for the last command of a pipeline.
// SHUTDOWN is never tried again.
//
// A READONLY error means that the server has become a replica, as in a failover behind
// one address. The connection that received the error is closed. At most once a
// second, all other connections of the pool are closed too: idle ones at once, leased
// ones when their calls end. Each new connection looks up the host name again. The
// command wrote nothing, and is tried again. A script can return a READONLY error of
// its own. The library therefore takes a script's error for a READONLY error only if
// its text is exactly a server's. A command that blocks for ever is also tried again
// if it fails with UNBLOCKED because its server became a replica.
//
// In a cluster a command goes to the server that has the slot of its keys. A command
// without keys goes to one primary, except one that is about all data (DBSIZE, KEYS,
// FLUSHALL, INFO), which goes to every primary, and one that is about every server
// (CONFIG SET, SCRIPT LOAD, SLOWLOG GET, PUBSUB NUMSUB), which goes to all. Their
// replies become one: the first, the sum of numbers, or one ARRAY of all elements.
// INFO and the LATENCY and MEMORY commands give a MAP of endpoints and replies. If a
// server fails, the call fails. err.message tells how many servers succeeded, and if
// any did, err.outcome is RAN or UNKNOWN. A command that changes one server (SHUTDOWN,
// CLIENT KILL, CLUSTER FAILOVER) is RREDIS_ERR_ARGUMENT, and so is, in a pipeline, any
// command for several servers. rredis_client_new_at makes a client of one server.
//
// SCAN goes through all primaries of a cluster. It begins with the cursor 0, goes on
// with the cursor of each reply, which is text there, and is over when that is 0. A key
// may come twice. A key that is there all the time may be missed only if its server
// was restarted, or if it was moved and moved back by a migration of its slot that was
// begun and called off meanwhile. RREDIS_ERR_STATE: eight other walks have been used
// since.

/// The statistics of a pool or a client.
typedef enum rredis_stat {
  RREDIS_STAT_CONNECTIONS = 0,          // connections now open
  RREDIS_STAT_CONNECTIONS_IN_USE = 1,   // connections now leased
  RREDIS_STAT_CONNECTIONS_IDLE = 2,     // connections now idle
  RREDIS_STAT_CONNECTIONS_CREATED = 3,  // connections ever made
  RREDIS_STAT_CONNECTIONS_LOST = 4,     // connections that were lost
  RREDIS_STAT_CONNECTIONS_CLOSED = 5,   // connections that the library closed
  RREDIS_STAT_WAITING = 10,             // calls now waiting for a connection
  RREDIS_STAT_WAITS = 11,               // calls that waited for a connection
  RREDIS_STAT_WAITS_TIMED_OUT = 12,     // calls whose wait for a connection timed out
  RREDIS_STAT_COMMANDS = 20,            // commands that callers gave, including those
                                        // refused or never sent
  RREDIS_STAT_RETRIES = 21,             // tries after the first
  RREDIS_STAT_TIMEOUTS = 22,            // commands that timed out
  RREDIS_STAT_UNKNOWN = 23,             // commands with RREDIS_OUTCOME_UNKNOWN
  RREDIS_STAT_RIDES = 24,               // commands sent on a shared connection
                                        // (RREDIS_OPTION_SHARE); each try counts
  RREDIS_STAT_BATCHES = 25,             // groups of commands that were written together
                                        // on a shared connection
  RREDIS_STAT_BYTES_IN = 30,            // bytes read
  RREDIS_STAT_BYTES_OUT = 31,           // bytes written
  RREDIS_STAT_ERRORS_CALLER = 40,       // calls that failed with a status of 1 to 9
  RREDIS_STAT_ERRORS_NETWORK = 41,      // calls that failed with 10 to 19
  RREDIS_STAT_ERRORS_PROTOCOL = 42,     // calls that failed with 20 to 29
  RREDIS_STAT_ERRORS_SERVER = 43,       // calls that failed with 30 to 39
  RREDIS_STAT_ERRORS_CALLBACK = 44,     // calls that failed with 80 to 89
  RREDIS_STAT_ERRORS_INTERNAL = 45,     // calls that failed with 90 to 99
  RREDIS_STAT_SERVERS = 50,             // servers known now, of a cluster or behind
                                        // Sentinels; with one server this and the
                                        // statistics below are -1
  RREDIS_STAT_MOVED = 51,               // MOVED redirects followed
  RREDIS_STAT_ASKED = 52,               // ASK redirects followed
  RREDIS_STAT_REFRESHES = 53,           // readings of which server has which slots
  RREDIS_STAT_FAILOVERS = 54,           // replicas found to have become the primary
  RREDIS_STAT_SHARDS_DOWN = 55,         // shards now without a primary that can be used
  RREDIS_STAT_SCOUTS = 56,              // calls that looked for a shard's primary,
                                        // while others waited
} rredis_stat;

/// Flags of one call, to be or-ed.
typedef enum rredis_call {
  RREDIS_CALL_DEFAULT = 0,       // no flags
  RREDIS_CALL_RAW = 1,           // apply no response callback, built-in or your own:
                                 // give the reply as the server sent it
  RREDIS_CALL_IDEMPOTENT = 2,    // the command may run twice: try it again even when it
                                 // may have run
  RREDIS_CALL_NO_RETRY = 4,      // make no retries, as with RETRY_MAX 0
  RREDIS_CALL_TIMEOUT = 8,       // use timeout_ms in place of COMMAND_TIMEOUT_MS;
                                 // without this flag timeout_ms must be 0
  RREDIS_CALL_ERROR_REPLY = 16,  // give a server's error as a reply of kind ERROR, with
                                 // RREDIS_OK
  RREDIS_CALL_ALONE = 32,        // share the connection with no other thread during the
                                 // call, whatever RREDIS_OPTION_SHARE says
  RREDIS_CALL_PRIMARY = 64,      // send to the primary, whatever
                                 // RREDIS_OPTION_READ_FROM says; where that is PRIMARY,
                                 // and for an rredis_conn, RREDIS_ERR_ARGUMENT
  RREDIS_CALL_MORE = 512,        // more commands follow: queue this one; for
                                 // rredis_conn_send_with alone
} rredis_call;

/// Which server of a client's is meant.
typedef enum rredis_target {
  RREDIS_TARGET_SERVER = 0,  // the server of this endpoint, as rredis_client_servers
                             // tells it
  RREDIS_TARGET_KEY = 1,     // whichever server has the slot of this key, wherever that
                             // moves
} rredis_target;

/// Make a client with a pool of its own. The client connects when it is first used.
///
///   options  NULL: the defaults
rredis_status rredis_client_new(const rredis_options *options,
    rredis_client **out_client, rredis_error *err);

/// Make a client that leases its connections from a pool.
///
///   options  the client's options, such as timeouts and callbacks; NULL: the pool's
///
/// RREDIS_ERR_CONFIG: an option that is set differs from the pool's, or options has a
/// transport, a parser or a credentials function. Only these may differ:
/// COMMAND_TIMEOUT_MS, RETRY_MAX, the BACKOFF_ options, RETRY_BUDGET_PERCENT, SHAPE and
/// PUBSUB_CONFIRMATIONS.
rredis_status rredis_client_new_on(const rredis_pool *pool,
    const rredis_options *options, rredis_client **out_client, rredis_error *err);

/// Make a client all of whose commands go to one server of this client's. It has this
/// client's options, callbacks and connections. Everything that is made of it (an
/// rredis_conn, a pipeline, a subscriber, an rredis_async) is for that server.
///
///   kind    what target is: an endpoint, or a key
///   target  the endpoint or the key
///
/// RREDIS_ERR_ARGUMENT: there is no server of this endpoint. Only where no server is
/// known yet is one asked. A client for a server follows no MOVED: it is
/// RREDIS_ERR_SERVER. A client for a key follows the key's slot, except that an
/// rredis_conn stays at its server. A subscriber of it is one of the whole cluster.
rredis_status rredis_client_new_at(const rredis_client *client, rredis_target kind,
    const char *target, size_t target_len, rredis_client **out_client,
    rredis_error *err);

/// Send one command and wait for its reply.
///
///   argc      the number of arguments, including the command's name
///   argv      the arguments
///   argv_len  their lengths; NULL: each argument ends in a NUL
///
/// Waits at most RREDIS_OPTION_COMMAND_TIMEOUT_MS. A blocking command (BLPOP, XREAD
/// BLOCK) waits instead for its own timeout argument plus RREDIS_OPTION_BLOCK_SLACK_MS,
/// or for ever if that argument means for ever. A server's error is RREDIS_ERR_SERVER.
rredis_status rredis_client_command(const rredis_client *client, size_t argc,
    const char *const *argv, const size_t *argv_len, rredis_reply **out_reply,
    rredis_error *err);

/// Send one command with flags, and wait for its reply.
///
///   flags       values of rredis_call, or-ed
///   timeout_ms  the time for the whole call, with RREDIS_CALL_TIMEOUT; otherwise 0
///   call_data   passed to the response callback
rredis_status rredis_client_command_with(const rredis_client *client, size_t argc,
    const char *const *argv, const size_t *argv_len, uint32_t flags, int64_t timeout_ms,
    void *call_data, rredis_reply **out_reply, rredis_error *err);

/// Set the response callback of a command, for this client alone.
///
///   command   the command's name, in upper or lower case
///   function  NULL: restore the callback of the options, or the built-in one
rredis_status rredis_client_set_callback(const rredis_client *client,
    const char *command, size_t command_len, rredis_callback_fn function,
    void *user_data, rredis_free_fn user_data_free, rredis_error *err);

/// Read a statistic. COMMANDS, RETRIES, TIMEOUTS, UNKNOWN and the ERRORS_ statistics
/// are those of this client; all others are those of its pool. -1: the statistic is
/// unknown or not kept.
int64_t rredis_client_stat(const rredis_client *client, rredis_stat stat);

/// Tell which servers there are, as known: an ARRAY of MAPs. Only where none is known
/// yet is a server asked.
///
/// A MAP has endpoint, role ("primary" or "replica"), of (the endpoint of a replica's
/// primary, or NULL), slots (an ARRAY of the first and last slot of each range), zone
/// (or NULL), and connections (how many are open).
rredis_status rredis_client_servers(const rredis_client *client,
    rredis_reply **out_reply, rredis_error *err);

/// Give the name of the parser that reads the replies: "fast", "simple", or your
/// parser's name.
const char *rredis_client_parser(const rredis_client *client);

/// End the calls of this client that wait and were given call_data. Give their number.
///
///   call_data  NULL: all calls of this client, whatever call_data they were given
///
/// Each of those calls returns RREDIS_ERR_WOKEN with the outcome of its command, which
/// is not tried again. A call that begins later is not ended. A call whose reply has
/// arrived may still succeed. Calls of the rredis_client_ functions, rredis_script_run,
/// rredis_conn_new and rredis_pubsub_publish are ended. A pipeline, an rredis_conn and
/// an rredis_pubsub have a _wake of their own. A call ends at once, or within 20 ms if
/// it has only just begun to wait. A transport function that waits longer than its
/// timeout_ms cannot be woken. A signal handler may call this function.
size_t rredis_client_wake(const rredis_client *client, const void *call_data);

/// Free a client. Handles that were made from it remain valid until they are freed.
void rredis_client_free(rredis_client *client);

// ---- Option names -------------------------------------------------------------------
//
// The options that can be set. The next chapter has the values of those that are
// enumerators.

/// The name of an option. An option marked "text" is set by rredis_options_set_str, and
/// every other option by rredis_options_set_int. In a URL an option's name is in lower
/// case, without RREDIS_OPTION_ and without _MS. Where no default is given, the option
/// is unset.
typedef enum rredis_option {
  RREDIS_OPTION_HOST = 1,                       // text: an address or a host name. The
                                                // addresses of a name are tried 250 ms
                                                // apart. Default: 127.0.0.1
  RREDIS_OPTION_PORT = 2,                       // the TCP port. Default: 6379, or 26379
                                                // for Sentinels
  RREDIS_OPTION_UNIX_PATH = 3,                  // text: the path of a Unix socket.
                                                // RREDIS_ERR_CONFIG if HOST or PORT is
                                                // set too
  RREDIS_OPTION_USERNAME = 4,                   // text: the user name, which needs a
                                                // PASSWORD. Default: the server's user
                                                // "default"
  RREDIS_OPTION_PASSWORD = 5,                   // text: the password. No function
                                                // returns it. No message about the
                                                // handshake shows it, even if the
                                                // server repeats it
  RREDIS_OPTION_DATABASE = 6,                   // the database's number. Default: 0
  RREDIS_OPTION_PROTOCOL = 7,                   // 2 or 3, for RESP2 or RESP3; 0: the
                                                // newest that the server speaks.
                                                // Default: 0
  RREDIS_OPTION_CLIENT_NAME = 8,                // text: the name that CLIENT LIST shows
  RREDIS_OPTION_LIBRARY_NAME = 9,               // text: the lib-name of CLIENT LIST
  RREDIS_OPTION_TOPOLOGY = 10,                  // an rredis_topology. Default: SINGLE
  RREDIS_OPTION_SEEDS = 11,                     // text: host:port,host:port of any
                                                // nodes of the cluster, or of the
                                                // Sentinels. Default: HOST and PORT
  RREDIS_OPTION_SENTINEL_SERVICE = 12,          // text: the Sentinels' name for the
                                                // primary
  RREDIS_OPTION_SENTINEL_USERNAME = 13,         // text: the user name for Sentinels
  RREDIS_OPTION_SENTINEL_PASSWORD = 14,         // text: the password for Sentinels.
                                                // They never receive PASSWORD
  RREDIS_OPTION_SENTINEL_TLS = 15,              // 1: TLS to Sentinels; 0: no TLS; -1:
                                                // as TLS. The TLS_ options are for
                                                // Sentinels and servers alike. Default:
                                                // -1
  RREDIS_OPTION_READ_FROM = 16,                 // an rredis_read: which servers are
                                                // read from. Default: PRIMARY
  RREDIS_OPTION_ZONE = 17,                      // text: the availability zone of the
                                                // program, for READ_FROM
  RREDIS_OPTION_ADDRESS_MAP = 18,               // text: announced=reachable,...
                                                // replaces the addresses that servers
                                                // announce, each a host or host:port
  RREDIS_OPTION_SPLIT = 19,                     // 1: a command whose keys have several
                                                // slots is sent in parts, each to the
                                                // server that has its keys: DEL,
                                                // EXISTS, MGET, MSET, MSETEX, TOUCH and
                                                // UNLINK. It is not atomic, and of a
                                                // failed one some parts may have run.
                                                // Default: 0
  RREDIS_OPTION_POOL_MAX = 20,                  // the largest number of connections to
                                                // a server, at most 65535. Default: 64
  RREDIS_OPTION_POOL_WAIT_MS = 21,              // how long a call waits while all
                                                // connections are in use; -1: until its
                                                // deadline. Default: -1
  RREDIS_OPTION_POOL_IDLE_MIN = 22,             // connections that are kept however
                                                // long they are idle. Default: 0
  RREDIS_OPTION_POOL_IDLE_MS = 23,              // a connection that was idle for this
                                                // time is closed when the pool is next
                                                // used. Default: 5 minutes
  RREDIS_OPTION_POOL_AGE_MS = 24,               // a connection of this age is closed
                                                // instead of leased. Default: -1
                                                // (never)
  RREDIS_OPTION_SHARE = 25,                     // an rredis_share. ALWAYS is
                                                // RREDIS_ERR_CONFIG beside a transport,
                                                // a parser or an interrupt function of
                                                // the program's: with these nothing is
                                                // shared. Default: BUSY
  RREDIS_OPTION_INFLIGHT_MAX = 26,              // the largest number of commands under
                                                // way on an rredis_async. Default: 4096
  RREDIS_OPTION_INFLIGHT_BYTES_MAX = 27,        // the largest size of the commands
                                                // under way on an rredis_async, in
                                                // bytes. Default: 64 MiB
  RREDIS_OPTION_CONNECT_TIMEOUT_MS = 30,        // the time to connect, including the
                                                // handshake. Default: 5 s; with CLUSTER
                                                // and SENTINEL 1 s
  RREDIS_OPTION_COMMAND_TIMEOUT_MS = 31,        // the time for a whole call, including
                                                // connecting. For a blocking command
                                                // (BLPOP, XREAD BLOCK) see
                                                // BLOCK_SLACK_MS. Default: 5 s
  RREDIS_OPTION_KEEPALIVE_MS = 32,              // the idle time before TCP keepalive,
                                                // rounded up to seconds; -1: no
                                                // keepalive. Default: 30 s
  RREDIS_OPTION_HEALTH_CHECK_MS = 33,           // a connection that was idle for this
                                                // time is checked with PING before use.
                                                // A subscriber's connection is checked
                                                // when nothing arrived for this time.
                                                // Default: 30 s
  RREDIS_OPTION_USER_TIMEOUT_MS = 34,           // TCP_USER_TIMEOUT: the connection is
                                                // closed if sent bytes stay
                                                // unacknowledged for this time; 0 or
                                                // -1: the system's. Default: 30 s
  RREDIS_OPTION_BLOCK_SLACK_MS = 35,            // the time that a blocking command has
                                                // in addition to its own timeout
                                                // argument. A command that blocks for
                                                // ever has no deadline. Default: 1 s
  RREDIS_OPTION_TOPOLOGY_AGE_MS = 36,           // how old the list of servers may be,
                                                // or -1, for any age. Default: 60 s
  RREDIS_OPTION_RETRY_MAX = 40,                 // the largest number of retries (tries
                                                // after the first). A try on an idle
                                                // connection that the server had closed
                                                // is repeated in any case. Default: 3
  RREDIS_OPTION_BACKOFF_MS = 41,                // the longest pause before the second
                                                // try; doubled for each further try.
                                                // Each pause is random, from 0 to the
                                                // longest. Default: 8 ms
  RREDIS_OPTION_BACKOFF_MS_MAX = 42,            // the longest pause before any try.
                                                // Default: 512 ms, or BACKOFF_MS if
                                                // that is longer
  RREDIS_OPTION_RETRY_BUDGET_PERCENT = 43,      // the number of retries that 100 calls
                                                // earn. A client begins with 100
                                                // retries, and saves at most 100. 0: no
                                                // retries. Default: 10
  RREDIS_OPTION_FAILOVER_WAIT_MS = 44,          // how long a command that did not run
                                                // waits for a server to take over.
                                                // Default: -1, until the call's
                                                // deadline
  RREDIS_OPTION_SHAPE = 50,                     // an rredis_shape. Default: CANONICAL
  RREDIS_OPTION_PARSER = 51,                    // an rredis_parser_kind. Default: AUTO
  RREDIS_OPTION_REPLY_BYTES_MAX = 60,           // the largest size of a reply, in bytes
                                                // of RESP. Default: 1 GiB
  RREDIS_OPTION_REPLY_DEPTH_MAX = 61,           // the deepest nesting of aggregates in
                                                // a reply. Default: 512
  RREDIS_OPTION_REPLY_NODES_MAX = 62,           // the largest number of nodes in a
                                                // reply. Default: 16777216
  RREDIS_OPTION_REPLY_LINE_MAX = 63,            // the longest line (a status, an error,
                                                // a number), in bytes. REPLY_BYTES_MAX
                                                // limits a line of MONITOR instead.
                                                // Default: 65536
  RREDIS_OPTION_PUSH_BYTES_MAX = 64,            // the largest size of one push, and of
                                                // all pushes that wait to be delivered,
                                                // in bytes. More are RREDIS_ERR_LIMIT.
                                                // Default: 64 MiB
  RREDIS_OPTION_TLS = 70,                       // 1: connect over TLS. 0: no TLS to
                                                // servers, and every other TLS_ option
                                                // is RREDIS_ERR_CONFIG, except with
                                                // SENTINEL_TLS 1. Default: 0
  RREDIS_OPTION_TLS_CA_FILE = 71,               // text: a file of trusted certificates
                                                // (PEM), read again when it changes.
                                                // Default, if no TLS_CA_ option is set:
                                                // the environment variables
                                                // SSL_CERT_FILE and SSL_CERT_DIR, or
                                                // else the system's certificates
  RREDIS_OPTION_TLS_CA_DIR = 72,                // text: a directory of such files
  RREDIS_OPTION_TLS_CA_PEM = 73,                // text: the trusted certificates
                                                // themselves (PEM)
  RREDIS_OPTION_TLS_CERT_FILE = 74,             // text: a file with the client's
                                                // certificate and its chain (PEM)
  RREDIS_OPTION_TLS_CERT_PEM = 75,              // text: the certificate itself (PEM)
  RREDIS_OPTION_TLS_KEY_FILE = 76,              // text: a file with the client's
                                                // private key. Default: TLS_CERT_FILE
  RREDIS_OPTION_TLS_KEY_PEM = 77,               // text: the private key itself (PEM).
                                                // No function returns it
  RREDIS_OPTION_TLS_SERVER_NAME = 78,           // text: the name that the server's
                                                // certificate must have, with several
                                                // servers that of each. Default: the
                                                // host that is connected to
  RREDIS_OPTION_TLS_VERSION_MIN = 79,           // the oldest TLS version: 12 for 1.2,
                                                // or 13 for 1.3. Default: 12
  RREDIS_OPTION_TLS_INSECURE_SKIP_VERIFY = 80,  // 1: accept every certificate; for
                                                // tests only. RREDIS_ERR_CONFIG if a
                                                // TLS_CA_ option is set too. Default: 0
  RREDIS_OPTION_PUBSUB_CONFIRMATIONS = 90,      // 1: rredis_pubsub_next also gives the
                                                // confirmations of subscriptions.
                                                // Default: 0
} rredis_option;

// ---- Option values ------------------------------------------------------------------
//
// The values of the options that are enumerators. Those of RREDIS_OPTION_PARSER are in
// the chapter Parser.

/// The values of RREDIS_OPTION_TOPOLOGY: how many servers there are, and how they are
/// found. An option that only another value uses is RREDIS_ERR_CONFIG: SEEDS and
/// ADDRESS_MAP with SINGLE, and a SENTINEL_ option without SENTINEL. So are UNIX_PATH
/// without SINGLE, and HOST or PORT beside SEEDS. TOPOLOGY_AGE_MS, FAILOVER_WAIT_MS and
/// SPLIT are ignored where they have no effect.
///
/// With SENTINEL, a server that says it is no primary is not used. What the old primary
/// acknowledged after another server was promoted, and before a Sentinel named that, is
/// lost, except as the servers' min-replicas-to-write prevents it. Where the program
/// brings a transport, the Sentinels are asked once a second, and not listened to.
typedef enum rredis_topology {
  RREDIS_TOPOLOGY_SINGLE = 0,    // one server, at HOST and PORT or at UNIX_PATH
  RREDIS_TOPOLOGY_CLUSTER = 1,   // a cluster: any of SEEDS says which servers there are
  RREDIS_TOPOLOGY_SENTINEL = 2,  // the Sentinels at SEEDS say which server is the
                                 // primary of SENTINEL_SERVICE, which must be set
} rredis_topology;

/// The values of RREDIS_OPTION_READ_FROM: which servers answer commands that only read
/// and are sent one by one, with CLUSTER and SENTINEL. A replica may be behind its
/// primary by any time. A program reads its own writes with RREDIS_CALL_PRIMARY.
typedef enum rredis_read {
  RREDIS_READ_PRIMARY = 0,         // to the primary
  RREDIS_READ_PREFER_REPLICA = 1,  // to a replica, or to the primary where there is
                                   // none
  RREDIS_READ_REPLICA = 2,         // to a replica
  RREDIS_READ_ANY = 3,             // to the primary or to a replica
  RREDIS_READ_ZONE = 4,            // to a replica of ZONE, or else to any, or else to
                                   // the primary
} rredis_read;

/// The values of RREDIS_OPTION_SHAPE.
typedef enum rredis_shape {
  RREDIS_SHAPE_CANONICAL = 0,  // one shape for each command, in RESP2 and RESP3
  RREDIS_SHAPE_RAW = 1,        // the reply as the server sent it
} rredis_shape;

/// The values of RREDIS_OPTION_SHARE: when rredis_client_command sends commands of
/// several threads over one connection. One of the threads writes and reads for all. A
/// slow command or a large reply holds up those behind it: give it RREDIS_CALL_ALONE. A
/// command that blocks, changes its connection, is unknown to the library or exceeds
/// 16 KiB never shares.
typedef enum rredis_share {
  RREDIS_SHARE_NEVER = 0,   // never
  RREDIS_SHARE_BUSY = 1,    // while more threads call at once than six times the
                            // processors that the process may use, or than POOL_MAX
  RREDIS_SHARE_ALWAYS = 2,  // for every command that may share
} rredis_share;

// ---- Options ------------------------------------------------------------------------
//
// A client copies its options when it is made. Every option has a default, or may be
// unset.
//
// When a handle is made, its settings are checked together. Two settings that
// contradict each other are RREDIS_ERR_CONFIG, in whichever order they were set. An
// endpoint, login, TLS or topology setting without effect is RREDIS_ERR_CONFIG too.
// Any other time, limit or count without effect is accepted.

/// Gives the credentials for a new connection to endpoint ("host:port" or "unix:path").
/// It adds the user name, or a NULL, and then the password to credentials. Both are
/// wiped after the handshake, and no message about it shows them. If it returns any
/// status except RREDIS_OK, the connect fails with RREDIS_ERR_CALLBACK and the text in
/// err->message.
typedef rredis_status (*rredis_credentials_fn)(void *user_data, const char *endpoint,
    size_t endpoint_len, rredis_builder *credentials, rredis_error *err);

/// Decides whether a waiting call goes on. It is called on the waiting thread, every
/// 100 ms and after each signal that the thread handles. If it returns any status
/// except RREDIS_OK, the call ends with RREDIS_ERR_WOKEN. It may use any handle except
/// the one that waits.
typedef rredis_status (*rredis_interrupt_fn)(void *user_data);

/// Make options, all at their defaults. NULL: there was not enough memory.
rredis_options *rredis_options_new(void);

/// Set the number of an option.
rredis_status rredis_options_set_int(rredis_options *options, rredis_option option,
    int64_t value, rredis_error *err);

/// Set the text of an option. An empty text removes the setting; RREDIS_OPTION_HOST
/// must not be empty.
rredis_status rredis_options_set_str(rredis_options *options, rredis_option option,
    const char *value, size_t value_len, rredis_error *err);

/// Set the options that a URL contains. If any part is wrong, no option is set.
///
///   redis://db.example:6379/0?command_timeout=2s&pool_max=16
///   unix:///run/redis.sock?database=1&protocol=2
///   redis+cluster://a.example:7000,b.example:7000/0
///   redis+sentinel://a.example:26379,b.example:26379/service/0
///
/// A user and a password may stand before the first host: user:password@. A time has a
/// unit, ms, s or m; without a unit it is in seconds. %XX stands for the byte 0xXX. A
/// scheme that begins with rediss means TLS, and one that begins with redis no TLS;
/// RREDIS_OPTION_TLS must not contradict it. Nor may RREDIS_OPTION_TOPOLOGY contradict
/// +cluster and +sentinel, whose hosts become RREDIS_OPTION_SEEDS. A second URL
/// replaces the endpoints and the credentials of the first, even if it has no
/// credentials.
rredis_status rredis_options_set_url(rredis_options *options, const char *url,
    size_t url_len, rredis_error *err);

/// Set the response callback of a command, for every client made from these options.
///
///   command   the command's name, in upper or lower case
///   function  NULL: remove the callback
rredis_status rredis_options_set_callback(rredis_options *options, const char *command,
    size_t command_len, rredis_callback_fn function, void *user_data,
    rredis_free_fn user_data_free, rredis_error *err);

/// Set a function that gives the credentials for each new connection. RREDIS_ERR_CONFIG
/// if RREDIS_OPTION_USERNAME or RREDIS_OPTION_PASSWORD is set too.
///
///   function  NULL: use the options' user name and password
rredis_status rredis_options_set_credentials(rredis_options *options,
    rredis_credentials_fn function, void *user_data, rredis_free_fn user_data_free,
    rredis_error *err);

/// Connect through a transport of yours, in place of the library's sockets. The struct
/// is copied.
rredis_status rredis_options_set_transport(rredis_options *options,
    const rredis_transport *transport, rredis_error *err);

/// Read replies with a parser of yours, in place of RREDIS_OPTION_PARSER. The struct is
/// copied.
rredis_status rredis_options_set_parser(rredis_options *options,
    const rredis_parser_type *parser, rredis_error *err);

/// Set a function that receives each push that the server sends without a request. The
/// function is called during the call that reads the push. rredis_conn_receive gives
/// the pushes of an rredis_conn instead.
///
///   function  NULL: pushes are dropped
rredis_status rredis_options_on_push(rredis_options *options, rredis_reply_fn function,
    void *user_data, rredis_free_fn user_data_free, rredis_error *err);

/// Set a function that receives the events of connections and commands. The function is
/// called during the call in which an event happens.
///
/// An event is a PUSH: ["connected", endpoint, id], ["lost", endpoint, id, status,
/// text], ["retry", command, attempt, wait ms, text], ["busy", in use, max, waited ms],
/// ["topology", servers, slots without a server], or ["failover", old endpoint, new
/// endpoint, ms without a primary]. id is the connection's number, unique in the
/// process. attempt is the number of the failed try, from 1. text is the reason. Each
/// text is one line, escaped like err->message.
///
///   function  NULL: no events
rredis_status rredis_options_on_event(rredis_options *options, rredis_reply_fn function,
    void *user_data, rredis_free_fn user_data_free, rredis_error *err);

/// Set a function that can end each waiting call of the clients made from these
/// options, for example for an interpreter whose Ctrl-C only sets a flag.
///
///   function  NULL: no function. A signal alone never ends a call
rredis_status rredis_options_on_interrupt(rredis_options *options,
    rredis_interrupt_fn function, void *user_data, rredis_free_fn user_data_free,
    rredis_error *err);

/// Read the number of an option, or its default.
rredis_status rredis_options_get_int(const rredis_options *options,
    rredis_option option, int64_t *out_value, rredis_error *err);

/// Read the text of an option. NULL: the option is unset, is a secret, or is a number.
///
///   out_len  receives the length; may be NULL, since the text ends in a NUL
const char *rredis_options_get_str(const rredis_options *options, rredis_option option,
    size_t *out_len);

/// Write the options as a URL, a reply of kind STRING. The URL has every option that
/// differs from its default, and *** in place of each secret.
rredis_status rredis_options_to_url(const rredis_options *options,
    rredis_reply **out_text, rredis_error *err);

/// Free options. Clients, pools and parsers made from them have their own copy.
void rredis_options_free(rredis_options *options);

// ---- Pipelines ----------------------------------------------------------------------
//
// A pipeline queues commands, and a run sends all of them in one burst, or as a
// transaction. Nothing is sent before a run. A run empties the queue and ends the
// watch, whatever it returns. The exceptions are RREDIS_ERR_ARGUMENT and
// RREDIS_ERR_STATE: they change nothing.
//
// What each call does in each state of the pipeline. PLAIN and ATOMIC are the modes of
// _run, and STATE is RREDIS_ERR_STATE:
//
//              idle                queued        watching             watching, queued
//   _watch     leases, watches     STATE         watches more         STATE
//   _command   STATE               STATE         runs at once         STATE
//   _add       queued              queued        queued               queued
//   PLAIN      empty array         runs          STATE                STATE
//   ATOMIC     empty array         MULTI..EXEC   MULTI EXEC           MULTI..EXEC
//   _clear     nothing             idle          idle                 idle
//
// A run of an idle pipeline gives an empty ARRAY without asking the server. A command
// that would change the connection for later commands is RREDIS_ERR_ARGUMENT, as for a
// client. So are MULTI, EXEC, DISCARD and WATCH, which the library sends.

/// Receives the replies of a run one by one, in order, as they arrive. index is the
/// command's, from 0. The reply to a refused command is an ERROR. If the function
/// returns any status except RREDIS_OK, the run ends.
typedef rredis_status (*rredis_each_fn)(void *user_data, size_t index,
    const rredis_reply *reply, rredis_error *err);

/// One try of a transaction: reads with rredis_pipeline_command, and queues with
/// rredis_pipeline_add. It may be called any number of times. If it returns any status
/// except RREDIS_OK, the transaction is given up. After a lost connection the
/// transaction is tried again, whatever this function returned.
typedef rredis_status (*rredis_transaction_fn)(void *user_data,
    rredis_pipeline *pipeline, rredis_error *err);

/// The mode of a run.
typedef enum rredis_pipeline_mode {
  RREDIS_PIPELINE_PLAIN = 0,   // the commands run one after the other
  RREDIS_PIPELINE_ATOMIC = 1,  // the commands run between MULTI and EXEC: all of them
                               // or none, with no other client's command between them
} rredis_pipeline_mode;

/// Make an empty pipeline. Its runs use the client's pool. It keeps a connection only
/// while keys are watched. It keeps up to 4 MiB of memory for its next run.
rredis_status rredis_pipeline_new(const rredis_client *client,
    rredis_pipeline **out_pipeline, rredis_error *err);

/// Queue a copy of one command. A command that is wrong is RREDIS_ERR_ARGUMENT, and
/// does not change the queue.
///
///   argc      the number of arguments, including the command's name
///   argv      the arguments
///   argv_len  their lengths; NULL: each argument ends in a NUL
rredis_status rredis_pipeline_add(rredis_pipeline *pipeline, size_t argc,
    const char *const *argv, const size_t *argv_len, rredis_error *err);

/// Queue a copy of one command, with flags.
///
///   flags      RREDIS_CALL_RAW and _IDEMPOTENT apply to this command. A run may be
///              tried again as a whole if each command only reads or is _IDEMPOTENT.
///              _ERROR_REPLY has no effect, since every error is an element. _NO_RETRY,
///              _TIMEOUT and _ALONE concern a whole run: RREDIS_ERR_ARGUMENT.
///   call_data  passed to the response callback
rredis_status rredis_pipeline_add_with(rredis_pipeline *pipeline, size_t argc,
    const char *const *argv, const size_t *argv_len, uint32_t flags, void *call_data,
    rredis_error *err);

/// Give the number of queued commands.
size_t rredis_pipeline_len(const rredis_pipeline *pipeline);

/// Watch keys, in addition to those watched before. If another client changes one of
/// them, the next run of mode ATOMIC is RREDIS_ERR_WATCH. The pipeline leases a
/// connection until that run.
///
///   argc, argv, argv_len  the keys, as an argument list
rredis_status rredis_pipeline_watch(rredis_pipeline *pipeline, size_t argc,
    const char *const *argv, const size_t *argv_len, rredis_error *err);

/// Send one command at once, on the connection that watches, to read data that the
/// transaction depends on. Its response callback is called while the connection is
/// leased.
///
/// RREDIS_ERR_WATCH: the connection was lost; call _clear, and begin again. After any
/// other error that closed the connection, such as RREDIS_ERR_TIMEOUT, each call
/// returns that error until _clear.
rredis_status rredis_pipeline_command(rredis_pipeline *pipeline, size_t argc,
    const char *const *argv, const size_t *argv_len, rredis_reply **out_reply,
    rredis_error *err);

/// Run the queued commands, and give an ARRAY with one element for each command, in
/// order. The element of a refused command is an ERROR. If a response callback fails,
/// the element is an ERROR that begins with "CALLBACK ".
///
/// A run has no deadline. It times out when no byte of a command was sent, and no byte
/// of a reply received, for RREDIS_OPTION_COMMAND_TIMEOUT_MS. In mode PLAIN the longest
/// timeout argument of a blocking command (BLPOP) is added. Pushes do not count.
///
/// A run that fails is tried again, as a whole, if no command ran
/// (RREDIS_OUTCOME_NOT_SENT), or if every command only reads or may run twice. A run
/// that the server answered is not tried again, whatever its elements are; an element
/// with READONLY closes the connection after the run. A transaction that a replica
/// refused as a whole (READONLY) is tried again.
///
/// In a cluster all servers work at once. The commands of one key run in their order,
/// except while its slot moves from one server to another. A server that fails costs
/// its own commands alone: the run is RREDIS_OK, and their elements are ERRORs that
/// begin with "NOT_SENT " or "UNKNOWN ", each with the attribute "rredis", 1. If no
/// server answers all of its commands, the run fails. A transaction goes to one server:
/// keys of several slots, among them those that are watched, are RREDIS_ERR_ARGUMENT.
///
/// In mode ATOMIC, RREDIS_ERR_WATCH means that a watched key changed, that its slot
/// moved to another server, or that the connection was lost before EXEC.
/// RREDIS_ERR_ABORTED means that a command could not be queued. In both cases no
/// command ran. RREDIS_OUTCOME_UNKNOWN means that EXEC was sent and no reply to it
/// arrived.
rredis_status rredis_pipeline_run(rredis_pipeline *pipeline, rredis_pipeline_mode mode,
    rredis_reply **out_reply, rredis_error *err);

/// Run the queued commands, with flags.
///
///   flags       values of rredis_call, or-ed; RREDIS_CALL_RAW and _IDEMPOTENT apply to
///               every command
///   timeout_ms  the time for the whole run, with RREDIS_CALL_TIMEOUT; otherwise 0
rredis_status rredis_pipeline_run_with(rredis_pipeline *pipeline,
    rredis_pipeline_mode mode, uint32_t flags, int64_t timeout_ms,
    rredis_reply **out_reply, rredis_error *err);

/// Run the queued commands in mode PLAIN, and pass each reply to a function as it
/// arrives. No reply is kept, so the memory used does not grow with their number.
///
///   flags       as for _run_with
///   timeout_ms  as for _run_with
///   function    called while the connection is leased; in it every call with this
///               pipeline is RREDIS_ERR_STATE
///
/// If function fails, the connection is closed and the call returns RREDIS_ERR_CALLBACK
/// with the function's text, and RREDIS_OUTCOME_UNKNOWN, since the other commands were
/// sent. A run that fails after the first reply is not tried again, so no reply is
/// passed twice.
///
/// In a cluster 256 commands are sent at a time, and fewer if they or the replies
/// before them are long (1 MiB). function is called when the replies to all of them
/// have arrived, and no connection is leased or closed then.
rredis_status rredis_pipeline_run_each(rredis_pipeline *pipeline, uint32_t flags,
    int64_t timeout_ms, rredis_each_fn function, void *user_data, rredis_error *err);

/// Watch keys, call a function that reads and queues, and run the queue as a
/// transaction. If another client changes a watched key, all this is repeated after a
/// growing pause. A transaction that a replica refused (READONLY) is tried again up to
/// RREDIS_OPTION_RETRY_MAX times. The pipeline must be idle, and is idle afterwards.
///
///   argc, argv, argv_len  the keys, as an argument list
///   function              may call _command, _add, and _clear, which empties the queue
///                         and goes on watching. _watch, _run and _transact of this
///                         pipeline are RREDIS_ERR_STATE in it, and _free is forbidden.
///   timeout_ms            the time for all tries together; negative: no limit
///
/// RREDIS_ERR_WATCH: a key changed in each try until the time was over; err has the
/// number of tries. RREDIS_ERR_TIMEOUT with RREDIS_OUTCOME_NOT_SENT: the function took
/// all of the time. RREDIS_ERR_CALLBACK: the function failed, and err has its text; no
/// queued command ran. If the connection is lost before EXEC, all is repeated. Any
/// other error that closes the connection, such as RREDIS_ERR_LIMIT, is returned.
rredis_status rredis_pipeline_transact(rredis_pipeline *pipeline, size_t argc,
    const char *const *argv, const size_t *argv_len, rredis_transaction_fn function,
    void *user_data, int64_t timeout_ms, rredis_reply **out_reply, rredis_error *err);

/// End the _run, _run_each, _watch, _command or _transact of this pipeline that waits
/// in another thread, and give the number of ended calls: 0 or 1.
///
/// The call returns RREDIS_ERR_WOKEN, with the outcome of the commands, and is not
/// tried again. rredis_client_wake says how soon a wait ends.
size_t rredis_pipeline_wake(const rredis_pipeline *pipeline);

/// Give the index, from 0, of the first command that failed in the last run: its
/// element is an ERROR, it caused RREDIS_ERR_ABORTED, or it is the first without a
/// reply. -1: no command failed.
int64_t rredis_pipeline_failed(const rredis_pipeline *pipeline);

/// Empty the queue and end the watch. Never waits: a connection that watched is closed.
/// In the function of _transact, only the queue is emptied.
void rredis_pipeline_clear(rredis_pipeline *pipeline);

/// Free a pipeline, its queue and its watch.
void rredis_pipeline_free(rredis_pipeline *pipeline);

// ---- Connections --------------------------------------------------------------------
//
// One connection for a single owner, for commands that a pool cannot serve: SELECT,
// WATCH, MONITOR, CLIENT REPLY. The client's response callbacks apply to _command, and
// to each element of the reply to EXEC. After a READONLY error the connection can
// still be used. rredis_conn_free then closes it.

/// Lease a connection from the client's pool, and keep it. Connects if necessary.
rredis_status rredis_conn_new(const rredis_client *client, rredis_conn **out_conn,
    rredis_error *err);

/// Send one command and wait for its reply.
///
/// If the server sends no reply to the command (CLIENT REPLY OFF), or answers with
/// pushes (SUBSCRIBE), the call gives a reply of kind NULL once the command is written.
/// RREDIS_ERR_STATE: replies to commands of _send have not been received.
rredis_status rredis_conn_command(rredis_conn *conn, size_t argc,
    const char *const *argv, const size_t *argv_len, rredis_reply **out_reply,
    rredis_error *err);

/// Send one command with flags, and wait for its reply.
///
///   flags       values of rredis_call, or-ed
///   timeout_ms  the time for the whole call, with RREDIS_CALL_TIMEOUT; otherwise 0
///   call_data   passed to the response callback
rredis_status rredis_conn_command_with(rredis_conn *conn, size_t argc,
    const char *const *argv, const size_t *argv_len, uint32_t flags, int64_t timeout_ms,
    void *call_data, rredis_reply **out_reply, rredis_error *err);

/// Send one command without waiting for its reply: _receive gives the reply.
rredis_status rredis_conn_send(rredis_conn *conn, size_t argc, const char *const *argv,
    const size_t *argv_len, rredis_error *err);

/// Send one command with flags, without waiting for its reply.
///
///   flags  RREDIS_CALL_MORE queues the command. The next _send without it writes all
///          queued commands at once. _receive writes them too; with a timeout of 0,
///          only as far as that does not wait.
///          RREDIS_CALL_TIMEOUT is RREDIS_ERR_ARGUMENT. The other values of rredis_call
///          have no effect: a reply is never shaped, and no command is tried again.
rredis_status rredis_conn_send_with(rredis_conn *conn, size_t argc,
    const char *const *argv, const size_t *argv_len, uint32_t flags, rredis_error *err);

/// Give the next reply, push, or line of MONITOR, in order of arrival. A server's error
/// is a reply of kind ERROR.
///
/// RREDIS_ERR_AGAIN: no complete reply arrived within timeout_ms; the connection is
/// unchanged. RREDIS_ERR_STATE: no reply is outstanding, and no push can arrive.
rredis_status rredis_conn_receive(rredis_conn *conn, int64_t timeout_ms,
    rredis_reply **out_reply, rredis_error *err);

/// Give the descriptor of the connection, to poll for reading while no call is made. It
/// stays the same until _free. Do nothing else with it, and stop polling before _free.
/// -1: there is none, or conn was made by the parent of this forked process.
///
/// A reply may have been read already: before each poll, call _receive with a timeout
/// of 0 until it returns RREDIS_ERR_AGAIN.
int32_t rredis_conn_fd(const rredis_conn *conn);

/// End the _command, _send or _receive of this connection that waits in another thread,
/// and give the number of ended calls: 0 or 1.
///
/// The call returns RREDIS_ERR_WOKEN. After a _receive the connection is unchanged.
/// After a _command that waited for a reply the connection is closed.
/// rredis_client_wake says how soon a wait ends.
size_t rredis_conn_wake(const rredis_conn *conn);

/// Return the connection to the pool, or close it if a reply is outstanding or a
/// command changed its state, as SELECT does. Never waits.
void rredis_conn_free(rredis_conn *conn);

// ---- Publish and subscribe ----------------------------------------------------------
//
// A subscriber has a connection of its own, outside the client's pool. One thread
// receives messages with _next or _run. Meanwhile other threads may subscribe,
// unsubscribe, publish, set handlers, and call _wake.
//
// _next gives a PUSH of four elements, in RESP2 and RESP3:
//
//   "message"      NULL     channel  payload
//   "pmessage"     pattern  channel  payload
//   "smessage"     NULL     channel  payload
//   "subscribe"    NULL     name     count; this and other confirmations only with
//                                    RREDIS_OPTION_PUBSUB_CONFIRMATIONS
//   "gap"          NULL     reason   milliseconds
//
// If the connection is lost, calls of _next try to connect until one succeeds, with the
// pauses of the BACKOFF_ options. The subscriptions are then restored. Messages may
// have been missed, so a "gap" comes before the next message. The gap's reason is a
// line like err->message; its milliseconds are the longest time for which messages may
// be missing. If a connect fails for a reason that needs a correction (RREDIS_ERR_AUTH,
// RREDIS_ERR_TLS, RREDIS_ERR_CONFIG), _next returns that failure, and the next call
// tries again.
//
// In a cluster, channels and patterns are subscribed at one primary, any one, and each
// shard channel at the server that has its slot. All of it is behind the one handle and
// the one descriptor. If a server fails, or leaves the cluster, its channels are
// subscribed at another. If a slot moves, its shard channels move with it. Both are a
// gap. Messages of one server keep their order, and those of different servers have
// none. Keyspace notifications are each server's own, and only the ones of that one
// primary arrive.
//
// If nothing arrives for RREDIS_OPTION_HEALTH_CHECK_MS, in a cluster for 1 s if that is
// less, _next sends a PING; with -1 it sends none. In a cluster, a server that does not
// answer it is left when a replica has taken its place, and with Sentinels when they
// name another primary: both long before the command timeout. The library buffers the
// messages of one read only. A server disconnects a subscriber that is too slow, which
// is a gap. RREDIS_STAT_CONNECTIONS_LOST of the pool counts its connections, too.

/// What a subscription is for.
typedef enum rredis_topic {
  RREDIS_TOPIC_CHANNEL = 0,  // a channel: SUBSCRIBE
  RREDIS_TOPIC_PATTERN = 1,  // a pattern of channels: PSUBSCRIBE
  RREDIS_TOPIC_SHARD = 2,    // a shard channel: SSUBSCRIBE
} rredis_topic;

/// Make a subscriber to the client's server. It connects at the first subscription.
/// RREDIS_ERR_IO: epoll, eventfd or timerfd cannot be opened.
rredis_status rredis_pubsub_new(const rredis_client *client, rredis_pubsub **out_pubsub,
    rredis_error *err);

/// Subscribe to names.
///
///   argc, argv, argv_len  the names, as an argument list
///
/// Returns when the command is written. After a lost connection it returns at once, and
/// _next subscribes when it reconnects. The first subscription connects: if that fails,
/// this call returns the failure, and nothing is subscribed. A name that the server
/// refuses is dropped, and _next returns RREDIS_ERR_SERVER. If the server ends a
/// subscription to a shard channel, it is made again, and _next gives a gap.
rredis_status rredis_pubsub_subscribe(const rredis_pubsub *pubsub, rredis_topic topic,
    size_t argc, const char *const *argv, const size_t *argv_len, rredis_error *err);

/// Unsubscribe from names.
///
///   argc, argv, argv_len  the names, as an argument list; argc 0: all names of the
///                         topic
///
/// Messages arrive until the server confirms. Valkey answers NOSUB if nothing is
/// subscribed: _next then gives neither an error nor a confirmation.
rredis_status rredis_pubsub_unsubscribe(const rredis_pubsub *pubsub, rredis_topic topic,
    size_t argc, const char *const *argv, const size_t *argv_len, rredis_error *err);

/// Set a function (a handler) that _next and _run call with the messages of a name.
/// This does not subscribe.
///
///   function  replaces the earlier one; NULL removes it
///
/// After a message with a handler, _next goes on waiting within its timeout_ms. The
/// function may call any function of this subscriber except _next, _run and _free.
/// user_data is not freed while the function runs.
rredis_status rredis_pubsub_on(const rredis_pubsub *pubsub, rredis_topic topic,
    const char *name, size_t name_len, rredis_reply_fn function, void *user_data,
    rredis_free_fn user_data_free, rredis_error *err);

/// Give the next message that has no handler, or the next gap.
///
/// It reconnects if there are subscriptions and no connection. Without subscriptions it
/// waits for timeout_ms.
///
/// RREDIS_ERR_AGAIN: no message arrived within timeout_ms. RREDIS_ERR_WOKEN: another
/// thread called _wake. RREDIS_ERR_STATE: another thread is in _next or _run.
/// RREDIS_ERR_PROTOCOL: the server did not answer SUBSCRIBE with confirmations; the
/// next call tries again.
rredis_status rredis_pubsub_next(const rredis_pubsub *pubsub, int64_t timeout_ms,
    rredis_reply **out_reply, rredis_error *err);

/// Pass messages to their handlers until another thread calls _wake.
///
/// RREDIS_ERR_AGAIN: timeout_ms is over. With a timeout_ms of 0, _run passes the
/// messages of one read. RREDIS_ERR_STATE: a subscribed name has no handler, and err
/// names it. If a message for that name has arrived, _next gives the message. _run
/// passes neither confirmations nor gaps: a function set with rredis_options_on_event
/// is told of lost connections.
rredis_status rredis_pubsub_run(const rredis_pubsub *pubsub, int64_t timeout_ms,
    rredis_error *err);

/// Publish a message, on a connection of the client's pool.
///
///   out_receivers  receives the number of subscribers that the message reached
rredis_status rredis_pubsub_publish(const rredis_pubsub *pubsub, const char *channel,
    size_t channel_len, const char *message, size_t message_len, int64_t *out_receivers,
    rredis_error *err);

/// Give a descriptor for an event loop. It is readable when _next would not wait, and
/// stays the same for the life of the handle. Poll it for reading, do nothing else with
/// it, and stop polling before _free. -1: pubsub is NULL, or was made by the parent of
/// this forked process.
///
/// When the descriptor is readable, call _next with a timeout of 0 until it returns
/// RREDIS_ERR_AGAIN. The first call may return that, because the descriptor is also
/// readable when _next has to reconnect or to send a PING, or when a confirmation or a
/// part of a message arrived. With a transport without fd it is readable every 20 ms.
/// The event loop needs no timer, and may be edge-triggered.
int32_t rredis_pubsub_fd(const rredis_pubsub *pubsub);

/// End the _next or _run that waits in another thread, at once. If none waits, the next
/// _next or _run ends. _next returns RREDIS_ERR_WOKEN, and _run returns RREDIS_OK.
void rredis_pubsub_wake(const rredis_pubsub *pubsub);

/// Free a subscriber, and close its connection. Never waits.
void rredis_pubsub_free(rredis_pubsub *pubsub);

// ---- Scripts ------------------------------------------------------------------------
//
// A script runs by its digest, with EVALSHA. If the server does not have the script,
// its text is sent with EVAL. A NOSCRIPT error alone does not prove that the script is
// missing, since a script can return NOSCRIPT too. So the library also sends SCRIPT
// EXISTS. The first run on a connection sends it with the EVALSHA, and a later run only
// after a NOSCRIPT. Two rare cases remain. A script that returns the server's own
// NOSCRIPT text, and is removed by SCRIPT FLUSH at that moment, runs twice. If scripts
// are flushed while another call loads the script again, a run may return NOSCRIPT
// without running the script. If the server refuses SCRIPT EXISTS, every later run of
// the client uses EVAL.
//
// A script's error is RREDIS_ERR_SERVER with RREDIS_OUTCOME_UNKNOWN: its earlier
// commands are not undone. The response callback is that of EVALSHA, even if EVAL is
// sent.
//
// In a pipeline run of mode PLAIN, scripts that the connection has not used yet are
// loaded first, in the same burst. A script that the server no longer has is sent with
// EVAL after the other commands; its reply is in its place in the array. In a cluster
// each server loads the scripts of its own commands. In mode ATOMIC, in _run_each and
// after an ASK redirect of rredis_script_run every script is sent with EVAL.

/// Make a script. The digest is computed here, without a server.
rredis_status rredis_script_new(const char *text, size_t text_len,
    rredis_script **out_script, rredis_error *err);

/// Give the digest of the script: 40 hexadecimal digits.
const char *rredis_script_sha(const rredis_script *script);

/// Run a script and wait for its reply.
///
///   keys_len  the number of keys among the arguments
///   argc      the number of arguments, including the keys; may be 0
///   argv      the keys, then the other arguments
///   argv_len  their lengths; NULL: each argument ends in a NUL
///
/// Waits at most RREDIS_OPTION_COMMAND_TIMEOUT_MS, including an EVAL after the EVALSHA.
rredis_status rredis_script_run(const rredis_script *script,
    const rredis_client *client, size_t keys_len, size_t argc, const char *const *argv,
    const size_t *argv_len, rredis_reply **out_reply, rredis_error *err);

/// Run a script with flags, and wait for its reply.
///
///   flags       values of rredis_call, or-ed. RREDIS_CALL_NO_RETRY still allows an
///               EVAL after the EVALSHA
///   timeout_ms  the time for the whole call, with RREDIS_CALL_TIMEOUT; otherwise 0
///   call_data   passed to the response callback
rredis_status rredis_script_run_with(const rredis_script *script,
    const rredis_client *client, size_t keys_len, size_t argc, const char *const *argv,
    const size_t *argv_len, uint32_t flags, int64_t timeout_ms, void *call_data,
    rredis_reply **out_reply, rredis_error *err);

/// Queue a script in a pipeline, with a copy of its arguments.
///
///   keys_len  the number of keys among the arguments
///   argc      the number of arguments, including the keys; may be 0
///   argv      the keys, then the other arguments
///   argv_len  their lengths; NULL: each argument ends in a NUL
rredis_status rredis_script_add(const rredis_script *script, rredis_pipeline *pipeline,
    size_t keys_len, size_t argc, const char *const *argv, const size_t *argv_len,
    rredis_error *err);

/// Queue a script in a pipeline, with flags.
///
///   flags      as for rredis_pipeline_add_with
///   call_data  passed to the response callback
rredis_status rredis_script_add_with(const rredis_script *script,
    rredis_pipeline *pipeline, size_t keys_len, size_t argc, const char *const *argv,
    const size_t *argv_len, uint32_t flags, void *call_data, rredis_error *err);

/// Free a script. A pipeline keeps the scripts that are queued in it.
void rredis_script_free(rredis_script *script);

// ---- Async --------------------------------------------------------------------------
//
// One connection for an event loop of yours. No call waits, except _step in two cases:
// the connect of a transport of yours waits, or the thread for a host name cannot be
// started. Poll _fd for reading. When it is readable, call _step, then _next until
// RREDIS_ERR_AGAIN:
//
//   poll({rredis_async_fd(handle), POLLIN}, 1, -1);
//   rredis_async_step(handle, RREDIS_READY_READ, &err);
//   while (rredis_async_next(handle, &reply, &data, &err) != RREDIS_ERR_AGAIN) ...
//
// The event loop needs no timer: the descriptor also becomes readable when a command
// times out, when a connect is to be tried again, or when a PING is to be sent. A
// round is one _step with its calls of _next. It reads and writes at most about 1 MiB;
// the next round continues. An edge-triggered loop repeats rounds (with
// RREDIS_READY_READ) until one in which nothing arrived and nothing was submitted, and
// only then waits.
//
// The handle connects when there is a command to send, and reconnects after a growing
// pause. Meanwhile commands that were not sent wait, within their own time. Commands
// that were sent fail, with their outcome. A command that takes too long fails with
// RREDIS_ERR_TIMEOUT; the others continue. A blocking command (BLPOP) delays the
// commands after it: use a second rredis_async for it.
//
// In a cluster there is a connection to each server that is needed, all behind the one
// descriptor. A command goes to the server of its slot, follows MOVED and ASK, and
// waits within its own time while a replica takes over, with the limit of
// RREDIS_OPTION_FAILOVER_WAIT_MS and not with RREDIS_CALL_NO_RETRY. Commands of one
// server complete in order. Commands of different servers have no order, and neither
// have commands of a slot that is moving. SUBSCRIBE and related commands are
// RREDIS_ERR_ARGUMENT: use an rredis_pubsub.
//
// In a cluster and with Sentinels, commands sent to a primary that does not answer fail
// with RREDIS_ERR_IO and the outcome UNKNOWN when another server has taken its place,
// without waiting for their timeouts. Later commands go to that server.
//
// With one server, a READONLY error means that it has become a replica. It still
// answers the commands that were sent. Commands that were not sent, even with
// RREDIS_CALL_NO_RETRY, wait for the next connection, which looks up the host name
// again.

/// Readiness of a descriptor, to be or-ed.
typedef enum rredis_ready {
  RREDIS_READY_NONE = 0,   // not ready: only time has passed
  RREDIS_READY_READ = 1,   // ready for reading
  RREDIS_READY_WRITE = 2,  // ready for writing
} rredis_ready;

/// Make a connection for an event loop. It connects when a command is submitted.
///
/// It uses the options of the client's pool, and does not count towards
/// RREDIS_OPTION_POOL_MAX. The pool's statistics count the connection when it is
/// opened, and its bytes when it is closed. Response callbacks are those of the client
/// when a command is submitted.
///
/// RREDIS_ERR_UNSUPPORTED: the client has a transport of yours without fd.
/// RREDIS_ERR_IO: epoll, eventfd or timerfd cannot be opened.
rredis_status rredis_async_new(const rredis_client *client, rredis_async **out_async,
    rredis_error *err);

/// Accept a command. The next _step writes it, or the call of _next that returns
/// RREDIS_ERR_AGAIN before that, with all commands that were submitted before it.
///
///   argc        the number of arguments, including the command's name
///   argv        the arguments
///   argv_len    their lengths; NULL: each argument ends in a NUL
///   flags       values of rredis_call, or-ed
///   timeout_ms  the time for the command, with RREDIS_CALL_TIMEOUT; otherwise 0, and
///               the time is as for rredis_client_command
///   call_data   returned by _next in out_call_data
///
/// A command's time is counted from the last reading of the clock, which may be earlier
/// than its _submit. Each _step reads the clock, and so does the first _submit after
/// _next returned RREDIS_ERR_AGAIN. An accepted command completes exactly once. If the
/// connection is lost or cannot be opened, a command that was not sent waits for the
/// next connection, unless it has RREDIS_CALL_NO_RETRY. A command that was sent is
/// never sent again.
///
/// SUBSCRIBE and related commands need RESP3, or RREDIS_OPTION_PROTOCOL 2: without that
/// option they are RREDIS_ERR_UNSUPPORTED in RESP2. With it, from the first of them
/// until the last subscription has ended, any other command except PING is
/// RREDIS_ERR_STATE, or RREDIS_ERR_ARGUMENT if it would change the connection. Each
/// confirmation and message is a PUSH. After its last confirmation the command ends
/// with a reply of kind NULL. After a lost connection each subscription is restored,
/// with a confirmation. Before the next message, a PUSH ["gap", NULL, reason,
/// milliseconds] gives the longest time for which messages may be missing.
///
/// RREDIS_ERR_BUSY: the commands that _next has not returned yet reach
/// RREDIS_OPTION_INFLIGHT_MAX or RREDIS_OPTION_INFLIGHT_BYTES_MAX. RREDIS_ERR_ARGUMENT:
/// the command would change the connection for later commands.
rredis_status rredis_async_submit(rredis_async *handle, size_t argc,
    const char *const *argv, const size_t *argv_len, uint32_t flags, int64_t timeout_ms,
    void *call_data, rredis_error *err);

/// Give the descriptor to poll for reading. It stays the same for the life of the
/// handle. It is readable when _step has work. Do nothing else with it, and stop
/// polling it before _free. -1: handle is NULL.
int32_t rredis_async_fd(const rredis_async *handle);

/// Give the rredis_ready values to poll the descriptor for: always RREDIS_READY_READ,
/// even when the library wants to write.
uint32_t rredis_async_wants(const rredis_async *handle);

/// Give the time until the next timeout makes the descriptor readable. An event loop
/// does not need this. -1: there is no timeout.
int64_t rredis_async_deadline_ms(const rredis_async *handle);

/// Do the work that is due: connect, shake hands, write, check timeouts.
///
///   ready  values of rredis_ready, or-ed: the readiness of the descriptor
///
/// RREDIS_OK even if the connection is lost or cannot be opened: _next gives the
/// failure of each command, and the function set with rredis_options_on_event is told.
rredis_status rredis_async_step(rredis_async *handle, uint32_t ready,
    rredis_error *err);

/// Give the next reply with the call_data of its command, or a push with NULL.
///
/// RREDIS_ERR_AGAIN: no further reply has arrived, or the rest is for the next round.
/// Call _next until it returns this: until then the descriptor stays readable.
///
/// Any other status is that of a failed command: err has the reason and the outcome,
/// and *out_call_data is its call_data. Only RREDIS_ERR_FORKED, RREDIS_ERR_PANIC, and
/// RREDIS_ERR_ARGUMENT for a NULL are failures of this call, which then writes no out_
/// parameter.
///
/// Some failures belong to no command, and have NULL as call_data. To tell them apart,
/// submit each command with a call_data other than NULL. RREDIS_ERR_SERVER: the server
/// refused to restore a subscription, which is dropped. RREDIS_ERR_UNSUPPORTED: the
/// server now speaks only RESP2, and all subscriptions are dropped. Any other of these
/// failures, such as RREDIS_ERR_AUTH: a connect failed. It is tried again, and each
/// failure is returned.
rredis_status rredis_async_next(rredis_async *handle, rredis_reply **out_reply,
    void **out_call_data, rredis_error *err);

/// Close the connection. Replies that _next has not returned are dropped: those
/// commands never complete. Never waits.
void rredis_async_free(rredis_async *handle);

// ---- Pools --------------------------------------------------------------------------
//
// Connections that clients share. A pool makes a connection when a call needs one, up
// to RREDIS_OPTION_POOL_MAX, and serves waiting calls in order. A client makes a pool
// of its own unless it is given one.

/// Make a pool. The pool connects when it is first used.
///
///   options  NULL: the defaults
rredis_status rredis_pool_new(const rredis_options *options, rredis_pool **out_pool,
    rredis_error *err);

/// Open connections until count are idle, or the pool has RREDIS_OPTION_POOL_MAX.
rredis_status rredis_pool_warm(const rredis_pool *pool, size_t count,
    rredis_error *err);

/// Close the idle connections. A connection in use is closed when its lease ends.
void rredis_pool_drop_idle(const rredis_pool *pool);

/// Read a statistic of all clients of the pool together. -1: the statistic is unknown
/// or not kept.
int64_t rredis_pool_stat(const rredis_pool *pool, rredis_stat stat);

/// Free a pool. Its connections stay until its last client is freed.
void rredis_pool_free(rredis_pool *pool);

// ---- Callbacks ----------------------------------------------------------------------
//
// Built-in response callbacks give a reply one shape in RESP2 and RESP3. SHAPES.md has
// the shape for each command. rredis_callback_name gives the names of the commands.

/// Give the name of a command that has a built-in callback, such as "ZRANGE" or "CONFIG
/// GET". The first command has index 0. NULL: index is past the last command.
const char *rredis_callback_name(size_t index);

/// Apply the built-in callback of a command to a reply.
///
///   argc, argv, argv_len  the command; its arguments decide the shape of the reply
///   reply                 the reply as the server sent it
///   out_reply             receives the new reply. It is a copy of reply if the command
///                         has no built-in callback, if reply has the shape already or
///                         is an ERROR, or if the callback does not recognize it
rredis_status rredis_callback_builtin(size_t argc, const char *const *argv,
    const size_t *argv_len, const rredis_reply *reply, rredis_reply **out_reply,
    rredis_error *err);

// ---- Builder ------------------------------------------------------------------------
//
// A builder makes a reply, for response callbacks, parsers of yours, and tests. After
// a failure every call except _take and _clear does nothing, and _take returns the
// failure.

/// Make a builder. NULL: there was not enough memory.
rredis_builder *rredis_builder_new(void);

/// Add a NULL.
void rredis_builder_add_null(rredis_builder *builder);

/// Add an INTEGER, or a BOOL with a value of 0 or 1.
void rredis_builder_add_integer(rredis_builder *builder, rredis_reply_kind kind,
    int64_t value);

/// Add a DOUBLE.
///
///   text  the text of value, as str of the node; NULL: the shortest text for value
void rredis_builder_add_number(rredis_builder *builder, double value, const char *text,
    size_t text_len);

/// Add a STRING, STATUS, ERROR, VERBATIM or BIG_NUMBER.
///
///   text  the bytes. Those of a VERBATIM begin with its format and a colon: "txt:"
void rredis_builder_add_text(rredis_builder *builder, rredis_reply_kind kind,
    const char *text, size_t text_len);

/// Add a copy of a reply, or of a part of one, with its children.
void rredis_builder_add_reply(rredis_builder *builder, const rredis_reply *reply);

/// Open an ARRAY, SET, MAP or PUSH. Every later node is added to it, until _end.
void rredis_builder_open(rredis_builder *builder, rredis_reply_kind kind);

/// Open the attributes of the next node: a map, until _end.
void rredis_builder_open_attributes(rredis_builder *builder);

/// End the aggregate or the attributes that were opened last.
void rredis_builder_end(rredis_builder *builder);

/// Take the reply, and empty the builder.
///
/// RREDIS_ERR_STATE: the builder has no complete reply, or more than one. The builder
/// is empty afterwards, whatever the status.
rredis_status rredis_builder_take(rredis_builder *builder, rredis_reply **out_reply,
    rredis_error *err);

/// Empty the builder, and forget a failure.
void rredis_builder_clear(rredis_builder *builder);

/// Free a builder.
void rredis_builder_free(rredis_builder *builder);

// ---- Commands -----------------------------------------------------------------------
//
// Facts about commands that need no server: bytes, keys, slots, properties.

/// Properties of a command, to be or-ed. Those before STATEFUL are flags of the
/// server's COMMAND reply. STATEFUL and those after it are the library's.
typedef enum rredis_command_flag {
  RREDIS_COMMAND_WRITE = 1,                  // may change data
  RREDIS_COMMAND_READONLY = 2,               // does not change data
  RREDIS_COMMAND_DENYOOM = 4,                // refused while the server is out of
                                             // memory
  RREDIS_COMMAND_MODULE = 8,                 // belongs to a module
  RREDIS_COMMAND_ADMIN = 16,                 // for administrators
  RREDIS_COMMAND_PUBSUB = 32,                // publish and subscribe
  RREDIS_COMMAND_NOSCRIPT = 64,              // not allowed in scripts
  RREDIS_COMMAND_BLOCKING = 128,             // can block
  RREDIS_COMMAND_LOADING = 256,              // allowed while the server loads
  RREDIS_COMMAND_STALE = 512,                // allowed on a stale replica
  RREDIS_COMMAND_SKIP_MONITOR = 1024,        // not shown by MONITOR
  RREDIS_COMMAND_SKIP_SLOWLOG = 2048,        // not in the slow log
  RREDIS_COMMAND_ASKING = 4096,              // allowed on an importing slot
  RREDIS_COMMAND_FAST = 8192,                // marked as fast by the server
  RREDIS_COMMAND_NO_AUTH = 16384,            // allowed before AUTH
  RREDIS_COMMAND_NO_MULTI = 32768,           // not allowed in a transaction
  RREDIS_COMMAND_NO_MANDATORY_KEYS = 65536,  // may have no key
  RREDIS_COMMAND_NO_ASYNC_LOADING = 131072,  // not allowed during asynchronous loading
  RREDIS_COMMAND_ALLOW_BUSY = 262144,        // allowed while a script runs
  RREDIS_COMMAND_UNSTABLE = 524288,          // its reply may differ on equal data
  RREDIS_COMMAND_UNORDERED = 1048576,        // the order of its reply may differ
  RREDIS_COMMAND_CONTAINER = 2097152,        // has subcommands
  RREDIS_COMMAND_STATEFUL = 4194304,         // changes its connection
  RREDIS_COMMAND_REPEATABLE = 8388608,       // only reads: may run twice
  RREDIS_COMMAND_IDEMPOTENT = 16777216,      // running it twice leaves the data as
                                             // running it once; replies may differ
  RREDIS_COMMAND_WAITS = 33554432,           // blocks with these arguments
} rredis_command_flag;

/// Uses of a key by a command, to be or-ed: one of the first four, and any of the
/// others.
typedef enum rredis_key {
  RREDIS_KEY_RO = 1,        // its value is only read
  RREDIS_KEY_RW = 2,        // its value is read and changed
  RREDIS_KEY_OW = 4,        // its value is overwritten
  RREDIS_KEY_RM = 8,        // the key is removed
  RREDIS_KEY_ACCESS = 16,   // data of its value is returned, copied or used
  RREDIS_KEY_UPDATE = 32,   // data of its value is changed
  RREDIS_KEY_INSERT = 64,   // data is added to its value
  RREDIS_KEY_DELETE = 128,  // data of its value may be deleted
} rredis_key;

/// Write a command as the bytes that are sent to a server.
///
///   argc      the number of arguments, including the command's name
///   argv      the arguments
///   argv_len  their lengths; NULL: each argument ends in a NUL
///   buffer    receives the bytes; NULL with buffer_len 0: only *out_len is written
///   out_len   receives the number of bytes
///
/// A buffer that is too small is RREDIS_ERR_ARGUMENT; the message has the length
/// needed.
rredis_status rredis_command_encode(size_t argc, const char *const *argv,
    const size_t *argv_len, char *buffer, size_t buffer_len, size_t *out_len,
    rredis_error *err);

/// Find the keys of a command, without asking a server.
///
///   argc      the number of arguments, including the command's name
///   argv      the arguments
///   argv_len  their lengths; NULL: each argument ends in a NUL
///   indexes   receives the index in argv of each key; NULL with indexes_len 0: only
///             *out_len is written
///   access    receives the uses of each key, as or-ed rredis_key; has room for
///             indexes_len; may be NULL
///   out_len   receives the number of keys
///
/// RREDIS_ERR_UNSUPPORTED: the command is unknown. RREDIS_ERR_ARGUMENT: the command has
/// too few or too many arguments, or gives an impossible number of keys; or indexes_len
/// is too small, and the message has the length needed.
rredis_status rredis_command_keys(size_t argc, const char *const *argv,
    const size_t *argv_len, size_t *indexes, uint32_t *access, size_t indexes_len,
    size_t *out_len, rredis_error *err);

/// Compute the cluster slot of a key, 0 to 16383. Where a key has a {tag}, the slot is
/// that of the tag alone. -1: key is NULL, and key_len is not 0.
int64_t rredis_command_slot(const char *key, size_t key_len);

/// Give the properties of a command.
///
///   argc       the number of arguments, including the command's name
///   argv       the arguments
///   argv_len   their lengths; NULL: each argument ends in a NUL
///   out_flags  receives the properties, of rredis_command_flag
///
/// RREDIS_ERR_UNSUPPORTED: the command is unknown.
rredis_status rredis_command_flags(size_t argc, const char *const *argv,
    const size_t *argv_len, uint32_t *out_flags, rredis_error *err);

// ---- Parser -------------------------------------------------------------------------
//
// A parser reads RESP without a socket, for a program that has its own. A parser of
// yours can read the replies of a client.

/// The values of RREDIS_OPTION_PARSER. Both parsers accept the same input.
typedef enum rredis_parser_kind {
  RREDIS_PARSER_AUTO = 0,    // the library's choice: FAST
  RREDIS_PARSER_FAST = 1,    // written for speed
  RREDIS_PARSER_SIMPLE = 2,  // written for simplicity
} rredis_parser_kind;

/// A parser of yours. Set size, and fill in the other fields. The struct is copied.
/// start makes a state for each connection.
///
/// The library finds the end of each reply, and applies the limits. It feeds the bytes
/// of one reply, and next must give exactly one reply for them. A push is a reply of
/// kind PUSH. A failure closes the connection, with the text in err.
struct rredis_parser_type {
  /// sizeof(rredis_parser_type); later versions add fields at the end
  size_t size;
  /// the name in messages and from rredis_client_parser; NULL: "custom"
  const char *name;
  /// passed to start
  void *user_data;
  /// Makes a state.
  rredis_status (*start)(void *user_data, void **out_state, rredis_error *err);
  /// Takes all of bytes: those of one reply, perhaps in pieces.
  rredis_status (*feed)(void *state, const char *bytes, size_t bytes_len,
      rredis_error *err);
  /// RREDIS_OK: builder has one whole reply. RREDIS_ERR_AGAIN: more bytes are needed.
  rredis_status (*next)(void *state, rredis_builder *builder, rredis_error *err);
  /// Ends a state; called once for each start that succeeded.
  void (*stop)(void *state);
  /// frees user_data when it is no longer needed; may be NULL
  rredis_free_fn user_data_free;
};

/// Make a parser.
///
///   options  the kind of parser, and the limits; NULL: the defaults
rredis_status rredis_parser_new(const rredis_options *options,
    rredis_parser **out_parser, rredis_error *err);

/// Feed bytes, which may end anywhere in a reply.
rredis_status rredis_parser_feed(rredis_parser *parser, const char *bytes,
    size_t bytes_len, rredis_error *err);

/// Give a buffer to read into, which saves a copy. It is valid until the next call on
/// this parser; _commit says how many of its bytes were filled. NULL: there was not
/// enough memory.
///
///   wanted   the smallest number of bytes, up to 1 GiB
///   out_len  receives the number of bytes in the buffer
char *rredis_parser_reserve(rredis_parser *parser, size_t wanted, size_t *out_len);

/// Feed the first bytes_len bytes of the buffer from _reserve.
rredis_status rredis_parser_commit(rredis_parser *parser, size_t bytes_len,
    rredis_error *err);

/// Give the next reply, which may be a push or a server's error.
///
/// RREDIS_ERR_AGAIN: no reply is complete yet. After RREDIS_ERR_PROTOCOL,
/// RREDIS_ERR_LIMIT or RREDIS_ERR_MEMORY every later call returns the same status: a
/// reply was lost, or the bytes that follow have no meaning.
rredis_status rredis_parser_next(rredis_parser *parser, rredis_reply **out_reply,
    rredis_error *err);

/// Give the number of bytes that were fed and are part of no reply that _next gave.
/// After RREDIS_ERR_PROTOCOL the number has no meaning.
size_t rredis_parser_unread(const rredis_parser *parser);

/// Give the name of the parser: "fast", "simple", or your parser's name.
const char *rredis_parser_name(const rredis_parser *parser);

/// Free a parser, and the bytes that were not read.
void rredis_parser_free(rredis_parser *parser);

// ---- TLS ----------------------------------------------------------------------------
//
// TLS over a connected socket of yours, for an event loop that speaks RESP through an
// rredis_parser. No call waits, or closes the socket. Whenever the socket is ready for
// what _wants gives, _write what waits, and _read until RREDIS_ERR_AGAIN: in the
// handshake, either call goes on with it. There is no timeout: to give up, call _free.

/// Make the client's side of TLS. The first _read or _write begins the handshake.
///
///   options  RREDIS_OPTION_HOST or _TLS_SERVER_NAME, which the certificate must have,
///            and other TLS options; NULL: the defaults, and a certificate for
///            127.0.0.1. RREDIS_OPTION_TLS may be unset; 0 is RREDIS_ERR_CONFIG
///   fd       a connected, non-blocking stream socket, to which nothing was written;
///            it must stay open until _free
rredis_status rredis_tls_new(const rredis_options *options, int32_t fd,
    rredis_tls **out_tls, rredis_error *err);

/// Read decrypted bytes. *out_len of 0 is the end of the stream, also where the server
/// closed without TLS's close_notify: rredis_parser_unread tells whether a reply was
/// cut.
///
/// RREDIS_ERR_AGAIN: poll the socket for what _wants gives. Do not poll before: bytes
/// that were received may no longer show at the socket. RREDIS_ERR_TLS or
/// RREDIS_ERR_CONNECT: the handshake failed, or the server refused the client's
/// certificate. RREDIS_ERR_IO: the connection broke. Later calls return that status.
///
///   buffer_len  at least 1
rredis_status rredis_tls_read(rredis_tls *tls, char *buffer, size_t buffer_len,
    size_t *out_len, rredis_error *err);

/// Encrypt and write bytes. *out_len is how many were taken, at most 16384: call again
/// with the rest until all are taken, or until RREDIS_ERR_AGAIN.
///
/// RREDIS_ERR_AGAIN: none were taken. Poll the socket for what _wants gives, then
/// _write all of the same bytes, and more behind them if you like. Other statuses are
/// as of _read. After a failed _write, _read may say why.
///
///   bytes_len  at least 1
rredis_status rredis_tls_write(rredis_tls *tls, const char *bytes, size_t bytes_len,
    size_t *out_len, rredis_error *err);

/// Give the rredis_ready values to poll the socket for.
uint32_t rredis_tls_wants(const rredis_tls *tls);

/// Free it. Nothing is written, and the socket stays open.
void rredis_tls_free(rredis_tls *tls);

// ---- Transports ---------------------------------------------------------------------
//
// A transport carries the bytes of a connection in place of a socket of the library.
// The handshake and the protocol work on top of it. The library never calls two
// functions for one stream at once, and calls them on any thread that uses the client.
// A transport function may use any client except the one it serves.

/// A transport of yours. Set size, fill in the fields you need, and set the others to
/// zero. The struct is copied.
///
/// read and write return RREDIS_OK and set *out_len. They return RREDIS_ERR_AGAIN when
/// no byte could be moved within timeout_ms. Any other status closes the connection,
/// with the text in err. A write that fails may have moved all of its bytes: a command
/// among them is RREDIS_OUTCOME_UNKNOWN. The library fails a call if a function reports
/// more bytes than were asked for, and ends it at its deadline if a function returns
/// RREDIS_ERR_AGAIN for ever.
struct rredis_transport {
  /// sizeof(rredis_transport); later versions add fields at the end
  size_t size;
  /// the name in messages; NULL: "custom"
  const char *name;
  /// passed to connect
  void *user_data;
  /// Connects within timeout_ms, and gives a stream. If RREDIS_OPTION_UNIX_PATH is
  /// set, host is the path, and port is 0.
  rredis_status (*connect)(void *user_data, const char *host, size_t host_len,
      int32_t port, int64_t timeout_ms, void **out_stream, rredis_error *err);
  /// Reads at least one byte, and at most buffer_len. *out_len of 0 is the end of the
  /// stream.
  rredis_status (*read)(void *stream, char *buffer, size_t buffer_len,
      int64_t timeout_ms, size_t *out_len, rredis_error *err);
  /// Writes at least one byte, and at most bytes_len.
  rredis_status (*write)(void *stream, const char *bytes, size_t bytes_len,
      int64_t timeout_ms, size_t *out_len, rredis_error *err);
  /// Called once for each connect that succeeded, in the process that connected.
  void (*close)(void *stream);
  /// Gives the descriptor of a stream, which must stay open until close. The library
  /// polls it, and calls read and write with a timeout_ms of 0. NULL, or a result of
  /// -1: there is none.
  int32_t (*fd)(void *stream);
  /// frees user_data when it is no longer needed; may be NULL
  rredis_free_fn user_data_free;
};

#ifdef __cplusplus
}
#endif

#endif // RREDIS_H; drawn from src/ffi by tests/header
