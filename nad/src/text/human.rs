//! Numbers as people read them, and lines of the width of a terminal.

/// `1,234,567`
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// A length of time in its two largest units: `45 s`, `12 min`, `3 h 12 min`, `6 d 3 h`. The smaller one is left out where it is 0.
pub fn length(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    let two = |large: u64, unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large} {unit}"),
        small => format!("{large} {unit} {small} {small_unit}"),
    };
    match seconds {
        0..120 => format!("{seconds} s"),
        120..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600..172_800 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

/// Bytes on a wire or in a file, in units of 1000: `999 B`, `1.2 kB`, `3.4 GB`.
pub fn bytes(count: f64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut count = count.max(0.0);
    let mut unit = 0;
    // What would be rounded to 1000 is 1 of the next unit.
    while count >= 999.5 && unit + 1 < UNITS.len() {
        count /= 1000.0;
        unit += 1;
    }
    let decimals = usize::from(unit > 0 && count < 99.95);
    format!("{count:.decimals$} {}", UNITS[unit])
}

/// A part as percent, rounded down, so that 100 % is all of it.
pub fn percent(part: f64) -> String {
    let part = part.clamp(0.0, 1.0);
    if part >= 1.0 { "100 %".into() } else { format!("{:.1} %", (part * 1000.0).floor() / 10.0) }
}

/// Text in lines of at most so many characters, broken at spaces where there are any; further lines begin with `indent` spaces.
/// Without a width it is one line.
pub fn wrapped(text: &str, width: Option<usize>, indent: usize) -> String {
    let Some(width) = width else { return text.into() };
    let width = width.max(indent + 8);
    // What a line begins with stays.
    let (begin, words) = text.split_at(text.len() - text.trim_start_matches(' ').len());
    let mut lines = begin.to_owned();
    let mut used = begin.len();
    for (place, word) in words.split(' ').enumerate() {
        let length = word.chars().count();
        if place > 0 && used + 1 + length > width {
            lines.truncate(lines.trim_end_matches(' ').len());
            lines.push('\n');
            lines.extend(std::iter::repeat_n(' ', indent));
            used = indent;
        } else if place > 0 {
            lines.push(' ');
            used += 1;
        }
        lines.push_str(word);
        used += length;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_in_the_units_of_people() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        let lengths = [
            (0.0, "0 s"),
            (119.9, "119 s"),
            (120.0, "2 min"),
            (3_725.0, "1 h 2 min"),
            (529_200.0, "6 d 3 h"),
        ];
        for (seconds, told) in lengths {
            assert_eq!(length(seconds), told);
        }
        for (count, told) in [
            (0.0, "0 B"),
            (999.0, "999 B"),
            (999.6, "1.0 kB"),
            (123_456.0, "123 kB"),
            (1.25e9, "1.2 GB"),
            (2e18, "2000 PB"),
        ] {
            assert_eq!(bytes(count), told);
        }
        assert_eq!([1.0, 0.9999, 0.5, 0.0].map(percent), ["100 %", "99.9 %", "50.0 %", "0.0 %"]);
    }

    #[test]
    fn lines_break_at_words_and_a_word_that_is_too_long_stays_whole() {
        let text = "one two three four a-word-that-is-longer-than-the-line five";
        let lines = wrapped(text, Some(16), 2);
        assert_eq!(lines, "one two three\n  four\n  a-word-that-is-longer-than-the-line\n  five");
        assert_eq!(wrapped(text, None, 2), text);
        assert_eq!(wrapped("", Some(16), 2), "");
        assert_eq!(wrapped("  high  a flood of many", Some(16), 8), "  high  a flood\n        of many");
    }
}
