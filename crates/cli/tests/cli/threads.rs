//! The number of threads changes no bit of a result.

use crate::bench::Bench;
use crate::bits::bits;

/// More trials than two batches hold, so that sums have parts to be added in a wrong order.
fn bench(units: usize, outputs: usize, samples: f64) -> Bench {
    let bench = Bench::new();
    bench.write(
        "spec.toml",
        &format!(
            "units = {units}\noutputs = {outputs}\ninputs = 2\ntrials = 30\nduration = {samples}\nseed = 3\nnoise = 0.05\n"
        ),
    );
    let run = bench.run("generate spec.toml --out t.h5");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    bench
}

#[track_caller]
fn same_for_any_number_of_threads(bench: &Bench, options: &str, optimizer: &str) {
    let fits = [1, 2, 8].map(|threads| {
        let name = format!("{optimizer}-{threads}.h5");
        let run = bench.run(&format!(
            "fit t.h5 --activation sigmoid --optimizer {optimizer} {options} --threads {threads} --out {name} --json"
        ));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert_eq!(run.json()["threads"], threads);
        bits(&bench.path(&name))
    });
    let places =
        |fit: &[(String, Vec<String>)]| fit.iter().map(|(p, _)| p.clone()).collect::<Vec<_>>();
    for variable in [
        "parameters/W",
        "parameters/tau_s",
        "history/objective",
        "history/rhs_evaluations",
        "starts/tau_r",
        "predictions/test/prediction",
        "metrics/r2",
        "certificate/adjoint_vs_forward",
        "certificate@gradient_norm",
    ] {
        assert!(places(&fits[0]).iter().any(|p| p == variable), "{variable}");
    }
    for (fit, threads) in fits[1..].iter().zip([2, 8]) {
        assert_eq!(places(fit), places(&fits[0]));
        for ((place, values), (_, first)) in fit.iter().zip(&fits[0]) {
            assert_eq!(values, first, "{optimizer}, {threads} threads: {place}");
        }
    }
}

#[test]
fn a_fit_has_the_same_bits_for_one_two_and_eight_threads() {
    let bench = bench(4, 4, 0.2);
    let options = "--starts 3 --max-iterations 6";
    for optimizer in ["gauss-newton", "lbfgs", "adam"] {
        same_for_any_number_of_threads(&bench, options, optimizer);
    }
}

#[test]
fn gauss_newton_without_its_matrix_has_the_same_bits_too() {
    // 45 units have 45^2 + 5 * 45 parameters: above the limit of the dense matrix
    let bench = bench(4, 4, 0.1);
    let options = "--units 45 --starts 2 --max-iterations 2 --l2 1e-3 --rtol 1e-4";
    same_for_any_number_of_threads(&bench, options, "gauss-newton");
}
