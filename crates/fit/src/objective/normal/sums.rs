//! The sums over the points of a batch.

use super::alike::{Alike, Point};
use crate::batch::TrialBatch;
use crate::layout::ModelLayout;
use crate::linalg;
use crate::optimizer::{Arrow, SolveFailure};
use crate::readout::{ReadoutKind, ReadoutValues};
use nalgebra::{DMatrix, DMatrixView, DVectorView};
use tauscope_adjoint::{Halt, Sensitivities};

/// Rates that are gathered before they are multiplied, points x units: enough for large products, few enough for the
/// cache.
const GATHERED: usize = 256;

/// `J^T J` and `J^T e` of the residuals e in units of the noise.
///
/// With S (unit, shared parameter) the sensitivities of the rates at a point, `F = [rates; 1]`, G (output, unit) the gain
/// over the noise, s an output's scale over its noise:
///
/// - the corner is `sum S^T G^T G S = sum (R S)^T (R S)`, where R has as many rows as G or units, whichever is less;
/// - the side of output o is `s_o sum F (G_o S)`: its sum over points of `S F^T` does not depend on o;
/// - its block is `s_o^2 sum F F^T`;
/// - the gradient is `sum S^T G^T e` and `s_o sum F e_o`.
pub(super) struct Sums<'a> {
    layout: &'a ModelLayout,
    readout: &'a ReadoutValues,
    noise: &'a [f64],
    /// Of its corner only the lower half is filled.
    pub(super) hessian: Arrow,
    pub(super) gradient: Vec<f64>,
    pub(super) sum_of_squares: f64,
}

/// What points with the same outputs observed add up to before the gain is applied.
struct Products {
    /// `sum S F^T`: (unit, feature) blocks, one a shared parameter; of a single output `sum G S F^T`, which is one large
    /// product.
    tangents: Vec<f64>,
    /// `sum F F^T`.
    features: Vec<f64>,
    /// `sum e F^T`: (observed, feature).
    errors: Vec<f64>,
}

/// Some points, gathered.
#[derive(Default)]
struct Panel {
    /// S: (unit, point) blocks, one a shared parameter.
    tangents: Vec<f64>,
    /// F: (feature, point).
    features: Vec<f64>,
    /// R S in the same order.
    rows: Vec<f64>,
}

impl<'a> Sums<'a> {
    /// Without a point yet; `hessian` is zero.
    pub(super) fn new(
        layout: &'a ModelLayout,
        readout: &'a ReadoutValues,
        noise: &'a [f64],
        hessian: Arrow,
    ) -> Sums<'a> {
        Sums {
            gradient: vec![0.0; hessian.places.len()],
            layout,
            readout,
            noise,
            hessian,
            sum_of_squares: 0.0,
        }
    }

    /// Adds points with the same outputs observed, unless or until `halt` asks otherwise.
    pub(super) fn add(
        &mut self,
        batch: &TrialBatch,
        along: &Sensitivities,
        alike: &Alike,
        halt: &Halt,
    ) -> Result<(), SolveFailure> {
        let n = self.layout.n_units;
        let observed = &alike.observed;
        let readout = &self.layout.readout;
        let gain = readout.gain_rows(self.readout, observed, |o| 1.0 / self.noise[o]);
        let map = RowMap::new(readout.kind(), observed, &gain);
        let shortest = map.shortest();
        let shared = self.hessian.places.shared.len();
        let mut products = Products {
            tangents: vec![0.0; if observed.len() == 1 { 1 } else { n } * (n + 1) * shared],
            features: vec![0.0; (n + 1) * (n + 1)],
            errors: vec![0.0; observed.len() * (n + 1)],
        };
        let mut panel = Panel::default();
        for points in alike.points.chunks(GATHERED.div_ceil(n)) {
            if halt.asks().is_some() {
                return Err(SolveFailure::halted());
            }
            panel.gather(batch, along, points, n);
            let errors = self.errors(batch, points, observed, &panel);
            self.sum_of_squares += errors.norm_squared();
            self.add_to_shared(&gain, &errors, &panel);
            shortest.apply(&panel.tangents, n, &mut panel.rows);
            linalg::add_square(&mut self.hessian.corner, 1.0, &panel.rows);
            if self.hessian.places.width > 0 {
                products.add(&panel, &errors, n);
            }
        }
        if self.hessian.places.width > 0 {
            self.add_to_own(observed, &map, &products);
        }
        Ok(())
    }

    /// Residuals in units of the noise, (observed, point).
    fn errors(
        &self,
        batch: &TrialBatch,
        points: &[Point],
        observed: &[usize],
        panel: &Panel,
    ) -> DMatrix<f64> {
        let n = self.layout.n_units;
        let features = DMatrixView::from_slice(&panel.features, n + 1, points.len());
        let rates = features.rows(0, n).into_owned();
        let predicted = self.layout.readout.outputs(self.readout, rates.as_slice());
        DMatrix::from_fn(observed.len(), points.len(), |row, k| {
            let (output, point) = (observed[row], points[k]);
            let target = batch.observations[point.observation].values[(output, point.trial)];
            (predicted[(output, k)] - target) / self.noise[output]
        })
    }

    /// The gradient by the shared parameters.
    fn add_to_shared(&mut self, gain: &DMatrix<f64>, errors: &DMatrix<f64>, panel: &Panel) {
        let on_rates = gain.tr_mul(errors);
        let on_rates = DVectorView::from_slice(on_rates.as_slice(), on_rates.len());
        let columns = panel.tangents.chunks_exact(on_rates.len());
        for (&p, column) in self.hessian.places.shared.iter().zip(columns) {
            self.gradient[p] += DVectorView::from_slice(column, column.len()).dot(&on_rates);
        }
    }

    /// Sides, blocks and gradient of the observed outputs.
    fn add_to_own(&mut self, observed: &[usize], gain: &RowMap, products: &Products) {
        let (n, m) = (self.layout.n_units, observed.len());
        let width = self.hessian.places.width;
        let mut tangents = Vec::new();
        if m == 1 {
            tangents.clone_from(&products.tangents);
        } else {
            gain.apply(&products.tangents, n, &mut tangents);
        }
        for (row, &output) in observed.iter().enumerate() {
            let own = self.layout.readout.own_parameters(output);
            let scale = self.layout.readout.std_of(output) / self.noise[output];
            let first = output * width;
            for (j, &(_, feature)) in own.iter().enumerate() {
                let mut side = self.hessian.sides.row_mut(first + j);
                for (p, value) in side.iter_mut().enumerate() {
                    *value += scale * tangents[row + m * (p * (n + 1) + feature)];
                }
                for (i, &(_, other)) in own.iter().enumerate() {
                    self.hessian.blocks[(i, first + j)] +=
                        scale * scale * products.features[other + (n + 1) * feature];
                }
                let parameter = self.hessian.places.own[first + j];
                self.gradient[parameter] += scale * products.errors[row + m * feature];
            }
        }
    }
}

