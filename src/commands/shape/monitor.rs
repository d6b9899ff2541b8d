//! MONITOR: its reply, and the lines that follow.

use super::Row;
use super::parts::{integer, name, texts};
use crate::reply::{Builder, Form, Kind, View};
use crate::resp;

pub(super) static ROWS: &[Row] =
    &[Row::tree("MONITOR", monitor, "BOOL; of a line of its a MAP: time, db, client_type, addr, port, argv")];

/// What MONITOR answers is a status, and so is every line behind it.
fn monitor(_: u32, reply: View<'_>, out: &mut Builder) -> Option<()> {
    let line = (reply.kind() == Kind::RREDIS_REPLY_STATUS).then(|| reply.text())?;
    if line == b"OK" {
        out.add_formed(reply, &Form::Bool);
        return Some(());
    }
    let line = MonitorLine::read(line)?;
    out.open(Kind::RREDIS_REPLY_MAP);
    name("time", out);
    out.add_number(resp::double(line.time), Some(line.time));
    name("db", out);
    integer(line.db, out);
    client(line.client, out);
    name("argv", out);
    texts(Kind::RREDIS_REPLY_ARRAY, line.argv.iter().map(Vec::as_slice), out);
    out.end();
    Some(())
}

/// As in `1700000000.123456 [0 127.0.0.1:5000] "SET" "k" "v"`.
struct MonitorLine<'a> {
    time: &'a [u8],
    db: &'a [u8],
    client: &'a [u8],
    argv: Vec<Vec<u8>>,
}

impl<'a> MonitorLine<'a> {
    fn read(line: &'a [u8]) -> Option<MonitorLine<'a>> {
        let (time, rest) = cut(line, b" [")?;
        let (db, rest) = cut(rest, b" ")?;
        let (client, args) = cut(rest, b"] ")?;
        let mut argv = Vec::new();
        let mut args = Some(args);
        while let Some(rest) = args {
            let (arg, behind) = quoted(rest)?;
            argv.try_reserve(1).ok()?;
            argv.push(arg);
            args = match behind {
                [] => None,
                [b' ', behind @ ..] => Some(behind),
                _ => return None,
            };
        }
        resp::is_double(time).then_some(MonitorLine { time, db, client, argv })
    }
}

/// Where a command came from: a script, a socket in the file system, or the network.
fn client(from: &[u8], out: &mut Builder) {
    let port = || from.iter().rposition(|&byte| byte == b':');
    let (kind, addr, port) = match (from, port()) {
        (b"lua", _) => ("lua", None, None),
        ([b'u', b'n', b'i', b'x', b':', path @ ..], _) => ("unix", Some(path), None),
        (_, Some(at)) => ("tcp", Some(&from[..at]), Some(&from[at + 1..])),
        _ => ("tcp", Some(from), None),
    };
    name("client_type", out);
    name(kind, out);
    if let Some(addr) = addr {
        name("addr", out);
        name(addr, out);
    }
    if let Some(port) = port {
        name("port", out);
        integer(port, out);
    }
}

fn cut<'a>(text: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(mark.len()).position(|window| window == mark)?;
    Some((&text[..at], &text[at + mark.len()..]))
}

/// A text in quotes, and what is behind them.
fn quoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = text.strip_prefix(b"\"")?;
    let mut plain = Vec::new();
    loop {
        let (byte, behind) = match rest {
            [b'"', behind @ ..] => return Some((plain, behind)),
            [b'\\', b'x', high, low, behind @ ..] => (hex(*high)? << 4 | hex(*low)?, behind),
            [b'\\', escaped, behind @ ..] => (unescaped(*escaped), behind),
            [byte, behind @ ..] => (*byte, behind),
            [] => return None,
        };
        plain.try_reserve(1).ok()?;
        plain.push(byte);
        rest = behind;
    }
}

fn unescaped(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'a' => 7,
        b'b' => 8,
        other => other,
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use crate::commands::shape::tests::becomes;

    fn shown(line: &str) -> String {
        becomes("MONITOR", &format!("+{line}\r\n"))
    }

    #[test]
    fn a_line_is_read() {
        assert_eq!(shown("OK"), "true(OK)");
        assert_eq!(
            shown(r#"1700000000.123456 [0 127.0.0.1:5000] "SET" "a b" "\"\\\n\r\t\a\b\x00\xfF""#),
            r#"{"time": 1700000000.123456|1700000000.123456|, "db": 0, "client_type": "tcp", "addr": "127.0.0.1", "port": 5000, "argv": ["SET", "a b", "\"\\\n\r\t\x07\x08\x00\xff"]}"#
        );
        assert_eq!(
            shown(r#"1.5 [15 lua] "PING""#),
            r#"{"time": 1.5|1.5|, "db": 15, "client_type": "lua", "argv": ["PING"]}"#
        );
        assert_eq!(
            shown(r#"1.5 [0 unix:/tmp/a s] "x" "] ""#),
            r#"{"time": 1.5|1.5|, "db": 0, "client_type": "unix", "addr": "/tmp/a s", "argv": ["x", "] "]}"#
        );
        assert!(shown(r#"1.5 [0 [::1]:7] "x""#).contains(r#""addr": "[::1]", "port": 7"#));
    }

    #[test]
    fn what_is_no_line_is_kept() {
        for line in
            ["1.5 [0 lua] ", "x [0 lua] \"a\"", "1.5 [0 lua] \"a", "1.5 [0 lua] \"a\"b", "1.5 [0 lua] \"\\x1\"", ""]
        {
            assert_eq!(shown(line), format!("+{}", line.escape_default()), "{line}");
        }
    }
}
