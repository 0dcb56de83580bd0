//! Which ticks an axis has room for.

use crate::axis::{Axis, Kind};
use crate::canvas::TEXT;
use crate::names::{self, Across};
use crate::scale::{Span, Tick};
use crate::text;

/// Labels below an axis of `length` pixels.
pub(super) fn across(axis: &Axis, span: &Span, length: f64) -> Across {
    match &axis.kind {
        Kind::Names(names) => Across::new(names, length),
        Kind::Numbers { .. } => Across::numbers(numbers(span, length, 45.0, |tick| {
            text::width(&tick.label, TEXT) + 10.0
        })),
    }
}

/// Labels beside an axis of `length` pixels.
pub(super) fn down(axis: &Axis, span: &Span, length: f64) -> Vec<Tick> {
    match &axis.kind {
        Kind::Names(names) => names::down(names, length),
        Kind::Numbers { .. } => numbers(span, length, 34.0, |_| TEXT + 4.0),
    }
}

/// About one tick in `usual` pixels, where labels of that `size` do not touch.
fn numbers(span: &Span, length: f64, usual: f64, size: impl Fn(&Tick) -> f64) -> Vec<Tick> {
    let most = (length / usual).clamp(2.0, 9.0) as usize;
    // fewer before more: a tight axis may need a finer step to have more than one label
    let tried = (1..=most).rev().chain(most + 1..=3 * most);
    let fitting: Vec<_> = tried
        .map(|wanted| span.ticks(wanted))
        .filter(|ticks| fit(ticks, span, length, &size))
        .collect();
    let with = |n: usize| fitting.iter().find(|ticks| ticks.len() >= n);
    with(3).or(with(2)).or(with(1)).cloned().unwrap_or_default()
}

fn fit(ticks: &[Tick], span: &Span, length: f64, size: &impl Fn(&Tick) -> f64) -> bool {
    ticks.windows(2).all(|pair| {
        let places = [span.place(pair[0].value), span.place(pair[1].value)];
        let [Some(a), Some(b)] = places else {
            return true;
        };
        (b - a) * length >= 0.5 * (size(&pair[0]) + size(&pair[1]))
    })
}
