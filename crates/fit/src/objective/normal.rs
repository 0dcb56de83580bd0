mod alike;
mod counts;
mod sums;

use self::alike::alike;
use self::counts::CountSums;
use self::sums::Sums;
use super::{FitObjective, Unpacked};
use crate::batch::TrialBatch;
use crate::layout::ModelLayout;
use crate::observation::ObservationModel;
use crate::optimizer::{Arrow, Evaluation, NormalEquations, Places, SolveFailure, Value};
use rayon::prelude::*;
use tauscope_adjoint::{Direction, sensitivities};

/// The sums over one batch.
struct Part {
    /// J^T J, of its corner the lower half.
    hessian: Arrow,
    gradient: Vec<f64>,
    loss: f64,
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
        .map(|batch| part(objective, &at, batch))
        .collect();
    let mut total = Part {
        hessian: Arrow::zeros(places(objective.layout)),
        gradient: vec![0.0; theta.len()],
        loss: 0.0,
        rhs_evaluations: 0,
    };
    for part in parts {
        total.add(&part?);
    }
    let Part {
        mut hessian,
        mut gradient,
        ..
    } = total;
    let weight = objective.residual_weight();
    hessian.mirror();
    hessian.scale(weight);
    gradient.iter_mut().for_each(|g| *g *= weight);
    objective.add_penalty_gradient(theta, &mut gradient);
    let penalised = objective.layout.penalised();
    hessian.add_to_diagonal(|p| {
        if penalised.contains(&p) {
            2.0 * objective.l2
        } else {
            0.0
        }
    });
    let Value {
        objective: value,
        cost,
        rhs_evaluations,
    } = objective.value_of(theta, total.loss, total.rhs_evaluations);
    let evaluation = Evaluation {
        objective: value,
        cost,
        gradient,
        rhs_evaluations,
    };
    Ok(NormalEquations {
        evaluation,
        hessian,
    })
}

/// The parameters of the network and the initial state meet all others, those of the readout only each other of the same
/// output.
fn places(layout: &ModelLayout) -> Places {
    let readout = &layout.readout;
    let first = layout.readout_range().start;
    let own: Vec<usize> = (0..readout.n_outputs())
        .flat_map(|o| readout.own_parameters(o))
        .map(|(parameter, _)| first + parameter)
        .collect();
    Places {
        shared: layout
            .network_range()
            .chain(layout.initial_range())
            .collect(),
        width: own.len() / readout.n_outputs(),
        own,
    }
}

impl Part {
    fn add(&mut self, other: &Part) {
        self.hessian.add(&other.hessian);
        self.gradient
            .iter_mut()
            .zip(&other.gradient)
            .for_each(|(g, p)| *g += p);
        self.loss += other.loss;
        self.rhs_evaluations += other.rhs_evaluations;
    }
}

fn part(
    objective: &FitObjective<'_>,
    at: &Unpacked<'_>,
    batch: &TrialBatch,
) -> Result<Part, SolveFailure> {
    let layout = objective.layout;
    let start = layout
        .initial_state
        .start(&at.network, &batch.input, &batch.trials, at.initial)?;
    let directions = directions(objective, at, batch, &start);
    let along = objective.until_halted(batch, || {
        sensitivities(
            &at.network,
            &batch.input,
            &start.state,
            &directions,
            &batch.t_eval,
            &objective.integrator,
        )
    })?;
    if let ObservationModel::Poisson(link) = objective.observation {
        let mut sums = CountSums::new(link, layout, &at.readout, Arrow::zeros(places(layout)));
        sums.add(batch, &along, &objective.halt)?;
        return Ok(Part {
            hessian: sums.hessian,
            gradient: sums.gradient,
            loss: sums.deviance,
            rhs_evaluations: along.statistics.rhs_evaluations,
        });
    }
    let mut sums = Sums::new(
        layout,
        &at.readout,
        &objective.noise,
        Arrow::zeros(places(layout)),
    );
    for points in alike(&batch.observations) {
        sums.add(batch, &along, &points, &objective.halt)?;
    }
    Ok(Part {
        hessian: sums.hessian,
        gradient: sums.gradient,
        loss: sums.sum_of_squares,
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

#[cfg(test)]
mod tests;
