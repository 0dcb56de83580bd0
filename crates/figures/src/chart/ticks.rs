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
        Kind::Numbers { whole, .. } => {
            let size = |tick: &Tick| text::width(&tick.label, TEXT) + 10.0;
            Across::numbers(numbers(span, *whole, length / 45.0, |ticks| {
                fit(ticks, span, length, size)
            }))
        }
    }
}

/// Labels beside an axis of `length` pixels.
pub(super) fn down(axis: &Axis, span: &Span, length: f64) -> Vec<Tick> {
    match &axis.kind {
        Kind::Names(names) => names::down(names, length),
        Kind::Numbers { whole, .. } => {
            let size = |_: &Tick| TEXT + 4.0;
            numbers(span, *whole, length / 34.0, |ticks| {
                fit(ticks, span, length, size)
            })
        }
    }
}

/// About `usual` ticks that `fit`.
fn numbers(span: &Span, whole: bool, usual: f64, fit: impl Fn(&[Tick]) -> bool) -> Vec<Tick> {
    let most = usual.clamp(2.0, 9.0) as usize;
    let ticks = |wanted| {
        if whole {
            span.whole_ticks(wanted)
        } else {
            span.ticks(wanted)
        }
    };
    // fewer before more: a tight axis may need a finer step to have more than one label
    let tried = (1..=most).rev().chain(most + 1..=3 * most);
    let fitting: Vec<_> = tried.map(ticks).filter(|ticks| fit(ticks)).collect();
    let with = |n: usize| fitting.iter().find(|ticks| ticks.len() >= n);
    with(3).or(with(2)).or(with(1)).cloned().unwrap_or_default()
}

/// Whether labels of that `size` do not touch.
fn fit(ticks: &[Tick], span: &Span, length: f64, size: impl Fn(&Tick) -> f64) -> bool {
    ticks.windows(2).all(|pair| {
        let places = [span.place(pair[0].value), span.place(pair[1].value)];
        let [Some(a), Some(b)] = places else {
            return true;
        };
        (b - a) * length >= 0.5 * (size(&pair[0]) + size(&pair[1]))
    })
}
