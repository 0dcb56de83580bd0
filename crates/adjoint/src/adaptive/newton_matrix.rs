use super::equations::V;
use diffsol::matrix::sparsity::{Dense, DenseRef};
use diffsol::{LaError, Matrix, MatrixCommon, NalgebraContext, Scale, Vector};
use std::ops::Mul;

/// `identity + jacobian J` of every lane, with two numbers and the slopes `f'` that J depends on in place of
/// entries: what diffsol calls a matrix. A dense one would hold, and add up, (2 n_units)^2 entries a lane three times
/// over.
///
/// diffsol combines such matrices (`M - c J`) and hands them to the linear solver; a solve without mass matrix,
/// roots or sensitivities never asks for entries or products, so that those methods say what went wrong.
#[derive(Debug, Clone)]
pub(super) struct NewtonMatrix {
    lane_len: usize,
    context: NalgebraContext,
    /// Factor of the identity.
    pub(super) identity: f64,
    /// Factor of the Jacobian.
    pub(super) jacobian: f64,
    /// `f'` where J was taken, (unit, trial); empty where there is no J.
    pub(super) slope: Vec<f64>,
}

impl NewtonMatrix {
    /// Zero.
    pub(super) fn new(lane_len: usize, context: NalgebraContext) -> NewtonMatrix {
        NewtonMatrix {
            lane_len,
            context,
            identity: 0.0,
            jacobian: 0.0,
            slope: Vec::new(),
        }
    }
}

type Index = <V as Vector>::Index;

impl MatrixCommon for NewtonMatrix {
    type T = f64;
    type V = V;
    type C = NalgebraContext;
    type Inner = Vec<f64>;
    fn nrows(&self) -> usize {
        self.lane_len
    }
    fn ncols(&self) -> usize {
        self.lane_len
    }
    fn inner(&self) -> &Vec<f64> {
        &self.slope
    }
}

impl Mul<Scale<f64>> for NewtonMatrix {
    type Output = NewtonMatrix;
    fn mul(mut self, factor: Scale<f64>) -> NewtonMatrix {
        self.identity *= factor.value();
        self.jacobian *= factor.value();
        self
    }
}

impl Mul<Scale<f64>> for &NewtonMatrix {
    type Output = NewtonMatrix;
    fn mul(self, factor: Scale<f64>) -> NewtonMatrix {
        self.clone() * factor
    }
}

const WITHOUT_ENTRIES: &str = "a Newton matrix has no entries to read or write";

impl Matrix for NewtonMatrix {
    type Sparsity = Dense<Self>;
    type SparsityRef<'a> = DenseRef<'a, Self>;

    fn sparsity(&self) -> Option<DenseRef<'_, Self>> {
        None
    }

    fn context(&self) -> &NalgebraContext {
        &self.context
    }

    fn inner_mut(&mut self) -> &mut Vec<f64> {
        &mut self.slope
    }

    fn copy_from(&mut self, other: &Self) {
        self.identity = other.identity;
        self.jacobian = other.jacobian;
        self.slope.clone_from(&other.slope);
    }

    fn zeros(n: usize, _columns: usize, context: NalgebraContext) -> Self {
        NewtonMatrix::new(n, context)
    }

    fn new_from_sparsity(
        n: usize,
        _columns: usize,
        _sparsity: Option<Dense<Self>>,
        context: NalgebraContext,
    ) -> Self {
        NewtonMatrix::new(n, context)
    }

    /// The identity, times the first entry of `v`: diffsol only asks for the unit matrix.
    fn from_diagonal(v: &V) -> Self {
        let values = super::equations::slice(v);
        debug_assert!(values.iter().all(|x| *x == values[0]));
        NewtonMatrix {
            identity: values.first().copied().unwrap_or(0.0),
            ..NewtonMatrix::new(v.len(), *v.context())
        }
    }

    /// `self = x + beta y`, where one of them is a multiple of the identity.
    fn scale_add_and_assign(&mut self, x: &Self, beta: f64, y: &Self) {
        debug_assert!(x.slope.is_empty() || y.slope.is_empty());
        self.identity = x.identity + beta * y.identity;
        self.jacobian = x.jacobian + beta * y.jacobian;
        let slope = if y.slope.is_empty() {
            &x.slope
        } else {
            &y.slope
        };
        self.slope.clone_from(slope);
    }

    fn partition_indices_by_zero_diagonal(&self) -> (Index, Index) {
        unreachable!("{WITHOUT_ENTRIES}: there is no mass matrix")
    }

    fn gemv(&self, _alpha: f64, _x: &V, _beta: f64, _y: &mut V) {
        unreachable!("{WITHOUT_ENTRIES}")
    }

    fn set_column(&mut self, _j: usize, _v: &V) {
        unreachable!("{WITHOUT_ENTRIES}")
    }

    fn add_column_to_vector(&self, _j: usize, _v: &mut V) {
        unreachable!("{WITHOUT_ENTRIES}")
    }

    fn add_columns_to_batched_vector(&self, _v: &mut V) {
        unreachable!("{WITHOUT_ENTRIES}")
    }

    fn set_data_with_indices(&mut self, _to: &Index, _from: &Index, _data: &V) {
        unreachable!("{WITHOUT_ENTRIES}")
    }

    fn gather(&mut self, _other: &Self, _indices: &Index) {
        unreachable!("{WITHOUT_ENTRIES}")
    }

    fn triplet_iter(
        &self,
    ) -> (
        impl Iterator<Item = (usize, usize)> + '_,
        impl Iterator<Item = f64> + '_,
    ) {
        (std::iter::empty(), std::iter::empty())
    }

    fn try_from_triplets(
        _n: usize,
        _columns: usize,
        _indices: Vec<(usize, usize)>,
        _values: Vec<f64>,
        _context: NalgebraContext,
    ) -> Result<Self, LaError> {
        Err(LaError::Other(WITHOUT_ENTRIES.to_owned()))
    }
}
