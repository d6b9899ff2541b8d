//! Options and commands that a handle takes or refuses, and the words in which it does.

#[path = "../support/mod.rs"]
mod support;

mod coherent;
mod hints;
mod lines;
mod refusals;
