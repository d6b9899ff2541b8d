//! The program of speed.c with redis-rs: a connection for each thread. It takes the same arguments, and prints the same line.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};
use std::{env, mem, thread};

use redis::{Cmd, Connection, Value};

/// A latency is counted in one of 64 parts of each power of two, as speed.c does it.
const PARTS: u64 = 64;
const BUCKETS: usize = 64 * 36;

fn bucket(ns: u64) -> usize {
    let n = ns.max(PARTS);
    let power = u64::from(63 - n.leading_zeros());
    (((power - 6) * PARTS + (n >> (power - 6)) - PARTS) as usize).min(BUCKETS - 1)
}

fn bucket_us(bucket: usize) -> f64 {
    let bucket = bucket as u64;
    ((PARTS + bucket % PARTS + 1) << (bucket / PARTS)) as f64 / 1e3
}

fn used_us() -> f64 {
    // SAFETY: a rusage of zeros is one, and getrusage writes it.
    let used = unsafe {
        let mut used: libc::rusage = mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut used);
        used
    };
    let us = |time: libc::timeval| time.tv_sec as f64 * 1e6 + time.tv_usec as f64;
    us(used.ru_utime) + us(used.ru_stime)
}

fn open(place: &str) -> Connection {
    let url = match place.split_once(':') {
        Some(("unix", path)) => format!("redis+unix://{path}"),
        Some(("tcp", port)) => format!("redis://127.0.0.1:{port}"),
        _ => panic!("no such place: {place}"),
    };
    redis::Client::open(url).expect("a URL").get_connection().expect("a connection")
}

fn command(words: &[String]) -> Cmd {
    let mut made = Cmd::new();
    for word in words {
        match word.strip_prefix('@') {
            Some(len) => made.arg("x".repeat(len.parse().expect("a length"))),
            None => made.arg(word),
        };
    }
    made
}

/// The length of a reply, of the last where there are several.
fn len(reply: &Value) -> usize {
    match reply {
        Value::BulkString(text) => text.len(),
        Value::Array(elements) => elements.len(),
        _ => 0,
    }
}

fn run(connection: &mut Connection, command: &Cmd, pipeline: usize) -> usize {
    if pipeline == 1 {
        return len(&command.query::<Value>(connection).expect("a reply"));
    }
    let mut burst = redis::pipe();
    for _ in 0..pipeline {
        burst.add_command(command.clone());
    }
    let replies: Vec<Value> = burst.query(connection).expect("replies");
    assert_eq!(replies.len(), pipeline, "other replies");
    len(&replies[pipeline - 1])
}

fn main() {
    let args: Vec<String> = env::args().collect();
    let (place, seconds) = (args[1].clone(), args[2].parse::<f64>().expect("seconds"));
    let (threads, pipeline) = (args[3].parse::<usize>().expect("threads"), args[4].parse::<usize>().expect("a number"));
    let commands: Vec<&[String]> = args[5..].split(|word| word == ",").collect();
    let (last, before) = commands.split_last().expect("a command");
    let mut first = open(&place);
    for words in before {
        run(&mut first, &command(words), 1);
    }
    drop(first);

    let gate = Arc::new(Barrier::new(threads + 1));
    let started: Vec<_> = (0..threads)
        .map(|_| {
            let (gate, place, last) = (gate.clone(), place.clone(), command(last));
            thread::spawn(move || {
                let (mut connection, mut buckets) = (open(&place), vec![0u64; BUCKETS]);
                let expected = run(&mut connection, &last, pipeline);
                gate.wait();
                gate.wait();
                let mut begin = Instant::now();
                let end = begin + Duration::from_secs_f64(seconds);
                while begin < end {
                    assert_eq!(run(&mut connection, &last, pipeline), expected, "a reply of another length");
                    let done = Instant::now();
                    buckets[bucket((done - begin).as_nanos() as u64)] += 1;
                    begin = done;
                }
                gate.wait();
                buckets
            })
        })
        .collect();
    gate.wait();
    let (used, begin) = (used_us(), Instant::now());
    gate.wait();
    gate.wait();
    let (passed, used) = (begin.elapsed().as_secs_f64(), used_us() - used);
    let mut buckets = vec![0u64; BUCKETS];
    for thread in started {
        for (all, one) in buckets.iter_mut().zip(thread.join().expect("a thread")) {
            *all += one;
        }
    }
    let rounds = buckets.iter().sum::<u64>() as f64;
    let percentile = |share: f64| {
        let mut seen = 0.0;
        let found = buckets.iter().position(|count| {
            seen += *count as f64;
            seen >= rounds * share
        });
        bucket_us(found.unwrap_or(0))
    };
    let commands = rounds * pipeline as f64;
    println!(
        "{:.0} {:.4} {:.2} {:.2} {:.2}",
        commands / passed,
        used / commands,
        percentile(0.5),
        percentile(0.99),
        percentile(0.999)
    );
}
