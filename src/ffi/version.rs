//! Version

use std::ffi::c_char;

/// The version of the header that a program was compiled with. It may run with another
/// version of the library: compare this with rredis_version_number() at its start.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_version_of {
    /// the version of this header, as 0xMMmmpp
    RREDIS_VERSION_OF_HEADER = 0x080000,
}

/// Give the library's version, such as "8.0.1". Version 8.0.z supports every command of
/// Redis 8.0.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Give the library's version as a number, 0xMMmmpp. Later versions have larger ones.
#[unsafe(no_mangle)]
pub extern "C" fn rredis_version_number() -> u32 {
    rredis_version_of::RREDIS_VERSION_OF_HEADER as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_cargos() {
        let mut number = 0;
        for part in env!("CARGO_PKG_VERSION").split('.') {
            number = number << 8 | part.parse::<u32>().unwrap();
        }
        assert_eq!(rredis_version_number(), number);
    }
}
