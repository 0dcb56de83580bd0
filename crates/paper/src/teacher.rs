//! Teachers and the sequences that they make.

use crate::smoothing::smoothed;
use crate::student::{Student, StudentError};
use nalgebra::DMatrix;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tauscope_adjoint::Integrator;
use tauscope_dynamics::{InputSignal, Interpolation};

/// Steps that are drawn and smoothed, of which the first are used.
const DRAWN: usize = 40;

/// One sequence: inputs and what the outputs should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Sequence {
    /// Inputs at the steps 0, 1, .. .
    pub input: InputSignal,
    /// Targets (output, step); NaN where the loss does not look.
    pub targets: DMatrix<f64>,
    pub(crate) n_observed: usize,
}

impl Sequence {
    /// A sequence of `inputs` (input, step) and `targets` (output, step).
    ///
    /// # Errors
    /// [`StudentError`] where an input is not finite.
    pub fn new(
        inputs: DMatrix<f64>,
        targets: DMatrix<f64>,
        interpolation: Interpolation,
    ) -> Result<Sequence, StudentError> {
        let steps = inputs.ncols();
        let time: Vec<f64> = (0..steps).map(|t| t as f64).collect();
        let end = time.last().copied().unwrap_or(0.0);
        Ok(Sequence {
            input: InputSignal::new(time, end, inputs, 1, interpolation)?,
            n_observed: targets.iter().filter(|v| !v.is_nan()).count(),
            targets,
        })
    }

    /// Sum of squared errors of outputs `z`, and the errors, 0 where nothing is observed.
    pub(crate) fn compare(&self, z: &DMatrix<f64>) -> (f64, DMatrix<f64>) {
        let error = z.zip_map(&self.targets, |z, target| {
            if target.is_nan() { 0.0 } else { z - target }
        });
        (error.norm_squared(), error)
    }
}

/// What a teacher is and how much it teaches.
#[derive(Debug, Clone, PartialEq)]
pub struct TeacherSpec {
    /// The network; its constants are given, one pair a unit.
    pub network: Student,
    /// alpha_s and alpha_r by unit, or one pair for all.
    pub alphas: Vec<[f64; 2]>,
    /// Steps of a sequence.
    pub steps: usize,
    /// Train sequences.
    pub n_train: usize,
    /// Validation sequences.
    pub n_valid: usize,
}

/// A teacher with what it taught.
#[derive(Debug, Clone, PartialEq)]
pub struct Teacher {
    /// Its parameters, in the layout of its network.
    pub theta: Vec<f64>,
    /// Train sequences.
    pub train: Vec<Sequence>,
    /// Validation sequences.
    pub valid: Vec<Sequence>,
}

/// A stream of random numbers for each purpose.
pub(crate) fn stream(seed: u64, purpose: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(purpose);
    rng
}

impl Teacher {
    /// Draws a teacher and its sequences.
    ///
    /// # Errors
    /// [`StudentError`] where the network cannot be solved.
    pub fn draw(spec: &TeacherSpec, seed: u64) -> Result<Teacher, StudentError> {
        let mut theta = spec.network.start(&mut stream(seed, 1));
        spec.network.set_alphas_by_unit(&mut theta, &spec.alphas);
        let mut rng = stream(seed, 2);
        let interpolation = match spec.network.integrator {
            Integrator::FixedStep { .. } => Interpolation::Hold,
            _ => Interpolation::Linear,
        };
        let all = (0..spec.n_train + spec.n_valid).map(|_| {
            let rows: Vec<Vec<f64>> = (0..spec.network.n_inputs)
                .map(|_| smoothed(DRAWN, &mut rng))
                .collect();
            let inputs = DMatrix::from_fn(rows.len(), spec.steps, |i, t| rows[i][t]);
            let blank = DMatrix::zeros(spec.network.n_outputs, spec.steps);
            let mut sequence = Sequence::new(inputs, blank, interpolation)?;
            sequence.targets = spec.network.outputs(&theta, &sequence)?;
            Ok(sequence)
        });
        let mut train = all.collect::<Result<Vec<_>, StudentError>>()?;
        let valid = train.split_off(spec.n_train);
        Ok(Teacher {
            theta,
            train,
            valid,
        })
    }
}
