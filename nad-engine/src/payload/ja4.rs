//! JA4, a fingerprint of a TLS client's software by its ClientHello
//! (<https://github.com/FoxIO-LLC/ja4/blob/main/technical_details/JA4.md>).

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::{
    bytes::Bytes,
    tls::{ALPN, Offer, SERVER_NAME, SIGNATURE_ALGORITHMS, SUPPORTED_VERSIONS, is_grease, meant},
};

/// The fingerprint, as `t13d1516h2_8daaf6152771_e5627efa2ab1`.
pub(super) fn of(offer: &Offer<'_>) -> Box<str> {
    const MOST: usize = 99;
    let mut ciphers: Vec<u16> = meant(offer.ciphers).collect();
    let kinds = offer.extensions.iter().map(|extension| extension.kind).filter(|kind| !is_grease(*kind));
    let mut kinds: Vec<u16> = kinds.collect();
    let mut text = String::from("t");
    text.push_str(version(offer));
    text.push(if kinds.contains(&SERVER_NAME) { 'd' } else { 'i' });
    let (cipher_count, extension_count) = (ciphers.len().min(MOST), kinds.len().min(MOST));
    // Writing to a string can't fail.
    let _ = write!(text, "{cipher_count:02}{extension_count:02}");
    text.extend(alpn(offer.alpn().unwrap_or_default()));

    ciphers.sort_unstable();
    text.push('_');
    text.push_str(&hash(&listed(&ciphers)));

    kinds.retain(|kind| !matches!(*kind, SERVER_NAME | ALPN));
    kinds.sort_unstable();
    let signatures = offer.extension(SIGNATURE_ALGORITHMS).and_then(|data| Bytes(data).counted_by_u16());
    let signatures: Vec<u16> = meant(signatures.unwrap_or_default()).collect();
    let mut list = listed(&kinds);
    if !signatures.is_empty() {
        list.push('_');
        list.push_str(&listed(&signatures));
    }
    text.push('_');
    text.push_str(&hash(if kinds.is_empty() { "" } else { &list }));
    text.into()
}

fn version(offer: &Offer<'_>) -> &'static str {
    let offered = offer.extension(SUPPORTED_VERSIONS).and_then(|data| Bytes(data).counted_by_u8());
    let highest = offered.and_then(|versions| meant(versions).max()).unwrap_or(offer.version);
    match highest {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        _ => "00",
    }
}

/// The first and the last character of a protocol's name, in hexadecimal where one of them is neither letter nor digit.
fn alpn(name: &[u8]) -> [char; 2] {
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return ['0'; 2] };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(*first), char::from(*last)];
    }
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
    [digit(first >> 4), digit(last & 0xf)]
}

fn listed(values: &[u16]) -> String {
    values.iter().map(|value| format!("{value:04x}")).collect::<Vec<_>>().join(",")
}

/// The first twelve digits of a list's hash.
fn hash(list: &str) -> String {
    const BYTES: usize = 6;
    if list.is_empty() {
        return "0".repeat(2 * BYTES);
    }
    Sha256::digest(list.as_bytes()).iter().take(BYTES).map(|byte| format!("{byte:02x}")).collect()
}
