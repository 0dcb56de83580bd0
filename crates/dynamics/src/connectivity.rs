use crate::ModelError;
use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

/// The sign that all weights out of one source unit must have (Dale's principle).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sign {
    /// No constraint.
    Free,
    /// All weights of the column are `>= 0`.
    Excitatory,
    /// All weights of the column are `<= 0`.
    Inhibitory,
}

impl Sign {
    /// Least and greatest value that a weight of this sign may have.
    pub fn bounds(self) -> (f64, f64) {
        match self {
            Sign::Free => (f64::NEG_INFINITY, f64::INFINITY),
            Sign::Excitatory => (0.0, f64::INFINITY),
            Sign::Inhibitory => (f64::NEG_INFINITY, 0.0),
        }
    }
}

/// What the weights may be: which entries of W (unit, source unit) and U (unit, input) exist, and the
/// sign of each column of W. Entries that do not exist are zero and are not learned.
#[derive(Debug, Clone, PartialEq)]
pub struct Connectivity {
    recurrent: DMatrix<bool>,
    input: DMatrix<bool>,
    signs: Vec<Sign>,
}

impl Connectivity {
    /// From explicit masks, `recurrent` (unit, source unit) and `input` (unit, input).
    ///
    /// # Errors
    /// [`ModelError::Shape`] when the sizes do not fit each other.
    pub fn new(
        recurrent: DMatrix<bool>,
        input: DMatrix<bool>,
        signs: Vec<Sign>,
    ) -> Result<Connectivity, ModelError> {
        let n = recurrent.nrows();
        let check = |name, got, expected| {
            if got == expected {
                Ok(())
            } else {
                Err(ModelError::Shape {
                    name,
                    got,
                    expected,
                })
            }
        };
        check("columns of the connectivity mask", recurrent.ncols(), n)?;
        check("rows of the input connectivity mask", input.nrows(), n)?;
        check("signs", signs.len(), n)?;
        Ok(Connectivity {
            recurrent,
            input,
            signs,
        })
    }

    /// Every unit drives every unit, itself included, and every input drives every unit.
    pub fn full(n_units: usize, n_inputs: usize) -> Connectivity {
        Connectivity {
            recurrent: DMatrix::from_element(n_units, n_units, true),
            input: DMatrix::from_element(n_units, n_inputs, true),
            signs: vec![Sign::Free; n_units],
        }
    }

    /// As [`full`](Self::full), but no unit drives itself.
    pub fn no_self(n_units: usize, n_inputs: usize) -> Connectivity {
        let mut c = Connectivity::full(n_units, n_inputs);
        c.recurrent.fill_diagonal(false);
        c
    }

    /// No recurrence: every input drives every unit, no unit drives any.
    pub fn none(n_units: usize, n_inputs: usize) -> Connectivity {
        let mut c = Connectivity::full(n_units, n_inputs);
        c.recurrent.fill(false);
        c
    }

    /// Which entries of W exist, (unit, source unit).
    pub fn recurrent(&self) -> &DMatrix<bool> {
        &self.recurrent
    }

    /// Which entries of U exist, (unit, input).
    pub fn input(&self) -> &DMatrix<bool> {
        &self.input
    }

    /// The sign of each column of W, (source unit).
    pub fn signs(&self) -> &[Sign] {
        &self.signs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_must_be_square_and_fit_the_inputs() {
        let wide = DMatrix::from_element(2, 3, true);
        let square = DMatrix::from_element(2, 2, true);
        let free = vec![Sign::Free; 2];
        assert!(Connectivity::new(wide.clone(), square.clone(), free.clone()).is_err());
        assert!(
            Connectivity::new(
                square.clone(),
                DMatrix::from_element(3, 1, true),
                free.clone()
            )
            .is_err()
        );
        assert!(Connectivity::new(square.clone(), wide.clone(), vec![Sign::Free]).is_err());
        assert!(Connectivity::new(square, wide, free).is_ok());
    }
}
