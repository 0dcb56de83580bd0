use super::linear_solver::Orientation;
use super::newton_matrix::NewtonMatrix;
use diffsol::{
    ConstantOp, NalgebraContext, NalgebraVec, NonLinearOp, NonLinearOpJacobian, OdeEquations,
    OdeEquationsRef, Op, ParameterisedOp, UnitCallable, Vector,
};
use tauscope_dynamics::RateNetwork;

pub(super) type V = NalgebraVec<f64>;
pub(super) type M = NewtonMatrix;

/// A system of ordinary differential equations as this crate sees it: slices, in lanes (see
/// [`Lanes`](super::lanes::Lanes)).
pub(super) trait System {
    /// Trials that are integrated side by side.
    fn n_lanes(&self) -> usize;
    /// State entries of one lane.
    fn lane_len(&self) -> usize;
    /// `dy = f(t, y)`.
    fn rhs(&self, t: f64, y: &[f64], dy: &mut [f64]);
}

/// What implicit methods ask of a system on top: its Jacobian is that of a network, or the transpose.
pub(super) trait LinearisedSystem: System {
    /// The network whose Jacobian it is.
    fn network(&self) -> &RateNetwork;
    /// Whether it is the Jacobian itself or its transpose.
    fn orientation(&self) -> Orientation;
    /// `out = (df/dy) v`.
    fn jac_mul(&self, t: f64, y: &[f64], v: &[f64], out: &mut [f64]);
    /// The derivative of the activation, (unit, trial), on which the Jacobian depends.
    fn slope(&self, t: f64, y: &[f64], out: &mut Vec<f64>);
}

impl<S: System> System for &S {
    fn n_lanes(&self) -> usize {
        (*self).n_lanes()
    }
    fn lane_len(&self) -> usize {
        (*self).lane_len()
    }
    fn rhs(&self, t: f64, y: &[f64], dy: &mut [f64]) {
        (*self).rhs(t, y, dy);
    }
}

impl<S: LinearisedSystem> LinearisedSystem for &S {
    fn network(&self) -> &RateNetwork {
        (*self).network()
    }
    fn orientation(&self) -> Orientation {
        (*self).orientation()
    }
    fn jac_mul(&self, t: f64, y: &[f64], v: &[f64], out: &mut [f64]) {
        (*self).jac_mul(t, y, v, out);
    }
    fn slope(&self, t: f64, y: &[f64], out: &mut Vec<f64>) {
        (*self).slope(t, y, out);
    }
}

/// A [`System`] with its initial state, as diffsol's equations. Without mass matrix, roots, outputs or
/// parameters: what is differentiated with respect to parameters is done outside.
pub(super) struct Equations<S> {
    pub(super) system: S,
    context: NalgebraContext,
    y0: V,
}

impl<S: System> Equations<S> {
    pub(super) fn new(system: S, y0: &[f64]) -> Equations<S> {
        let context = NalgebraContext::with_nbatch(system.n_lanes());
        Equations {
            y0: V::from_slice(y0, context),
            context,
            system,
        }
    }
}

impl<S: System> Op for Equations<S> {
    type T = f64;
    type V = V;
    type M = M;
    type C = NalgebraContext;
    fn context(&self) -> &NalgebraContext {
        &self.context
    }
    fn nstates(&self) -> usize {
        self.system.lane_len()
    }
    fn nout(&self) -> usize {
        self.system.lane_len()
    }
    fn nparams(&self) -> usize {
        0
    }
}

/// The right-hand side of [`Equations`].
pub(super) struct Rhs<'a, S>(&'a Equations<S>);
/// The initial state of [`Equations`].
pub(super) struct Init<'a, S>(&'a Equations<S>);

macro_rules! op_as_equations {
    ($name:ident) => {
        impl<S: System> Op for $name<'_, S> {
            type T = f64;
            type V = V;
            type M = M;
            type C = NalgebraContext;
            fn context(&self) -> &NalgebraContext {
                self.0.context()
            }
            fn nstates(&self) -> usize {
                self.0.nstates()
            }
            fn nout(&self) -> usize {
                self.0.nout()
            }
            fn nparams(&self) -> usize {
                0
            }
        }
    };
}
op_as_equations!(Rhs);
op_as_equations!(Init);

/// All lanes of a vector as one slice.
pub(super) fn slice(v: &V) -> &[f64] {
    use diffsol::VectorCommon;
    v.inner().as_slice()
}

/// All lanes of a vector as one mutable slice.
pub(super) fn slice_mut(v: &mut V) -> &mut [f64] {
    v.inner_mut().as_mut_slice()
}

impl<S: System> NonLinearOp for Rhs<'_, S> {
    fn call_inplace(&self, x: &V, t: f64, y: &mut V) {
        self.0.system.rhs(t, slice(x), slice_mut(y));
    }
}

impl<S: LinearisedSystem> NonLinearOpJacobian for Rhs<'_, S> {
    fn jac_mul_inplace(&self, x: &V, t: f64, v: &V, y: &mut V) {
        self.0.system.jac_mul(t, slice(x), slice(v), slice_mut(y));
    }

    fn jacobian_inplace(&self, x: &V, t: f64, y: &mut M) {
        (y.identity, y.jacobian) = (0.0, 1.0);
        self.0.system.slope(t, slice(x), &mut y.slope);
    }
}

impl<S: System> ConstantOp for Init<'_, S> {
    fn call_inplace(&self, _t: f64, y: &mut V) {
        y.copy_from(&self.0.y0);
    }
}

impl<'a, S: System> OdeEquationsRef<'a> for Equations<S> {
    type Mass = ParameterisedOp<'a, UnitCallable<M>>;
    type Rhs = Rhs<'a, S>;
    type Root = ParameterisedOp<'a, UnitCallable<M>>;
    type Init = Init<'a, S>;
    type Out = ParameterisedOp<'a, UnitCallable<M>>;
    type Reset = ParameterisedOp<'a, UnitCallable<M>>;
}

impl<S: System> OdeEquations for Equations<S> {
    fn rhs(&self) -> Rhs<'_, S> {
        Rhs(self)
    }
    fn mass(&self) -> Option<<Self as OdeEquationsRef<'_>>::Mass> {
        None
    }
    fn init(&self) -> Init<'_, S> {
        Init(self)
    }
    // there are no parameters to set or get: nparams is 0
    fn set_params(&mut self, _p: &V) {}
    fn get_params(&self, _p: &mut V) {}
}
