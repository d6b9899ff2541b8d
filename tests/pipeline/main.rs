//! Many commands that belong together: pipelines, transactions, scripts.

#[path = "../support/mod.rs"]
mod support;

mod pipeline;
mod scripts;
mod transaction;
