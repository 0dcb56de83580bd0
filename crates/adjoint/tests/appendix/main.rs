//! The appendices of Quax, D'Asaro & van Gerven 2020, doi:10.1038/s41598-020-68169-x, as checks.

#[path = "../../examples/convolution/kernel.rs"]
mod kernel;
#[path = "../../examples/convolution/problem.rs"]
mod problem;

mod convolution;
mod exchange;
