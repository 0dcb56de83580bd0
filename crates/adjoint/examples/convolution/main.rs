//! Appendix S1 of Quax et al. 2020 as numbers: the synaptic current by its differential equation, and by convolution with the
//! exponential kernel: `cargo run -p tauscope-adjoint --example convolution`.

mod kernel;
mod problem;

use kernel::{Currents, currents, difference};
use tauscope_adjoint::{AdaptiveMethod, Integrator, SolveError, Tolerances};
use tauscope_dynamics::{Activation, steady_state};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let network = problem::network(Activation::Sigmoid, &problem::TAUS);
    let input = problem::input();
    // before t = 0 the network has been at rest under the first sample of its input
    let steady = steady_state(&network, input.sample(0))?.state;
    let (past, r0) = steady.split_at(network.n_units());
    let at = |rtol: f64, past: &[f64]| -> Result<Currents, SolveError> {
        let integrator = Integrator::Adaptive {
            method: AdaptiveMethod::Tsit45,
            tolerances: Tolerances::from_rtol(rtol),
        };
        currents(&network, &input, [past, r0], &integrator)
    };
    println!(
        "tau_s dI/dt = -I + g against I = exp(-t/tau_s)/tau_s * g, g = W r + U x + b; 4 sigmoid units, 1 s"
    );
    println!("rtol     largest difference, over the largest current");
    for rtol in [1e-4, 1e-6, 1e-8, 1e-10] {
        let found = at(rtol, past)?;
        println!(
            "{rtol:<8.0e} {:.1e}",
            difference(&found.solved, &found.convolved)
        );
    }
    // I(0) = 0 although the rates had a past
    let forgotten = at(1e-10, &vec![0.0; past.len()])?;
    println!(
        "a start from I(0) = 0, although the rates had a past: {:.1e}",
        difference(&at(1e-10, past)?.solved, &forgotten.solved)
    );
    Ok(())
}
