//! Axes: what they measure, in which unit, on which scale.

use crate::scale::{Scale, Span};

/// One axis of a [`Chart`](crate::Chart).
#[derive(Debug, Clone)]
pub struct Axis {
    pub(crate) title: String,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Numbers {
        scale: Scale,
        range: Option<[f64; 2]>,
        include: Vec<f64>,
        whole: bool,
    },
    Names(Vec<String>),
}

impl Axis {
    /// Numbers on an even scale. `units` stand in parentheses behind the label; "1" and "" are pure numbers and are not shown.
    pub fn linear(label: &str, units: &str) -> Axis {
        Axis::numbers(label, units, Scale::Linear)
    }

    /// Positive numbers on a logarithmic scale; others are left out of the chart.
    pub fn log(label: &str, units: &str) -> Axis {
        Axis::numbers(label, units, Scale::Log)
    }

    /// Whole numbers on an even scale, such as iterations.
    pub fn counted(label: &str) -> Axis {
        let mut axis = Axis::linear(label, "1");
        if let Kind::Numbers { whole, .. } = &mut axis.kind {
            *whole = true;
        }
        axis
    }

    /// Logarithmic where all `values` are positive and span more than a factor of 20, else linear.
    pub fn fitting(label: &str, units: &str, values: impl Iterator<Item = f64> + Clone) -> Axis {
        let finite = || values.clone().filter(|v| v.is_finite());
        let low = finite().fold(f64::INFINITY, f64::min);
        let high = finite().fold(f64::NEG_INFINITY, f64::max);
        if low > 0.0 && high > 20.0 * low {
            Axis::log(label, units)
        } else {
            Axis::linear(label, units)
        }
    }

    /// One place a name, in order: name `i` is the value `i`. On a vertical axis the first is at the top.
    pub fn names(label: &str, names: impl IntoIterator<Item = impl Into<String>>) -> Axis {
        Axis {
            title: label.to_owned(),
            kind: Kind::Names(names.into_iter().map(Into::into).collect()),
        }
    }

    fn numbers(label: &str, units: &str, scale: Scale) -> Axis {
        let title = match units {
            "" | "1" => label.to_owned(),
            units => format!("{label} ({units})"),
        };
        Axis {
            title,
            kind: Kind::Numbers {
                scale,
                range: None,
                include: Vec::new(),
                whole: false,
            },
        }
    }

    /// From `low` to `high`, whatever the data; what lies beyond is cut off.
    pub fn between(mut self, low: f64, high: f64) -> Axis {
        if let Kind::Numbers { range, .. } = &mut self.kind {
            *range = Some([low, high]);
        }
        self
    }

    /// Wide enough to show `value` too.
    pub fn including(mut self, value: f64) -> Axis {
        if let Kind::Numbers { include, .. } = &mut self.kind {
            include.push(value);
        }
        self
    }

    /// The span that shows `values`.
    pub(crate) fn span(&self, values: impl Iterator<Item = f64>, pad: f64) -> Option<Span> {
        match &self.kind {
            Kind::Names(names) if names.is_empty() => None,
            Kind::Names(names) => {
                Some(Span::between(Scale::Linear, -0.5, names.len() as f64 - 0.5))
            }
            Kind::Numbers {
                scale,
                range: Some([low, high]),
                ..
            } if low < high && (*scale == Scale::Linear || *low > 0.0) => {
                Some(Span::between(*scale, *low, *high))
            }
            Kind::Numbers { scale, include, .. } => {
                Span::of(*scale, values.chain(include.iter().copied()), pad)
            }
        }
    }
}
