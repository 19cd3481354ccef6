//! The message digest of `srcversion`: MD4 (RFC 1320), but for the order of the bytes in a word,
//! of the text and of the digest, which modpost takes from the highest to the lowest. (Seen with the modpost of Debian's
//! Linux 6.1 and 6.12: the digest of nothing is 533BB7E5….)

/// A digest in the making.
#[derive(Clone, Debug)]
pub(super) struct Md4 {
    state: [u32; 4],
    block: [u8; 64],
    length: u64,
}

impl Md4 {
    pub(super) fn new() -> Self {
        let state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
        Md4 { state, block: [0; 64], length: 0 }
    }

    pub(super) fn byte(&mut self, byte: u8) {
        let at = (self.length % 64) as usize;
        self.block[at] = byte;
        self.length += 1;
        if at == 63 {
            self.compress();
        }
    }

    /// The four words of the digest.
    pub(super) fn finish(mut self) -> [u32; 4] {
        let bits = self.length.wrapping_mul(8);
        self.byte(0x80);
        while self.length % 64 != 56 {
            self.byte(0);
        }
        for word in [bits as u32, (bits >> 32) as u32] {
            word.to_be_bytes().into_iter().for_each(|byte| self.byte(byte));
        }
        self.state.map(u32::swap_bytes)
    }

    fn compress(&mut self) {
        let mut words = [0u32; 16];
        for (word, bytes) in words.iter_mut().zip(self.block.chunks_exact(4)) {
            *word = bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
        }
        let [mut a, mut b, mut c, mut d] = self.state;
        for (round, (order, shifts, constant)) in ROUNDS.iter().enumerate() {
            for (step, &word) in order.iter().enumerate() {
                let mixed = match round {
                    0 => b & c | !b & d,
                    1 => b & c | b & d | c & d,
                    _ => b ^ c ^ d,
                };
                let sum = a.wrapping_add(mixed).wrapping_add(words[word]).wrapping_add(*constant);
                (a, d, c, b) = (d, c, b, sum.rotate_left(shifts[step % 4]));
            }
        }
        for (state, add) in self.state.iter_mut().zip([a, b, c, d]) {
            *state = state.wrapping_add(add);
        }
    }
}

/// Order of the words, shifts and constant of each round (RFC 1320, section 3.4).
const ROUNDS: [([usize; 16], [u32; 4], u32); 3] = [
    ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], [3, 7, 11, 19], 0),
    ([0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15], [3, 5, 9, 13], 0x5a82_7999),
    ([0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15], [3, 9, 11, 15], 0x6ed9_eba1),
];

#[cfg(test)]
mod tests {
    use super::Md4;

    fn digest(text: &[u8]) -> String {
        let mut md4 = Md4::new();
        text.iter().for_each(|byte| md4.byte(*byte));
        md4.finish().iter().map(|word| format!("{word:08X}")).collect()
    }

    /// What modpost of Linux 6.1 makes of sources with these contents.
    #[test]
    fn as_modpost_has_it() {
        assert_eq!(&digest(b"")[..23], "533BB7E5866E52F63B9ACCB");
        assert_eq!(&digest(b"a")[..23], "1A1C2309CD43C3BC1F43982");
        assert_eq!(&digest(b"abc")[..23], "C719445509BC140AF62F422");
    }
}
