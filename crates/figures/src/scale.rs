//! From values to places, and where the ticks are.

use crate::number;

/// How values are spread over an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    Linear,
    Log,
}

/// A labelled place on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    pub value: f64,
    pub label: String,
}

/// A scale between two finite, different ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    pub scale: Scale,
    pub low: f64,
    pub high: f64,
}

/// Values beyond this leave no room for the arithmetic of ticks.
const LARGEST: f64 = 1e300;
const SMALLEST: f64 = 1e-300;

impl Span {
    /// The span of `values`, widened by `pad` of its length on both sides; what cannot be shown (NaN, infinite, not positive on a
    /// logarithmic scale) is passed over. None where nothing is left.
    pub fn of(scale: Scale, values: impl Iterator<Item = f64>, pad: f64) -> Option<Span> {
        let shown = |v: &f64| v.is_finite() && (scale == Scale::Linear || *v > 0.0);
        let ends = values
            .filter(shown)
            .fold(None, |ends: Option<[f64; 2]>, v| {
                Some(ends.map_or([v, v], |[low, high]| [low.min(v), high.max(v)]))
            });
        let [low, high] = ends?;
        Some(Span::between(scale, low, high).widened(pad))
    }

    /// From `low` to `high`; equal ends are moved apart.
    pub fn between(scale: Scale, low: f64, high: f64) -> Span {
        let (low, high) = match scale {
            Scale::Linear => (low.clamp(-LARGEST, LARGEST), high.clamp(-LARGEST, LARGEST)),
            Scale::Log => (low.clamp(SMALLEST, LARGEST), high.clamp(SMALLEST, LARGEST)),
        };
        // closer than this, neighbouring ticks would be the same number
        let close = (high - low).abs() <= 1e-9 * low.abs().max(high.abs());
        let (low, high) = match scale {
            Scale::Linear if close && high == 0.0 => (-1.0, 1.0),
            Scale::Linear if close => (low - 0.1 * low.abs(), high + 0.1 * high.abs()),
            Scale::Log if close => (low / 1.5, high * 1.5),
            _ => (low, high),
        };
        Span { scale, low, high }
    }

    fn widened(self, pad: f64) -> Span {
        match self.scale {
            Scale::Linear => {
                let margin = pad * (self.high - self.low);
                Span {
                    low: self.low - margin,
                    high: self.high + margin,
                    ..self
                }
            }
            Scale::Log => {
                let factor = 10f64.powf(pad * self.decades());
                Span {
                    // a span of hundreds of decades would end at zero or beyond all numbers
                    low: (self.low / factor).max(SMALLEST),
                    high: (self.high * factor).min(LARGEST),
                    ..self
                }
            }
        }
    }

    /// Where `value` lies: 0 at the low end, 1 at the high end. None for what cannot be shown.
    pub fn place(&self, value: f64) -> Option<f64> {
        let at = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log if value > 0.0 => (value.log10() - self.low.log10()) / self.decades(),
            Scale::Log => return None,
        };
        at.is_finite().then_some(at)
    }

    /// How many powers of ten a logarithmic span has.
    fn decades(&self) -> f64 {
        self.high.log10() - self.low.log10()
    }

    /// About `wanted` labelled ticks within the span.
    pub fn ticks(&self, wanted: usize) -> Vec<Tick> {
        let decades = self.decades();
        match self.scale {
            Scale::Linear => linear_ticks(self.low, self.high, wanted),
            Scale::Log if decades < 0.5 => linear_ticks(self.low, self.high, wanted),
            Scale::Log => log_ticks(self.low, self.high, decades, wanted),
        }
    }

    /// As [`ticks`](Self::ticks), at whole numbers only.
    pub fn whole_ticks(&self, wanted: usize) -> Vec<Tick> {
        let ticks = self.ticks(wanted).into_iter();
        let whole = ticks.filter(|tick| (tick.value - tick.value.round()).abs() < 1e-6);
        let short = |tick: Tick| match tick.label.trim_end_matches('0').strip_suffix('.') {
            Some(label) => Tick {
                label: label.to_owned(),
                ..tick
            },
            None => tick,
        };
        whole.map(short).collect()
    }

    /// Places of ticks without a label: the whole multiples within each decade.
    pub fn minor_ticks(&self) -> Vec<f64> {
        if self.scale == Scale::Linear || self.decades() > 6.0 {
            return Vec::new();
        }
        let first = self.low.log10().floor() as i32;
        let last = self.high.log10().ceil() as i32;
        let all = (first..last).flat_map(|d| (1..10).map(move |m| f64::from(m) * 10f64.powi(d)));
        all.filter(|v| (self.low..=self.high).contains(v)).collect()
    }
}

