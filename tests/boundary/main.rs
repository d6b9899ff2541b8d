//! What goes over the boundary of C: arguments right and wrong, functions of the program's, cancellation, exceptions.

mod calls;
#[path = "../header/prototypes.rs"]
#[expect(dead_code, reason = "the header's own tests use the rest")]
mod prototypes;
#[path = "../tidy/source.rs"]
#[expect(dead_code, reason = "the rules of the house use the rest")]
mod source;
#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "tls")]
#[path = "../support/tls/mod.rs"]
mod tls;
mod world;

mod arguments;
mod callbacks;
mod cancelled;
mod nulls;
mod owning;
mod thresholds;
mod thrown;
