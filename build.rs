//! The shared library's name for the linker. The ABI's number is in it from the first commit, so that a program linked
//! today never loads a library that it was not made for.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let os = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if os == "linux" {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,librredis.so.1");
        // dlclose is safe at any time, also while a name is being looked up: the code stays where it is.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    } else if os == "macos" {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-install_name,@rpath/librredis.1.dylib");
    }
}
