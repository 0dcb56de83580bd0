use super::contender::{Contender, Resolution};
use super::integration::{Cell, Measure};
use super::refit::{Fitted, Refit, Start};
use super::run::Comparison;
use crate::dataset::Dataset;
use crate::driver::{Names, Provenance, count, now, origin, real, splits};
use crate::store::{Group, StoreError, Variable, write_file};
use std::path::Path;

/// Writes a comparison: `integration` over (method, step_or_tolerance), `fits` over (start, method, step_or_tolerance, unit),
/// `certificate` over (tolerance, unit), `adaptive` over (unit). What was not measured is NaN, and `state` says why.
///
/// # Errors
/// [`StoreError`] where the file cannot be written; then nothing is left behind.
pub fn write_comparison(
    path: &Path,
    comparison: &Comparison,
    dataset: &Dataset,
    provenance: &Provenance,
) -> Result<(), StoreError> {
    let axes = Axes::new(comparison, dataset);
    let root = axes
        .all(Group::new())
        .attribute("tauscope_format", "comparison")
        .attribute("schema_version", 1_i64)
        .attribute(
            "title",
            format!("integration methods compared on {}", dataset.name()),
        )
        .attribute("time_units", dataset.time_units())
        .attribute("model", comparison.layout.model.name())
        .attribute("activation", comparison.layout.activation.name())
        .attribute("adaptive_method", comparison.adaptive.name())
        .attribute("adaptive_tolerance", comparison.rtol)
        .attribute("reference_method", comparison.reference)
        .attribute("sample_interval", comparison.sample_interval)
        .attribute("verdict", comparison.verdict.clone())
        .attribute("notes", comparison.notes.join("\n"))
        .attribute("interrupted", comparison.interrupted)
        .group("integration", axes.integration(comparison))
        .group("fits", axes.fits(comparison))
        .group("certificate", axes.certificate(comparison))
        .group("adaptive", axes.adaptive(comparison))
        .group(
            "provenance",
            origin(dataset, &comparison.config, provenance)
                .attribute("l2", comparison.given.l2)
                .attribute("budget", comparison.budget)
                .attribute("share", comparison.share)
                .attribute("seconds", comparison.seconds)
                .attribute("warnings", comparison.warnings.clone())
                .attribute("end_time", now()),
        );
    write_file(path, &root)
}

/// The axes that all groups share.
struct Axes {
    methods: Vec<Contender>,
    /// Steps, then tolerances, each coarsest first.
    resolutions: Vec<Resolution>,
    names: Names,
}

impl Axes {
    fn new(comparison: &Comparison, dataset: &Dataset) -> Axes {
        let cells = comparison.cells.iter().map(|c| (c.contender, c.resolution));
        let refits = comparison
            .refits
            .iter()
            .map(|r| (r.contender, r.resolution));
        let mut methods = Vec::new();
        let mut resolutions = Vec::new();
        for (contender, resolution) in cells.chain(refits) {
            if !methods.contains(&contender) {
                methods.push(contender);
            }
            if !resolutions.contains(&resolution) {
                resolutions.push(resolution);
            }
        }
        resolutions.sort_by(|a, b| a.kind().cmp(b.kind()).then(b.value().total_cmp(&a.value())));
        Axes {
            methods,
            resolutions,
            names: Names::new(&comparison.layout, dataset),
        }
    }

    fn all(&self, group: Group) -> Group {
        self.unit(self.method_and_resolution(group))
    }

    fn unit(&self, group: Group) -> Group {
        group.coordinate(self.names.unit())
    }

    fn method_and_resolution(&self, group: Group) -> Group {
        let methods: Vec<String> = self.methods.iter().map(|c| c.name().to_owned()).collect();
        let values: Vec<f64> = self.resolutions.iter().map(|r| r.value()).collect();
        let kinds: Vec<String> = self
            .resolutions
            .iter()
            .map(|r| r.kind().to_owned())
            .collect();
        let dims = ["step_or_tolerance"];
        group
            .coordinate(
                Variable::new("method", &["method"], methods)
                    .long_name("integration method, or a limit of one time constant"),
            )
            .coordinate(
                Variable::new("step_or_tolerance", &dims, values)
                    .units("1")
                    .long_name(
                        "step in the time unit of the data, or relative tolerance: see `control`",
                    ),
            )
            .variable(
                Variable::new("control", &dims, kinds)
                    .long_name("whether step_or_tolerance is a step or a tolerance"),
            )
    }

