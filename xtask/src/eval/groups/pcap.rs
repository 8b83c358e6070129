//! When the packets of a classic capture came: all that merged captures are asked for.

use std::{
    fs::File,
    io::{BufReader, ErrorKind, Read, copy, sink},
    path::Path,
};

use anyhow::{Context as _, Result, bail, ensure};
use flate2::read::MultiGzDecoder;

/// Magic numbers of captures in microseconds and in nanoseconds, little-endian.
const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;

/// Unix seconds of the first and the last packet in the file, plain or with the ending `.gz`.
pub(super) fn times(path: &Path) -> Result<(f64, f64)> {
    let file = File::open(path).with_context(|| format!("can't read {}", path.display()))?;
    let content: Box<dyn Read> = match path.extension() {
        Some(ending) if ending == "gz" => Box::new(MultiGzDecoder::new(file)),
        _ => Box::new(file),
    };
    read(BufReader::new(content)).with_context(|| format!("{} is refused", path.display()))
}

fn read(mut content: impl Read) -> Result<(f64, f64)> {
    let mut header = [0; 24];
    content.read_exact(&mut header).context("a capture begins with 24 bytes")?;
    let word = |bytes: &[u8], place: usize| {
        let word = bytes[4 * place..4 * place + 4].try_into().unwrap_or_default();
        u32::from_le_bytes(word)
    };
    let unit = match word(&header, 0) {
        MICROSECONDS => 1e-6,
        NANOSECONDS => 1e-9,
        other => bail!("its first word is {other:#x}: convert it with editcap -F pcap"),
    };
    let mut span: Option<(f64, f64)> = None;
    let mut packet = [0; 16];
    loop {
        match content.read_exact(&mut packet) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
            other => other?,
        }
        let time = f64::from(word(&packet, 0)) + f64::from(word(&packet, 1)) * unit;
        let (first, _) = span.unwrap_or((time, time));
        span = Some((first, time));
        let length = u64::from(word(&packet, 2));
        let there = copy(&mut content.by_ref().take(length), &mut sink())?;
        ensure!(there == length, "its last packet is cut off");
    }
    span.context("it has no packets")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(magic: u32, packets: &[(u32, u32)]) -> Vec<u8> {
        let mut bytes = magic.to_le_bytes().to_vec();
        bytes.extend([0; 20]);
        for (seconds, fraction) in packets {
            for word in [*seconds, *fraction, 3, 3] {
                bytes.extend(word.to_le_bytes());
            }
            bytes.extend([1, 2, 3]);
        }
        bytes
    }

    #[test]
    fn times_are_read_in_both_units() {
        let packets = [(10, 500_000), (11, 0), (12, 250_000)];
        assert_eq!(read(&capture(MICROSECONDS, &packets)[..]).unwrap(), (10.5, 12.25));
        assert_eq!(read(&capture(NANOSECONDS, &[(10, 500_000_000)])[..]).unwrap(), (10.5, 10.5));
    }

    #[test]
    fn what_is_no_whole_capture_is_refused() {
        let whole = capture(MICROSECONDS, &[(10, 0)]);
        for (bytes, part) in [
            (&whole[..whole.len() - 1], "cut off"),
            (&whole[..24], "no packets"),
            (&whole[..9], "24 bytes"),
            (&[7; 40][..], "0x7070707"),
        ] {
            let error = format!("{:#}", read(bytes).unwrap_err());
            assert!(error.contains(part), "{error}");
        }
    }
}
