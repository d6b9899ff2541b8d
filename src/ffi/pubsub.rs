//! Publish and subscribe
//!
//! Messages are asked for, not delivered. A pubsub has a connection of its own, beside
//! those of the client's pool. One thread waits in _next or _run, while any other
//! subscribes, unsubscribes, publishes, sets handlers and wakes it.
//!
//! What _next gives is a PUSH of four elements, in RESP2 and RESP3:
//!
//!   "message"      NULL     channel  payload
//!   "pmessage"     pattern  channel  payload
//!   "smessage"     NULL     channel  payload
//!   "subscribe"    NULL     name     count, and its kin: with
//!                           RREDIS_OPTION_PUBSUB_CONFIRMATIONS alone
//!   "gap"          NULL     reason   milliseconds, the reason a line as err's message is
//!
//! A lost connection is made anew inside _next, for ever, after rests as the options have
//! them; what is wanted is subscribed again, and then a gap is given, before the first
//! message: why messages may have been missed, and for how long at most nothing was heard.
//! What will not pass by itself (RREDIS_ERR_AUTH, RREDIS_ERR_TLS, RREDIS_ERR_CONFIG and
//! their like) _next returns instead; called again, it tries again. A server that was silent
//! for RREDIS_OPTION_HEALTH_CHECK_MS is asked whether it is there. Nothing is read ahead of
//! _next but what one read brings: a reader too slow is cut off by the server, and that is a
//! gap. How many connections were lost RREDIS_STAT_CONNECTIONS_LOST of the pool counts.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;

use crate::client::PubSub;
use crate::commands::Topic;
use crate::error::Result;
use crate::ffi::boundary::{
    Handle, Poison, args, given, given_text, guard_command, guard_on, number, quietly, shared, usable, wrong,
};
use crate::ffi::callback::{Listener, UserData, rredis_free_fn, rredis_reply_fn};
use crate::ffi::client::rredis_client;
use crate::ffi::status::{rredis_error, rredis_status};
use crate::reply::node::rredis_reply;

/// What a name names.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_topic {
    /// a channel: SUBSCRIBE
    RREDIS_TOPIC_CHANNEL = 0,
    /// a pattern of channels: PSUBSCRIBE
    RREDIS_TOPIC_PATTERN = 1,
    /// a channel of a shard: SSUBSCRIBE
    RREDIS_TOPIC_SHARD = 2,
}

/// a subscriber, with a connection of its own
pub struct rredis_pubsub {
    pubsub: PubSub,
    poison: Poison,
}

/// Make a subscriber of the client's server. It connects to nothing yet. RREDIS_ERR_IO: the
/// system gives no epoll, eventfd or timerfd.
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
/// Returns when the command is written, or noted, where the connection is lost: the
/// confirmations come through _next. The first to subscribe connects, and is told where
/// that fails; nothing is wanted then. A name that the server refuses is wanted no more:
/// _next says so, with RREDIS_ERR_SERVER. A shard that the server itself ends is asked for
/// again, and is a gap.
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

/// Unsubscribe from names; from all of the topic where argc is 0.
///
/// Messages go on coming until the server has confirmed it. Valkey answers -NOSUB where
/// nothing is subscribed: no error here, and no confirmation.
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

/// Show messages of a name to a function, inside _next and _run; it does not subscribe.
///
/// In place of any other; NULL removes it. A message that it took _next does not return, but
/// goes on waiting within its time. No lock is held: it may use this pubsub, but _next,
/// _run and _free. user_data is not freed while it runs.
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
        let name = unsafe { given_text(name, name_len, "name")? };
        pubsub.pubsub.on(topic, name, Listener::of(function, user_data))
    })
}

/// Give the next message that no handler takes, or the next gap.
///
/// RREDIS_ERR_AGAIN: none within timeout_ms; all is as it was. RREDIS_ERR_WOKEN: another
/// thread called _wake. RREDIS_ERR_STATE: another call waits already. RREDIS_ERR_PROTOCOL:
/// the server answered a subscription with something else; the next call tries again. It
/// connects where something is wanted and there is no connection; without any connection it
/// waits too.
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

/// Show messages to their handlers until another thread calls _wake.
///
/// RREDIS_ERR_AGAIN: timeout_ms went by; messages that wait are shown by the next call. Where
/// it is 0, all that one look brought is shown. RREDIS_ERR_STATE: a name that is wanted has no
/// handler, and err names it; a message of it waits for _next. Confirmations and gaps are
/// nobody's here: a function set by rredis_options_on_event hears of lost connections.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pubsub_run(
    pubsub: Option<&rredis_pubsub>,
    timeout_ms: i64,
    err: Option<&mut MaybeUninit<rredis_error>>,
) -> rredis_status {
    guard_on(pubsub, err, |pubsub| pubsub.pubsub.run(timeout_ms))
}

/// Publish a message, on a connection of the client's pool; and how many received it.
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
        let channel = unsafe { given_text(channel, channel_len, "channel")? };
        // SAFETY: the caller vouches for message.
        let message = unsafe { given_text(message, message_len, "message")? };
        out_receivers.write(pubsub.pubsub.publish(channel, message)?);
        Ok(())
    })
}

/// The descriptor for a loop of yours: readable when _next would not wait, one for the life
/// of the handle. Watch it for reading, do nothing else with it, and watch it no more after
/// _free. -1: there is none.
///
/// Once it is readable, call _next with a timeout of 0 until that is RREDIS_ERR_AGAIN, which
/// it may be at once: it is readable, too, when a connection is to be made anew or a silent
/// server to be asked; when something came that _next does not give, as a confirmation or
/// half a message; and every 20 ms with a transport of yours that has no descriptor. Your
/// loop needs no timer. An edge-triggered one goes on until RREDIS_ERR_AGAIN, too.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pubsub_fd(pubsub: Option<&rredis_pubsub>) -> i32 {
    quietly(-1, || usable(pubsub).and_then(|pubsub| pubsub.pubsub.fd()).unwrap_or(-1))
}

/// End the _next or _run of another thread, at once but for the look-up of a host name;
/// where there is none, the next one. _next is RREDIS_ERR_WOKEN then, and _run RREDIS_OK.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pubsub_wake(pubsub: Option<&rredis_pubsub>) {
    quietly((), || {
        if let Some(pubsub) = usable(pubsub) {
            pubsub.pubsub.wake();
        }
    })
}

/// Free a subscriber, and close its connection. Never waits.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_pubsub_free(pubsub: Option<Box<rredis_pubsub>>) {
    quietly((), || drop(pubsub))
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
