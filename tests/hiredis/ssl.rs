//! TLS by files.

use std::fs;
use std::process::Command;

use crate::layer::Layer;
use crate::support::program::silent;
use crate::tls::certificates::Authority;
use crate::tls::world::{PASSWORD, TlsServer};

#[test]
fn a_context_connects_over_tls_by_files_and_says_which_file_is_wrong() {
    let server = TlsServer::start(&["tls-auth-clients optional"]);
    let folder = server.folder().path();
    let [cert, key] = server.root().issue(&["a client"]).write(folder, "client");
    let stranger = Authority::new("a stranger").write(&folder.join("stranger.crt"));
    let garbage = folder.join("garbage.pem");
    fs::write(&garbage, "nothing of the kind").expect("a temporary folder can be written");
    let layer = Layer::build();
    let program = layer.program("ssl", "hiredis/tests/ssl.c", true);
    let mut command = Command::new(program);
    command.args([&server.port().to_string(), PASSWORD, &server.ca(), &cert, &key, &stranger]);
    silent(command.arg(garbage));
}
