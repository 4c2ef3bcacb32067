//! Pseudo-random numbers and ids that depend on a number alone, so that every run of a benchmark
//! has the same data.

/// A pseudo-random number for a number (SplitMix64): an id, a choice.
pub(crate) fn mix_bits(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The text of a UUID for a number.
pub(crate) fn mix_uuid(number: u64) -> String {
    let (a, b) = (mix_bits(number), mix_bits(number ^ 0x5555_5555_0000_0000));
    format!(
        "{:08x}-{:04x}-5{:03x}-8{:03x}-{:012x}",
        a >> 32,
        a >> 16 & 0xffff,
        a >> 4 & 0xfff,
        b >> 52,
        b & 0xffff_ffff_ffff
    )
}
