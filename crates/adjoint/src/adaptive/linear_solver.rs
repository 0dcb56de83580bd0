use super::equations::{V, slice_mut};
use super::lanes::Lanes;
use super::newton_matrix::NewtonMatrix;
use crate::elimination::Elimination;
use diffsol::{Context, LaError, LaLinearOp, NalgebraContext};
use diffsol_la::LinearSolver;
use diffsol_la::error::LinearSolverError;
use std::cell::RefCell;
use tauscope_dynamics::RateNetwork;

/// Which of the two linear systems an implicit method meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Orientation {
    /// The Jacobian of the network itself.
    Plain,
    /// Its transpose: that of the adjoint equation.
    Transposed,
}

/// Solves diffsol's Newton systems by [`Elimination`], one (unit, unit) factorisation a trial.
///
/// The default belongs to no network and fails every solve: diffsol makes some where it has nothing to solve.
#[derive(Default)]
pub(super) struct EliminationSolver<'a>(Option<Solver<'a>>);

struct Solver<'a> {
    network: &'a RateNetwork,
    orientation: Orientation,
    lanes: Lanes,
    matrix: NewtonMatrix,
    active: Vec<bool>,
    is_factorised: bool,
    /// Scratch of the solve, which diffsol asks for through a shared reference.
    scratch: RefCell<Scratch>,
}

struct Scratch {
    elimination: Elimination,
    blocks: Vec<f64>,
}

impl<'a> EliminationSolver<'a> {
    /// For `n_trials` trials of `network`.
    pub(super) fn new(
        network: &'a RateNetwork,
        orientation: Orientation,
        n_trials: usize,
    ) -> EliminationSolver<'a> {
        let lanes = Lanes::new(network.shape(n_trials), n_trials);
        EliminationSolver(Some(Solver {
            network,
            orientation,
            lanes,
            matrix: NewtonMatrix::new(lanes.lane_len(), NalgebraContext::with_nbatch(n_trials)),
            active: vec![true; n_trials],
            is_factorised: false,
            scratch: RefCell::new(Scratch {
                elimination: Elimination::new(network, n_trials),
                blocks: vec![0.0; n_trials * lanes.lane_len()],
            }),
        }))
    }

    fn solve(&self, b: &mut V, transposed: bool) -> Result<(), LaError> {
        match &self.0 {
            Some(solver) if solver.is_factorised => solver.solve(slice_mut(b), transposed),
            _ => Err(LinearSolverError::LuNotInitialized.into()),
        }
    }
}

impl Solver<'_> {
    /// Factorises `identity - gamma J` up to the factor of the identity.
    fn factorise(&mut self) {
        let gamma = -self.matrix.jacobian / self.matrix.identity;
        let elimination = &mut self.scratch.get_mut().elimination;
        elimination.factorise(self.network, gamma, &self.matrix.slope, &self.active);
        self.is_factorised = true;
    }

    fn solve(&self, b: &mut [f64], transposed: bool) -> Result<(), LaError> {
        let Scratch {
            elimination,
            blocks,
        } = &mut *self.scratch.borrow_mut();
        if elimination.is_singular() {
            return Err(LinearSolverError::LuSolveFailed.into());
        }
        self.lanes.to_blocks(b, blocks);
        if (self.orientation == Orientation::Transposed) == transposed {
            elimination.solve(self.network, blocks);
        } else {
            elimination.solve_transposed(self.network, blocks);
        }
        if self.matrix.identity != 1.0 {
            blocks.iter_mut().for_each(|x| *x /= self.matrix.identity);
        }
        self.lanes.to_lanes(blocks, b);
        Ok(())
    }
}

impl LinearSolver<NewtonMatrix> for EliminationSolver<'_> {
    fn set_linearisation<C: LaLinearOp<T = f64, V = V, M = NewtonMatrix, C = NalgebraContext>>(
        &mut self,
        op: &C,
    ) {
        if let Some(solver) = &mut self.0 {
            op.matrix_inplace(&mut solver.matrix);
            solver.factorise();
        }
    }

    fn set_sparsity<C: LaLinearOp<T = f64, V = V, M = NewtonMatrix, C = NalgebraContext>>(
        &mut self,
        op: &C,
    ) {
        if let Some(solver) = &mut self.0 {
            debug_assert_eq!(op.nrows(), solver.lanes.lane_len());
            debug_assert_eq!(op.context().nbatch(), solver.lanes.n_lanes());
            solver.is_factorised = false;
        }
    }

    fn solve_in_place(&self, b: &mut V) -> Result<(), LaError> {
        self.solve(b, false)
    }

    fn solve_transpose_in_place(&self, b: &mut V) -> Result<(), LaError> {
        self.solve(b, true)
    }
}
