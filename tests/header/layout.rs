//! Rust and C lay out what they share in the same way: Rust's offsets, asserted by the C compiler.

use std::fmt::Write;
use std::mem::{offset_of, size_of};
use std::process::Command;

use rredis::ffi::client::rredis_call;
use rredis::ffi::options::{rredis_option, rredis_read, rredis_shape, rredis_share, rredis_topology};
use rredis::ffi::parser::{rredis_parser_kind, rredis_parser_type};
use rredis::ffi::pool::rredis_stat;
use rredis::ffi::reply::{rredis_reply, rredis_reply_kind};
use rredis::ffi::status::{rredis_error, rredis_outcome, rredis_status};
use rredis::ffi::transport::rredis_transport;
use rredis::ffi::version::rredis_version_of;

/// The size of each type, and the offset of each field of each struct, as C assertions.
macro_rules! asserted {
    ($($kind:ident { $($field:ident),* })*) => {{
        let mut page = String::new();
        $(
            writeln!(page, "_Static_assert(sizeof({0}) == {1}, \"{0}\");", stringify!($kind), size_of::<$kind>()).unwrap();
            $(writeln!(page, "_Static_assert(offsetof({0}, {1}) == {2}, \"{0}.{1}\");", stringify!($kind), stringify!($field),
                offset_of!($kind, $field)).unwrap();)*
        )*
        page
    }};
}

#[test]
fn c_sees_what_rust_sees() {
    let assertions = asserted! {
        rredis_version_of {}
        rredis_status {}
        rredis_outcome {}
        rredis_reply_kind {}
        rredis_parser_kind {}
        rredis_option {}
        rredis_shape {}
        rredis_share {}
        rredis_topology {}
        rredis_read {}
        rredis_stat {}
        rredis_call {}
        rredis_error { status, outcome, os_error, attempts, message }
        rredis_reply { kind, reserved, len, str, elements, integer, number }
        rredis_transport { size, name, user_data, connect, read, write, close, fd, user_data_free }
        rredis_parser_type { size, name, user_data, start, feed, next, stop, user_data_free }
    };
    let folder = std::env::temp_dir().join(format!("rredis-layout-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("layout.c");
    std::fs::write(&file, format!("#include <rredis.h>\n{assertions}")).unwrap();
    let include = concat!("-I", env!("CARGO_MANIFEST_DIR"), "/include");
    let output = Command::new("cc").args(["-std=c11", "-fsyntax-only", include]).arg(&file).output().expect("cc");
    let _ = std::fs::remove_dir_all(&folder);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_is_frozen_has_its_size() {
    assert_eq!(size_of::<rredis_error>(), 256);
    #[cfg(target_pointer_width = "64")]
    assert_eq!(size_of::<rredis_reply>(), 48);
}