fn linear_ticks(low: f64, high: f64, wanted: usize) -> Vec<Tick> {
    let step = round_step((high - low) / wanted.max(1) as f64);
    let (first, last) = ((low / step).ceil(), (high / step).floor());
    // a step below the spacing of floating point numbers
    if !(first.abs() < 1e15 && last.abs() < 1e15) {
        return Vec::new();
    }
    let largest = low.abs().max(high.abs());
    let tick = |k: i64| {
        let value = k as f64 * step;
        Tick {
            value,
            label: number::on_axis(value, step, largest),
        }
    };
    (first as i64..=last as i64).map(tick).collect()
}

/// The least of 1, 2, 5 times a power of ten that is not below `step`.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let mantissa = step / power;
    let round = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|m| mantissa <= m * (1.0 + 1e-9));
    round.unwrap_or(10.0) * power
}

fn log_ticks(low: f64, high: f64, decades: f64, wanted: usize) -> Vec<Tick> {
    let wanted = wanted.max(2) as f64;
    let multiples: &[f64] = match decades {
        d if 9.0 * d <= wanted => &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
        d if 3.0 * d <= wanted => &[1.0, 2.0, 5.0],
        d if 2.0 * d <= wanted || d < 1.2 => &[1.0, 3.0],
        _ => &[1.0],
    };
    let every = (decades / wanted).ceil().max(1.0) as i32;
    let first = low.log10().floor() as i32;
    let last = high.log10().ceil() as i32;
    let powers = (first..=last).filter(|d| d.rem_euclid(every) == 0);
    let values = powers.flat_map(|d| multiples.iter().map(move |m| m * 10f64.powi(d)));
    let inside = |v: &f64| (low * (1.0 - 1e-9)..=high * (1.0 + 1e-9)).contains(v);
    let plain = low >= 1e-4 && high < 1e6;
    values
        .filter(inside)
        .map(|value| Tick {
            value,
            label: number::of_decade(value, plain),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(span: Span, wanted: usize) -> Vec<String> {
        span.ticks(wanted).into_iter().map(|t| t.label).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        let span = |low, high| Span::between(Scale::Linear, low, high);
        assert_eq!(
            labels(span(0.0, 1.0), 5),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(labels(span(-0.3, 0.3), 4), ["−0.2", "0.0", "0.2"]);
        assert_eq!(
            labels(span(0.0, 2e7), 4),
            ["0", "0.5×10⁷", "1×10⁷", "1.5×10⁷", "2×10⁷"]
        );
        assert_eq!(
            labels(span(1000.0, 1000.5), 3),
            ["1000.0", "1000.2", "1000.4"]
        );
    }

    #[test]
    fn a_logarithmic_axis_is_labelled_by_decades_and_by_parts_of_one() {
        let span = |low, high| Span::between(Scale::Log, low, high);
        assert_eq!(
            labels(span(0.01, 100.0), 5),
            ["0.01", "0.1", "1", "10", "100"]
        );
        assert_eq!(
            labels(span(1e-8, 1e-2), 4),
            ["10⁻⁸", "10⁻⁶", "10⁻⁴", "10⁻²"]
        );
        assert_eq!(labels(span(0.1, 1.0), 4), ["0.1", "0.2", "0.5", "1"]);
        assert_eq!(
            labels(span(1.0, 1.5), 5),
            ["1.0", "1.1", "1.2", "1.3", "1.4", "1.5"]
        );
        assert!(span(1e-300, 1e300).ticks(5).len() >= 2);
    }

    #[test]
    fn a_logarithmic_axis_over_all_numbers_ends_at_numbers() {
        for (values, pad) in [([5e-324, 1.0], 0.08), ([1e-290, 1e308], 0.05)] {
            let span = Span::of(Scale::Log, values.into_iter(), pad).unwrap();
            assert!(span.low > 0.0 && span.high.is_finite(), "{span:?}");
            assert!((2..20).contains(&span.ticks(5).len()));
        }
    }

    #[test]
    fn counts_have_ticks_at_whole_numbers() {
        let labels = |low, high| -> Vec<String> {
            let ticks = Span::between(Scale::Linear, low, high).whole_ticks(6);
            ticks.into_iter().map(|t| t.label).collect()
        };
        assert_eq!(labels(-0.1, 3.1), ["0", "1", "2", "3"]);
        assert_eq!(labels(0.0, 60.0), ["0", "10", "20", "30", "40", "50", "60"]);
    }

    #[test]
    fn hardly_different_or_endless_values_still_make_a_span() {
        for values in [[0.0, 0.0], [3.0, 3.0], [-1e308, 1e308], [1.0, 1.0 + 1e-15]] {
            for scale in [Scale::Linear, Scale::Log] {
                let Some(span) = Span::of(scale, values.into_iter(), 0.05) else {
                    assert!(scale == Scale::Log && values[1] <= 0.0);
                    continue;
                };
                assert!(
                    span.low < span.high && span.place(values[1]).is_some(),
                    "{span:?}"
                );
                assert!(span.ticks(5).len() < 20);
            }
        }
        assert_eq!(
            Span::of(Scale::Linear, [f64::NAN, f64::INFINITY].into_iter(), 0.0),
            None
        );
    }
}
