use super::{FitObjective, Unpacked, failure};
use crate::batch::TrialBatch;
use crate::optimizer::{Evaluation, NormalEquations, SolveFailure, Value};
use nalgebra::{DMatrix, DMatrixView};
use rayon::prelude::*;
use tauscope_adjoint::{Direction, Sensitivities, sensitivities};

/// Rows of the Jacobian that are gathered before they are multiplied.
const ROWS: usize = 2048;

/// The sums over one batch.
struct Part {
    hessian: DMatrix<f64>,
    gradient: Vec<f64>,
    sum_of_squares: f64,
    rhs_evaluations: u64,
}

/// Gradient and `J^T J` from forward sensitivities along every parameter at once.
pub(super) fn normal_equations(
    objective: &FitObjective<'_>,
    theta: &[f64],
) -> Result<NormalEquations, SolveFailure> {
    let at = objective.unpack(theta)?;
    let parts: Vec<_> = objective
        .small
        .par_iter()
        .map(|batch| part(objective, theta, &at, batch))
        .collect();
    let n = theta.len();
    let mut total = Part {
        hessian: DMatrix::zeros(n, n),
        gradient: vec![0.0; n],
        sum_of_squares: 0.0,
        rhs_evaluations: 0,
    };
    for part in parts {
        let part = part?;
        total.hessian += part.hessian;
        total
            .gradient
            .iter_mut()
            .zip(&part.gradient)
            .for_each(|(g, p)| *g += p);
        total.sum_of_squares += part.sum_of_squares;
        total.rhs_evaluations += part.rhs_evaluations;
    }
    let weight = objective.residual_weight();
    total.hessian *= weight;
    total.gradient.iter_mut().for_each(|g| *g *= weight);
    objective.add_penalty_gradient(theta, &mut total.gradient);
    for p in objective.layout.penalised() {
        total.hessian[(p, p)] += 2.0 * objective.l2;
    }
    let Value {
        objective: value,
        cost,
        rhs_evaluations,
    } = objective.value_of(theta, total.sum_of_squares, total.rhs_evaluations);
    let evaluation = Evaluation {
        objective: value,
        cost,
        gradient: total.gradient,
        rhs_evaluations,
    };
    Ok(NormalEquations {
        evaluation,
        hessian: total.hessian,
    })
}

fn part(
    objective: &FitObjective<'_>,
    theta: &[f64],
    at: &Unpacked<'_>,
    batch: &TrialBatch,
) -> Result<Part, SolveFailure> {
    let layout = objective.layout;
    let start = layout
        .initial_state
        .start(&at.network, &batch.input, &batch.trials, at.initial)?;
    let directions = directions(objective, at, batch, &start);
    let along = sensitivities(
        &at.network,
        &batch.input,
        &start.state,
        &directions,
        &batch.t_eval,
        &objective.integrator,
    )
    .map_err(|e| failure(&e, batch))?;
    let mut rows = Rows::new(theta.len());
    for observation in &batch.observations {
        add_rows(objective, at, batch, observation, &along, &mut rows);
    }
    rows.flush();
    Ok(Part {
        hessian: rows.hessian,
        gradient: rows.gradient,
        sum_of_squares: rows.sum_of_squares,
        rhs_evaluations: along.statistics.rhs_evaluations,
    })
}

