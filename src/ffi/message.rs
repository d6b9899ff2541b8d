//! The one line that err has room for: cut between characters, and with nothing in it that a terminal would obey.

use std::ffi::c_char;
use std::ops::Deref;

/// A message as err has it: control bytes as \xHH, cut to fit, never inside a UTF-8 character nor inside an escape, and
/// a NUL.
pub(crate) fn one_line<const N: usize>(message: &[u8]) -> [c_char; N] {
    let mut line = [0; N];
    let mut len = 0;
    let mut rest = message;
    while !rest.is_empty() {
        // Most of it is plain, and is copied in one go.
        let plain = rest.iter().take(N - 1 - len).take_while(|&&byte| (0x20..0x7f).contains(&byte)).count();
        for (place, &byte) in line[len..].iter_mut().zip(&rest[..plain]) {
            *place = byte as c_char;
        }
        len += plain;
        rest = &rest[plain..];
        if rest.is_empty() {
            break;
        }
        let (taken, written) = next_piece(rest);
        if len + written.len() > N - 1 {
            break;
        }
        for &byte in &*written {
            line[len] = byte as c_char;
            len += 1;
        }
        rest = &rest[taken..];
    }
    line
}

/// The first character of a text, and how err writes it.
fn next_piece(text: &[u8]) -> (usize, Piece) {
    let byte = text[0];
    if byte < 0x20 || byte == 0x7f {
        let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
        return (1, Piece([b'\\', b'x', digit(byte >> 4), digit(byte & 15)], 4));
    }
    if byte < 0x80 {
        return (1, Piece([byte, 0, 0, 0], 1));
    }
    let width = (2..=4).find(|&width| {
        text.len() >= width && std::str::from_utf8(&text[..width]).is_ok_and(|text| text.chars().count() == 1)
    });
    let width = width.unwrap_or(1);
    let mut bytes = [0; 4];
    bytes[..width].copy_from_slice(&text[..width]);
    (width, Piece(bytes, width))
}

struct Piece([u8; 4], usize);

impl Deref for Piece {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0[..self.1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: impl AsRef<[u8]>) -> String {
        let line = one_line::<240>(message.as_ref());
        let bytes = line.iter().map(|&byte| byte as u8).take_while(|&byte| byte != 0);
        String::from_utf8(bytes.collect()).unwrap()
    }

    #[test]
    fn control_bytes_are_written_out() {
        assert_eq!(line("a\r\nb\tc\0d\x1b\x7f"), "a\\x0d\\x0ab\\x09c\\x00d\\x1b\\x7f");
    }

    #[test]
    fn bytes_that_are_no_text_stay_as_they_are() {
        let line = one_line::<240>(b"a\xff\xe2\x82b");
        let bytes: Vec<u8> = line.iter().map(|&byte| byte as u8).take(6).collect();
        assert_eq!(bytes, b"a\xff\xe2\x82b\0");
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        assert_eq!(line("x".repeat(500)).len(), 239);
        for lead in 0..8 {
            for piece in ["é", "€", "𝄞", "\n"] {
                let whole = "x".repeat(lead) + &piece.repeat(300);
                let line = line(&whole);
                let width = if piece == "\n" { 4 } else { piece.len() };
                assert_eq!(line.len(), lead + (239 - lead) / width * width, "{piece:?} behind {lead}");
            }
        }
    }
}
