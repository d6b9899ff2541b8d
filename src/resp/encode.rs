//! Encoding commands: a RESP array of bulk strings.

use crate::error::{Error, Result, Status};
use crate::limits::{COMMAND_ARG_BYTES_MAX, COMMAND_ARGS_MAX};
use crate::memory;
use std::mem::MaybeUninit;

/// Append the command to `out`. On an error `out` is as it was.
pub fn encode(args: &[&[u8]], out: &mut Vec<u8>) -> Result<()> {
    encode_with_room(args, out, 0)
}

/// The same, and see to it that so many bytes more find room behind it.
pub fn encode_with_room(args: &[&[u8]], out: &mut Vec<u8>, room: usize) -> Result<()> {
    let wanted = checked_room(args)?;
    encode_checked(args, out, wanted.saturating_add(room))
}

/// The same for arguments that `checked_room` let pass, with as much room as it said at least.
#[inline(always)]
pub fn encode_checked(args: &[&[u8]], out: &mut Vec<u8>, room: usize) -> Result<()> {
    if out.capacity().wrapping_sub(out.len()) < room {
        out.try_reserve(room).map_err(|_| Error::memory("the command"))?;
    }
    let Some((name, args)) = args.split_first() else { return Ok(()) };
    match (args.len(), name.len()) {
        (count @ 0..9, len @ 0..10) => {
            let head = [b'*', digit(count + 1), b'\r', b'\n', b'$', digit(len), b'\r', b'\n'];
            memory::put_headed(out, head, 8, name);
        }
        (count, _) => {
            out.push(b'*');
            decimal(out, count + 1);
            put(out, name);
        }
    }
    for arg in args {
        put(out, arg);
    }
    memory::put_headed(out, [b'\r', b'\n', 0, 0, 0, 0, 0, 0], 2, &[]);
    Ok(())
}

/// Write the command to this room, which it fills: as long as `encoded_len` says. None: it is not.
#[inline]
pub fn encode_into(args: &[&[u8]], mut room: &mut [MaybeUninit<u8>]) -> Option<()> {
    let (name, args) = args.split_first()?;
    match (args.len(), name.len()) {
        (count @ 0..9, len @ 0..10) => {
            let head = [b'*', digit(count + 1), b'\r', b'\n', b'$', digit(len), b'\r', b'\n'];
            fill_headed(&mut room, head, 8, name)?;
        }
        (count, _) => {
            fill(&mut room, b"*")?;
            fill(&mut room, itoa::Buffer::new().format(count + 1).as_bytes())?;
            fill_argument(&mut room, name)?;
        }
    }
    for arg in args {
        fill_argument(&mut room, arg)?;
    }
    fill(&mut room, b"\r\n")?;
    room.is_empty().then_some(())
}

/// The end of the line before, the line of an argument's length, and the argument.
#[inline(always)]
fn fill_argument(room: &mut &mut [MaybeUninit<u8>], arg: &[u8]) -> Option<()> {
    match arg.len() {
        len @ 0..10 => fill_headed(room, [b'\r', b'\n', b'$', digit(len), b'\r', b'\n', 0, 0], 6, arg),
        len @ 10..100 => {
            let head = [b'\r', b'\n', b'$', digit(len / 10), digit(len % 10), b'\r', b'\n', 0];
            fill_headed(room, head, 7, arg)
        }
        len => {
            fill(room, b"\r\n$")?;
            fill(room, itoa::Buffer::new().format(len).as_bytes())?;
            fill(room, b"\r\n")?;
            fill(room, arg)
        }
    }
}

/// The first `len` bytes of `head`, and these. All of the head is written, so that it is one word: behind six bytes of it at
/// least there are the last two of the command.
#[inline(always)]
fn fill_headed(room: &mut &mut [MaybeUninit<u8>], head: [u8; 8], len: usize, bytes: &[u8]) -> Option<()> {
    room.get_mut(..8)?.write_copy_of_slice(&head);
    *room = std::mem::take(room).get_mut(len..)?;
    fill(room, bytes)
}

#[inline(always)]
fn fill(room: &mut &mut [MaybeUninit<u8>], bytes: &[u8]) -> Option<()> {
    let (place, behind) = std::mem::take(room).split_at_mut_checked(bytes.len())?;
    place.write_copy_of_slice(bytes);
    *room = behind;
    Some(())
}

/// The arguments of a command that `encode` wrote, in the place of those in `args`.
pub fn arguments<'c>(command: &'c [u8], args: &mut Vec<&'c [u8]>) -> Result<()> {
    args.clear();
    let (count, mut rest) = read_header(command);
    args.try_reserve(count).map_err(|_| Error::memory("the arguments"))?;
    for _ in 0..count {
        let (len, behind) = read_header(rest);
        let (arg, behind) = behind.split_at_checked(len).unwrap_or((behind, &[]));
        args.push(arg);
        rest = behind.get(2..).unwrap_or_default();
    }
    Ok(())
}

/// The last of commands that `encode` wrote, one behind the other.
pub fn last_command(mut commands: &[u8]) -> &[u8] {
    loop {
        let (count, mut behind) = read_header(commands);
        for _ in 0..count {
            let (len, rest) = read_header(behind);
            behind = len.checked_add(2).and_then(|end| rest.get(end..)).unwrap_or_default();
        }
        if behind.is_empty() {
            return commands;
        }
        commands = behind;
    }
}

/// The number of a line of one byte and digits, and what is behind the line.
fn read_header(bytes: &[u8]) -> (usize, &[u8]) {
    let end = bytes.iter().position(|&byte| byte == b'\r').unwrap_or(bytes.len());
    let digits = bytes.get(1..end).unwrap_or_default();
    let number = digits
        .iter()
        .fold(0usize, |number, digit| number.saturating_mul(10).saturating_add(usize::from(digit.wrapping_sub(b'0'))));
    (number, bytes.get(end + 2..).unwrap_or_default())
}

