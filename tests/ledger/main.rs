//! Every write accounted for: what was acknowledged is there, once and in order; what was not sent, or refused, is not; what is
//! unknown is there once at most. On one server, in a cluster, and behind Sentinels.

#[path = "../support/mod.rs"]
mod support;

mod cluster;
mod one_server;
mod sentinels;
mod writers;
