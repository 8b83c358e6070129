//! Random numbers that are the same on every machine and in every version of every library.
//!
//! The generator is xoshiro256++ 1.0 (Blackman, Vigna 2019), its state filled by SplitMix64, both in integers
//! alone. What is made of its output needs comparisons, sums, products and a division, which IEEE 754 rounds
//! alike everywhere. A logarithm or a cosine, which Box-Muller, the polar method and a ziggurat's tail need, differs
//! from one system library to the next in its last digit, and one digit is enough to send a sample to the other
//! side of a split.

/// SplitMix64's step: the golden ratio in 64 bits.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: [u64; 4],
}

impl Random {
    /// The stream of this number under a seed; another number gives another stream.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        // Mixed before and after, so that neighbouring seeds and streams have nothing to do with each other.
        let mut at = mix(mix(seed.wrapping_add(STEP)) ^ stream);
        Self {
            state: std::array::from_fn(|_| {
                at = at.wrapping_add(STEP);
                mix(at)
            }),
        }
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// 0 up to, and without, `end`, each as likely (Lemire 2019).
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        debug_assert!(end > 0, "there is no number below 0");
        loop {
            let product = u64::from((self.bits() >> 32) as u32) * u64::from(end);
            // Of the 2^32 inputs, the first few would make some results likelier than others.
            if product as u32 >= end.wrapping_neg() % end {
                return (product >> 32) as u32;
            }
        }
    }

    /// 0 up to, and without, 1, in steps of 2^-53.
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// From `low` up to, and without, `high`, which must be larger.
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        let (from, width) = (f64::from(low), f64::from(high) - f64::from(low));
        loop {
            let value = (from + width * self.uniform()) as f32;
            // Rounding may reach the upper end.
            if value < high {
                return value;
            }
        }
    }

    /// A deviate of the standard normal distribution, exact to the step of [`Self::uniform`]: algorithm N of
    /// Karney, Sampling exactly from the normal distribution (ACM TOMS 42, 2016).
    pub(crate) fn normal(&mut self) -> f64 {
        loop {
            let mut whole = 0_u32;
            while self.half_power() {
                whole += 1;
            }
            // Accepted with probability exp(-whole (whole - 1) / 2).
            if !(0..whole * whole.saturating_sub(1)).all(|_| self.half_power()) {
                continue;
            }
            let part = self.uniform();
            if (0..=whole).all(|_| self.accepts(whole, part)) {
                let magnitude = f64::from(whole) + part;
                return if self.coin() { magnitude } else { -magnitude };
            }
        }
    }

    /// True or false, each as likely.
    pub(crate) fn coin(&mut self) -> bool {
        self.bits() >> 63 == 1
    }

    /// True with probability exp(-1/2), by von Neumann's runs: draw while each number is below the one before,
    /// and see whether the run is even.
    fn half_power(&mut self) -> bool {
        let (mut last, mut is_even) = (0.5, true);
        loop {
            let next = self.uniform();
            if next >= last {
                return is_even;
            }
            (last, is_even) = (next, !is_even);
        }
    }

    /// True with probability exp(-part (2 whole + part) / (2 whole + 2)), by the same runs, each longer one with a
    /// chance only.
    fn accepts(&mut self, whole: u32, part: f64) -> bool {
        let twice = f64::from(2 * whole);
        let chance = (twice + part) / (twice + 2.0);
        let (mut last, mut is_even) = (part, true);
        loop {
            let next = self.uniform();
            if next >= last || self.uniform() >= chance {
                return is_even;
            }
            (last, is_even) = (next, !is_even);
        }
    }
}

/// SplitMix64's output function: one-to-one, and every bit of its result depends on every bit given.
pub(crate) fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_gives_what_its_authors_does() {
        // From xoshiro256plusplus.c with the state 1, 2, 3, 4, and splitmix64.c with the state 1234567.
        let mut random = Random { state: [1, 2, 3, 4] };
        let expected = [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386];
        assert_eq!(std::array::from_fn(|_| random.bits()), expected);
        assert_eq!(mix(1_234_567_u64.wrapping_add(STEP)), 6_457_827_717_110_365_317);
    }

    #[test]
    fn each_seed_and_each_stream_is_another() {
        let mut first: Vec<u64> = (0..100_u64).map(|it| Random::new(it / 10, it % 10).bits()).collect();
        first.sort_unstable();
        first.dedup();
        assert_eq!(first.len(), 100);
    }

    #[test]
    fn whole_numbers_are_equally_likely() {
        let mut random = Random::new(1, 0);
        let mut counts = [0_u32; 7];
        (0..70_000).for_each(|_| counts[random.below(7) as usize] += 1);
        let chi_squared: f64 = counts.iter().map(|it| (f64::from(*it) - 1e4).powi(2) / 1e4).sum();
        assert!(chi_squared < 22.5, "{counts:?}: beyond 1 in 1,000 for six degrees of freedom");
    }

    #[test]
    fn normal_deviates_have_the_moments_and_tails_of_the_normal_distribution() {
        let mut random = Random::new(2, 0);
        let n = 400_000;
        let deviates: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        let moment = |power: i32| deviates.iter().map(|it| it.powi(power)).sum::<f64>() / f64::from(n);
        // Within five standard errors of each.
        for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
            let error = (moment(power) - expected).abs() / f64::sqrt(variance / f64::from(n));
            assert!(error < 5.0, "moment {power} is {}", moment(power));
        }
        for (limit, share) in [(0.5, 0.617_075), (1.0, 0.317_311), (2.0, 0.045_500), (3.0, 0.002_700)] {
            let beyond = deviates.iter().filter(|it| it.abs() > limit).count() as f64 / f64::from(n);
            let error = (beyond - share).abs() / f64::sqrt(share / f64::from(n));
            assert!(error < 5.0, "{beyond} beyond {limit}, not {share}");
        }
    }

    #[test]
    fn a_number_between_two_never_reaches_the_upper_one() {
        let mut random = Random::new(3, 0);
        let (low, high) = (1.0_f32, 1.0_f32.next_up());
        assert!((0..1000).all(|_| random.between(low, high) == low));
        assert!((0..1000).all(|_| (-1e30..1e30).contains(&random.between(-1e30, 1e30))));
    }
}
