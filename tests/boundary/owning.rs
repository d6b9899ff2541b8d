//! What a program gives with its functions comes back to it once, whatever becomes of the call.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::ptr::null;
use std::sync::atomic::{AtomicUsize, Ordering};

use rredis::ffi::client::{rredis_client, rredis_client_free, rredis_client_new, rredis_client_set_callback};
use rredis::ffi::options::*;
use rredis::ffi::parser::rredis_parser_type;
use rredis::ffi::reply::rredis_reply;
use rredis::ffi::status::{rredis_error, rredis_status};
use rredis::ffi::transport::rredis_transport;

use rredis_status::*;

/// Counts how often its address was given to `freed`.
#[derive(Default)]
struct Given(AtomicUsize);

impl Given {
    fn data(&self) -> *mut c_void {
        (&raw const self.0).cast_mut().cast()
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

unsafe extern "C-unwind" fn freed(user_data: *mut c_void) {
    // SAFETY: every user_data here is the counter of a Given that outlives the call.
    unsafe { &*user_data.cast::<AtomicUsize>() }.fetch_add(1, Ordering::Relaxed);
}

unsafe extern "C-unwind" fn callback(
    _: *mut c_void,
    _: *mut c_void,
    _: usize,
    _: *const *const c_char,
    _: *const usize,
    _: *const rredis_reply,
    _: *mut *mut rredis_reply,
    _: *mut rredis_error,
) -> MaybeUninit<rredis_status> {
    MaybeUninit::new(RREDIS_OK)
}

unsafe extern "C-unwind" fn listener(_: *mut c_void, _: *const rredis_reply) {}

unsafe extern "C-unwind" fn stop(_: *mut c_void) {}

/// A function that is never called, of whatever type is asked for.
macro_rules! never {
    ($($argument:ident),*) => {{
        unsafe extern "C-unwind" fn never($(_: $argument),*) -> MaybeUninit<rredis_status> {
            MaybeUninit::new(RREDIS_ERR_IO)
        }
        Some(never as unsafe extern "C-unwind" fn($($argument),*) -> MaybeUninit<rredis_status>)
    }};
}
type Data = *mut c_void;
type Text = *const c_char;
type Buffer = *mut c_char;
type Len = usize;
type OutLen = *mut usize;
type Int = i32;
type Time = i64;
type Out = *mut *mut c_void;
type Err = *mut rredis_error;
type Builder = *mut rredis::ffi::builder::rredis_builder;

fn transport(given: &Given) -> rredis_transport {
    rredis_transport {
        size: size_of::<rredis_transport>(),
        name: null(),
        user_data: given.data(),
        connect: never!(Data, Text, Len, Int, Time, Out, Err),
        read: never!(Data, Buffer, Len, Time, OutLen, Err),
        write: never!(Data, Text, Len, Time, OutLen, Err),
        close: Some(stop),
        fd: None,
        user_data_free: Some(freed),
    }
}

fn parser(given: &Given) -> rredis_parser_type {
    rredis_parser_type {
        size: size_of::<rredis_parser_type>(),
        name: null(),
        user_data: given.data(),
        start: never!(Data, Out, Err),
        feed: never!(Data, Text, Len, Err),
        next: never!(Data, Builder, Err),
        stop: Some(stop),
        user_data_free: Some(freed),
    }
}

fn client(options: Option<&rredis_options>) -> Box<rredis_client> {
    let mut client = MaybeUninit::uninit();
    assert_eq!(rredis_client_new(options, Some(&mut client), None), RREDIS_OK);
    // SAFETY: written, for the call succeeded.
    let client = unsafe { client.assume_init() };
    // SAFETY: made by _new, and ours.
    unsafe { Box::from_raw(client) }
}

fn set_callback(options: Option<&mut rredis_options>, name: &str, given: &Given) -> rredis_status {
    let (name, len) = (name.as_ptr().cast(), name.len());
    // SAFETY: a text that is there, and a counter that stays.
    unsafe { rredis_options_set_callback(options, name, len, Some(callback), given.data(), Some(freed), None) }
}

fn set_client_callback(client: Option<&rredis_client>, name: &str, given: &Given) -> rredis_status {
    let (name, len) = (name.as_ptr().cast(), name.len());
    // SAFETY: as above.
    unsafe { rredis_client_set_callback(client, name, len, Some(callback), given.data(), Some(freed), None) }
}

fn on_push(options: Option<&mut rredis_options>, given: &Given) -> rredis_status {
    // SAFETY: as above.
    unsafe { rredis_options_on_push(options, Some(listener), given.data(), Some(freed), None) }
}

fn set_transport(options: Option<&mut rredis_options>, transport: &rredis_transport) -> rredis_status {
    // SAFETY: a struct that is as large as it says, or says that it is smaller.
    unsafe { rredis_options_set_transport(options, transport, None) }
}

fn set_parser(options: Option<&mut rredis_options>, parser: &rredis_parser_type) -> rredis_status {
    // SAFETY: as above.
    unsafe { rredis_options_set_parser(options, parser, None) }
}

#[test]
fn it_comes_back_when_the_last_handle_that_needs_it_ends() {
    let given = [Given::default(), Given::default(), Given::default(), Given::default()];
    let mut options = rredis_options_new();
    assert_eq!(set_callback(options.as_deref_mut(), "GET", &given[0]), RREDIS_OK);
    assert_eq!(on_push(options.as_deref_mut(), &given[1]), RREDIS_OK);
    assert_eq!(set_transport(options.as_deref_mut(), &transport(&given[2])), RREDIS_OK);
    assert_eq!(set_parser(options.as_deref_mut(), &parser(&given[3])), RREDIS_OK);
    let (first, second) = (client(options.as_deref()), client(options.as_deref()));
    rredis_options_free(options);
    rredis_client_free(Some(first));
    assert_eq!(given.each_ref().map(Given::count), [0; 4]);
    rredis_client_free(Some(second));
    assert_eq!(given.each_ref().map(Given::count), [1; 4]);
}

#[test]
fn it_comes_back_when_another_takes_its_place() {
    let mut options = rredis_options_new();
    let given = [Given::default(), Given::default(), Given::default(), Given::default()];
    for round in 0..3 {
        assert_eq!(set_callback(options.as_deref_mut(), "get", &given[0]), RREDIS_OK);
        assert_eq!(on_push(options.as_deref_mut(), &given[1]), RREDIS_OK);
        assert_eq!(set_transport(options.as_deref_mut(), &transport(&given[2])), RREDIS_OK);
        assert_eq!(set_parser(options.as_deref_mut(), &parser(&given[3])), RREDIS_OK);
        assert_eq!(given.each_ref().map(Given::count), [round; 4]);
    }
    rredis_options_free(options);
    assert_eq!(given.each_ref().map(Given::count), [3; 4]);
}

#[test]
fn a_clients_own_comes_back_when_it_is_restored_or_freed() {
    let (own, next) = (Given::default(), Given::default());
    let client = client(None);
    assert_eq!(set_client_callback(Some(&client), "CLIENT ID", &own), RREDIS_OK);
    assert_eq!((own.count(), next.count()), (0, 0));
    assert_eq!(set_client_callback(Some(&client), "client id", &next), RREDIS_OK);
    assert_eq!((own.count(), next.count()), (1, 0));
    rredis_client_free(Some(client));
    assert_eq!((own.count(), next.count()), (1, 1));
}

#[test]
fn it_comes_back_at_once_where_there_is_no_function() {
    let mut options = rredis_options_new();
    let given = Given::default();
    let (name, data) = (c"GET".as_ptr(), given.data());
    // SAFETY: a text that is there, and a counter that stays.
    let status = unsafe { rredis_options_set_callback(options.as_deref_mut(), name, 3, None, data, Some(freed), None) };
    assert_eq!((status, given.count()), (RREDIS_OK, 1));
    // SAFETY: as above.
    let status = unsafe { rredis_options_on_push(options.as_deref_mut(), None, data, Some(freed), None) };
    assert_eq!((status, given.count()), (RREDIS_OK, 2));
    rredis_options_free(options);
    assert_eq!(given.count(), 2);
}

#[test]
fn it_comes_back_when_the_setter_fails() {
    let given = Given::default();
    let mut options = rredis_options_new();
    let client = client(None);
    let mut expected = 0;
    let mut refused = |status: rredis_status| {
        expected += 1;
        assert_eq!((status, given.count()), (RREDIS_ERR_ARGUMENT, expected));
    };
    refused(set_callback(None, "GET", &given));
    refused(set_callback(options.as_deref_mut(), "", &given));
    refused(set_callback(options.as_deref_mut(), "ONE TWO THREE", &given));
    refused(set_client_callback(None, "GET", &given));
    refused(set_client_callback(Some(&client), " ", &given));
    refused(on_push(None, &given));
    refused(set_transport(None, &transport(&given)));
    refused(set_parser(None, &parser(&given)));
    refused(set_transport(options.as_deref_mut(), &rredis_transport { connect: None, ..transport(&given) }));
    refused(set_transport(options.as_deref_mut(), &rredis_transport { read: None, ..transport(&given) }));
    refused(set_transport(options.as_deref_mut(), &rredis_transport { write: None, ..transport(&given) }));
    refused(set_transport(options.as_deref_mut(), &rredis_transport { close: None, ..transport(&given) }));
    refused(set_parser(options.as_deref_mut(), &rredis_parser_type { start: None, ..parser(&given) }));
    refused(set_parser(options.as_deref_mut(), &rredis_parser_type { feed: None, ..parser(&given) }));
    refused(set_parser(options.as_deref_mut(), &rredis_parser_type { next: None, ..parser(&given) }));
    refused(set_parser(options.as_deref_mut(), &rredis_parser_type { stop: None, ..parser(&given) }));
    rredis_options_free(options);
    rredis_client_free(Some(client));
    assert_eq!(given.count(), expected);
}

#[test]
fn a_struct_too_small_to_say_how_it_ends_is_refused() {
    let given = Given::default();
    let mut options = rredis_options_new();
    for size in [0, 8, size_of::<rredis_transport>() - 1] {
        let small = rredis_transport { size, ..transport(&given) };
        assert_eq!(set_transport(options.as_deref_mut(), &small), RREDIS_ERR_ARGUMENT);
    }
    let larger = rredis_parser_type { size: size_of::<rredis_parser_type>() + 64, ..parser(&given) };
    assert_eq!(set_parser(options.as_deref_mut(), &larger), RREDIS_OK);
    assert_eq!(given.count(), 0);
    rredis_options_free(options);
    assert_eq!(given.count(), 1);
}
