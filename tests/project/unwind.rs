//! libgcc_s is loaded when something unwinds, and not with the library: what `tools/unwind.c` puts in its place.

use std::fs;
use std::process::Command;

use crate::support::server::Folder;
use crate::support::tools::{root, run};

/// What unwinds: a panic through a frame that is cleaned up, which is caught, in several threads at once.
const LIBRARY: &str = r#"
struct Dropped<'a>(&'a std::cell::Cell<i32>);
impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}
#[unsafe(no_mangle)]
pub extern "C" fn unwinds(number: usize) -> i32 {
    std::panic::set_hook(Box::new(|_| {}));
    let unwound = move || {
        let count = std::cell::Cell::new(0);
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _dropped = Dropped(&count);
            [1, 2, 3][number]
        }));
        count.get() * if caught.is_err() { 10 } else { 1 }
    };
    let others: Vec<_> = (0..8).map(|_| std::thread::spawn(unwound)).collect();
    unwound() + others.into_iter().map(|other| other.join().unwrap()).sum::<i32>()
}
"#;

const PROGRAM: &str = r#"
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static int has_libgcc(void) {
  char line[4096];
  int found = 0;
  FILE *maps = fopen("/proc/self/maps", "r");
  while (maps != NULL && fgets(line, sizeof line, maps)) found |= strstr(line, "/libgcc_s.so") != NULL;
  if (maps != NULL) fclose(maps);
  return found;
}

int main(int argc, char **argv) {
  void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
  if (library == NULL) return puts(dlerror());
  int (*unwinds)(size_t) = (int (*)(size_t))dlsym(library, "unwinds");
  printf("%d", has_libgcc());
  printf(" %d", unwinds(2));
  printf(" %d", has_libgcc());
  printf(" %d", unwinds(3));
  printf(" %d\n", has_libgcc());
  return 0;
}
"#;

#[test]
fn what_unwinds_loads_it_and_nothing_else_does() {
    let folder = Folder::new("unwind");
    let at = |name: &str| folder.path().join(name);
    fs::write(at("library.rs"), LIBRARY).expect("a temporary folder can be written");
    fs::write(at("program.c"), PROGRAM).expect("a temporary folder can be written");
    let unwind = at("unwind.o");
    run(Command::new("cc")
        .args(["-O2", "-fPIC", "-fexceptions", "-Wall", "-Wextra", "-Werror", "-c", "-o"])
        .args([&unwind, &root().join("tools/unwind.c")]));
    let library = at("liblibrary.so");
    let link = format!("link-arg={}", unwind.display());
    let crate_type = ["--edition=2024", "--crate-type=cdylib", "-O", "-C", &link, "-o"];
    run(Command::new("rustc").args(crate_type).args([&library, &at("library.rs")]));
    let needed = run(Command::new("readelf").arg("-d").arg(&library));
    assert!(!needed.contains("libgcc_s"), "rustc links it all the same: {needed}");
    let program = at("program");
    run(Command::new("cc").args(["-Wall", "-Werror", "-o"]).args([&program, &at("program.c")]).arg("-ldl"));
    assert_eq!(run(Command::new(&program).arg(&library)).trim(), "0 9 0 90 1");
}
