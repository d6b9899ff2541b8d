//! What a program is compiled and linked against: the header as it is drawn, its layout, the exports, and the ABI.

mod prototypes;
#[path = "../support/mod.rs"]
mod support;

mod abi;
mod header;
mod layout;
mod symbols;
