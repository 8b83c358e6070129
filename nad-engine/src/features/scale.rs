//! Scales and codes of values, without any transcendental function: the same on every machine, and a few
//! instructions each.

/// Codes of a doubling, in a forest over codes.
pub const CODES_PER_DOUBLING: f32 = 8.0;

const ONE: u32 = 1.0_f32.to_bits();
/// Values of the mantissa: steps of the bit pattern from a power of two to the next.
const STEPS: f32 = (1 << (f32::MANTISSA_DIGITS - 1)) as f32;

/// log2(1 + value) of a value from 0 on, linear between powers of two (so at most 0.086 below the logarithm): the
/// number's own exponent and mantissa, read as one number. 100 against 200 differ by about as much as 1,000 against
/// 2,000.
#[inline]
pub fn doublings(value: f32) -> f32 {
    ((1.0 + value).to_bits() - ONE) as f32 / STEPS
}

/// The value of so many doublings, those beyond 0 to 127 taken for these; exact for whole values below 2^19.
#[inline]
pub fn undoubled(doublings: f32) -> f32 {
    f32::from_bits((doublings.clamp(0.0, 127.0) * STEPS) as u32 + ONE) - 1.0
}

/// The code of a value on its scale, which has so many codes a unit: 0 to 255, all larger ones alike.
#[inline]
pub fn code(value: f32, codes_per_unit: f32) -> u8 {
    // `as` saturates.
    (value * codes_per_unit) as u8
}

/// The code of each value, as [`code`] has it, in a way that compilers do for several at once.
#[inline]
pub fn codes<const N: usize>(values: &[f32; N], codes_per_unit: &[f32; N]) -> [u8; N] {
    let whole: [i32; N] = std::array::from_fn(|i| {
        // What is not a number becomes 0 here.
        let code = (values[i] * codes_per_unit[i]).max(0.0).min(f32::from(u8::MAX));
        // SAFETY: it is a number from 0 to 255.
        unsafe { code.to_int_unchecked() }
    });
    whole.map(|code| code as u8)
}

/// The smallest value that has a code.
#[inline]
pub fn value_of(code: u8, codes_per_unit: f32) -> f32 {
    f32::from(code) / codes_per_unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_come_back_as_they_were() {
        for value in (0..1 << 19).step_by(7).map(|value| value as f32) {
            assert_eq!(undoubled(doublings(value)), value);
        }
        assert!([f32::MAX, f32::INFINITY, -1.0].map(undoubled).iter().all(|value| value.is_finite()));
        assert_eq!([0.0, 1.0, 3.0, 65_535.0].map(doublings), [0.0, 1.0, 2.0, 16.0]);
    }

    #[test]
    fn codes_of_several_values_are_those_of_each() {
        let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0, -0.0, 0.0, f32::MAX, f32::MIN_POSITIVE];
        let even: Vec<f32> = (0..4096).map(|step| step as f32 * 0.03).chain(odd).collect();
        for values in even.as_chunks::<8>().0 {
            for units in [1.0, 8.0, 16.0] {
                assert_eq!(codes(values, &[units; 8]), values.map(|value| code(value, units)));
            }
        }
    }

    #[test]
    fn it_is_a_logarithm_but_for_a_twelfth_of_a_doubling_and_never_falls() {
        let mut before = -1.0;
        for step in 0..4000 {
            let value = (step as f32 * 0.01).exp2() - 1.0;
            let off = value.ln_1p() * std::f32::consts::LOG2_E - doublings(value);
            assert!((-1e-4..0.0862).contains(&off), "{value}: {off}");
            assert!(doublings(value) >= before);
            before = doublings(value);
        }
        assert!(doublings(f32::MAX) <= 128.0 && doublings(f32::INFINITY) <= 128.0);
    }
}