/// One direction for every parameter of the network, then of the initial state; the readout needs none.
fn directions(
    objective: &FitObjective<'_>,
    at: &Unpacked<'_>,
    batch: &TrialBatch,
    start: &crate::initial_state::Start,
) -> Vec<Direction> {
    let layout = objective.layout;
    let (network, input) = (&at.network, &batch.input);
    let mut unit = vec![0.0; layout.network.len()];
    let along_network = (0..layout.network.len()).map(|p| {
        if !layout.initial_state.follows_network() {
            return Direction::Entries(
                layout
                    .network
                    .coordinates(p)
                    .iter()
                    .map(|&c| (c, 1.0))
                    .collect(),
            );
        }
        unit[p] = 1.0;
        let parameters = layout.network.expand(&unit);
        unit[p] = 0.0;
        let initial_state =
            layout
                .initial_state
                .tangent(network, input, start, &[], Some(&parameters));
        Direction::Dense {
            parameters: Box::new(parameters),
            initial_state,
        }
    });
    let mut directions: Vec<Direction> = along_network.collect();
    let n = layout.initial_range().len();
    let mut unit = vec![0.0; n];
    for p in 0..n {
        unit[p] = 1.0;
        directions.push(Direction::InitialState(
            layout
                .initial_state
                .tangent(network, input, start, &unit, None),
        ));
        unit[p] = 0.0;
    }
    directions
}

/// Adds the rows of one observation: the derivative of each residual with respect to theta.
fn add_rows(
    objective: &FitObjective<'_>,
    at: &Unpacked<'_>,
    batch: &TrialBatch,
    observation: &crate::batch::Observation,
    along: &Sensitivities,
    rows: &mut Rows,
) {
    let layout = objective.layout;
    let (n, k) = (layout.n_units, batch.trials.len());
    let columns = along.block_len / n;
    let mut weighted = DMatrix::zeros(n, columns);
    for &(j, weight) in &observation.parts {
        weighted += DMatrixView::from_slice(along.at(j), n, columns) * weight;
    }
    let rates = weighted.columns(0, k);
    let prediction = layout
        .readout
        .outputs(&at.readout, weighted.columns(0, k).as_view());
    let tangents = layout
        .readout
        .gain_times(&at.readout, weighted.columns(k, columns - k).as_view());
    let (n_network, initial) = (layout.network.len(), layout.initial_range());
    for trial in 0..k {
        for output in 0..observation.values.nrows() {
            let target = observation.values[(output, trial)];
            if target.is_nan() {
                continue;
            }
            let weight = 1.0 / objective.noise[output];
            let row = rows.next();
            for p in 0..n_network {
                row[p] = weight * tangents[(output, p * k + trial)];
            }
            let on_readout = &mut row[layout.readout_range()];
            layout
                .readout
                .parameter_row(output, rates.column(trial).as_view(), weight, on_readout);
            for (i, p) in initial.clone().enumerate() {
                row[p] = weight * tangents[(output, (n_network + i) * k + trial)];
            }
            rows.residual(weight * (prediction[(output, trial)] - target));
        }
    }
}

/// Gathers rows of the Jacobian, kept as columns, and their residuals.
struct Rows {
    transposed: DMatrix<f64>,
    residuals: Vec<f64>,
    filled: usize,
    hessian: DMatrix<f64>,
    gradient: Vec<f64>,
    sum_of_squares: f64,
}

impl Rows {
    fn new(n: usize) -> Rows {
        Rows {
            transposed: DMatrix::zeros(n, ROWS),
            residuals: vec![0.0; ROWS],
            filled: 0,
            hessian: DMatrix::zeros(n, n),
            gradient: vec![0.0; n],
            sum_of_squares: 0.0,
        }
    }

    /// A row of zeros to be filled, then completed by [`residual`](Self::residual).
    fn next(&mut self) -> &mut [f64] {
        if self.filled == ROWS {
            self.flush();
        }
        let n = self.transposed.nrows();
        let row = &mut self.transposed.as_mut_slice()[self.filled * n..][..n];
        row.fill(0.0);
        row
    }

    fn residual(&mut self, value: f64) {
        self.residuals[self.filled] = value;
        self.filled += 1;
    }

    fn flush(&mut self) {
        let used = self.transposed.columns(0, self.filled);
        self.hessian.gemm(1.0, &used, &used.transpose(), 1.0);
        for (column, residual) in used.column_iter().zip(&self.residuals) {
            self.gradient
                .iter_mut()
                .zip(column.iter())
                .for_each(|(g, j)| *g += residual * j);
            self.sum_of_squares += residual * residual;
        }
        self.filled = 0;
    }
}