    /// Values over (method, step_or_tolerance), each `width` numbers; what `of` does not know is `blank`.
    fn grid<'c, V: Clone>(
        &self,
        find: impl Fn(Contender, Resolution) -> Option<&'c Cell>,
        blank: &[V],
        of: impl Fn(&Cell) -> Option<Vec<V>>,
    ) -> Vec<V> {
        let places = self.methods.iter().flat_map(|&method| {
            self.resolutions
                .iter()
                .map(move |&resolution| (method, resolution))
        });
        places
            .flat_map(|(method, resolution)| {
                find(method, resolution)
                    .and_then(&of)
                    .unwrap_or_else(|| blank.to_vec())
            })
            .collect()
    }

    fn integration(&self, comparison: &Comparison) -> Group {
        let dims = ["method", "step_or_tolerance"];
        let find = |method, resolution| {
            let mut cells = comparison.cells.iter();
            cells.find(|cell| cell.contender == method && cell.resolution == resolution)
        };
        let blocks = comparison.blocks.len();
        let measured = |of: &dyn Fn(&Measure) -> f64| -> Vec<f64> {
            self.grid(find, &[f64::NAN], |cell| {
                Some(vec![of(cell.state.measure()?)])
            })
        };
        let counted = |of: &dyn Fn(&Measure) -> u64| -> Vec<i64> {
            self.grid(find, &[-1], |cell| {
                Some(vec![of(cell.state.measure()?) as i64])
            })
        };
        let word = |of: &dyn Fn(&Cell) -> String| -> Vec<String> {
            self.grid(find, &[String::new()], |cell| Some(vec![of(cell)]))
        };
        let gradient = self.grid(find, &vec![f64::NAN; blocks], |cell| {
            Some(cell.state.measure()?.gradient_error.clone())
        });
        self.method_and_resolution(Group::new())
            .coordinate(
                Variable::new("block", &["block"], comparison.blocks.clone())
                    .long_name("block of parameters"),
            )
            .variable(Variable::new("state", &dims, word(&|c| c.state.name().to_owned()))
                .long_name("done, unstable, refused, not-run; empty: no such combination"))
            .variable(Variable::new("reason", &dims, word(&|c| c.state.reason().unwrap_or_default().to_owned()))
                .long_name("why not done"))
            .variable(real("trajectory_error", &dims, measured(&|m| m.trajectory_error), "1",
                "root mean square error of all rates at the samples of the train trials, relative to their root mean square"))
            .variable(real("cost", &dims, measured(&|m| m.cost), "1", "train cost of the targets that this step takes"))
            .variable(real("cost_error", &dims, measured(&|m| m.cost_error), "1",
                "difference of the cost from the reference's, relative to the cost of predicting each output's mean"))
            .variable(real("gradient_error", &["method", "step_or_tolerance", "block"], gradient, "1",
                "length of the error of a block of the gradient relative to the block, near the optimum"))
            .variable(real("seconds", &dims, measured(&|m| m.seconds), "s", "wall-clock time of the forward solve"))
            .variable(real("gradient_seconds", &dims, measured(&|m| m.gradient_seconds), "s",
                "wall-clock time of cost and gradient"))
            .variable(count("rhs_evaluations", &dims, counted(&|m| m.statistics.rhs_evaluations),
                "right-hand sides of the forward solve, trials times evaluations; -1: not measured"))
            .variable(count("gradient_rhs_evaluations", &dims, counted(&|m| m.gradient_evaluations),
                "right-hand sides of cost and gradient; -1: not measured"))
            .variable(count("steps", &dims, counted(&|m| m.statistics.steps), "accepted steps of all batches; -1: not measured"))
            .variable(count("rejected", &dims, counted(&|m| m.statistics.rejected), "rejected steps; -1: not measured"))
    }

    /// Values over (start, method, step_or_tolerance), each `blank.len()` of them.
    fn over_fits<V: Clone>(
        &self,
        comparison: &Comparison,
        blank: &[V],
        of: impl Fn(&Refit) -> Option<Vec<V>>,
    ) -> Vec<V> {
        let mut values = Vec::new();
        for start in Start::ALL {
            for &method in &self.methods {
                for &resolution in &self.resolutions {
                    let mut refits = comparison.refits.iter();
                    let found = refits.find(|refit| {
                        refit.start == start
                            && refit.contender == method
                            && refit.resolution == resolution
                    });
                    values.extend(found.and_then(&of).unwrap_or_else(|| blank.to_vec()));
                }
            }
        }
        values
    }

    fn fits(&self, comparison: &Comparison) -> Group {
        let dims = ["start", "method", "step_or_tolerance"];
        let by_unit = ["start", "method", "step_or_tolerance", "unit"];
        let blank = vec![f64::NAN; self.names.units.len()];
        let units = |of: &dyn Fn(&Refit, &Fitted) -> Vec<f64>| -> Vec<f64> {
            self.over_fits(comparison, &blank, |refit| {
                let values = of(refit, refit.fitted()?);
                (!values.is_empty()).then_some(values)
            })
        };
        let number = |of: &dyn Fn(&Fitted) -> f64| -> Vec<f64> {
            self.over_fits(comparison, &[f64::NAN], |refit| {
                Some(vec![of(refit.fitted()?)])
            })
        };
        let word = |of: &dyn Fn(&Refit) -> String| -> Vec<String> {
            self.over_fits(comparison, &[String::new()], |refit| Some(vec![of(refit)]))
        };
        let flag = |of: &dyn Fn(&Refit) -> bool| -> Vec<bool> {
            self.over_fits(comparison, &[false], |refit| Some(vec![of(refit)]))
        };
        let drifts = |kind: usize| {
            units(&move |_, f| {
                let [s, r] = comparison.drifts(&f.tau_s, &f.tau_r);
                if kind == 0 { s } else { r }
            })
        };
        let starts: Vec<String> = Start::ALL.iter().map(|s| s.name().to_owned()).collect();
        let r2 = self.over_fits(comparison, &[f64::NAN; 3], |refit| {
            Some(refit.fitted()?.r2.to_vec())
        });
        let without = self.over_fits(comparison, &vec![false; blank.len()], |refit| {
            let units = comparison.units_without_tau(refit);
            (!units.is_empty()).then_some(units)
        });
        let time = self.names.time_units.as_str();
        self.all(Group::new())
            .coordinate(Variable::new("start", &["start"], starts)
                .long_name("where the fit began: the adaptive optimum, or near it"))
            .coordinate(splits())
            .variable(Variable::new("state", &dims, word(&|r| r.state_name().to_owned()))
                .long_name("fitted, refused, failed, not-run; empty: no such combination"))
            .variable(Variable::new("reason", &dims, word(&|r| r.reason().unwrap_or_default().to_owned()))
                .long_name("why not fitted"))
            .variable(Variable::new("integrator", &dims, word(&|r| r.integrator.to_owned()))
                .long_name("method that integrated it"))
            .variable(Variable::new("termination", &dims, word(&|r| r.fitted().map_or_else(String::new, |f| f.termination.to_string())))
                .long_name("why it stopped"))
            .variable(Variable::new("converged", &dims, flag(&Refit::converged)).long_name("nothing was left to gain"))
            .variable(Variable::new("no_tau_fits", &by_unit, without)
                .long_name("no time constant of the scheme passes through the samples of a decay with the adaptive time constant"))
            .variable(real("tau_s", &by_unit, units(&|_, f| f.tau_s.clone()), time, "synaptic time constant"))
            .variable(real("tau_r", &by_unit, units(&|_, f| f.tau_r.clone()), time, "rate time constant"))
            .variable(real("tau_s_drift", &by_unit, drifts(0), "1", "value / adaptive value - 1"))
            .variable(real("tau_r_drift", &by_unit, drifts(1), "1", "value / adaptive value - 1"))
            .variable(real("cost", &dims, number(&|f| f.cost), "1", "train cost under its own integration"))
            .variable(real("cost_reference", &dims, number(&|f| f.cost_reference), "1", "train cost of the same parameters under the reference"))
            .variable(real("r2", &["start", "method", "step_or_tolerance", "split"], r2, "1", "1 - SSE/SST about the train means, under its own integration"))
            .variable(real("seconds", &dims, number(&|f| f.seconds), "s", "wall-clock time of the fit"))
    }

    fn certificate(&self, comparison: &Comparison) -> Group {
        let rows = &comparison.certificate;
        let column =
            |of: &dyn Fn(&super::CertificateRow) -> f64| rows.iter().map(of).collect::<Vec<f64>>();
        let blank = vec![f64::NAN; self.names.units.len()];
        let units = |of: &dyn Fn(&super::certificate::CertificateRefit) -> Vec<f64>| -> Vec<f64> {
            rows.iter()
                .flat_map(|row| {
                    let values = row.refit.as_ref().map(of).unwrap_or_default();
                    if values.is_empty() {
                        blank.clone()
                    } else {
                        values
                    }
                })
                .collect()
        };
        let at = ["tolerance"];
        let by_unit = ["tolerance", "unit"];
        let converged: Vec<bool> = rows
            .iter()
            .map(|row| row.refit.as_ref().is_some_and(|r| r.converged))
            .collect();
        let time = self.names.time_units.as_str();
        self.unit(Group::new().coordinate(real(
            "tolerance",
            &at,
            column(&|r| r.tolerance),
            "1",
            "relative tolerance",
        )))
        .variable(real(
            "cost",
            &at,
            column(&|r| r.cost),
            "1",
            "train cost of the adaptive optimum, re-evaluated",
        ))
        .variable(real(
            "cost_refitted",
            &at,
            column(&|r| r.refit.as_ref().map_or(f64::NAN, |f| f.cost)),
            "1",
            "train cost after fitting again",
        ))
        .variable(Variable::new("converged", &at, converged).long_name("nothing was left to gain"))
        .variable(real(
            "tau_s",
            &by_unit,
            units(&|r| r.tau_s.clone()),
            time,
            "synaptic time constant, fitted again",
        ))
        .variable(real(
            "tau_r",
            &by_unit,
            units(&|r| r.tau_r.clone()),
            time,
            "rate time constant, fitted again",
        ))
        .variable(real(
            "tau_s_drift",
            &by_unit,
            units(&|r| r.tau_s_drift.clone()),
            "1",
            "value / value at the fit's own tolerance - 1",
        ))
        .variable(real(
            "tau_r_drift",
            &by_unit,
            units(&|r| r.tau_r_drift.clone()),
            "1",
            "value / value at the fit's own tolerance - 1",
        ))
    }

    fn adaptive(&self, comparison: &Comparison) -> Group {
        let mut group = self.unit(Group::new());
        for (name, given, tau, what) in [
            (
                "tau_s",
                &comparison.given.tau_s,
                &comparison.adaptive_tau_s,
                "synaptic time constant",
            ),
            (
                "tau_r",
                &comparison.given.tau_r,
                &comparison.adaptive_tau_r,
                "rate time constant",
            ),
        ] {
            if !tau.is_empty() {
                let time = self.names.time_units.as_str();
                group = group
                    .variable(real(
                        name,
                        &["unit"],
                        tau.clone(),
                        time,
                        &format!("{what} of the adaptive fit"),
                    ))
                    .variable(real(
                        &format!("{name}_given"),
                        &["unit"],
                        given.clone(),
                        time,
                        &format!("{what} of the parameters that were integrated"),
                    ));
            }
        }
        group
    }
}
