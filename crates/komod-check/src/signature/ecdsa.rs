//! ECDSA signatures (FIPS 186-5 6.4.2), read as by the kernel (`crypto/ecdsa.c`, Linux 6.1 and
//! 6.12: `X9.62` in ASN.1, the digest's left end).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use elliptic_curve::ff::{Field, PrimeField};
use elliptic_curve::group::{CurveAffine, Group};
use elliptic_curve::ops::{Invert, LinearCombination, Reduce};
use elliptic_curve::point::AffineCoordinates;
use elliptic_curve::sec1::{FromSec1Point, ModulusSize, Sec1Point};
use elliptic_curve::{CurveArithmetic, FieldBytes, FieldBytesSize, PrimeCurve};
use komod_object::cms::asn1::Decoder;

use super::key::errno::{EBADMSG, EINVAL, EKEYREJECTED};
use super::multiples::Multiples;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 2;
/// The first byte of a point whose coordinates both follow.
const UNCOMPRESSED: u8 = 4;
/// After so many signatures by one key, its multiples are worth computing.
const MANY: u32 = 64;

/// A public key.
pub(super) struct Ecdsa<C: PrimeCurve + CurveArithmetic> {
    point: C::AffinePoint,
    used: AtomicU32,
    /// Of the curve's generator, and of the key.
    multiples: OnceLock<[Multiples<C>; 2]>,
}

impl<C> Ecdsa<C>
where
    C: PrimeCurve + CurveArithmetic,
    C::AffinePoint: FromSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    /// From a point that is not compressed.
    pub(super) fn new(key: &[u8]) -> Result<Self, i32> {
        if key.first() != Some(&UNCOMPRESSED) {
            return Err(EINVAL);
        }
        let encoded = Sec1Point::<C>::from_bytes(key).map_err(|_| EINVAL)?;
        let point: Option<_> = C::AffinePoint::from_sec1_point(&encoded).into();
        let point = point.ok_or(EINVAL)?;
        Ok(Ecdsa { point, used: AtomicU32::new(0), multiples: OnceLock::new() })
    }

    /// Verifies; the kernel's error number if it is not good.
    pub(super) fn verify(&self, digest: &[u8], signature: &[u8]) -> Result<(), i32> {
        let (r, s) = numbers(signature)?;
        let (r, s) = (scalar::<C>(r)?, scalar::<C>(s)?);
        let inverse: Option<C::Scalar> = s.invert_vartime().into();
        let inverse = inverse.ok_or(EBADMSG)?;
        let size = FieldBytes::<C>::default().len();
        let kept = digest.get(..size.min(digest.len())).unwrap_or_default();
        let z = <C::Scalar as Reduce<FieldBytes<C>>>::reduce(&right_aligned::<C>(kept));
        let (u, v) = (z * inverse, r * inverse);
        let sum: C::AffinePoint = self.sum(u, v).into();
        if bool::from(sum.is_identity()) {
            return Err(EKEYREJECTED);
        }
        match <C::Scalar as Reduce<FieldBytes<C>>>::reduce(&sum.x()) == r {
            true => Ok(()),
            false => Err(EKEYREJECTED),
        }
    }

    /// `u` times the generator and `v` times the key.
    fn sum(&self, u: C::Scalar, v: C::Scalar) -> C::ProjectivePoint {
        let generator = C::ProjectivePoint::generator();
        if self.used.fetch_add(1, Ordering::Relaxed) < MANY {
            return C::ProjectivePoint::lincomb_vartime(&[(generator, u), (self.point.into(), v)]);
        }
        let size = FieldBytes::<C>::default().len();
        let [of_generator, of_key] = self.multiples.get_or_init(|| {
            [Multiples::new(generator.into(), size), Multiples::new(self.point, size)]
        });
        let mut sum = C::ProjectivePoint::identity();
        of_generator.add(&u.to_repr(), &mut sum);
        of_key.add(&v.to_repr(), &mut sum);
        sum
    }
}

/// `ECDSA-Sig-Value` (RFC 3279 2.2.3).
fn numbers(signature: &[u8]) -> Result<(&[u8], &[u8]), i32> {
    let read = || {
        let mut decoder = Decoder::new(signature)?;
        decoder.expect(SEQUENCE)?;
        let r = decoder.expect(INTEGER)?.contents;
        let s = decoder.expect(INTEGER)?.contents;
        decoder.close()?;
        Ok::<_, komod_object::cms::CmsError>((r, s))
    };
    read().map_err(|error| error.errno())
}

/// A number from 1 to below the order of the curve; one zero byte may be in front.
fn scalar<C: PrimeCurve + CurveArithmetic>(bytes: &[u8]) -> Result<C::Scalar, i32> {
    let size = FieldBytes::<C>::default().len();
    let bytes = match bytes {
        [] => return Err(EINVAL),
        [0, rest @ ..] if rest.len() >= size => rest,
        all => all,
    };
    if bytes.len() > size {
        return Err(EINVAL);
    }
    let scalar: Option<C::Scalar> = C::Scalar::from_repr(right_aligned::<C>(bytes)).into();
    scalar.filter(|scalar| !bool::from(scalar.is_zero())).ok_or(EBADMSG)
}

/// Bytes as the low end of a number.
fn right_aligned<C: PrimeCurve + CurveArithmetic>(bytes: &[u8]) -> FieldBytes<C> {
    let mut number = FieldBytes::<C>::default();
    let start = number.len().saturating_sub(bytes.len());
    if let Some(end) = number.get_mut(start..) {
        end.copy_from_slice(bytes);
    }
    number
}
