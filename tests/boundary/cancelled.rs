//! Every function of the header, called in a thread whose end is asked for: none of them has a cancellation point, or unwinding
//! would find frames that it must not pass, and end the process.

use crate::calls::{Case, Expected};
use crate::support::child::fork;
use crate::support::server::Server;
use crate::world::{Library, World};

#[test]
fn no_function_ends_the_thread_that_calls_it() {
    let server = Server::start(&[]);
    let library = Library::open();
    for function in crate::prototypes::functions() {
        // Over sockets; and over functions of the program's.
        for url in [Some(server.url()), None] {
            let child = fork(|| {
                let mut world = match &url {
                    Some(url) => World::at(&library, url),
                    None => World::new(&library),
                };
                world.cancelled = true;
                let case = Case {
                    function: &function,
                    label: String::new(),
                    wrongs: vec![],
                    expected: Expected::Survives,
                    names: vec![],
                };
                world.call(&case).is_ok()
            });
            assert!(child.ended_well(), "{} over {url:?}", function.name);
        }
    }
}
