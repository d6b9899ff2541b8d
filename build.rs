//! Gives librredis.so its name: programs ask the loader for the ABI, not for a version.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let os = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if !matches!(os.as_str(), "macos" | "windows") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,librredis.so.1");
    }
}
