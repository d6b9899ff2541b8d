//! Publish and subscribe
//!
//! A subscriber has a connection of its own, outside the client's pool. One thread
//! receives messages with _next or _run. Meanwhile other threads may subscribe,
//! unsubscribe, publish, set handlers, and call _wake.
//!
//! _next gives a PUSH of four elements, in RESP2 and RESP3:
//!
//! ```text
//!   "message"      NULL     channel  payload
//!   "pmessage"     pattern  channel  payload
//!   "smessage"     NULL     channel  payload
//!   "subscribe"    NULL     name     count; this and other confirmations only with
//!                                    RREDIS_OPTION_PUBSUB_CONFIRMATIONS
//!   "gap"          NULL     reason   milliseconds
//! ```
//!
//! If the connection is lost, calls of _next try to connect until one succeeds, with the
//! pauses of the BACKOFF_ options. The subscriptions are then restored. Messages may
//! have been missed, so a "gap" comes before the next message. The gap's reason is a
//! line like err->message; its milliseconds are the longest time for which messages may
//! be missing. If a connect fails for a reason that needs a correction (RREDIS_ERR_AUTH,
//! RREDIS_ERR_TLS, RREDIS_ERR_CONFIG), _next returns that failure, and the next call
//! tries again.
//!
//! In a cluster, channels and patterns are subscribed at one primary, any one, and each
//! shard channel at the server that has its slot. All of it is behind the one handle and
//! the one descriptor. If a server fails, or leaves the cluster, its channels are
//! subscribed at another. If a slot moves, its shard channels move with it. Both are a
//! gap. Messages of one server keep their order, and those of different servers have
//! none. Keyspace notifications are each server's own, and only the ones of that one
//! primary arrive.
//!
//! If nothing arrives for RREDIS_OPTION_HEALTH_CHECK_MS, in a cluster for 1 s if that is
//! less, _next sends a PING; with -1 it sends none. In a cluster, a server that does not
//! answer it is left when a replica has taken its place, and with Sentinels when they
//! name another primary: both long before the command timeout. The library buffers the
//! messages of one read only. A server disconnects a subscriber that is too slow, which
//! is a gap. RREDIS_STAT_CONNECTIONS_LOST of the pool counts its connections, too.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;

use crate::client::PubSub;
use crate::commands::Topic;
use crate::error::Result;
use crate::ffi::boundary::{
    Handle, Poison, args, given, guard_command, guard_on, number, quietly, quietly_reaching, shared, text_of, usable,
    wrong,
};
use crate::ffi::callback::{Listener, UserData, rredis_free_fn, rredis_reply_fn};
use crate::ffi::client::rredis_client;
use crate::ffi::status::{rredis_error, rredis_status};
use crate::reply::node::rredis_reply;

/// What a subscription is for.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_topic {
    /// a channel: SUBSCRIBE
    RREDIS_TOPIC_CHANNEL = 0,
    /// a pattern of channels: PSUBSCRIBE
    RREDIS_TOPIC_PATTERN = 1,
    /// a shard channel: SSUBSCRIBE
    RREDIS_TOPIC_SHARD = 2,
}

/// receives messages of channels
pub struct rredis_pubsub {
    pubsub: PubSub,
    poison: Poison,
}

/// Make a subscriber to the client's server. It connects at the first subscription.
/// RREDIS_ERR_IO: epoll, eventfd or timerfd cannot be opened.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pubsub_new(
    client: Option<&rredis_client>,
    out_pubsub: Option<&mut MaybeUninit<*mut rredis_pubsub>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_on(client, err, |client| {
        let out_pubsub = given(out_pubsub, "out_pubsub")?;
        let pubsub = PubSub::new(&client.client)?;
        out_pubsub.write(Box::into_raw(Box::new(rredis_pubsub { pubsub, poison: Poison::default() })));
        Ok(())
    })
}

/// Subscribe to names.
///
///   argc, argv, argv_len  the names, as an argument list
///
/// Returns when the command is written. After a lost connection it returns at once, and
/// _next subscribes when it reconnects. The first subscription connects: if that fails,
/// this call returns the failure, and nothing is subscribed. A name that the server
/// refuses is dropped, and _next returns RREDIS_ERR_SERVER. If the server ends a
/// subscription to a shard channel, it is made again, and _next gives a gap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_pubsub_subscribe(
    pubsub: Option<&rredis_pubsub>,
    topic: MaybeUninit<rredis_topic>,
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_command(pubsub, err, |pubsub| {
        let topic = topic_of(topic)?;
        // SAFETY: the caller vouches for argv and argv_len.
        let names = unsafe { args(argc, argv, argv_len)? };
        pubsub.pubsub.subscribe(topic, &names)
    })
}

