//! An exception that leaves a function of a C++ program's ends the process with a sentence: nothing goes on half done.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

const PROGRAM: &str = r#"
#include <rredis.h>
#include <cstdio>

static rredis_status connect(void *, const char *, size_t, int32_t, int64_t, void **, rredis_error *) { throw 7; }
static rredis_status read(void *, char *, size_t, int64_t, size_t *, rredis_error *) { return RREDIS_ERR_IO; }
static rredis_status write(void *, const char *, size_t, int64_t, size_t *, rredis_error *) { return RREDIS_ERR_IO; }
static void close(void *) {}

int main() {
  rredis_options *options = rredis_options_new();
  rredis_transport transport = {};
  transport.size = sizeof transport;
  transport.connect = connect;
  transport.read = read;
  transport.write = write;
  transport.close = close;
  rredis_client *client;
  if (rredis_options_set_transport(options, &transport, nullptr) != RREDIS_OK) return 1;
  if (rredis_client_new(options, &client, nullptr) != RREDIS_OK) return 2;
  const char *ping[] = {"PING"};
  rredis_reply *reply;
  try {
    rredis_client_command(client, 1, ping, nullptr, &reply, nullptr);
  } catch (int) {
    return 3;
  }
  return 4;
}
"#;

#[test]
fn an_exception_ends_the_process_with_a_sentence() {
    let library = std::env::current_exe().expect("this test's path").with_file_name("librredis.so");
    let folder = std::env::temp_dir().join(format!("rredis-thrown-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (source, program) = (folder.join("thrown.cc"), folder.join("thrown"));
    std::fs::write(&source, PROGRAM).unwrap();
    // The loader looks for the name that the ABI has.
    std::os::unix::fs::symlink(&library, folder.join("librredis.so.1")).unwrap();
    let include = concat!("-I", env!("CARGO_MANIFEST_DIR"), "/include");
    let built =
        Command::new("g++").args(["-std=c++11", include, "-o"]).args([&program, &source, &library]).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let run = Command::new(&program).env("LD_LIBRARY_PATH", &folder).output().unwrap();
    let _ = std::fs::remove_dir_all(&folder);
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.signal(), Some(libc::SIGABRT), "{:?}: {said}", run.status);
    assert!(said.contains("foreign exception"), "{said}");
}
