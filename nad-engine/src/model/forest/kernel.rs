//! What a forest may be scored with on this machine.

/// How samples are scored; all give the same sums. There is none that this machine can't run: it is made here only, after
/// the processor was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Instructions);

/// What a [`Kernel`] uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instructions {
    /// One sample after the other, one tree after the other.
    Scalar,
    /// 32 bytes at a time.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 64 bytes at a time, with AVX-512 VBMI, and what comes with it: F, BW, DQ and VL.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Kernel {
    /// The one that every machine can run.
    pub const SCALAR: Self = Self(Instructions::Scalar);

    /// What it uses. A value that safe code made itself says nothing about this machine; one from here does.
    pub(super) const fn instructions(self) -> Instructions {
        self.0
    }

    /// All that this machine can do, the fastest last.
    pub fn all() -> Vec<Self> {
        #[cfg_attr(
            not(target_arch = "x86_64"),
            expect(unused_mut, reason = "no other has instructions of its own")
        )]
        let mut all = vec![Self::SCALAR];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            all.push(Self(Instructions::Avx2));
            all.extend(has_avx512().then_some(Self(Instructions::Avx512)));
        }
        all
    }

    /// The fastest that this machine can do.
    pub fn best() -> Self {
        Self::all().pop().unwrap_or(Self::SCALAR)
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self.0 {
            Instructions::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => "AVX2",
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => "AVX-512 VBMI",
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vbmi")
}
