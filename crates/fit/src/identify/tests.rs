//! Networks of which it is known what can be told.

mod advice;
mod equivalence;
mod intervals;
mod noise;
mod null_directions;
mod order;
mod penalty;
mod teacher;
mod whole;
