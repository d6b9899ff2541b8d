//! One session over one transport, against a deadline.