impl Products {
    fn add(&mut self, panel: &Panel, errors: &DMatrix<f64>, n: usize) {
        let features = &panel.features;
        let points = features.len() / (n + 1);
        if errors.nrows() == 1 {
            linalg::add_product(&mut self.tangents, n + 1, features, &panel.rows);
        } else {
            let sums = self.tangents.chunks_exact_mut(n * (n + 1));
            for (sum, tangents) in sums.zip(panel.tangents.chunks_exact(n * points)) {
                linalg::add_outer(sum, n, tangents, features);
            }
        }
        linalg::add_outer(&mut self.features, n + 1, features, features);
        linalg::add_outer(
            &mut self.errors,
            errors.nrows(),
            errors.as_slice(),
            features,
        );
    }
}

impl Panel {
    /// Gathers `points` of n units, each weighed as its observation says.
    fn gather(&mut self, batch: &TrialBatch, along: &Sensitivities, points: &[Point], n: usize) {
        let trials = batch.trials.len();
        let shared = along.block_len / (n * trials) - 1;
        self.tangents.clear();
        self.tangents.resize(shared * points.len() * n, 0.0);
        self.features.clear();
        self.features.resize((n + 1) * points.len(), 0.0);
        for (k, point) in points.iter().enumerate() {
            let (rates, one) = self.features[k * (n + 1)..][..=n].split_at_mut(n);
            one[0] = 1.0;
            for &(j, weight) in &batch.observations[point.observation].parts {
                let mut columns = along.at(j)[point.trial * n..].chunks(trials * n);
                let mut add = |to: &mut [f64]| {
                    let from = columns.next().unwrap_or_default();
                    for (to, from) in to.iter_mut().zip(from) {
                        *to += weight * from;
                    }
                };
                add(&mut *rates);
                for tangents in self.tangents.chunks_exact_mut(points.len() * n) {
                    add(&mut tangents[k * n..][..n]);
                }
            }
        }
    }
}

/// A map from rates to rows, such as G.
enum RowMap {
    /// Unit and factor of each row.
    Picked(Vec<(usize, f64)>),
    Mixed(DMatrix<f64>),
}

impl RowMap {
    /// G of the outputs `observed`; those of a readout that is not linear are one unit each.
    fn new(kind: ReadoutKind, observed: &[usize], gain: &DMatrix<f64>) -> RowMap {
        match kind {
            ReadoutKind::Linear => RowMap::Mixed(gain.clone()),
            ReadoutKind::Direct | ReadoutKind::Scaled => {
                let rows = observed.iter().enumerate();
                RowMap::Picked(rows.map(|(row, &unit)| (unit, gain[(row, unit)])).collect())
            }
        }
    }

    /// R with `R^T R = G^T G` and no more rows than units.
    fn shortest(&self) -> RowMap {
        match self {
            RowMap::Mixed(gain) if gain.nrows() > gain.ncols() => {
                RowMap::Mixed(gain.clone().qr().r())
            }
            RowMap::Mixed(gain) => RowMap::Mixed(gain.clone()),
            RowMap::Picked(rows) => RowMap::Picked(rows.clone()),
        }
    }

    /// The rows of every column of n rates in `x`.
    fn apply(&self, x: &[f64], n: usize, out: &mut Vec<f64>) {
        out.clear();
        match self {
            RowMap::Picked(rows) => {
                out.resize(x.len() / n * rows.len(), 0.0);
                for (to, rates) in out.chunks_exact_mut(rows.len()).zip(x.chunks_exact(n)) {
                    for (to, &(unit, by)) in to.iter_mut().zip(rows) {
                        *to = by * rates[unit];
                    }
                }
            }
            RowMap::Mixed(map) => {
                out.resize(x.len() / n * map.nrows(), 0.0);
                linalg::multiply(map, x, out);
            }
        }
    }
}
