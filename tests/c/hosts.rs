//! Hosts that are not kind: signals that end a process or interrupt it, many open files, little stack, another locale,
//! C++; and what the library asks of the system, as strace sees it. Nothing is ever printed but by a failing check.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::cluster::{Cluster, first_slot};
use crate::support::moving::Mover;
use crate::support::program::{Workshop, address, preload, programs, silent, size, watch};
use crate::support::server::Server;
use crate::support::tools::{root, run};

#[test]
fn sigpipe_at_its_default_never_ends_a_host() {
    let server = Server::start(&[]);
    let workshop = Workshop::new();
    let mut command = Command::new(workshop.compile("tests/hosts/sigpipe.c"));
    command.args(address(&server));
    // Rust ignores SIGPIPE for itself, and gives a child the default back; the program makes sure.
    let ended = watch(&mut command);
    assert_ne!(ended.status.signal(), Some(libc::SIGPIPE), "ended by SIGPIPE: a shell would say 141");
    assert!(ended.status.success() && ended.said.is_empty(), "{}\n{}", ended.status, ended.said);
}

#[test]
fn a_signal_every_millisecond_changes_nothing() {
    under(&[("RREDIS_TEST_STORM", "1")]);
}

/// A signal hits a system call by chance; here each is hit that can be, the programs' own too.
#[test]
fn calls_that_are_interrupted_every_second_time_change_nothing() {
    let server = Server::start(&[]);
    let workshop = Workshop::new();
    let interrupt = preload(workshop.folder(), "tests/preload/interrupt.c");
    let interrupted = [("LD_PRELOAD", interrupt.to_str().expect("a temporary folder has a plain name"))];
    let in_hosts = programs("tests/hosts").into_iter().map(|name| format!("tests/hosts/{name}.c"));
    let in_hosts = in_hosts.filter(|source| makes_system_calls(source));
    let sources: Vec<String> =
        programs("tests/c").into_iter().map(|name| format!("tests/c/{name}.c")).chain(in_hosts).collect();
    for source in &sources {
        workshop.check(source, &server, &interrupted);
    }
    assert!(sources.len() > 25, "{sources:?}");
}

/// Whether a program has system calls of its own that a signal may interrupt: those of `calls.h`, which hold against that.
fn makes_system_calls(source: &str) -> bool {
    let text = fs::read_to_string(root().join(source)).expect("a program of the project's");
    for header in ["<poll.h>", "<sys/socket.h>", "<sys/wait.h>", "<netinet/in.h>", "<sys/epoll.h>", "<sys/select.h>"] {
        assert!(!text.contains(&format!("#include {header}")), "{source}: {header} is calls.h's to include");
    }
    text.contains("#include \"calls.h\"")
}

#[test]
fn descriptors_above_1024_change_nothing() {
    under(&[("RREDIS_TEST_FDS", "2000")]);
}

#[test]
fn a_stack_of_64_kib_is_enough() {
    Workshop::new().check("tests/hosts/stack.c", &Server::start(&[]), &[]);
}

#[test]
fn no_descriptor_is_inherited_or_left() {
    Workshop::new().check("tests/hosts/exec.c", &Server::start(&[]), &[]);
}

#[test]
fn a_guest_leaves_the_house_as_it_was() {
    Workshop::new().check("tests/hosts/guest.c", &Server::start(&[]), &[]);
}

#[test]
fn a_host_may_unload_the_library_and_load_it_again() {
    let workshop = Workshop::new();
    let program = workshop.compile_alone("tests/hosts/unload.c");
    silent(Command::new(program).env("LD_LIBRARY_PATH", workshop.library()).args(address(&Server::start(&[]))));
}

#[test]
fn an_exception_that_leaves_a_callback_ends_the_process_with_a_sentence() {
    let server = Server::start(&[]);
    let workshop = Workshop::new();
    let ended = watch(Command::new(workshop.compile("tests/hosts/throws.cpp")).args(address(&server)));
    assert_eq!(ended.status.signal(), Some(libc::SIGABRT), "{}\n{}", ended.status, ended.said);
    assert!(ended.said.contains("exception"), "{}", ended.said);
}

#[test]
fn hostile_bytes_are_a_status_and_silence() {
    Workshop::new().check("tests/hosts/hostile.c", &Server::start(&[]), &[]);
}

#[test]
fn eight_threads_share_a_client() {
    Workshop::new().check("tests/hosts/threads.c", &Server::start(&[]), &[]);
}

/// Slots go to and fro for as long as the program runs. RREDIS_TEST_RESHARD_MS says how long that is.
#[test]
fn threads_on_a_cluster_count_right_while_slots_move() {
    let cluster = Cluster::start(&[]);
    let workshop = Workshop::new();
    let mut command = Command::new(workshop.compile("tests/hosts/resharded.c"));
    command.args([cluster.url(), size("RREDIS_TEST_RESHARD_MS").unwrap_or(2000).to_string()]);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut mover = Mover::new(&cluster);
            let homes = [cluster.primary(0), cluster.primary(first_slot(1))];
            for to in homes.into_iter().rev().cycle().take_while(|_| !over.load(Ordering::Relaxed)) {
                mover.reshard(0..100, to, 10);
            }
        });
        let _over = Over(&over);
        silent(&mut command);
    });
}

