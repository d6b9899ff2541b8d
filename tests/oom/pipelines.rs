//! Pipelines of many commands, arguments, shapes and scripts, and watches of many keys, where memory runs short: no reply is
//! missing, in another's place or without its shape, and no script runs out of its turn.

use super::support::c::{Client, Reply, Result};
use super::support::functions::{Callback, Verdict};
use super::support::pipeline::{Pipeline, mode};
use super::support::raw::{Node, kind};
use super::support::script::Script;
use super::{MANY, World, queued};

/// Of so many each list takes a large allocation.
const SOME: usize = 8200;

const CALLED: &[u8] = b"called";

/// There is memory again when the replies are looked at.
fn run(world: &World, pipeline: &mut Pipeline, mode: u32) -> Result<Reply> {
    let ran = pipeline.run(mode);
    world.relent();
    ran
}

/// Whatever came, it becomes a word.
pub fn replacing() -> Callback {
    Box::new(|_, _, _| Verdict::Replace(Reply::string(CALLED)))
}

/// Where there is no memory to call it, the callback has failed.
fn was_called(reply: &Node) -> bool {
    let text = reply.text();
    text == CALLED || (text.starts_with(b"CALLBACK ") && String::from_utf8_lossy(text).contains("no memory"))
}

pub fn called_back(world: &World) -> Result<()> {
    let mut pipeline = Pipeline::of(&world.replacing);
    pipeline.try_add_of(&world.push)?;
    let reply = run(world, &mut pipeline, mode::PLAIN)?;
    assert!(was_called(&reply.elements()[0]), "{}", reply.dump());
    Ok(())
}

pub fn shown_called_back(world: &World) -> Result<()> {
    let mut pipeline = Pipeline::of(&world.replacing);
    pipeline.try_add_of(&world.push)?;
    let mut right = true;
    let look = |_, reply: &Node| {
        right &= was_called(reply);
        Ok(())
    };
    let shown = pipeline.run_each(0, 0, Box::new(look));
    world.relent();
    assert!(right, "it was shown as it came");
    shown
}

/// Each has a shape that is made of a whole tree. All replies together are no large allocation, so that how they arrive, in
/// few pieces or many, is none of the requests for memory.
fn shaped_in(world: &World, client: &Client, mode: u32) -> Result<()> {
    let reply = run(world, &mut queued(client, &["INFO", "nothing"], SOME)?, mode)?;
    assert_eq!(reply.len, SOME);
    assert!(reply.elements().iter().all(|info| info.kind == kind::MAP));
    Ok(())
}

pub fn shaped(world: &World) -> Result<()> {
    shaped_in(world, &world.clients[0], mode::PLAIN)
}

pub fn shaped_transaction(world: &World) -> Result<()> {
    shaped_in(world, &world.clients[1], mode::ATOMIC)
}

/// Each script is another. They run in their places, before what stands behind them, and by their digests.
pub fn scripts_loaded(world: &World) -> Result<()> {
    let text = |number: usize| format!("return redis.call('INCR', KEYS[1]) --{number}");
    let scripts = world.scripts.get_or_init(|| (0..SOME).map(|number| Script::new(&text(number))).collect());
    assert_eq!(world.clients[1].ask(&["CONFIG", "RESETSTAT"]), "+OK");
    // Its connection knows of none.
    let client = Client::at(&world.server);
    let mut pipeline = Pipeline::of(&client);
    pipeline.try_add(&["DEL", "n"])?;
    for script in scripts {
        script.add_with(&mut pipeline, 1, &["n"], 0, std::ptr::null_mut())?;
    }
    pipeline.try_add(&["GET", "n"])?;
    let reply = run(world, &mut pipeline, mode::PLAIN)?;
    assert_eq!(reply.len, SOME + 2);
    assert_eq!(reply.elements()[SOME + 1].text(), SOME.to_string().as_bytes(), "{}", reply.elements()[1].dump());
    scripts[0].run(&client, 1, &["n"])?;
    let asked = world.clients[1].ask(&["INFO", "commandstats"]);
    assert!(asked.contains("cmdstat_evalsha:") && !asked.contains("cmdstat_eval:"), "{asked}");
    Ok(())
}

fn flush(world: &World) {
    assert_eq!(world.clients[1].ask(&["SCRIPT", "FLUSH"]), "+OK");
}

/// A pipeline with one script, so many times.
fn scripts(client: &Client, count: usize) -> Result<Pipeline> {
    let (script, mut pipeline) = (Script::new("return 1"), Pipeline::of(client));
    for number in 0..count {
        let added = script.add_with(&mut pipeline, 0, &[""; 0], 0, std::ptr::null_mut());
        added.inspect_err(|_| assert_eq!(pipeline.len(), number))?;
    }
    Ok(pipeline)
}

fn all_ran(world: &World, mut pipeline: Pipeline, mode: u32) -> Result<()> {
    let reply = run(world, &mut pipeline, mode)?;
    assert_eq!(reply.len, SOME);
    assert!(reply.elements().iter().all(|reply| reply.integer == 1 && reply.kind == kind::INTEGER));
    Ok(())
}

/// The connection knows of the script, and the server has forgotten it: all of them are sent once more, behind the batch.
pub fn scripts_flushed(world: &World) -> Result<()> {
    scripts(world.client(), 1)?.run(mode::PLAIN)?;
    flush(world);
    all_ran(world, scripts(world.client(), SOME)?, mode::PLAIN)
}

pub fn scripts_whole(world: &World) -> Result<()> {
    flush(world);
    all_ran(world, scripts(&world.guest, SOME)?, mode::PLAIN)
}

pub fn scripts_transacted(world: &World) -> Result<()> {
    flush(world);
    all_ran(world, scripts(world.client(), SOME)?, mode::ATOMIC)
}

pub fn scripts_shown(world: &World) -> Result<()> {
    flush(world);
    let (mut shown, mut right) = (0, true);
    let look = |_, reply: &Node| {
        right &= reply.kind == kind::INTEGER && reply.integer == 1;
        shown += 1;
        Ok(())
    };
    let ran = scripts(world.client(), SOME)?.run_each(0, 0, Box::new(look));
    world.relent();
    assert!(right && (ran.is_err() || shown == SOME), "{shown} shown");
    ran
}

pub fn arguments_transacted(world: &World) -> Result<()> {
    let (script, mut pipeline) = (Script::new("return #ARGV"), Pipeline::of(world.client()));
    script.add_of(&mut pipeline, 0, &world.push)?;
    let reply = run(world, &mut pipeline, mode::ATOMIC)?;
    assert_eq!(reply.elements()[0].integer, MANY as i64 + 2, "{}", reply.dump());
    Ok(())
}

pub fn watched(world: &World) -> Result<()> {
    let mut pipeline = Pipeline::of(world.client());
    pipeline.watch_of(&world.push, SOME)?;
    pipeline.try_add(&["PING"])?;
    let reply = run(world, &mut pipeline, mode::ATOMIC)?;
    assert_eq!(reply.dump(), "[#1]");
    Ok(())
}
