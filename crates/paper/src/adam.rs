//! The paper's training: Adam, one sequence an update, the best validation epoch kept.

use crate::student::{Student, StudentError};
use crate::teacher::Sequence;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::sync::atomic::{AtomicBool, Ordering};

const DECAY_MEAN: f64 = 0.9;
const DECAY_SQUARE: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// How a student is trained. The paper states clipping and weight decay; learning rate and number of epochs are ours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// Learning rate of Adam.
    pub learning_rate: f64,
    /// Passes over the train sequences.
    pub epochs: usize,
    /// Longest gradient, by its Euclidean norm.
    pub clip: f64,
    /// Weight decay: this times the parameter is added to its gradient.
    pub decay: f64,
}

impl Recipe {
    /// The paper's, with a number of epochs.
    pub fn paper(epochs: usize) -> Recipe {
        Recipe {
            learning_rate: 5e-3,
            epochs,
            clip: 2.0,
            decay: 1e-5,
        }
    }
}

/// A trained student.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// Its parameters after the epoch that was best on the validation sequences.
    pub theta: Vec<f64>,
    /// Its validation loss there: ten times the mean squared error.
    pub loss: f64,
    /// Validation loss before training and after each epoch.
    pub history: Vec<f64>,
    /// alpha_s and alpha_r of the first unit (or of all), before training and after each epoch.
    pub path: Vec<[f64; 2]>,
}

/// Mean loss over sequences.
///
/// # Errors
/// [`StudentError`]
pub fn mean_loss(
    student: &Student,
    theta: &[f64],
    sequences: &[Sequence],
) -> Result<f64, StudentError> {
    let mut sum = 0.0;
    for sequence in sequences {
        sum += student.loss(theta, sequence)?;
    }
    Ok(sum / sequences.len() as f64)
}

/// Trains from `theta`; `None` when `stop` was set before the end.
///
/// # Errors
/// [`StudentError`]
pub fn train(
    student: &Student,
    mut theta: Vec<f64>,
    [train, valid]: [&[Sequence]; 2],
    recipe: &Recipe,
    rng: &mut ChaCha8Rng,
    stop: &AtomicBool,
) -> Result<Option<Trained>, StudentError> {
    let mut adam = Adam::new(theta.len());
    let mut gradient = vec![0.0; theta.len()];
    let mut order: Vec<usize> = (0..train.len()).collect();
    let first = mean_loss(student, &theta, valid)?;
    let mut trained = Trained {
        theta: theta.clone(),
        loss: first,
        history: vec![first],
        path: student
            .alphas(&theta)
            .first()
            .copied()
            .into_iter()
            .collect(),
    };
    for _ in 0..recipe.epochs {
        order.shuffle(rng);
        for &index in &order {
            student.gradient(&theta, &train[index], &mut gradient)?;
            adam.update(&mut theta, &mut gradient, recipe);
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let loss = mean_loss(student, &theta, valid)?;
        trained.history.push(loss);
        trained.path.extend(student.alphas(&theta).first());
        if loss < trained.loss {
            trained.loss = loss;
            trained.theta.copy_from_slice(&theta);
        }
    }
    Ok(Some(trained))
}

/// Moments of Adam (Kingma & Ba 2015, doi:10.48550/arXiv.1412.6980).
struct Adam {
    mean: Vec<f64>,
    square: Vec<f64>,
    steps: i32,
}

impl Adam {
    fn new(n: usize) -> Adam {
        Adam {
            mean: vec![0.0; n],
            square: vec![0.0; n],
            steps: 0,
        }
    }

    fn update(&mut self, theta: &mut [f64], gradient: &mut [f64], recipe: &Recipe) {
        for (g, value) in gradient.iter_mut().zip(&*theta) {
            *g += recipe.decay * value;
        }
        let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        let shrink = (recipe.clip / norm).min(1.0);
        self.steps += 1;
        let of_mean = 1.0 - DECAY_MEAN.powi(self.steps);
        let of_square = 1.0 - DECAY_SQUARE.powi(self.steps);
        let moments = self.mean.iter_mut().zip(&mut self.square);
        for ((value, g), (mean, square)) in theta.iter_mut().zip(&*gradient).zip(moments) {
            let g = shrink * g;
            *mean = DECAY_MEAN * *mean + (1.0 - DECAY_MEAN) * g;
            *square = DECAY_SQUARE * *square + (1.0 - DECAY_SQUARE) * g * g;
            *value -=
                recipe.learning_rate * (*mean / of_mean) / ((*square / of_square).sqrt() + EPSILON);
        }
    }
}
