//! Text from outside, made safe for whoever reads it: file names, what servers answer, comments, names of interfaces,
//! what a model or a history says.

pub mod human;

use std::{borrow::Cow, fmt::Write, os::unix::ffi::OsStrExt, path::Path};

/// What somebody else wrote, for a line that a person reads: characters that end a line, move a terminal's cursor, or change
/// the order of what is read are shown as in `\n` and `\u{202e}`. Everything else stays.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    text.chars().for_each(|character| push(&mut shown, character));
    shown.into()
}

/// The same with at most so many characters, which a mark at the end tells.
pub fn printable(text: &str, most: usize) -> String {
    let mut shown = String::new();
    let mut left = most;
    for character in text.chars() {
        let before = shown.len();
        push(&mut shown, character);
        match left.checked_sub(shown[before..].chars().count()) {
            Some(rest) => left = rest,
            None => {
                shown.truncate(before);
                shown.push('…');
                break;
            }
        }
    }
    shown
}

/// A path for a line that a person reads; a byte that is no text is shown as in `\xff`.
pub fn path(path: &Path) -> String {
    let mut shown = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        shown.push_str(&escaped(chunk.valid()));
        for byte in chunk.invalid() {
            // Writing to a string can't fail.
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

/// A field of comma-separated values (RFC 4180) that no spreadsheet takes for a formula: one that begins like a formula gets
/// an apostrophe before it.
pub fn csv_cell(text: &str) -> Cow<'_, str> {
    let shown = match text.chars().next() {
        // The full-width ones mean the same to some.
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠') => {
            Cow::from(format!("'{}", escaped(text)))
        }
        _ => escaped(text),
    };
    if shown.contains([',', '"', ';']) { format!("\"{}\"", shown.replace('"', "\"\"")).into() } else { shown }
}

fn push(shown: &mut String, character: char) {
    // Writing to a string can't fail.
    let _ = match character {
        '\n' => write!(shown, "\\n"),
        '\r' => write!(shown, "\\r"),
        '\t' => write!(shown, "\\t"),
        hidden if is_hidden(hidden) => write!(shown, "\\u{{{:x}}}", u32::from(hidden)),
        plain => write!(shown, "{plain}"),
    };
}

/// Whether a character does something instead of being something: controls (C0, C1), what marks lines, the marks of
/// bidirectional text (Unicode Annex 9), what takes no room, and tags.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{00ad}'
                | '\u{061c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn what_others_write_has_neither_lines_nor_escapes_nor_an_end_far_off() {
        assert_eq!(printable("one\r\nBcc: two\u{1b}[2J", 99), "one\\r\\nBcc: two\\u{1b}[2J");
        assert_eq!(printable("äöü", 3), "äöü");
        assert_eq!(printable("äöüß", 3), "äöü…");
        assert_eq!(printable("a\u{1b}b", 4), "a…", "an escape is whole or not there");
        assert_eq!(printable("ab", 0), "…");
    }

    #[test]
    fn no_character_is_left_that_a_terminal_or_a_reader_would_obey() {
        for character in (0..=0x0011_ffff).filter_map(char::from_u32) {
            let text = format!("a{character}b");
            let shown = escaped(&text);
            let is_obeyed = character.is_control()
                || ('\u{2028}'..='\u{202e}').contains(&character)
                || ('\u{2066}'..='\u{2069}').contains(&character)
                || ['\u{200e}', '\u{200f}', '\u{61c}', '\u{feff}'].contains(&character);
            assert!(!is_obeyed || shown.is_ascii(), "{:x}", u32::from(character));
            // What is escaped once stays as it is.
            assert_eq!(escaped(&shown), shown);
        }
        assert_eq!(escaped("Zürich \\ 東京 🛰"), "Zürich \\ 東京 🛰");
        assert_eq!(escaped("a\u{202e}gpj.exe\n"), "a\\u{202e}gpj.exe\\n");
    }

    #[test]
    fn a_path_that_is_no_text_is_told_byte_by_byte() {
        let name = OsStr::from_bytes(b"caf\xc3\xa9\xff\x1b[2J\n.pcap");
        assert_eq!(path(Path::new(name)), "café\\xff\\u{1b}[2J\\n.pcap");
    }

    #[test]
    fn a_cell_is_no_formula_and_no_more_than_a_cell() {
        for (text, cell) in [
            ("port scan", "port scan"),
            ("a, \"b\"", "\"a, \"\"b\"\"\""),
            ("a\nb", "a\\nb"),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\\t=1"),
            ("\r=1", "'\\r=1"),
            ("=HYPERLINK(\"a\",\"b\")", "\"'=HYPERLINK(\"\"a\"\",\"\"b\"\")\""),
            ("", ""),
            ("1=1", "1=1"),
        ] {
            assert_eq!(csv_cell(text), cell, "{text:?}");
        }
    }
}
