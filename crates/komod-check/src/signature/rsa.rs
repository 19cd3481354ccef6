//! RSA signatures (RFC 8017 8.2.2), with the kernel's limits and order of refusal
//! (`crypto/rsa.c`, `rsa_helper.c`, `rsa-pkcs1pad.c`, Linux 6.1 and 6.12).

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use komod_object::cms::Hash;
use komod_object::cms::asn1::Decoder;

use super::digest::digest_info;
use super::key::errno::{EBADMSG, EINVAL, EKEYREJECTED, ENOENT};

/// Sizes of keys that the kernel takes, in bits.
const SIZES: [usize; 6] = [512, 1024, 1536, 2048, 3072, 4096];
/// The kernel's numbers are made of words of this many bytes.
const WORD: usize = 8;
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 2;
/// Bytes of `0xff` that there are at least.
const PADDING: usize = 8;

/// A public key.
pub(super) struct Rsa {
    modulus: BoxedMontyParams,
    exponent: Vec<u8>,
    /// Length of modulus and signatures.
    length: usize,
}

impl Rsa {
    /// From `RSAPublicKey` (RFC 8017 A.1.1).
    pub(super) fn new(key: &[u8]) -> Result<Self, i32> {
        let read = || {
            let mut decoder = Decoder::new(key)?;
            decoder.expect(SEQUENCE)?;
            let modulus = decoder.expect(INTEGER)?.contents;
            let exponent = decoder.expect(INTEGER)?.contents;
            decoder.close()?;
            Ok::<_, komod_object::cms::CmsError>((modulus, exponent))
        };
        let (modulus, exponent) = read().map_err(|error| error.errno())?;
        if exponent.is_empty() || exponent.len() > modulus.len() {
            return Err(EINVAL);
        }
        let modulus = without_zeros(modulus);
        let length = modulus.len().next_multiple_of(WORD);
        if !SIZES.contains(&(length * 8)) {
            return Err(EINVAL);
        }
        let precision = u32::try_from(length * 8).map_err(|_| EINVAL)?;
        let modulus = BoxedUint::from_be_slice(modulus, precision).map_err(|_| EINVAL)?;
        // No product of two primes is even.
        let modulus = Option::from(Odd::new(modulus)).ok_or(EINVAL)?;
        let exponent = without_zeros(exponent).to_vec();
        Ok(Rsa { modulus: BoxedMontyParams::new_vartime(modulus), exponent, length })
    }

    /// Verifies; the kernel's error number if it is not good.
    pub(super) fn verify(&self, hash: Hash, digest: &[u8], signature: &[u8]) -> Result<(), i32> {
        let info = digest_info(hash).ok_or(ENOENT)?;
        if signature.len() != self.length {
            return Err(EINVAL);
        }
        let precision = self.modulus.bits_precision();
        let number = BoxedUint::from_be_slice(signature, precision).map_err(|_| EINVAL)?;
        if number >= **self.modulus.modulus() {
            return Err(EINVAL);
        }
        let block = self.power(number).to_be_bytes();
        let [0, block @ ..] = &*block else { return Err(EINVAL) };
        let [1, padded @ ..] = block else { return Err(EBADMSG) };
        let ones = padded.iter().take_while(|byte| **byte == 0xff).count();
        let rest = padded.get(ones..).unwrap_or_default();
        let rest = rest.strip_prefix(&[0]).filter(|_| ones >= PADDING).ok_or(EBADMSG)?;
        match rest.strip_prefix(info).ok_or(EBADMSG)? == digest {
            true => Ok(()),
            false => Err(EKEYREJECTED),
        }
    }

    /// The number to the power of the exponent. Nothing here is secret: square and multiply.
    fn power(&self, number: BoxedUint) -> BoxedUint {
        let base = BoxedMontyForm::new(number, &self.modulus);
        let bits =
            self.exponent.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
        let mut bits = bits.skip_while(|bit| *bit == 0);
        let mut product = match bits.next() {
            Some(_) => base.clone(),
            None => BoxedMontyForm::one(&self.modulus),
        };
        for bit in bits {
            product = product.square();
            if bit == 1 {
                product = product.mul(&base);
            }
        }
        product.retrieve()
    }
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}