/// The slots stay where they are once the program has ended, however that was.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_thread_may_call_while_it_ends() {
    Workshop::new().check("tests/hosts/thread_end.c", &Server::start(&[]), &[]);
}

#[test]
fn a_cancelled_thread_ends_behind_the_call() {
    Workshop::new().check("tests/hosts/cancel.c", &Server::start(&[]), &[]);
}

/// The same with TLS, which keeps things of its own for a thread.
#[cfg(feature = "tls")]
fn over_tls(program: &str) {
    let server = crate::tls::world::TlsServer::start(&[]);
    let (url, ca) = (format!("rediss://127.0.0.1:{}", server.port()), server.ca());
    let weather =
        [("RREDIS_TEST_URL", &*url), ("RREDIS_TEST_CA", &*ca), ("RREDIS_TEST_PASSWORD", crate::tls::world::PASSWORD)];
    Workshop::new().check(program, server.server(), &weather);
}

#[cfg(feature = "tls")]
#[test]
fn a_thread_may_call_while_it_ends_over_tls_too() {
    over_tls("tests/hosts/thread_end.c");
}

#[cfg(feature = "tls")]
#[test]
fn a_cancelled_thread_ends_behind_the_call_over_tls_too() {
    over_tls("tests/hosts/cancel.c");
}

#[test]
fn eight_threads_subscribe_while_one_reads() {
    Workshop::new().check("tests/hosts/subscribers.c", &Server::start(&[]), &[]);
}

#[test]
fn eight_threads_are_woken_in_every_phase() {
    let workshop = Workshop::new();
    let names = preload(workshop.folder(), "tests/preload/names.c");
    let names = names.to_str().expect("a temporary folder has a plain name");
    let hangs = [("LD_PRELOAD", names), ("RREDIS_TEST_HANGS", "1")];
    workshop.check("tests/hosts/woken.c", &Server::start(&[]), &hangs);
}

#[test]
fn failures_leave_nothing_behind() {
    // What malloc keeps ready for each thread counts as in use, and would look like growth.
    let plain = [("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0")];
    Workshop::new().check("tests/hosts/leaks.c", &Server::start(&[]), &plain);
}

#[test]
fn a_locale_with_commas_changes_no_number() {
    let workshop = Workshop::new();
    let locales = workshop.folder().join("locales");
    fs::create_dir(&locales).expect("a temporary folder can be written");
    // localedef is with the C library; what it compiles is in the package locales.
    let mut localedef = Command::new("localedef");
    let made = watch(localedef.args(["-i", "de_DE", "-f", "UTF-8"]).arg(locales.join("de_DE.UTF-8")));
    assert!(made.status.success(), "no locale de_DE: install the package locales (make test does): {}", made.said);
    let folder = locales.to_str().expect("a temporary folder has a plain name");
    workshop.check("tests/hosts/locale.c", &Server::start(&[]), &[("LOCPATH", folder)]);
}

#[test]
fn cplusplus_includes_the_header_and_uses_the_library() {
    Workshop::new().check("tests/hosts/cplusplus.cpp", &Server::start(&[]), &[]);
}

#[test]
fn nothing_that_selects_or_sends_otherwise_is_imported() {
    let library = Workshop::new().library().join("librredis.so");
    let imports = run(Command::new("nm").args(["-D", "--undefined-only"]).arg(library));
    let imports: Vec<&str> = imports.split_whitespace().map(|word| word.split('@').next().unwrap_or(word)).collect();
    for never in
        ["select", "pselect", "sendto", "sendmsg", "sendmmsg", "pipe", "pipe2", "system", "popen", "setenv", "putenv"]
    {
        assert!(!imports.contains(&never), "librredis.so imports {never}");
    }
    assert!(imports.contains(&"send") && imports.contains(&"poll"));
}

#[test]
fn sockets_are_written_by_send_alone_and_nothing_selects() {
    if !may_trace() {
        return;
    }
    let server = Server::start(&[]);
    let workshop = Workshop::new();
    for program in ["client", "conn", "pool"] {
        let calls = workshop.folder().join(format!("{program}.calls"));
        let compiled = workshop.compile(&format!("tests/c/{program}.c"));
        let mut command =
            strace(&calls, "trace=write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendmmsg,select,pselect6");
        silent(command.arg(compiled).args(address(&server)));
        let calls = fs::read_to_string(&calls).expect("strace wrote what it saw");
        let mut sent = 0;
        for call in calls.lines().filter(|line| line.contains('(')) {
            let writes = ["writev(", "pwritev", "pwrite64(", "sendmsg(", "sendmmsg(", "select(", "pselect6("];
            // Looking up a name sends otherwise, and no name is looked up here.
            assert!(!writes.iter().any(|name| call.contains(name)), "{program}: {call}");
            let to_a_socket = ["<socket:", "<TCP", "<UNIX"].iter().any(|kind| call.contains(kind));
            assert!(!call.contains(" write(") || !to_a_socket, "{program}: {call}");
            if call.contains("sendto(") {
                assert!(call.contains("MSG_NOSIGNAL"), "{program}: {call}");
                sent += 1;
            }
        }
        assert!(sent > 50, "{program}: strace saw only {sent} calls of send");
    }
}

