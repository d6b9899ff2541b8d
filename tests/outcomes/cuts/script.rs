//! What is said in the conversations that are cut, and a server that knows its lines.

use crate::support::peer::{self, Command, Hello};

/// One command, and what the server says to it: pushes, and a reply where one is due.
pub struct Step {
    pub args: Vec<&'static str>,
    /// All of it, one frame an element, as RESP3 has it and as RESP2 has it. The last is the reply, if there is one.
    frames: [Vec<String>; 2],
    /// Whether a reply is due, or pushes alone.
    pub replied: bool,
}

/// What is cut: a name, and its steps.
pub struct Conversation {
    pub name: &'static str,
    pub steps: Vec<Step>,
}

/// The server's side of a connection.
pub struct Far {
    hello: Hello,
    unread: Vec<u8>,
    said: Vec<u8>,
    /// Which steps it ran, in order.
    pub heard: Vec<usize>,
    /// A transaction that the client opened by itself: the steps that wait for its EXEC.
    queueing: Option<Vec<usize>>,
    /// How many commands of the greeting it heard.
    pub greetings: usize,
    pub heard_bytes: usize,
    pub said_bytes: usize,
}

impl Step {
    pub fn frames(&self, hello: Hello) -> &[String] {
        &self.frames[usize::from(hello == Hello::Resp2)]
    }

    pub fn answer(&self, hello: Hello) -> Vec<u8> {
        self.frames(hello).concat().into_bytes()
    }

    /// Whether it may run twice.
    pub fn only_reads(&self) -> bool {
        ["GET", "LRANGE", "HGETALL", "SMEMBERS"].contains(&self.args[0])
    }

    pub fn bytes(&self) -> Vec<&[u8]> {
        self.args.iter().map(|arg| arg.as_bytes()).collect()
    }
}

impl Far {
    pub fn new(hello: Hello) -> Far {
        Far {
            hello,
            unread: Vec::new(),
            said: Vec::new(),
            heard: Vec::new(),
            queueing: None,
            greetings: 0,
            heard_bytes: 0,
            said_bytes: 0,
        }
    }

    /// Hear some bytes of the client's, and answer what is whole.
    pub fn hear(&mut self, bytes: &[u8], steps: &[Step]) {
        self.heard_bytes += bytes.len();
        self.unread.extend_from_slice(bytes);
        while let Some((command, len)) = peer::parse(&self.unread) {
            self.unread.drain(..len);
            self.answer(&command, steps);
        }
    }

    /// Whether it heard the beginning of a command.
    pub fn heard_a_part(&self) -> bool {
        !self.unread.is_empty()
    }

    pub fn hello(&self) -> Hello {
        self.hello
    }

    /// Whether a transaction is open.
    pub fn is_queueing(&self) -> bool {
        self.queueing.is_some()
    }

    /// What it says next, so many bytes at most.
    pub fn say(&mut self, len_max: usize) -> Vec<u8> {
        let len = self.said.len().min(len_max);
        self.said_bytes += len;
        self.said.drain(..len).collect()
    }

    /// Run what was queued, all of it.
    fn exec(&mut self, steps: &[Step]) {
        let queue = self.queueing.take().unwrap_or_default();
        self.said.extend_from_slice(format!("*{}\r\n", queue.len()).as_bytes());
        for step in queue {
            self.heard.push(step);
            self.said.extend_from_slice(&steps[step].answer(self.hello));
        }
    }

    fn answer(&mut self, command: &Command, steps: &[Step]) {
        // No two steps are alike: a command says by itself which it is.
        let step = steps.iter().position(|step| step.bytes() == *command);
        match (step, &mut self.queueing) {
            (Some(step), Some(queue)) => {
                queue.push(step);
                self.said.extend_from_slice(b"+QUEUED\r\n");
            }
            (Some(step), None) => {
                self.heard.push(step);
                self.said.extend_from_slice(&steps[step].answer(self.hello));
            }
            (None, Some(_)) => {
                assert_eq!(command[..], [b"EXEC"]);
                self.exec(steps);
            }
            (None, None) if command[..] == [b"MULTI"] => {
                self.queueing = Some(Vec::new());
                self.said.extend_from_slice(b"+OK\r\n");
            }
            (None, None) if command[0] == b"WATCH" => self.said.extend_from_slice(b"+OK\r\n"),
            (None, None) => {
                let answer = self.hello.answer(command).unwrap_or_else(|| panic!("nobody asked {command:?}"));
                self.said.extend_from_slice(&answer);
                self.greetings += 1;
            }
        }
    }
}

