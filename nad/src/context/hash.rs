//! The hash of the context tables.
//!
//! Fixed, not keyed: the same capture must give the same incidents twice. Whoever forges a collision merges two
//! of his own entries; the tables' admission keeps them from displacing others'.

/// Folds two words into one: the 128-bit product's halves, as wyhash does. Never 0, which marks a free slot.
///
/// Both words are spread first: addresses and ports differ in a few bits, which one product alone leaves too much alike
/// for the sketches.
#[inline]
pub fn mix(a: u64, b: u64) -> u64 {
    let (a, b) = (a.wrapping_mul(0xd1b5_4a32_d192_ed03), b.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let product = u128::from(a ^ 0xa076_1d64_78bd_642f) * u128::from(b ^ 0xe703_7ed1_a0b4_28db);
    let folded = (product >> 64) as u64 ^ product as u64;
    if folded == 0 { 1 } else { folded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_either_word_fall_into_a_sketchs_bits_as_chance_would_have_it() {
        for swap in [false, true] {
            let places = (0..400_u64).map(|i| if swap { mix(7, i) } else { mix(i, 7) } % 512);
            let bits = places.collect::<std::collections::HashSet<_>>().len();
            assert!((255..300).contains(&bits), "{bits}");
        }
    }

    #[test]
    fn ports_of_one_host_fall_into_a_sketchs_bits_as_chance_would_have_it() {
        let bits = |host: u64| {
            let places = (1..=400_u64).map(|port| mix(host, port << 8 | 6) % 512);
            places.collect::<std::collections::HashSet<_>>().len() as f64
        };
        let counts: Vec<f64> = (0..200).map(bits).collect();
        let mean = counts.iter().sum::<f64>() / 200.0;
        let spread = (counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / 200.0).sqrt();
        // 512 (1 - e^(-400/512)), and the deviation of an occupancy.
        assert!((mean - 277.6).abs() < 2.0, "{mean}");
        assert!(spread < 8.0, "{spread}");
    }
}