#[test]
fn a_get_asks_the_system_for_nothing_but_to_move_its_bytes() {
    if !may_trace() {
        return;
    }
    let workshop = Workshop::new();
    let calls = workshop.folder().join("gets.calls");
    let compiled = workshop.compile("tests/hosts/gets.c");
    silent(strace(&calls, "trace=all").arg(compiled).args(address(&Server::start(&[]))));
    let calls = fs::read_to_string(&calls).expect("strace wrote what it saw");
    let mut parts = calls.split("getppid(");
    let (_before, gets) = (parts.next(), parts.next().expect("the program marks where it begins"));
    assert!(parts.next().is_some(), "and where it ends");
    // The first line is what is left of the mark's own.
    let names: Vec<&str> =
        gets.lines().skip(1).filter_map(|line| line.split('(').next()?.split(' ').next_back()).collect();
    for name in &names[..names.len() - 1] {
        assert!(["sendto", "recvfrom", "poll"].contains(name), "a GET calls {name}");
    }
    // A write and a read; a look at a connection that has rested, and a wait where the reply is slow.
    let count = |name: &str| names.iter().filter(|one| **one == name).count();
    assert_eq!(count("sendto"), 400);
    assert!(count("recvfrom") <= 600 && count("poll") <= 100, "{} reads, {} waits", count("recvfrom"), count("poll"));
}

#[test]
fn a_system_call_that_is_interrupted_is_made_again() {
    if !may_trace() {
        return;
    }
    let server = Server::start(&[]);
    let workshop = Workshop::new();
    let compiled = workshop.compile("tests/c/client.c");
    for (call, every) in [("poll,ppoll", 2), ("sendto", 3), ("recvfrom,recvmsg", 3)] {
        let calls = workshop.folder().join("interrupted.calls");
        let mut command = strace(&calls, &format!("inject={call}:error=EINTR:when=1+{every}"));
        silent(command.arg(&compiled).args(address(&server)));
        let calls = fs::read_to_string(&calls).expect("strace wrote what it saw");
        assert!(calls.contains("(INJECTED)"), "nothing was interrupted: is {call} what the library uses?");
    }
}

#[test]
fn a_loop_of_ones_own_has_one_thread_and_waits_for_nothing_but_poll() {
    let server = Server::start(&[]);
    let workshop = Workshop::new();
    let compiled = workshop.compile("tests/hosts/own_loop.c");
    silent(Command::new(&compiled).args(address(&server)));
    if !may_trace() {
        return;
    }
    let calls = workshop.folder().join("calls.txt");
    silent(strace(&calls, "trace=all").arg(&compiled).args(address(&server)));
    let calls = fs::read_to_string(&calls).expect("strace wrote what it saw");
    let connected = calls.find("connect(").expect("it connects");
    for call in calls[connected..].lines() {
        let waits = ["futex(", "clone", "select", "nanosleep(", "epoll_wait(", "epoll_pwait"];
        // The call's own name stands before its arguments, among which a folder may be called anything.
        let name = call.split_once('(').map_or(call, |(name, _)| name).to_owned() + "(";
        assert!(!waits.iter().any(|wait| name.contains(wait)), "{call}");
    }
    let count = |name: &str| calls.matches(name).count();
    // The program's own poll, and the look at a connect under way.
    assert!(count("poll(") > 10);
    let [sent, received] = [count("sendto("), count("recvfrom(")];
    assert!(sent < 1000 && received < 1000, "many commands in one write: {sent} writes and {received} reads");
    // The loop has no timer: the library's own is set where there is something new to wait for, and not for each command.
    let timers = count("timerfd_settime(");
    assert!((1..20).contains(&timers), "the timer was set {timers} times");
}

/// Every program of `tests/c`, in this weather.
fn under(weather: &[(&str, &str)]) {
    let server = Server::start(&[]);
    let workshop = Workshop::new();
    for program in programs("tests/c") {
        workshop.check(&format!("tests/c/{program}.c"), &server, weather);
    }
}

/// Some containers forbid one process to trace another. What the library imports, and that no signal ends or interrupts
/// it, is tested there too.
fn may_trace() -> bool {
    let tried = watch(Command::new("strace").args(["-f", "-o", "/dev/null", "true"]));
    if !tried.status.success() {
        println!("not tested: no system call can be seen here: {}", tried.said);
    }
    tried.status.success()
}

fn strace(calls: &Path, what: &str) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-y", "-s", "16", "-e", what, "-o"]).arg(calls);
    command
}
