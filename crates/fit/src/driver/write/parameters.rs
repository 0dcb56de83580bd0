//! The group `parameters`.

use super::names::{Names, by_row, one};
use crate::initial_state::InitialStateKind;
use crate::plan::FitPlan;
use crate::readout::ReadoutKind;
use crate::store::{Group, Variable};
use tauscope_dynamics::ModelKind;

pub(crate) fn parameters(theta: &[f64], plan: &FitPlan, names: &Names) -> Group {
    let layout = &plan.layout;
    let p = layout.network.expand(&theta[layout.network_range()]);
    let (tau_s, tau_r) = layout.time_constants(theta);
    let mut group = Group::new()
        .coordinate(names.unit())
        .coordinate(
            Variable::new("source_unit", &["source_unit"], names.units.clone())
                .long_name("unit that drives"),
        )
        .variable(one(
            "W",
            &["unit", "source_unit"],
            by_row(&p.w),
            "recurrent weight",
        ));
    if layout.n_inputs > 0 {
        group = group
            .coordinate(
                Variable::new("input", &["input"], names.inputs.clone()).long_name("input channel"),
            )
            .variable(one("U", &["unit", "input"], by_row(&p.u), "input weight"));
    }
    if layout.with_bias {
        group = group.variable(one("b", &["unit"], p.b.as_slice().to_vec(), "bias"));
    }
    for (name, tau, what) in [
        ("tau_s", tau_s, "synaptic time constant"),
        ("tau_r", tau_r, "rate time constant"),
    ] {
        if !tau.is_empty() {
            group = group.variable(
                Variable::new(name, &["unit"], tau)
                    .units(&names.time_units)
                    .long_name(what),
            );
        }
    }
    group = with_readout(group, theta, plan, names);
    with_initial_state(group, theta, plan)
}

fn with_readout(mut group: Group, theta: &[f64], plan: &FitPlan, names: &Names) -> Group {
    let readout = &plan.layout.readout;
    let values = readout.values(&theta[plan.layout.readout_range()]);
    let (name, dims): (_, &[&str]) = match readout.kind() {
        ReadoutKind::Direct => return group,
        ReadoutKind::Scaled => ("c", &["output"]),
        ReadoutKind::Linear => ("C", &["output", "unit"]),
    };
    group = group.coordinate(names.output());
    let gain = Variable::new(name, dims, by_row(&values.gain))
        .units(&names.target_units)
        .long_name("gain of the readout");
    let offset = Variable::new("d", &["output"], values.offset.as_slice().to_vec());
    group.variable(gain).variable(
        offset
            .units(&names.target_units)
            .long_name("offset of the readout"),
    )
}

fn with_initial_state(group: Group, theta: &[f64], plan: &FitPlan) -> Group {
    let layout = &plan.layout;
    let theta = &theta[layout.initial_range()];
    let current = |v: &[f64]| one("I0", &["unit"], v.to_vec(), "initial current");
    let rate = |v: &[f64]| one("r0", &["unit"], v.to_vec(), "initial rate");
    match (&layout.initial_state, layout.model) {
        (InitialStateKind::Learned | InitialStateKind::LearnedFree, ModelKind::Rate) => {
            group.variable(rate(theta))
        }
        (InitialStateKind::LearnedFree, ModelKind::TwoConstant) => {
            let (currents, rates) = theta.split_at(layout.n_units);
            group.variable(current(currents)).variable(rate(rates))
        }
        (InitialStateKind::Learned | InitialStateKind::LearnedFree, _) => {
            group.variable(current(theta))
        }
        _ => group,
    }
}