/// What goes over in one burst: writes and reads, one of them refused.
pub fn batch() -> Conversation {
    let steps = vec![
        step(&["GET", "k0"], "$4\r\nv:k0\r\n"),
        step(&["SET", "k1", "a value with\r\n in it"], "+done k1\r\n"),
        step(&["INCR", "k2"], ":2002\r\n"),
        step(&["LRANGE", "k3", "0", "-1"], "*3\r\n$2\r\nk3\r\n*2\r\n:3\r\n$-1\r\n$0\r\n\r\n"),
        step(&["LPUSH", "k4", "x"], "-WRONGTYPE k4 is none\r\n"),
        either(&["HGETALL", "k5"], &["%1\r\n+k5\r\n,1.5\r\n"], &["*2\r\n+k5\r\n$3\r\n1.5\r\n"]),
        step(&["RPUSH", "k6", "x"], ":6\r\n"),
    ];
    Conversation { name: "batch", steps }
}

/// Every kind of reply, each with the name of the key that was asked for.
pub fn questions() -> Conversation {
    let long = "x".repeat(300);
    let steps = vec![
        step(&["SET", "k0", "a value with\r\n in it"], "+done k0\r\n"),
        step(&["GET", "k1"], "$12\r\nv:k1\r\n\0with\r\r\n"),
        step(&["INCR", "k2"], ":2002\r\n"),
        step(&["LRANGE", "k3", "0", "-1"], "*3\r\n$2\r\nk3\r\n*2\r\n:3\r\n$-1\r\n$0\r\n\r\n"),
        either(&["HGETALL", "k4"], &["%1\r\n+k4\r\n,1.5\r\n"], &["*2\r\n+k4\r\n$3\r\n1.5\r\n"]),
        either(&["SMEMBERS", "k5"], &["|1\r\n+a\r\n+b\r\n~2\r\n#t\r\n+k5\r\n"], &["*2\r\n:1\r\n+k5\r\n"]),
        step(&["LPUSH", "k6", "x"], "-WRONGTYPE k6 is none\r\n"),
        step(&["GET", "k7"], &format!("$302\r\nk7{long}\r\n")),
        either(&["GET", "k8"], &[">2\r\n+invalidate\r\n*1\r\n+k8\r\n", "_\r\n"], &["$-1\r\n"]),
        either(&["GET", "k9"], &["$?\r\n;1\r\nk\r\n;1\r\n9\r\n;0\r\n"], &["$2\r\nk9\r\n"]),
    ];
    Conversation { name: "questions", steps }
}

pub fn transaction() -> Conversation {
    let steps = vec![
        step(&["WATCH", "t0"], "+watched t0\r\n"),
        step(&["MULTI"], "+begun t1\r\n"),
        step(&["SET", "t2", "v"], "+QUEUED\r\n"),
        step(&["INCR", "t3"], "+QUEUED\r\n"),
        step(&["EXEC"], "*2\r\n+done t2\r\n:3003\r\n"),
        step(&["GET", "t5"], "$4\r\nv:t5\r\n"),
    ];
    Conversation { name: "transaction", steps }
}

pub fn subscription() -> Conversation {
    let subscribed = [confirmation("subscribe", "a", 1), confirmation("subscribe", "b", 2)];
    let unsubscribed = [confirmation("unsubscribe", "a", 1), confirmation("unsubscribe", "b", 0)];
    let pong = ["+PONG s1\r\n".to_owned(), "*2\r\n$4\r\npong\r\n$2\r\ns1\r\n".to_owned()];
    let ping = [message("a", "first"), message("b", "second")];
    let ping = [0, 1].map(|which| ping.iter().map(|both| both[which].clone()).chain([pong[which].clone()]).collect());
    let steps = vec![
        pushed(&["SUBSCRIBE", "a", "b"], &subscribed),
        Step { args: vec!["PING", "s1"], frames: ping, replied: true },
        pushed(&["UNSUBSCRIBE", "a", "b"], &unsubscribed),
        step(&["GET", "s3"], "$4\r\nv:s3\r\n"),
    ];
    Conversation { name: "subscription", steps }
}

fn step(args: &[&'static str], frame: &str) -> Step {
    either(args, &[frame], &[frame])
}

fn either(args: &[&'static str], resp3: &[&str], resp2: &[&str]) -> Step {
    let owned = |frames: &[&str]| frames.iter().map(|frame| (*frame).to_owned()).collect();
    Step { args: args.to_vec(), frames: [owned(resp3), owned(resp2)], replied: true }
}

fn pushed(args: &[&'static str], pushes: &[[String; 2]]) -> Step {
    let frames = [0, 1].map(|which| pushes.iter().map(|push| push[which].clone()).collect());
    Step { args: args.to_vec(), frames, replied: false }
}

fn confirmation(what: &str, channel: &str, count: usize) -> [String; 2] {
    let rest = format!("3\r\n+{what}\r\n+{channel}\r\n:{count}\r\n");
    [format!(">{rest}"), format!("*{rest}")]
}

fn message(channel: &str, text: &str) -> [String; 2] {
    let rest = format!("3\r\n+message\r\n+{channel}\r\n+{text}\r\n");
    [format!(">{rest}"), format!("*{rest}")]
}
