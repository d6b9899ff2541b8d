//! Who is asked, and how often.

pub mod retry;
