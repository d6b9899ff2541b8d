//! A cluster is to a program what one server is: random commands, one by one and in pipelines, have the replies and the errors
//! that they have on one server, however many keys they name. Real servers.

use crate::support::c::{Client, Options, Reply, Result, call, option};
use crate::support::cluster::Cluster;
use crate::support::dice::Dice;
use crate::support::pipeline::{Pipeline, mode};
use crate::support::server::Server;

const ROUNDS: u64 = 600;
/// Names of keys: few enough that a command often meets what another one left.
const NAMES: u64 = 60;
/// How many keys a command names: one and two of them, as many as have room on the stack, and as many as need a buffer.
const COUNTS: [u64; 6] = [1, 2, 3, 40, 41, 1000];

type Command = Vec<String>;

fn words(text: &str) -> Command {
    text.split(' ').map(str::to_owned).collect()
}

/// A command whose keys may have any slots, and which is sent in parts.
fn of_many_keys(dice: &mut Dice) -> Command {
    let count = COUNTS[dice.throw(6) as usize];
    let name = ["MGET", "MSET", "DEL", "EXISTS", "UNLINK", "TOUCH", "MGET", "MSET"][dice.throw(8) as usize];
    let mut command = words(name);
    for number in 0..count {
        command.push(format!("k{}", dice.throw(if count > 3 { 16 * NAMES } else { NAMES })));
        if name == "MSET" {
            command.push(format!("{count}-{number}"));
        }
    }
    command
}

/// A command of one slot, which fails where the key is of another type, has no such number, or the words are wrong.
fn of_one_slot(dice: &mut Dice) -> Command {
    let (key, number) = (dice.throw(NAMES), dice.throw(9));
    let text = match dice.throw(24) {
        0 => format!("SET k{key} {number} GET"),
        1 => format!("INCRBY k{key} {number}"),
        2 => format!("APPEND k{key} {number}"),
        3 => format!("GETRANGE k{key} 0 {number}"),
        4 => format!("RPUSH k{key} a b {number}"),
        5 => format!("LRANGE k{key} 0 -1"),
        6 => format!("LMOVE {{t{key}}}a {{t{key}}}b LEFT RIGHT"),
        7 => format!("RPUSH {{t{key}}}a {number}"),
        8 => format!("LLEN {{t{key}}}b"),
        9 => format!("ZADD z{key} {number} m{number} 1.5 n"),
        10 => format!("ZRANGE z{key} 0 -1 WITHSCORES"),
        11 => format!("XADD x{key} 7-{} f {number}", 1 + dice.throw(500)),
        12 => format!("XRANGE x{key} - + COUNT 3"),
        13 => format!("GETDEL k{key}"),
        14 => format!("TYPE k{key}"),
        15 => format!("EVAL return{{KEYS[1],redis.call('incr',KEYS[1])}} 1 k{key}"),
        16 => format!("HSET h{key} f{number} {number}"),
        17 => format!("HGETALL h{key}"),
        18 => format!("MSETNX {{t{key}}}c 1 {{t{key}}}d {number}"),
        19 => format!("RENAME {{t{key}}}c {{t{key}}}a"),
        20 => format!("COPY {{t{key}}}a {{t{key}}}e REPLACE"),
        21 => format!("LPOP k{key} {number}"),
        22 => "SET one".to_owned(),
        _ => format!("NOSUCH k{key}"),
    };
    words(&text)
}

/// What a program is told, in an order that does not depend on who told it.
fn told(reply: Result<Reply>) -> String {
    match reply {
        Ok(reply) => reply.dump(),
        Err(err) => format!("{:?} {:?} {}", err.status, err.outcome, err.message),
    }
}

fn run(client: &Client, commands: &[Command]) -> String {
    let mut pipeline = Pipeline::of(client);
    commands.iter().for_each(|command| {
        pipeline.add(command);
    });
    pipeline.run(mode::PLAIN).expect("no server is lost").dump()
}

#[test]
fn random_commands_have_the_replies_that_they_have_on_one_server() {
    let (server, cluster) = (Server::start(&[]), Cluster::start(&[]));
    for (protocol, seed) in [(3, 1), (2, 2)] {
        let with = |options: Options| options.int(option::PROTOCOL, protocol);
        let single = with(Options::at(&server.url())).client();
        let many = with(Options::of_cluster(&cluster.seeds()).int(option::SPLIT, 1)).client();
        let mut dice = Dice::new(seed, 0);
        for round in 0..ROUNDS {
            if dice.throw(8) == 0 {
                let commands: Vec<Command> = (0..1 + dice.throw(60)).map(|_| of_one_slot(&mut dice)).collect();
                assert_eq!(run(&many, &commands), run(&single, &commands), "seed {seed}, round {round}: {commands:?}");
                continue;
            }
            let command = if dice.throw(3) == 0 { of_many_keys(&mut dice) } else { of_one_slot(&mut dice) };
            let flags = if dice.throw(2) == 0 { call::RAW } else { 0 };
            let ask = |client: &Client| told(client.command_with(&command, flags, 0));
            assert_eq!(ask(&many), ask(&single), "seed {seed}, round {round}: {command:?}");
        }
        assert_eq!(many.ask(&["DBSIZE"]), single.ask(&["DBSIZE"]));
        assert_eq!([many.ask(&["FLUSHALL"]), single.ask(&["FLUSHALL"])], ["+OK", "+OK"]);
    }
}
