//! Any bytes as one line of text that is safe to print on a terminal, without a loss.
//!
//! Control and format characters, separators of lines, and bytes that are no UTF-8 are written `\xHH`, byte by byte, and `\` is
//! written `\\`. So each text has one line, and the line gives the text back.

use std::borrow::Cow;

/// The text as a line.
pub fn of(text: &[u8]) -> Cow<'_, str> {
    let (head, mut rest) = text.split_at(plain_len(text));
    let head = std::str::from_utf8(head).unwrap_or_default(); // It is ASCII.
    if rest.is_empty() {
        return Cow::Borrowed(head);
    }
    let mut line = head.to_owned();
    while !rest.is_empty() {
        let (taken, piece) = first_piece(rest);
        line.push_str(piece.as_str());
        rest = &rest[taken..];
    }
    Cow::Owned(line)
}

/// The text that a line stands for. What is no escape stands for itself: so whatever this is given, `of` makes a line of what it
/// gives, and of a line the same line.
pub fn text_of(line: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((&byte, behind)) = rest.split_first() {
        let (byte, taken) = match behind {
            [b'\\', ..] if byte == b'\\' => (b'\\', 2),
            [b'x', high, low, ..] if byte == b'\\' => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, 4),
                _ => (byte, 1),
            },
            _ => (byte, 1),
        };
        text.push(byte);
        rest = &rest[taken..];
    }
    text
}

/// How many bytes at the beginning stand for themselves in a line, and are ASCII.
pub fn plain_len(text: &[u8]) -> usize {
    let is_plain = |byte: u8| (b' '..=b'~').contains(&byte) & (byte != b'\\');
    let mut len = 0;
    // Many at once first: nearly all are.
    while let Some(chunk) = text[len..].first_chunk::<16>()
        && chunk.iter().fold(true, |all, &byte| all & is_plain(byte))
    {
        len += chunk.len();
    }
    len + text[len..].iter().take_while(|&&byte| is_plain(byte)).count()
}

/// The first character of a text, or the first byte where that begins none: how many bytes it has, and how a line writes it.
pub fn first_piece(text: &[u8]) -> (usize, Piece) {
    let head = text.get(..CHAR_MAX).unwrap_or(text);
    let valid = match std::str::from_utf8(head) {
        Ok(_) => head.len(),
        Err(error) => error.valid_up_to(),
    };
    let first = std::str::from_utf8(&head[..valid]).ok().and_then(|head| head.chars().next());
    let len = first.map_or(1, char::len_utf8).min(text.len());
    let mut piece = Piece::default();
    match first {
        Some('\\') => piece.push(br"\\"),
        Some(char) if !is_obeyed(char) => piece.push(&text[..len]),
        _ => text[..len].iter().for_each(|&byte| piece.push(&escape(byte))),
    }
    (len, piece)
}

/// How a line writes one character.
#[derive(Default)]
pub struct Piece {
    bytes: [u8; CHAR_MAX * ESCAPE_LEN],
    len: usize,
}

impl Piece {
    /// As text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.bytes.get(..self.len).unwrap_or_default()).unwrap_or_default()
    }

    fn push(&mut self, bytes: &[u8]) {
        if let Some(room) = self.bytes.get_mut(self.len..self.len + bytes.len()) {
            room.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }
}

/// Whether a terminal would obey a character, and not show it: controls, separators of lines and paragraphs, and all that
/// Unicode calls format characters (Cf), which turn the order of what is around them, among others.
fn is_obeyed(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e007f}')
}

fn escape(byte: u8) -> [u8; ESCAPE_LEN] {
    let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
    [b'\\', b'x', digit(byte >> 4), digit(byte & 15)]
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// Bytes of the longest character.
const CHAR_MAX: usize = 4;
const ESCAPE_LEN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(text: impl AsRef<[u8]>) -> String {
        of(text.as_ref()).into_owned()
    }

    #[test]
    fn what_is_shown_is_shown() {
        for text in
            ["", "plain", "caf\u{e9} \u{20ac} \u{1d11e} \u{4e2d}\u{6587} \u{5e9}\u{5dc}", "a b~!\"'", "\u{a0}\u{fffd}"]
        {
            assert_eq!(line(text), text);
        }
        assert!(matches!(of(b"plain"), Cow::Borrowed("plain")));
    }

    #[test]
    fn what_is_obeyed_is_written_out() {
        assert_eq!(line("a\r\nb\tc\0d\x1b\x7f"), r"a\x0d\x0ab\x09c\x00d\x1b\x7f");
        assert_eq!(line("\u{9b}31m \u{85}"), r"\xc2\x9b31m \xc2\x85");
        assert_eq!(line("a\u{2028}b\u{2029}c"), r"a\xe2\x80\xa8b\xe2\x80\xa9c");
        for char in
            "\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{200e}\u{200f}\u{61c}\u{feff}\
            \u{200b}\u{200d}\u{2060}\u{ad}\u{e0041}"
                .chars()
        {
            assert!(line(char.to_string()).bytes().all(|byte| byte.is_ascii_graphic()), "{char:?}");
        }
    }

    #[test]
    fn an_escape_that_stood_there_is_no_control() {
        assert_eq!(line(r"\x0a"), r"\\x0a");
        assert_eq!(line("\n"), r"\x0a");
        assert_eq!(line(r"C:\new\\"), r"C:\\new\\\\");
    }

    #[test]
    fn bytes_that_are_no_text_are_written_out() {
        assert_eq!(line(b"a\xff\xe2\x82b"), r"a\xff\xe2\x82b");
        assert_eq!(line(b"\x9b31m\xed\xa0\x80\xf8\x80"), r"\x9b31m\xed\xa0\x80\xf8\x80");
        assert_eq!(line(b"\xe2\x82"), r"\xe2\x82");
    }

    #[test]
    fn what_is_no_escape_stands_for_itself() {
        for (line, text) in
            [(r"C:\new", r"C:\new"), (r"\x0", r"\x0"), (r"\xgg", r"\xgg"), (r"\", r"\"), (r"\X0A", r"\X0A")]
        {
            assert_eq!(text_of(line.as_bytes()), text.as_bytes());
        }
        assert_eq!(text_of(br"a\\x0a\x0A\\"), b"a\\x0a\n\\");
    }

    /// Text with much in it that is special.
    fn any_text() -> impl Strategy<Value = Vec<u8>> {
        let char = prop_oneof![
            any::<char>(),
            Just('\\'),
            prop::char::range('\0', '\u{a0}'),
            prop::char::range('\u{2000}', '\u{2070}')
        ];
        let piece = prop_oneof![
            char.prop_map(|char| char.to_string().into_bytes()),
            prop::collection::vec(any::<u8>(), 1..4),
            "[\\\\x0-9a-f]{1,6}".prop_map(String::into_bytes)
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn a_line_has_nothing_to_obey_and_gives_its_text_back(text in any_text()) {
            let line = line(&text);
            prop_assert!(!line.chars().any(is_obeyed), "{}", line);
            let has_control = line.chars().any(|char| (char as u32) < 0x20 || (0x7f..0xa0).contains(&(char as u32)));
            prop_assert!(!has_control, "{}", line);
            prop_assert_eq!(text_of(line.as_bytes()), text);
        }

        #[test]
        fn whatever_is_taken_for_a_line_makes_one(written in any_text()) {
            let first = line(text_of(&written));
            prop_assert_eq!(line(text_of(first.as_bytes())), first);
        }
    }
}
