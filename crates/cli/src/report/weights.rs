//! Weights as heat maps.

use super::contents::{Contents, ascending};
use tauscope_figures::{Figure, HeatMap};

/// W, and U beside it, with units from the fastest to the slowest.
pub fn weights(contents: &Contents) -> Option<Figure> {
    let parameters = contents.group("parameters")?;
    let w = parameters.variable("W")?;
    let n = contents.units.len();
    let values = w.values.as_real().filter(|values| values.len() == n * n)?;
    let order = order(contents);
    let names: Vec<String> = order
        .iter()
        .map(|&unit| contents.units[unit].clone())
        .collect();
    let sorted = order
        .iter()
        .flat_map(|&to| order.iter().map(move |&from| (to, from)));
    let sorted = sorted.map(|(to, from)| values[to * n + from]).collect();
    let map = HeatMap::new(
        ("target unit", names.clone()),
        ("source unit", names.clone()),
        sorted,
        "recurrent weight W",
    );
    let sorted_by = if contents.taus.is_empty() {
        "in the order of the file"
    } else {
        "sorted by the sum of their time constants, the fastest first"
    };
    let caption = format!(
        "A row is the unit that is driven, a column the unit or the input that drives. Units are {sorted_by}. Cells with a dash are negative."
    );
    let mut figure = Figure::new("W and U", &caption).panel(map);
    if let Some(inputs) = input_weights(contents, &order, &names) {
        figure = figure.panel(inputs);
    }
    Some(figure)
}

fn order(contents: &Contents) -> Vec<usize> {
    let n = contents.units.len();
    let slowness: Vec<f64> = (0..n)
        .map(|unit| contents.taus.iter().map(|tau| tau.values[unit]).sum())
        .collect();
    let order = ascending(&slowness);
    if contents.taus.is_empty() || order.len() < n {
        (0..n).collect()
    } else {
        order
    }
}

fn input_weights(contents: &Contents, order: &[usize], names: &[String]) -> Option<HeatMap> {
    let parameters = contents.group("parameters")?;
    let u = parameters.variable("U")?;
    let [_, n_inputs] = u.shape[..] else {
        return None;
    };
    let values = u
        .values
        .as_real()
        .filter(|values| n_inputs > 0 && values.len() == n_inputs * order.len())?;
    let sorted = order
        .iter()
        .flat_map(|&unit| values[unit * n_inputs..][..n_inputs].iter().copied())
        .collect();
    let inputs = parameters.labels("input", n_inputs);
    Some(HeatMap::new(
        ("target unit", names.to_vec()),
        ("input", inputs),
        sorted,
        "input weight U",
    ))
}