/// Append the end of the line before, the line of an argument's length, and the argument.
#[inline(always)]
fn put(out: &mut Vec<u8>, arg: &[u8]) {
    match arg.len() {
        len @ 0..10 => memory::put_headed(out, [b'\r', b'\n', b'$', digit(len), b'\r', b'\n', 0, 0], 6, arg),
        len @ 10..100 => {
            let head = [b'\r', b'\n', b'$', digit(len / 10), digit(len % 10), b'\r', b'\n', 0];
            memory::put_headed(out, head, 7, arg);
        }
        _ => put_long(out, arg),
    }
}

#[inline(never)]
fn put_long(out: &mut Vec<u8>, arg: &[u8]) {
    out.extend_from_slice(b"\r\n$");
    decimal(out, arg.len());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(arg);
}

#[inline(always)]
fn digit(number: usize) -> u8 {
    b'0'.wrapping_add(number as u8)
}

#[inline(never)]
fn decimal(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Whether these arguments can be a command at all.
pub fn check(args: &[&[u8]]) -> Result<()> {
    if args.is_empty() {
        return Err(Error::new(Status::Argument, "a command has at least its name"));
    }
    if args.len() > COMMAND_ARGS_MAX {
        let message = format!("a command of {} arguments; at most {COMMAND_ARGS_MAX} are taken", args.len());
        return Err(Error::new(Status::Argument, message));
    }
    if let Some(arg) = args.iter().find(|arg| arg.len() > COMMAND_ARG_BYTES_MAX) {
        let message = format!("an argument of {} bytes; at most {COMMAND_ARG_BYTES_MAX} are taken", arg.len());
        return Err(Error::new(Status::Argument, message));
    }
    Ok(())
}

/// `check` and `room_for` in one pass over the arguments.
#[inline(always)]
pub fn checked_room(args: &[&[u8]]) -> Result<usize> {
    let mut room = LINE_BYTES_MAX;
    let mut wrong = args.is_empty() || args.len() > COMMAND_ARGS_MAX;
    for arg in args {
        wrong |= arg.len() > COMMAND_ARG_BYTES_MAX;
        room = room.wrapping_add(arg.len()).wrapping_add(LINE_BYTES_MAX);
    }
    if wrong {
        check(args)?;
    }
    Ok(room)
}

/// How many bytes of room `encode` asks for before it begins: no fewer than it appends.
pub fn room_for(args: &[&[u8]]) -> usize {
    // No sum of what `check` lets pass is too large to be one.
    let bytes = args.iter().fold(0usize, |bytes, arg| bytes.wrapping_add(arg.len()));
    bytes.saturating_add(LINE_BYTES_MAX * (args.len() + 1))
}

/// How many bytes `encode` would append; the largest number there is where that would not fit in memory.
pub fn encoded_len(args: &[&[u8]]) -> usize {
    checked_len(args).0
}

/// The same, and whether `check` lets these pass.
#[inline(always)]
pub fn checked_len(args: &[&[u8]]) -> (usize, bool) {
    let mut fits = !args.is_empty() && args.len() <= COMMAND_ARGS_MAX;
    let mut len = 3 + decimal_len(args.len());
    for arg in args {
        fits &= arg.len() <= COMMAND_ARG_BYTES_MAX;
        len = len.saturating_add(5 + decimal_len(arg.len())).saturating_add(arg.len());
    }
    (len, fits)
}

#[inline(always)]
fn decimal_len(number: usize) -> usize {
    match number {
        0..10 => 1,
        10..100 => 2,
        _ => number.ilog10() as usize + 1,
    }
}

/// As long as any line, and the end of the one before: two of CR and LF, a byte and twenty digits.
const LINE_BYTES_MAX: usize = 25;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_an_array_of_bulk_strings() {
        let mut out = b"before".to_vec();
        encode(&[b"SET", b"a\r\nb", b""], &mut out).unwrap();
        assert_eq!(out, b"before*3\r\n$3\r\nSET\r\n$4\r\na\r\nb\r\n$0\r\n\r\n");
    }

    #[test]
    fn the_length_is_known_before() {
        for len in [0usize, 1, 9, 10, 99, 100, 1000] {
            let arg = vec![b'x'; len];
            let args: Vec<&[u8]> = vec![&arg; len.max(1)];
            let mut out = Vec::new();
            encode(&args, &mut out).unwrap();
            assert_eq!(out.len(), encoded_len(&args));
        }
    }

    #[test]
    fn the_arguments_are_read_back() {
        let many = vec![b"x".as_slice(); 1000];
        let long = vec![b'y'; 100_000];
        let commands: [&[&[u8]]; 4] = [&[b"PING"], &[b"SET", b"a\r\nb", b""], &[b"", b"$5\r\n", &long], &many];
        for command in commands {
            let mut out = Vec::new();
            encode(command, &mut out).unwrap();
            let mut args = vec![b"left over".as_slice()];
            arguments(&out, &mut args).unwrap();
            assert_eq!(args, command);
        }
    }

    #[test]
    fn an_empty_or_endless_command_is_an_argument_error() {
        let mut out = Vec::new();
        assert_eq!(encode(&[], &mut out).unwrap_err().status, Status::Argument);
        let args: Vec<&[u8]> = vec![b"x"; COMMAND_ARGS_MAX + 1];
        assert_eq!(encode(&args, &mut out).unwrap_err().status, Status::Argument);
        assert!(out.is_empty());
    }
}
