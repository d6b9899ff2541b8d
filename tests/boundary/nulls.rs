//! The sweep: every function of the header, called wrongly in every way that a type allows, each time in a child of its own.
//!
//! Every pointer NULL in turn and all together, lengths larger than any object, argc 0 and above its limit, a NULL in argv,
//! every enumerator and flag unknown: the answer is a status and a message, never a signal, and nothing is printed.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::calls::{Case, Expected, cases, empty_texts};
use crate::world::{Library, World};

#[test]
fn every_function_survives_every_wrong_call() {
    let library = Library::open();
    let functions = crate::prototypes::functions();
    assert!(functions.len() > 50, "only {} functions read from the header", functions.len());
    let mut failures = Vec::new();
    let mut count = 0;
    for function in &functions {
        for case in cases(function) {
            count += 1;
            if let Err(what) = tried(&library, &case) {
                failures.push(format!("{} with {}: {what}", function.name, case.label));
            }
        }
    }
    assert!(count > 300, "only {count} cases");
    assert!(failures.is_empty(), "{} of {count} cases:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn null_of_length_0_is_the_empty_text() {
    let library = Library::open();
    let mut count = 0;
    for function in &crate::prototypes::functions() {
        for [pointed, null] in empty_texts(function) {
            count += 1;
            assert_eq!(said(&library, &null), said(&library, &pointed), "{} with {}", function.name, null.label);
        }
    }
    assert!(count >= 13, "only {count} texts found");
}

/// What comes of a case, in words.
fn said(library: &Library, case: &Case) -> String {
    tried(library, case).expect_err("it is said in any case")
}

/// Run one case in a child, and judge how it ended.
fn tried(library: &Library, case: &Case) -> Result<(), String> {
    let (said, said_to) = pipe().expect("a pipe");
    let (printed, printed_to) = pipe().expect("a pipe");
    // SAFETY: the child runs one case and leaves by _exit, whatever happens.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork");
    if child == 0 {
        alone(library, case, said_to, &printed_to);
    }
    drop((said_to, printed_to));
    let (verdict, printed) = (everything(said), everything(printed));
    let mut status = 0;
    // SAFETY: waits for the child that was started above.
    unsafe { libc::waitpid(child, &mut status, 0) };
    match (libc::WIFSIGNALED(status), verdict, printed) {
        (true, _, printed) => Err(format!("signal {}: {printed}", libc::WTERMSIG(status))),
        (_, verdict, _) if !verdict.is_empty() => Err(verdict),
        (_, _, printed) if !printed.is_empty() => Err(format!("printed {printed}")),
        _ => Ok(()),
    }
}

/// The child: what it finds goes to one pipe, and whatever is printed to the other.
fn alone(library: &Library, case: &Case, mut said_to: PipeWriter, printed_to: &PipeWriter) -> ! {
    for stream in [1, 2] {
        // SAFETY: descriptors of this process.
        unsafe { libc::dup2(printed_to.as_raw_fd(), stream) };
    }
    // SAFETY: a case that hangs is ended.
    unsafe { libc::alarm(20) };
    let judged = catch_unwind(AssertUnwindSafe(|| judge(library, case)));
    let judged = judged.unwrap_or_else(|_| Err("what the case needs could not be made".to_owned()));
    if let Err(what) = judged {
        let _ = said_to.write_all(what.as_bytes());
    }
    // SAFETY: ends this process, and nothing of the parent's with it.
    unsafe { libc::_exit(0) }
}

fn judge(library: &Library, case: &Case) -> Result<(), String> {
    let mut world = World::new(library);
    let call = world.call(case)?;
    let told = match (&case.expected, call.status) {
        (Expected::Survives, _) => return Ok(()),
        (Expected::Said, status) => {
            // An address says nothing.
            let returned =
                if case.function.returns.ends_with('*') { u64::from(call.returned != 0) } else { call.returned };
            return Err(format!("{status:?} {returned} {} {:?}", call.out_written, call.message));
        }
        (Expected::Returns(value), _) if call.returned == *value => return Ok(()),
        (Expected::Returns(value), _) => return Err(format!("returned {:#x} and not {value:#x}", call.returned)),
        (Expected::Status(_), None) => return Err("it returns no status".to_owned()),
        (Expected::Status(statuses), Some(status)) if !statuses.contains(&status) => {
            return Err(format!("status {status} ({}) and not {statuses:?}", call.message));
        }
        (Expected::Status(_), Some(status)) => status,
    };
    if told == 0 && call.err_written {
        return Err("err was written on RREDIS_OK".to_owned());
    }
    if told != 0 && call.out_written {
        return Err("an out_ parameter was written on a failure".to_owned());
    }
    if told != 0 && call.has_err && (call.err_status != told || call.message.is_empty()) {
        return Err(format!("status {told}, and err says {} {:?}", call.err_status, call.message));
    }
    match call.names.iter().find(|name| told != 0 && call.has_err && !call.message.contains(**name)) {
        Some(name) => Err(format!("the message does not name {name}: {}", call.message)),
        None => Ok(()),
    }
}

fn everything(mut pipe: PipeReader) -> String {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes).expect("a pipe");
    String::from_utf8_lossy(&bytes).into_owned()
}
