//! The one line that err has room for: cut between characters, and with nothing in it that a terminal would obey.

use std::ffi::c_char;

use crate::error::line;

/// A message as err has it: a line, cut to fit, never inside a character nor inside what is written for one, and a NUL.
pub(crate) fn one_line<const N: usize>(message: &[u8]) -> [c_char; N] {
    let mut written = [0; N];
    let mut len = 0;
    let mut rest = message;
    while !rest.is_empty() {
        // Most of it is plain, and is copied in one go.
        let plain = line::plain_len(&rest[..rest.len().min(N - 1 - len)]);
        for (place, &byte) in written[len..].iter_mut().zip(&rest[..plain]) {
            *place = byte as c_char;
        }
        len += plain;
        rest = &rest[plain..];
        if rest.is_empty() {
            break;
        }
        let (taken, piece) = line::first_piece(rest);
        let piece = piece.as_str().as_bytes();
        if len + piece.len() > N - 1 {
            break;
        }
        for &byte in piece {
            written[len] = byte as c_char;
            len += 1;
        }
        rest = &rest[taken..];
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(message: impl AsRef<[u8]>) -> String {
        let line = one_line::<240>(message.as_ref());
        let bytes = line.iter().map(|&byte| byte as u8).take_while(|&byte| byte != 0);
        String::from_utf8(bytes.collect()).unwrap()
    }

    #[test]
    fn it_is_the_line_of_the_message() {
        assert_eq!(line("a\r\nb\\c\0d\u{2028}"), r"a\x0d\x0ab\\c\x00d\xe2\x80\xa8");
        assert_eq!(line(b"a\xff\xe2\x82b"), r"a\xff\xe2\x82b");
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        assert_eq!(line("x".repeat(500)).len(), 239);
        for lead in 0..12 {
            for (piece, width) in
                [("é", 2), ("€", 3), ("𝄞", 4), ("\n", 4), ("\\", 2), ("\u{85}", 8), ("\u{202e}", 12), ("\u{e0041}", 16)]
            {
                let line = line("x".repeat(lead) + &piece.repeat(300));
                assert_eq!(line.len(), lead + (239 - lead) / width * width, "{piece:?} behind {lead}");
            }
        }
    }

    proptest! {
        #[test]
        fn however_it_is_cut_it_is_the_line_of_a_beginning(message in prop::collection::vec(any::<u8>(), 0..300)) {
            let cut = line(&message);
            let whole = line::of(&message);
            prop_assert!(whole.starts_with(&cut));
            prop_assert!(message.starts_with(&line::text_of(cut.as_bytes())));
            prop_assert!(cut.len() > 239 - 16 || cut.len() == whole.len());
        }
    }
}