/// Unsubscribe from names.
///
///   argc, argv, argv_len  the names, as an argument list; argc 0: all names of the
///                         topic
///
/// Messages arrive until the server confirms. Valkey answers NOSUB if nothing is
/// subscribed: _next then gives neither an error nor a confirmation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_pubsub_unsubscribe(
    pubsub: Option<&rredis_pubsub>,
    topic: MaybeUninit<rredis_topic>,
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_command(pubsub, err, |pubsub| {
        let topic = topic_of(topic)?;
        if argc == 0 {
            return pubsub.pubsub.unsubscribe(topic, &[]);
        }
        // SAFETY: the caller vouches for argv and argv_len.
        let names = unsafe { args(argc, argv, argv_len)? };
        pubsub.pubsub.unsubscribe(topic, &names)
    })
}

/// Set a function (a handler) that _next and _run call with the messages of a name.
/// This does not subscribe.
///
///   function  replaces the earlier one; NULL removes it
///
/// After a message with a handler, _next goes on waiting within its timeout_ms. The
/// function may call any function of this subscriber except _next, _run and _free.
/// user_data is not freed while the function runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_pubsub_on(
    pubsub: Option<&rredis_pubsub>,
    topic: MaybeUninit<rredis_topic>,
    name: *const c_char,
    name_len: usize,
    function: rredis_reply_fn,
    user_data: *mut c_void,
    user_data_free: rredis_free_fn,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    let user_data = UserData::new(user_data, user_data_free);
    guard_on(pubsub, err, |pubsub| {
        let topic = topic_of(topic)?;
        // SAFETY: the caller vouches for name.
        let name = unsafe { text_of(name, name_len, "name")? };
        pubsub.pubsub.on(topic, name, Listener::of(function, user_data))
    })
}

/// Give the next message that has no handler, or the next gap.
///
/// It reconnects if there are subscriptions and no connection. Without subscriptions it
/// waits for timeout_ms.
///
/// RREDIS_ERR_AGAIN: no message arrived within timeout_ms. RREDIS_ERR_WOKEN: another
/// thread called _wake. RREDIS_ERR_STATE: another thread is in _next or _run.
/// RREDIS_ERR_PROTOCOL: the server did not answer SUBSCRIBE with confirmations; the
/// next call tries again.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pubsub_next(
    pubsub: Option<&rredis_pubsub>,
    timeout_ms: i64,
    out_reply: Option<&mut MaybeUninit<*mut rredis_reply>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_on(pubsub, err, |pubsub| {
        let out_reply = given(out_reply, "out_reply")?;
        out_reply.write(pubsub.pubsub.next(timeout_ms)?.into_raw());
        Ok(())
    })
}

/// Pass messages to their handlers until another thread calls _wake.
///
/// RREDIS_ERR_AGAIN: timeout_ms is over. With a timeout_ms of 0, _run passes the
/// messages of one read. RREDIS_ERR_STATE: a subscribed name has no handler, and err
/// names it. If a message for that name has arrived, _next gives the message. _run
/// passes neither confirmations nor gaps: a function set with rredis_options_on_event
/// is told of lost connections.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pubsub_run(
    pubsub: Option<&rredis_pubsub>,
    timeout_ms: i64,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_on(pubsub, err, |pubsub| pubsub.pubsub.run(timeout_ms))
}

/// Publish a message, on a connection of the client's pool.
///
///   out_receivers  receives the number of subscribers that the message reached
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rredis_pubsub_publish(
    pubsub: Option<&rredis_pubsub>,
    channel: *const c_char,
    channel_len: usize,
    message: *const c_char,
    message_len: usize,
    out_receivers: Option<&mut MaybeUninit<i64>>,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_command(pubsub, err, |pubsub| {
        let out_receivers = given(out_receivers, "out_receivers")?;
        // SAFETY: the caller vouches for channel.
        let channel = unsafe { text_of(channel, channel_len, "channel")? };
        // SAFETY: the caller vouches for message.
        let message = unsafe { text_of(message, message_len, "message")? };
        out_receivers.write(pubsub.pubsub.publish(channel, message)?);
        Ok(())
    })
}

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
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pubsub_fd(pubsub: Option<&rredis_pubsub>) -> i32 {
    quietly(-1, || usable(pubsub).and_then(|pubsub| pubsub.pubsub.fd()).unwrap_or(-1))
}

/// End the _next or _run that waits in another thread, at once. If none waits, the next
/// _next or _run ends. _next returns RREDIS_ERR_WOKEN, and _run returns RREDIS_OK.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pubsub_wake(pubsub: Option<&rredis_pubsub>) {
    quietly_reaching((), || {
        if let Some(pubsub) = usable(pubsub) {
            pubsub.pubsub.wake();
        }
    })
}

/// Free a subscriber, and close its connection. Never waits.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pubsub_free(pubsub: Option<Box<rredis_pubsub>>) {
    quietly_reaching((), || drop(pubsub))
}

fn topic_of(topic: MaybeUninit<rredis_topic>) -> Result<Topic> {
    match number(topic) {
        0 => Ok(Topic::Channel),
        1 => Ok(Topic::Pattern),
        2 => Ok(Topic::Shard),
        unknown => Err(wrong(format!("topic: there is none of the number {unknown}"))),
    }
}

impl Handle for rredis_pubsub {
    const NAME: &'static str = "pubsub";
    fn poison(&self) -> &Poison {
        &self.poison
    }
}

const _: () = shared::<rredis_pubsub>();
