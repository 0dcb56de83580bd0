//! A small version of `just recover`.

use crate::bench::Bench;
use tauscope_fit::store::StoredFile;

/// As in tests/recovery/recover.py.
const TOLERANCE: f64 = 0.01;

#[test]
fn the_time_constants_of_a_strong_teacher_come_back() {
    let bench = Bench::new();
    bench.write("teacher.toml", "units = 5\ninputs = 2\ntrials = 10\nduration = 0.8\nsplit = [0.8, 0.1, 0.1]\nseed = 1\n[weights]\nstd = 4.0\n");
    assert_eq!(
        bench.run("generate teacher.toml --out teacher.h5").code,
        Some(0)
    );
    let run = bench.run(
        "fit teacher.h5 --activation sigmoid --l2 0 --early-stopping false --select-by train --starts 2 --out fit.h5 --json",
    );
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let read = |file: &str, group: &str, tau: &str| {
        let file = StoredFile::open(&bench.path(file)).unwrap();
        file.group(group).unwrap().read_f64(tau).unwrap().values
    };
    for tau in ["tau_s", "tau_r"] {
        let (wanted, found) = (
            read("teacher.h5", "truth", tau),
            read("fit.h5", "parameters", tau),
        );
        for (unit, (wanted, found)) in wanted.iter().zip(&found).enumerate() {
            assert!(
                (found / wanted - 1.0).abs() <= TOLERANCE,
                "{tau}[{unit}] = {found}, true {wanted}: {}",
                run.stdout
            );
        }
    }
}
