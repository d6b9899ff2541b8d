//! Every command: its facts, its reply in each protocol, and the shape of that reply.

#[path = "../support/mod.rs"]
mod support;

mod four_ways;
mod fuzz;
mod shapes;
mod table;
