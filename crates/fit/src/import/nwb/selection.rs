//! What a name on the command line stands for.

use std::ops::Range;

use crate::import::ChoiceError;
use crate::import::csv::some_of;

/// A series or the units, and which of its channels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Selection {
    pub option: &'static str,
    pub written: String,
    pub source: Source,
    channels: Option<Range<usize>>,
}

/// Where the channels come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// The path of a series.
    Series(String),
    /// The table of sorted units.
    Units,
}

impl Selection {
    /// What `written` stands for among the series `paths` and, where there are any, the units.
    pub(super) fn parse(
        option: &'static str,
        written: &str,
        paths: &[String],
        has_units: bool,
    ) -> Result<Self, ChoiceError> {
        // A name may itself have brackets.
        let is_whole = paths.iter().any(|path| fits(path, written));
        let (name, channels) = match split(written).filter(|_| !is_whole) {
            Some((name, inside)) => (name, Some(range(option, written, inside)?)),
            None => (written, None),
        };
        let candidates: Vec<&String> = paths.iter().filter(|path| fits(path, name)).collect();
        let source = match candidates.as_slice() {
            [path] => Source::Series((*path).clone()),
            [] if name == "units" && has_units => Source::Units,
            [] => return Err(no_such(option, name, paths, has_units)),
            several => match several.iter().find(|path| path.as_str() == name) {
                Some(path) => Source::Series((*path).clone()),
                None => {
                    let candidates: Vec<String> = several.iter().map(|&p| p.clone()).collect();
                    return Err(ChoiceError::Ambiguous {
                        option,
                        name: name.to_owned(),
                        candidates: candidates.join(", "),
                    });
                }
            },
        };
        Ok(Self {
            option,
            written: written.to_owned(),
            source,
            channels,
        })
    }

    /// The chosen ones of `count` channels.
    pub(super) fn channels(&self, count: usize) -> Result<Range<usize>, ChoiceError> {
        match &self.channels {
            None => Ok(0..count),
            Some(range) if range.end <= count => Ok(range.clone()),
            Some(_) => Err(ChoiceError::NoSuch {
                option: self.option,
                name: self.written.clone(),
                what: "channel",
                present: format!("there are {count}, counted from 0"),
            }),
        }
    }
}

/// Whether `name` is the path, or its last parts.
fn fits(path: &str, name: &str) -> bool {
    path.strip_suffix(name)
        .is_some_and(|before| before.is_empty() || before.ends_with('/'))
        && !name.is_empty()
}

/// `NAME[..]` as name and what is in the brackets.
fn split(written: &str) -> Option<(&str, &str)> {
    written.strip_suffix(']')?.rsplit_once('[')
}

/// `3` or `0:8`.
fn range(option: &'static str, written: &str, inside: &str) -> Result<Range<usize>, ChoiceError> {
    let (low, high) = match inside.split_once(':') {
        Some((low, high)) => (low.trim().parse::<usize>().ok(), high.trim().parse().ok()),
        None => {
            let index = inside.trim().parse::<usize>().ok();
            (index, index.and_then(|k| k.checked_add(1)))
        }
    };
    match (low, high) {
        (Some(low), Some(high)) if low < high => Ok(low..high),
        _ => Err(ChoiceError::Value {
            option,
            value: written.to_owned(),
            expected: "choose channels as NAME[3], or NAME[0:8] for the first eight",
        }),
    }
}

fn no_such(option: &'static str, name: &str, paths: &[String], has_units: bool) -> ChoiceError {
    let units = if has_units { "; units" } else { "; no units" };
    ChoiceError::NoSuch {
        option,
        name: name.to_owned(),
        what: "time series",
        present: format!("series: {}{units}", some_of(paths)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Selection, Source};

    fn parse(written: &str) -> Result<Selection, String> {
        let paths = [
            "acquisition/a",
            "stimulus/presentation/a",
            "processing/m/speed",
            "acquisition/x[1]",
        ];
        Selection::parse("--inputs", written, &paths.map(str::to_owned), true)
            .map_err(|e| e.to_string())
    }

    #[test]
    fn a_series_is_found_by_its_last_parts_and_several_are_listed() {
        let series = |path: &str| Source::Series(path.to_owned());
        assert_eq!(parse("speed").unwrap().source, series("processing/m/speed"));
        assert_eq!(
            parse("acquisition/a").unwrap().source,
            series("acquisition/a")
        );
        assert_eq!(parse("units").unwrap().source, Source::Units);
        assert_eq!(parse("x[1]").unwrap().source, series("acquisition/x[1]"));
        assert!(
            parse("a")
                .unwrap_err()
                .contains("acquisition/a, stimulus/presentation/a")
        );
        assert!(
            parse("eed")
                .unwrap_err()
                .contains("no such time series; series: acquisition/a")
        );
    }

    #[test]
    fn channels_are_chosen_by_index_and_must_exist() {
        assert_eq!(parse("speed[1:3]").unwrap().channels(4), Ok(1..3));
        assert_eq!(parse("speed[3]").unwrap().channels(4), Ok(3..4));
        assert!(parse("speed[4]").unwrap().channels(4).is_err());
        for wrong in [
            "speed[]",
            "speed[3:3]",
            "speed[-1]",
            "speed[1,2]",
            "speed[18446744073709551615]",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
