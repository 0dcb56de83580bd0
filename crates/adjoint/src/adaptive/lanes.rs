use tauscope_dynamics::StateShape;

/// How a batch lies in diffsol's vectors: one lane a trial, so that the error norm is that of the worst
/// trial and Jacobians are blocks. A lane holds its currents and its rates; a tangent has several columns a
/// trial in each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lanes {
    shape: StateShape,
    n_lanes: usize,
}

impl Lanes {
    /// `shape.n_columns` is a multiple of `n_lanes`, trials fastest.
    pub(super) fn new(shape: StateShape, n_lanes: usize) -> Lanes {
        debug_assert_eq!(shape.n_columns % n_lanes, 0);
        Lanes { shape, n_lanes }
    }

    pub(super) fn n_lanes(self) -> usize {
        self.n_lanes
    }

    pub(super) fn lane_len(self) -> usize {
        self.shape.len() / self.n_lanes
    }

    /// From lanes to blocks `[I | r]` of (unit, direction x trial).
    pub(super) fn to_blocks(self, lanes: &[f64], blocks: &mut [f64]) {
        self.for_each_column(|at_lane, at_block, n| {
            blocks[at_block..at_block + n].copy_from_slice(&lanes[at_lane..at_lane + n]);
        });
    }

    /// From blocks to lanes.
    pub(super) fn to_lanes(self, blocks: &[f64], lanes: &mut [f64]) {
        self.for_each_column(|at_lane, at_block, n| {
            lanes[at_lane..at_lane + n].copy_from_slice(&blocks[at_block..at_block + n]);
        });
    }

    /// From lanes to the blocks of direction 0 (the state) and of all others (its tangents).
    pub(super) fn split_to_blocks(self, lanes: &[f64], state: &mut [f64], tangent: &mut [f64]) {
        self.for_each_split(|at_lane, is_state, at, n| {
            let blocks = if is_state { &mut *state } else { &mut *tangent };
            blocks[at..at + n].copy_from_slice(&lanes[at_lane..at_lane + n]);
        });
    }

    /// Undoes [`split_to_blocks`](Self::split_to_blocks).
    pub(super) fn join_to_lanes(self, state: &[f64], tangent: &[f64], lanes: &mut [f64]) {
        self.for_each_split(|at_lane, is_state, at, n| {
            let blocks = if is_state { state } else { tangent };
            lanes[at_lane..at_lane + n].copy_from_slice(&blocks[at..at + n]);
        });
    }

    fn for_each_split(self, mut copy: impl FnMut(usize, bool, usize, usize)) {
        let state_block = self.shape.n_units * self.n_lanes;
        let block_len = self.shape.block_len();
        self.for_each_column(|at_lane, at_block, n| {
            let (block, within) = (at_block / block_len, at_block % block_len);
            if within < state_block {
                copy(at_lane, true, block * state_block + within, n);
            } else {
                copy(
                    at_lane,
                    false,
                    block * (block_len - state_block) + within - state_block,
                    n,
                );
            }
        });
    }

    fn for_each_column(self, mut copy: impl FnMut(usize, usize, usize)) {
        let n = self.shape.n_units;
        let per_lane = self.shape.n_columns / self.n_lanes;
        let n_blocks = self.shape.len() / self.shape.block_len();
        for block in 0..n_blocks {
            for direction in 0..per_lane {
                for lane in 0..self.n_lanes {
                    let at_lane = lane * self.lane_len() + (block * per_lane + direction) * n;
                    let at_block =
                        block * self.shape.block_len() + (direction * self.n_lanes + lane) * n;
                    copy(at_lane, at_block, n);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tauscope_dynamics::ModelKind;

    #[test]
    fn lanes_and_blocks_undo_each_other() {
        let shape = StateShape {
            model: ModelKind::TwoConstant,
            n_units: 2,
            n_columns: 6,
        };
        let lanes = Lanes::new(shape, 3);
        let blocks: Vec<f64> = (0..24).map(f64::from).collect();
        let (mut by_lane, mut back) = (vec![0.0; 24], vec![0.0; 24]);
        lanes.to_lanes(&blocks, &mut by_lane);
        lanes.to_blocks(&by_lane, &mut back);
        assert_eq!(back, blocks);
        // lane 1: currents of trial 1 in direction 0 and 1, then its rates
        assert_eq!(by_lane[8..16], [2.0, 3.0, 8.0, 9.0, 14.0, 15.0, 20.0, 21.0]);
    }
}
