//! By what a receiver knows that a request is nad's, and new.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::Secret;

/// HMAC-SHA256 (RFC 2104) of `delivery.timestamp.body` with the key's bytes, as `sha256=` and lower-case hexadecimal
/// digits. `delivery` and `timestamp` (seconds since the Unix epoch) are those of the request's headers, so that neither can
/// be changed and an old request can't be sent anew.
pub(super) fn sign(key: &Secret, delivery: &str, timestamp: u64, body: &[u8]) -> String {
    let mut signature = "sha256=".to_owned();
    // A key of any length is one of this algorithm.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()) else { return signature };
    mac.update(format!("{delivery}.{timestamp}.").as_bytes());
    mac.update(body);
    for byte in mac.finalize().into_bytes() {
        // Writing to a string can't fail.
        let _ = write!(signature, "{byte:02x}");
    }
    signature
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf 'd1.1700000000.{"a":1}' | openssl dgst -sha256 -hmac key`
    #[test]
    fn a_signature_is_that_of_openssl_and_covers_every_part() {
        let key = Secret::new("key");
        let signature = sign(&key, "d1", 1_700_000_000, b"{\"a\":1}");
        assert_eq!(signature, "sha256=850b5ede695e2ba1498086d7736827765b036a47c5198f9b096aaf747610fb8a");
        assert_ne!(sign(&key, "d2", 1_700_000_000, b"{\"a\":1}"), signature);
        assert_ne!(sign(&key, "d1", 1_700_000_001, b"{\"a\":1}"), signature);
        assert_ne!(sign(&key, "d1", 1_700_000_000, b"{\"a\":2}"), signature);
        assert_ne!(sign(&Secret::new("yek"), "d1", 1_700_000_000, b"{\"a\":1}"), signature);
    }
}
