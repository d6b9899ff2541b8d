//! One connection: a session over a transport, driven until something happened or the time is up.
#![forbid(unsafe_code)]

mod burst;
mod dial;
mod kept;
mod steps;
