//! The C programs of `tests/c`, one for each chapter of the header: compiled without a warning, run against a server.

mod support;

use std::collections::BTreeSet;
use std::fs;

use support::program::{Workshop, programs};
use support::server::Server;
use support::tools::root;

macro_rules! chapters {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let server = Server::start(&[]);
                Workshop::new().check(concat!("tests/c/", stringify!($name), ".c"), &server, &[]);
            }
        )*

        #[test]
        fn every_program_is_run() {
            assert_eq!(programs("tests/c"), [$(stringify!($name)),*]);
        }
    };
}

chapters! {
