//! Many commands that belong together: pipelines, transactions, scripts.

#[path = "../support/mod.rs"]
mod support;

mod cluster;
mod nodes;
mod pipeline;
mod scripts;
mod scripts_of_many;
mod transaction;
