//! A cluster behind a client: its commands, while slots and primaries move, and while servers say what is not so.

#[path = "../support/mod.rs"]
mod support;

mod alike;
mod at;
mod at_once;
mod event_loop;
mod failover;
mod fanout;
mod finding;
mod healthy;
mod left;
mod listening;
mod moving;
mod pubsub;
mod redirects;
mod replaced;
mod replicas;
mod routing;
mod scan;
mod stopped;
mod storm;
