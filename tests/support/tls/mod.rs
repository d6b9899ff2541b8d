//! What the tests of TLS share: certificates, a real server that speaks TLS, and peers that only pretend to.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

pub mod certificates;
pub mod front;
pub mod memory;
pub mod openssl;
pub mod world;
