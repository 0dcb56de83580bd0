//! The page of a comparison: verdict, work against precision, drift of the time constants, tables.

mod drift;
mod tables;
mod work;

use super::summary::refusals;
use tauscope_figures::{GENERATOR, Note, Page, Section, Tone, significant};
use tauscope_fit::compare::Comparison;
use tauscope_fit::dataset::Dataset;

/// The page, which loads nothing.
pub fn page(comparison: &Comparison, dataset: &Dataset) -> Page {
    let subtitle = format!("compared by {GENERATOR}");
    let title = format!("Integration methods compared on {}", dataset.name());
    let mut page = Page::new(&title, &subtitle).section(verdict(comparison, dataset));
    page = page.section(work::section(comparison));
    if comparison
        .refits
        .iter()
        .any(|refit| refit.fitted().is_some())
    {
        page = page
            .section(drift::section(comparison, dataset))
            .section(tables::fits(comparison, dataset));
    }
    page.section(tables::certificate(comparison))
        .section(tables::integrations(comparison, dataset))
}

fn verdict(comparison: &Comparison, dataset: &Dataset) -> Section {
    let sentences = comparison.verdict.iter();
    let mut notes: Vec<Note> = sentences
        .map(|sentence| Note::new(Tone::Plain, sentence.clone()))
        .collect();
    let more = comparison.notes.iter().chain(&comparison.warnings);
    let more = more.cloned().chain(refusals(comparison));
    notes.extend(more.map(|warning| Note::new(Tone::Caution, warning)));
    let time = dataset.time_units();
    let source = match comparison.given.fitted_here {
        true => "a fit that was made first",
        false => "the result that was given",
    };
    Section::new("Verdict").notes(notes).facts([
        (
            "model",
            format!(
                "{}, {} units",
                comparison.config.model.name(),
                comparison.units.len()
            ),
        ),
        ("parameters", source.to_owned()),
        (
            "adaptive fit",
            format!(
                "{} at a relative tolerance of {:e}",
                comparison.adaptive.name(),
                comparison.rtol
            ),
        ),
        ("reference", format!("{} at 1e-12", comparison.reference)),
        (
            "sample interval",
            format!("{} {time}", significant(comparison.sample_interval, 3)),
        ),
        (
            "time for refits",
            format!(
                "{} s, at least {} s for each",
                significant(comparison.budget, 3),
                significant(comparison.share, 2)
            ),
        ),
    ])
}
