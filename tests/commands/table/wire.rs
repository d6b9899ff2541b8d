//! Whole replies of a server, in RESP2, by a way that owes nothing to the library; many commands are asked at once.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// What a server said.
#[derive(Debug, PartialEq)]
pub enum Said {
    Text(Vec<u8>),
    Number(i64),
    Error(String),
    List(Vec<Said>),
    Nothing,
}

impl Said {
    pub fn list(&self) -> &[Said] {
        match self {
            Said::List(items) => items,
            Said::Nothing => &[],
            other => panic!("no list: {other:?}"),
        }
    }

    pub fn text(&self) -> String {
        match self {
            Said::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Said::Number(number) => number.to_string(),
            other => panic!("no text: {other:?}"),
        }
    }

    pub fn texts(&self) -> Vec<String> {
        self.list().iter().map(Said::text).collect()
    }

    /// The value of this name in a list of names and values.
    pub fn get(&self, name: &str) -> Option<&Said> {
        self.list().chunks_exact(2).find(|pair| pair[0].text() == name).map(|pair| &pair[1])
    }
}

/// One connection.
pub struct Asker(BufReader<UnixStream>);

impl Asker {
    pub fn at(path: &Path) -> Asker {
        let stream = UnixStream::connect(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket takes a timeout");
        Asker(BufReader::new(stream))
    }

    pub fn ask(&mut self, args: &[&str]) -> Said {
        let args: Vec<Vec<u8>> = args.iter().map(|arg| arg.as_bytes().to_vec()).collect();
        self.ask_all(std::slice::from_ref(&args)).remove(0)
    }

    /// All replies, in the order of the commands; they are written while replies are read.
    pub fn ask_all(&mut self, commands: &[Vec<Vec<u8>>]) -> Vec<Said> {
        let mut writer = self.0.get_ref().try_clone().expect("a socket can be shared");
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut bytes = Vec::new();
                for command in commands {
                    bytes.extend(format!("*{}\r\n", command.len()).bytes());
                    for arg in command {
                        bytes.extend(format!("${}\r\n", arg.len()).bytes());
                        bytes.extend(arg);
                        bytes.extend(b"\r\n");
                    }
                }
                writer.write_all(&bytes).expect("the server reads");
            });
            commands.iter().map(|_| self.read()).collect()
        })
    }

    fn read(&mut self) -> Said {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("the server answers");
        let line = line.trim_end_matches("\r\n");
        let (kind, rest) = line.split_at(1);
        let number = || rest.parse::<i64>().expect("a number");
        match kind {
            "+" => Said::Text(rest.as_bytes().to_vec()),
            "-" => Said::Error(rest.to_owned()),
            ":" => Said::Number(number()),
            "$" | "*" if number() < 0 => Said::Nothing,
            "$" => {
                let mut text = vec![0; number() as usize + 2];
                self.0.read_exact(&mut text).expect("the server sends a whole string");
                text.truncate(number() as usize);
                Said::Text(text)
            }
            "*" => Said::List((0..number()).map(|_| self.read()).collect()),
            _ => panic!("the server says {line}"),
        }
    }
}
