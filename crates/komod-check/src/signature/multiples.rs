//! Multiples of a point, computed beforehand: of the many signatures by one key each then takes a
//! fifth of the time.

use elliptic_curve::group::CurveAffine;
use elliptic_curve::{CurveArithmetic, CurveGroup, PrimeCurve};

/// Values of a byte that have a multiple: all but 0.
const STEPS: usize = 255;

/// For each byte of a scalar, the multiples of the point that its values stand for.
pub(super) struct Multiples<C: PrimeCurve + CurveArithmetic> {
    /// From the lowest byte on, [`STEPS`] each.
    points: Vec<C::AffinePoint>,
}

impl<C: PrimeCurve + CurveArithmetic> Multiples<C> {
    /// Of a point, for scalars of this many bytes.
    pub(super) fn new(point: C::AffinePoint, bytes: usize) -> Self {
        let mut points = Vec::with_capacity(STEPS * bytes);
        let mut base = C::ProjectivePoint::from(point);
        for _ in 0..bytes {
            let mut multiple = base;
            for _ in 0..STEPS {
                points.push(multiple);
                multiple += &base;
            }
            base = multiple;
        }
        let mut affine = vec![C::AffinePoint::identity(); points.len()];
        C::ProjectivePoint::batch_normalize(&points, &mut affine);
        Multiples { points: affine }
    }

    /// Adds the multiple of the point that a scalar (from its highest byte on) stands for.
    /// Nothing here is secret: it takes a time of its own for each scalar.
    pub(super) fn add(&self, scalar: &[u8], sum: &mut C::ProjectivePoint) {
        for (byte, points) in scalar.iter().rev().zip(self.points.chunks(STEPS)) {
            if let Some(point) = usize::from(*byte).checked_sub(1).and_then(|at| points.get(at)) {
                *sum += point;
            }
        }
    }
}
