use super::pass::{Pass, Problem};
use nalgebra::DMatrix;
use std::path::Path;
use tauscope_fit::store::{Group, StoreError, Variable, write_file};

/// Writes the answer: `cost`, and `gradient/` with the blocks that the model has.
///
/// # Errors
/// When the file cannot be written.
pub fn write(
    path: &Path,
    problem: &Problem,
    pass: &Pass,
    time_units: &str,
) -> Result<(), StoreError> {
    let root = Group::new()
        .attribute("tauscope_format", "gradient")
        .attribute("schema_version", 1_i64)
        .attribute("model", problem.model.name())
        .attribute("time_units", time_units)
        .variable(
            Variable::new("cost", &[], vec![pass.cost])
                .units("1")
                .long_name("mean squared residual"),
        )
        .group("gradient", gradient(problem, pass));
    write_file(path, &root)
}

fn gradient(problem: &Problem, pass: &Pass) -> Group {
    let g = &pass.gradient;
    let one =
        |name: &str, values: &[f64]| derivative(Variable::new(name, &["unit"], values.to_vec()));
    let mut group = Group::new()
        .indices("unit", g.n_units())
        .indices("source_unit", g.n_units())
        .variable(derivative(Variable::new(
            "W",
            &["unit", "source_unit"],
            by_row(&g.w),
        )));
    if g.n_inputs() > 0 {
        group = group.indices("input", g.n_inputs());
        group = group.variable(derivative(Variable::new(
            "U",
            &["unit", "input"],
            by_row(&g.u),
        )));
    }
    group = group.variable(one("b", g.b.as_slice()));
    if problem.model.has_tau_s() {
        group = group.variable(one("log_tau_s", g.log_tau_s.as_slice()));
    }
    if problem.model.has_tau_r() {
        group = group.variable(one("log_tau_r", g.log_tau_r.as_slice()));
    }
    group
}

fn derivative(variable: Variable) -> Variable {
    let long_name = format!("derivative of the cost with respect to {}", variable.name);
    variable.units("1").long_name(&long_name)
}

/// Entries row by row.
fn by_row(matrix: &DMatrix<f64>) -> Vec<f64> {
    matrix.transpose().as_slice().to_vec()
}
