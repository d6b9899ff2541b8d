//! Scripts of a run on a server that does not have them: what is asked, what is sent whole, and what that is worth.

use super::*;

const WORDS: &str = "-NOSCRIPT No matching script. Please use EVAL.\r\n";
const NO: &str = "-NOPERM no\r\n";

/// This script, so many times.
fn run(client: &Client, script: &LuaScript, count: usize) -> (Result<Reply>, Option<usize>) {
    let mut pipeline = queued(client, &[b"GET", b"k"]);
    for _ in 0..count {
        pipeline.add_script(script, 0, &[], Flags::default(), std::ptr::null_mut()).unwrap();
    }
    let mut batch = pipeline.begin_run(Mode::Plain).unwrap();
    (batch.run(&Call::default()), batch.merged.failed)
}

/// SCRIPT EXISTS and SCRIPT LOAD of a script; GET; its EVALSHA; its EVAL.
fn commands(script: &LuaScript) -> [Vec<u8>; 5] {
    let sha = script.sha().to_bytes();
    [
        encoded(&[b"SCRIPT", b"EXISTS", sha]),
        encoded(&[b"SCRIPT", b"LOAD", b"return 1"]),
        encoded(&[b"GET", b"k"]),
        encoded(&[b"EVALSHA", sha, b"0"]),
        encoded(&[b"EVAL", b"return 1", b"0"]),
    ]
}

#[test]
fn a_server_that_does_not_say_what_it_has_gets_scripts_whole_and_is_believed_what_they_answer() {
    let script = LuaScript::new(b"return 1").unwrap();
    let [exists, load, get, by_digest, whole] = commands(&script);
    let asked = [expect([exists, load, get.clone(), by_digest].concat()), give([NO, NO, "_\r\n", WORDS].concat())];
    let behind = [expect(&whole), give(":1\r\n")];
    // A script that was sent whole has run, whatever its words are.
    let told = [expect([get, whole].concat()), give(["_\r\n", WORDS].concat())];
    let client = client_of(0, vec![[&asked[..], &behind, &told, &[expect(INCR), give(":2\r\n")]].concat()]);
    let reply = run(&client, &script, 1).0.unwrap();
    assert_eq!(reply.view().get(1).unwrap().integer(), Some(1));
    let (reply, failed) = run(&client, &script, 1);
    assert!(reply.unwrap().view().get(1).unwrap().text().starts_with(b"NOSCRIPT "));
    assert_eq!(failed, Some(1));
    assert_eq!(client.command(&[b"INCR", b"k"], &Call::default()).unwrap().view().integer(), Some(2));
}

#[test]
fn a_script_that_failed_whole_is_asked_for_again_and_one_that_ran_is_not() {
    let script = LuaScript::new(b"return 1").unwrap();
    let [exists, load, get, by_digest, whole] = commands(&script);
    let asked = [exists, load, get.clone(), by_digest.clone()].concat();
    let not_there = give(["*1\r\n:0\r\n", NO, "_\r\n", WORDS].concat());
    for (said, sent, replies) in [
        ("-ERR no\r\n", asked.clone(), ["*1\r\n:1\r\n", NO, "_\r\n", ":1\r\n"].concat()),
        (":1\r\n", [get, by_digest].concat(), "_\r\n:1\r\n".to_owned()),
    ] {
        let first = [expect(&asked), not_there.clone(), expect(&whole), give(said)];
        let client = client_of(0, vec![[&first[..], &[expect(sent), give(replies)]].concat()]);
        assert_eq!(run(&client, &script, 1).0.unwrap().view().get(1).unwrap().is_error(), said.starts_with('-'));
        assert_eq!(run(&client, &script, 1).0.unwrap().view().get(1).unwrap().integer(), Some(1));
    }
}

#[test]
fn what_broke_off_behind_a_batch_says_how_many_commands_were_answered_and_which_was_not() {
    let script = LuaScript::new(b"return 1").unwrap();
    let [exists, load, get, by_digest, whole] = commands(&script);
    let batch = [get.as_slice(), &by_digest, &by_digest].concat();
    let missing = ["*1\r\n:0\r\n", NO, "_\r\n", WORDS, WORDS].concat();
    let whole = [
        expect([exists.as_slice(), &load, &batch].concat()),
        give(missing),
        expect([whole.as_slice(), &whole].concat()),
    ];
    let loaded = ["*1\r\n:0\r\n", "$1\r\nx\r\n", "_\r\n", WORDS, WORDS].concat();
    let asked = [expect([exists.as_slice(), &load, &batch].concat()), give(loaded), expect(&exists)];
    for (steps, text, failed) in [
        ([&whole[..], &[give(":1\r\n"), Step::End]].concat(), "; 2 of 3 commands were answered", 2),
        ([&whole[..], &[Step::End]].concat(), "; 1 of 3 commands were answered", 1),
        ([&asked[..], &[Step::End]].concat(), "; 1 of 3 commands were answered", 1),
    ] {
        let (result, first) = run(&client_of(0, vec![steps.clone()]), &script, 2);
        let error = result.unwrap_err();
        assert_eq!((error.status, error.outcome, first), (Status::Io, Outcome::Unknown, Some(failed)), "{steps:?}");
        assert!(error.to_string().ends_with(text), "{error}");
    }
}
