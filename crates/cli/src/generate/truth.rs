//! The parameters that made the data, named as in a result.

use super::spec::{InitialState, Spec};
use super::spike_rule::LinkWord;
use super::teacher::Teacher;
use nalgebra::{DMatrix, DVector};
use tauscope_fit::store::{Group, Values, Variable};

/// The group `truth`.
pub fn group(spec: &Spec, teacher: &Teacher) -> Group {
    let p = &teacher.parameters;
    let one = |name: &str, long_name: &str, values: &DVector<f64>| {
        Variable::new(name, &["unit"], values.as_slice().to_vec())
            .units("1")
            .long_name(long_name)
    };
    let mut group = axes(spec)
        .variable(matrix(
            "W",
            ["unit", "source_unit"],
            "recurrent weight",
            &p.w,
        ))
        .variable(matrix("U", ["unit", "input"], "input weight", &p.u))
        .variable(one("b", "bias current", &p.b));
    for (name, long_name, log_tau) in [
        ("tau_s", "synaptic time constant", &p.log_tau_s),
        ("tau_r", "membrane time constant", &p.log_tau_r),
    ] {
        if !log_tau.is_empty() {
            let tau: Vec<f64> = log_tau.iter().map(|log| log.exp()).collect();
            group = group.variable(
                Variable::new(name, &["unit"], tau)
                    .units(&spec.time_units)
                    .long_name(long_name),
            );
        }
    }
    let group = with_alpha(group, spec);
    let group = with_spikes(with_noise(group, teacher), spec, teacher);
    with_start(group, spec, teacher)
}

/// Readout and link of a network whose spikes are counted.
fn with_spikes(group: Group, spec: &Spec, teacher: &Teacher) -> Group {
    let Some(spikes) = &teacher.spikes else {
        return group;
    };
    let link = match spec.spikes.link {
        LinkWord::Softplus => "softplus",
        LinkWord::Exp => "exp",
    };
    let by_output = |name: &str, values: &[f64], what: &str| {
        Variable::new(name, &["output"], values.to_vec())
            .units("1")
            .long_name(what)
    };
    group
        .attribute("observation", "poisson")
        .attribute("link", link)
        .variable(by_output("c", &spikes.gain, "gain of the readout"))
        .variable(by_output("d", &spikes.offset, "offset of the readout"))
}

fn axes(spec: &Spec) -> Group {
    Group::new()
        .attribute("model", spec.model.name())
        .attribute("activation", spec.activation.name())
        .indices("unit", spec.units)
        .indices("source_unit", spec.units)
        .indices("input", spec.inputs)
        .indices("output", spec.n_outputs())
}

/// Entries row by row.
fn matrix(name: &str, dims: [&str; 2], long_name: &str, entries: &DMatrix<f64>) -> Variable {
    Variable::new(name, &dims, entries.transpose().as_slice().to_vec())
        .units("1")
        .long_name(long_name)
}

/// The rate constants of the discrete model. Only `alpha < 1` has a time constant, `interval / alpha`.
fn with_alpha(mut group: Group, spec: &Spec) -> Group {
    let both = [
        ("alpha_s", "tau_s", &spec.tau.alpha_s),
        ("alpha_r", "tau_r", &spec.tau.alpha_r),
    ];
    for (name, tau, alpha) in both {
        let Some(alpha) = alpha.as_ref().map(|alpha| alpha.by_unit(spec.units)) else {
            continue;
        };
        for variable in group
            .variables
            .iter_mut()
            .filter(|variable| variable.name == tau)
        {
            let exists = |alpha: &f64| {
                if *alpha < 1.0 {
                    spec.interval / alpha
                } else {
                    f64::NAN
                }
            };
            variable.values = Values::Real(alpha.iter().map(exists).collect());
        }
        group = group.variable(
            Variable::new(name, &["unit"], alpha)
                .units("1")
                .long_name("rate constant, interval / tau"),
        );
    }
    group
}

fn with_noise(group: Group, teacher: &Teacher) -> Group {
    let noise = Variable::new("noise_std", &["output"], teacher.noise.clone());
    group.variable(
        noise
            .units("1")
            .long_name("standard deviation of the added noise"),
    )
}

/// The initial state, where all trials share one.
fn with_start(mut group: Group, spec: &Spec, teacher: &Teacher) -> Group {
    if spec.initial_state == InitialState::Steady {
        return group;
    }
    for (name, exists, long_name, state) in [
        (
            "I0",
            spec.model.has_tau_s(),
            "synaptic current at the first sample",
            &teacher.current,
        ),
        (
            "r0",
            spec.model.has_tau_r(),
            "firing rate at the first sample",
            &teacher.rate,
        ),
    ] {
        if exists {
            let first = state.column(0).iter().copied().collect::<Vec<_>>();
            group = group.variable(
                Variable::new(name, &["unit"], first)
                    .units("1")
                    .long_name(long_name),
            );
        }
    }
    group
}
