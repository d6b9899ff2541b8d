//! What faultless calls need: the library, handles that work without a server, texts, and room for what is written.

use std::collections::HashMap;
use std::ffi::{c_char, c_void};
use std::ptr::null;

use super::calls::{Case, Wrong};
use super::prototypes::{Function, Parameter};

/// The real librredis.so, as a program loads it.
pub struct Library(libloading::Library);

/// Every function of the header, as integers and the one double see it: the two go in registers of their own, and what a
/// function does not take it does not look at.
type Anything = unsafe extern "C" fn(u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, f64) -> u64;

impl Library {
    pub fn open() -> Self {
        let path = std::env::current_exe().expect("this test's path").with_file_name("librredis.so");
        // SAFETY: our own library, which does nothing when it is loaded.
        Library(
            unsafe { libloading::Library::new(&path) }.unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        )
    }

    fn call(&self, name: &str, arguments: &[u64]) -> u64 {
        // SAFETY: the name is from the header.
        let function =
            unsafe { self.0.get::<Anything>(name.as_bytes()) }.unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut all = [0; 12];
        all[..arguments.len()].copy_from_slice(arguments);
        let [a, b, c, d, e, f, g, h, i, j, k, l] = all;
        // SAFETY: what the header asks for, but for what a case makes wrong.
        unsafe { function(a, b, c, d, e, f, g, h, i, j, k, l, 1.5) }
    }
}

/// One child's things. Nothing is freed: the child ends.
pub struct World<'l> {
    library: &'l Library,
    handles: HashMap<&'static str, u64>,
}

/// What came of a call.
pub struct Called {
    pub returned: u64,
    pub status: Option<u32>,
    pub has_err: bool,
    pub err_written: bool,
    pub err_status: u32,
    pub out_written: bool,
    pub message: String,
    pub names: Vec<&'static str>,
}

/// What stands in out_ parameters and in err before a call.
const UNTOUCHED: u8 = 0xa5;

impl<'l> World<'l> {
    pub fn new(library: &'l Library) -> Self {
        World { library, handles: HashMap::new() }
    }

    /// Make the call of a case. Err: no faultless argument is known for a parameter.
    pub fn call(&mut self, case: &Case<'_>) -> Result<Called, String> {
        let function = case.function;
        self.prepare(function);
        let mut arguments = Vec::new();
        let mut outs = Vec::new();
        let mut err: &'static [u8] = &[];
        for (i, parameter) in function.parameters.iter().enumerate() {
            if parameter.kind == "double" {
                continue;
            }
            let wrong = case.wrongs.iter().find(|(index, _)| *index == i).map(|(_, wrong)| *wrong);
            let value = match wrong {
                Some(Wrong::Null) => 0,
                Some(Wrong::Number(number)) => number,
                _ => {
                    self.argument(function, parameter).ok_or_else(|| format!("no argument known for {parameter:?}"))?
                }
            };
            let room = || -> &'static [u8] {
                // SAFETY: 256 bytes that were leaked for this parameter.
                unsafe { std::slice::from_raw_parts(value as *const u8, 256) }
            };
            match parameter.name.as_str() {
                "err" if value != 0 => err = room(),
                name if name.starts_with("out_") && value != 0 => outs.push(room()),
                _ => {}
            }
            arguments.push(value);
        }
        spoil_argv(case, &mut arguments);
        let returned = self.library.call(&function.name, &arguments);
        let message = err.get(16..).unwrap_or_default().iter().take_while(|&&byte| byte != 0);
        Ok(Called {
            returned,
            status: (function.returns == "rredis_status").then_some(returned as u32),
            has_err: !err.is_empty(),
            err_written: err.iter().any(|&byte| byte != UNTOUCHED),
            err_status: err
                .get(..4)
                .map_or(0, |status| u32::from_ne_bytes([status[0], status[1], status[2], status[3]])),
            out_written: outs.iter().any(|out| out.iter().any(|&byte| byte != UNTOUCHED)),
            message: message.map(|&byte| byte as char).collect(),
            names: case.names.clone(),
        })
    }

    /// Bring about what a faultless call of this function needs.
    fn prepare(&mut self, function: &Function) {
        match function.name.as_str() {
            "rredis_builder_take" => {
                let builder = self.handle("builder");
                self.library.call("rredis_builder_add_null", &[builder]);
            }
            "rredis_builder_end" => {
                let builder = self.handle("builder");
                self.library.call("rredis_builder_open", &[builder, 20]);
            }
            "rredis_parser_next" => {
                let parser = self.handle("parser");
                self.library.call("rredis_parser_feed", &[parser, leaked(b"+OK\r\n\0"), 5, 0]);
            }
            "rredis_parser_commit" => {
                let parser = self.handle("parser");
                self.library.call("rredis_parser_reserve", &[parser, 16, room()]);
            }
            }
            "rredis_pubsub_next" => {
                let pubsub = self.handle("pubsub");
                let (argv, argv_len) = argv();
                self.library.call("rredis_pubsub_subscribe", &[pubsub, 0, 2, argv, argv_len, 0]);
            }
            "rredis_pubsub_run" => {
                let pubsub = self.handle("pubsub");
                self.library.call("rredis_pubsub_wake", &[pubsub]);
