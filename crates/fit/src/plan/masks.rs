use super::PlanError;
use crate::config::{EffectiveConfig, InputMask, Mask};
use crate::store::StoredFile;
use nalgebra::DMatrix;
use std::path::Path;

/// Which entries of W exist, (unit, source unit).
pub(super) fn recurrent(config: &EffectiveConfig, n: usize) -> Result<DMatrix<bool>, PlanError> {
    Ok(match &config.connectivity {
        Mask::Full => DMatrix::from_element(n, n, true),
        Mask::NoSelf => DMatrix::from_fn(n, n, |i, j| i != j),
        Mask::None => DMatrix::from_element(n, n, false),
        Mask::File(path) => read(path, "connectivity", n, n)
            .map_err(|reason| config.unfit("connectivity", reason))?,
    })
}

/// Which entries of U exist, (unit, input).
pub(super) fn input(
    config: &EffectiveConfig,
    n: usize,
    m: usize,
) -> Result<DMatrix<bool>, PlanError> {
    Ok(match &config.input_connectivity {
        InputMask::Full => DMatrix::from_element(n, m, true),
        InputMask::None => DMatrix::from_element(n, m, false),
        InputMask::File(path) => read(path, "input_connectivity", n, m)
            .map_err(|reason| config.unfit("input_connectivity", reason))?,
    })
}

/// Zeros and ones, row = target unit: a CSV file, or the variable `name` (or the only variable) of an HDF5 file.
fn read(path: &Path, name: &str, rows: usize, columns: usize) -> Result<DMatrix<bool>, String> {
    let at = path.display();
    let is_hdf5 = path
        .extension()
        .is_some_and(|e| e == "h5" || e == "hdf5" || e == "nc");
    let table = if is_hdf5 {
        from_hdf5(path, name)?
    } else {
        from_csv(path)?
    };
    let (got_rows, got_columns) = (table.len(), table.first().map_or(0, Vec::len));
    if got_rows != rows || table.iter().any(|row| row.len() != columns) {
        return Err(format!(
            "{at} has {got_rows} rows of {got_columns} columns, expected {rows} of {columns}"
        ));
    }
    let mut mask = DMatrix::from_element(rows, columns, false);
    for (i, row) in table.iter().enumerate() {
        for (j, &value) in row.iter().enumerate() {
            if value != 0.0 && value != 1.0 {
                return Err(format!(
                    "{at}: row {i}, column {j} is {value}, expected 0 or 1"
                ));
            }
            mask[(i, j)] = value == 1.0;
        }
    }
    Ok(mask)
}

fn from_csv(path: &Path) -> Result<Vec<Vec<f64>>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let number = |line: usize, cell: &str| {
        let cell = cell.trim();
        cell.parse()
            .map_err(|_| format!("{}: line {line}: {cell:?} is no number", path.display()))
    };
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(i, line)| line.split(',').map(|cell| number(i + 1, cell)).collect())
        .collect()
}

fn from_hdf5(path: &Path, name: &str) -> Result<Vec<Vec<f64>>, String> {
    let file = StoredFile::open(path).map_err(|e| e.to_string())?;
    let root = file.root();
    let array = root.read_f64(name).map_err(|e| e.to_string())?;
    match array.shape[..] {
        [_, columns] if columns > 0 => {
            Ok(array.values.chunks(columns).map(<[f64]>::to_vec).collect())
        }
        _ => Err(format!("{}: variable {name} is no matrix", path.display())),
    }
}
