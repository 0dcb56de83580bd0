//! Which trials are trained on, judged by, and held out.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// The part that a trial plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Its cost is minimised.
    Train,
    /// Its cost chooses among iterates, starts and penalties.
    Valid,
    /// It is only scored.
    Test,
}

/// The share of trials that is drawn for validation, and again for test.
const HELD_OUT_SHARE: f64 = 0.15;

impl Split {
    /// All splits, in the order in which files and tables name them.
    pub const ALL: [Self; 3] = [Self::Train, Self::Valid, Self::Test];

    /// The word in files: train, valid, test.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Valid => "valid",
            Self::Test => "test",
        }
    }

    /// The split of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|split| split.name() == name)
    }

    /// Draws the split of `n_trials` trials from `seed`: 70/15/15, at least one trial each; fewer than three trials are
    /// all train. The same seed and number of trials draw the same split.
    pub fn draw(n_trials: usize, seed: u64) -> Vec<Self> {
        if n_trials < 3 {
            return vec![Self::Train; n_trials];
        }
        let held_out = ((n_trials as f64 * HELD_OUT_SHARE).round() as usize).max(1);
        let mut order: Vec<usize> = (0..n_trials).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let mut split = vec![Self::Train; n_trials];
        order[..held_out]
            .iter()
            .for_each(|&trial| split[trial] = Self::Valid);
        order[held_out..2 * held_out]
            .iter()
            .for_each(|&trial| split[trial] = Self::Test);
        split
    }
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Split;

    proptest! {
        #[test]
        fn a_drawn_split_is_the_same_for_the_same_seed_and_leaves_no_part_empty(n in 3_usize..200, seed: u64) {
            let split = Split::draw(n, seed);
            prop_assert_eq!(&split, &Split::draw(n, seed));
            for part in Split::ALL {
                prop_assert!(split.contains(&part));
            }
            let train = split.iter().filter(|&&s| s == Split::Train).count();
            prop_assert!(train as f64 >= 0.7 * n as f64 - 2.0);
        }
    }

    #[test]
    fn fewer_than_three_trials_are_all_train() {
        assert_eq!(Split::draw(2, 5), [Split::Train; 2]);
    }

    #[test]
    fn another_seed_draws_another_split() {
        assert_ne!(Split::draw(40, 1), Split::draw(40, 2));
    }
}
