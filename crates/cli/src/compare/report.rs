use tauscope_figures::{Note, Page, Section, Tone};
use tauscope_fit::compare::Comparison;
use tauscope_fit::dataset::Dataset;

/// The report of a comparison.
pub fn page(comparison: &Comparison, dataset: &Dataset) -> Page {
    let verdict = comparison
        .verdict
        .iter()
        .map(|s| Note::new(Tone::Plain, s.clone()));
    Page::new(
        &format!("Integration methods compared on {}", dataset.name()),
        "",
    )
    .section(Section::new("Verdict").notes(verdict.collect()))
}
