//! What a program is compiled and linked against: the header as it is drawn, what other languages read, its layout, the exports, and the ABI.

mod prototypes;
#[path = "../support/mod.rs"]
mod support;

mod abi;
mod header;
mod layout;
mod share;
mod symbols;
