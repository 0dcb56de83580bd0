//! A table line by line, with line numbers.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read};
use std::path::{Path, PathBuf};

use super::number::NumberFormat;
use super::{Dialect, TableError};
use crate::import::ImportError;

/// The bytes from which the dialect is found.
const START: u64 = 1 << 16;

/// The bytes that were looked at, and the rest of the file.
type Bytes = Chain<Cursor<Vec<u8>>, BufReader<File>>;

/// An open table behind its header.
pub(super) struct TableReader {
    path: PathBuf,
    records: csv::Reader<Lines<Bytes>>,
    columns: Vec<String>,
    format: NumberFormat,
    delimiter: u8,
    /// A decimal comma that nobody asked for.
    guessed_comma: bool,
}

/// One line.
pub(super) struct Row<'a> {
    pub line: u64,
    pub cells: &'a csv::StringRecord,
}

impl TableReader {
    /// Opens the table and reads its header.
    pub(super) fn open(path: &Path, dialect: &Dialect) -> Result<Self, ImportError> {
        let fail = |problem: TableError| ImportError::new(path, problem);
        let unreadable = |e: std::io::Error| {
            fail(TableError::Unreadable {
                reason: e.to_string(),
            })
        };
        let mut file = File::open(path).map_err(unreadable)?;
        let mut start = Vec::new();
        file.by_ref()
            .take(START)
            .read_to_end(&mut start)
            .map_err(unreadable)?;
        check_text(&start).map_err(fail)?;
        let delimiter = dialect.delimiter(&start);
        let decimal_comma = dialect.has_decimal_comma(&start, delimiter);
        let skipped = if start.starts_with(UTF8_MARK) {
            UTF8_MARK.len()
        } else {
            0
        };
        let mut bytes = Cursor::new(start);
        bytes.set_position(skipped as u64);
        let records = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(Lines::new(bytes.chain(BufReader::new(file))));
        let mut reader = Self {
            path: path.to_owned(),
            records,
            columns: Vec::new(),
            format: NumberFormat {
                decimal_comma,
                missing: dialect.missing.clone(),
            },
            delimiter,
            guessed_comma: decimal_comma && dialect.decimal.is_none(),
        };
        reader.read_header()?;
        Ok(reader)
    }

    fn read_header(&mut self) -> Result<(), ImportError> {
        let mut record = csv::StringRecord::new();
        if !self.read_record(&mut record)? {
            return Err(self.failure(TableError::Empty { what: "no line" }));
        }
        self.columns = record.iter().map(|name| name.trim().to_owned()).collect();
        let is_number = |name: &String| self.format.parse(name, "").is_ok_and(|n| n.is_some());
        let problem = if self.columns.iter().all(is_number) {
            Some(TableError::NoHeader {
                first: self.columns[0].clone(),
            })
        } else if let [name] = self.columns.as_slice() {
            let delimiter = delimiter_name(self.delimiter);
            Some(TableError::OneColumn {
                name: name.clone(),
                delimiter,
            })
        } else {
            same_name(&self.columns)
        };
        problem.map_or(Ok(()), |problem| Err(self.failure(problem)))
    }

    /// The names of the columns.
    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// How numbers are written.
    pub(super) fn format(&self) -> &NumberFormat {
        &self.format
    }

    /// What separates cells, in a word.
    pub(super) fn delimiter(&self) -> String {
        delimiter_name(self.delimiter)
    }

    /// What was guessed and may be wrong.
    pub(super) fn notes(&self) -> Option<String> {
        self.guessed_comma.then(|| {
            "numbers were read with a decimal comma; --decimal point reads them otherwise"
                .to_owned()
        })
    }

    /// The next line that is not empty, in `record`.
    pub(super) fn next<'a>(
        &mut self,
        record: &'a mut csv::StringRecord,
    ) -> Result<Option<Row<'a>>, ImportError> {
        loop {
            if !self.read_record(record)? {
                return Ok(None);
            }
            if record.iter().any(|cell| !cell.trim().is_empty()) {
                break;
            }
        }
        let (line, last) = self.lines_of(record);
        let (found, expected) = (record.len(), self.columns.len());
        if self.is_open(record) {
            return Err(self.at(line, TableError::OpenQuote));
        }
        if found != expected && last > line {
            return Err(self.at(line, TableError::LongQuote { last }));
        }
        if found != expected {
            return Err(self.at(line, TableError::Ragged { found, expected }));
        }
        Ok(Some(Row {
            line,
            cells: record,
        }))
    }

    /// The error with file and line.
    pub(super) fn at(&self, line: u64, problem: TableError) -> ImportError {
        ImportError::Line {
            path: self.path.clone(),
            line,
            problem: Box::new(problem),
        }
    }

    /// The error with the file.
    pub(super) fn failure(&self, problem: TableError) -> ImportError {
        ImportError::new(&self.path, problem)
    }

    /// The lines in which the record that was just read begins and ends. The `csv` crate counts from the end of the record before,
    /// which is early where empty lines or the second half of a line end lie between.
    fn lines_of(&mut self, record: &csv::StringRecord) -> (u64, u64) {
        let line_ends = |cell: &str| cell.bytes().filter(|&b| b == b'\n').count() as u64;
        let mut inside: u64 = record.iter().map(line_ends).sum();
        // a quote that nothing closes takes the end of the last line with it
        if self.is_open(record) && last_cell(record).ends_with('\n') {
            inside -= 1;
        }
        let last = self.line_of_end();
        (last.saturating_sub(inside).max(1), last)
    }

    /// Whether the record that was just read is the last one, and goes on to the end of the table for want of a closing quote.
    fn is_open(&self, record: &csv::StringRecord) -> bool {
        let bytes = self.records.get_ref();
        let is_last = self.records.position().byte() == bytes.read;
        is_last && last_cell(record).contains('\n') && bytes.last_visible != b'"'
    }

    /// The line in which the record that was just read ends.
    fn line_of_end(&mut self) -> u64 {
        let end = self.records.position().byte();
        self.records.get_mut().line_at(end.saturating_sub(1))
    }

    fn read_record(&mut self, record: &mut csv::StringRecord) -> Result<bool, ImportError> {
        let outcome = self.records.read_record(record);
        outcome.map_err(|error| match error.kind() {
            csv::ErrorKind::Utf8 { .. } => {
                let line = self.line_of_end();
                self.at(line, TableError::NotUtf8)
            }
            _ => self.failure(TableError::Unreadable {
                reason: error.to_string(),
            }),
        })
    }
}

fn last_cell(record: &csv::StringRecord) -> &str {
    record.iter().next_back().unwrap_or_default()
}

/// Bytes on their way to the parser, with the places of their line ends.
struct Lines<R> {
    inner: R,
    read: u64,
    ends: VecDeque<u64>,
    passed: u64,
    /// The last byte so far that ends no line.
    last_visible: u8,
}

impl<R> Lines<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            read: 0,
            ends: VecDeque::new(),
            passed: 0,
            last_visible: 0,
        }
    }

    /// The line of the byte `at`, counted from 1; `at` only grows from call to call.
    fn line_at(&mut self, at: u64) -> u64 {
        while self.ends.front().is_some_and(|&end| end < at) {
            self.ends.pop_front();
            self.passed += 1;
        }
        self.passed + 1
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let places = self.read..;
        let ends = buffer[..count]
            .iter()
            .zip(places)
            .filter(|(byte, _)| **byte == b'\n');
        self.ends.extend(ends.map(|(_, place)| place));
        let is_visible = |byte: &&u8| !matches!(byte, b'\n' | b'\r');
        if let Some(&last) = buffer[..count].iter().rfind(is_visible) {
            self.last_visible = last;
        }
        self.read += count as u64;
        Ok(count)
    }
}

const UTF8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Refuses files that are clearly something else.
fn check_text(start: &[u8]) -> Result<(), TableError> {
    let save = "save the sheet as CSV UTF-8";
    let (what, remedy) = match start {
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => ("UTF-16 text", "save the table as CSV UTF-8"),
        [b'P', b'K', 3, 4, ..] => ("a zip archive or a spreadsheet", save),
        [0xD0, 0xCF, 0x11, 0xE0, ..] => ("a spreadsheet", save),
        [0x1F, 0x8B, ..] => ("compressed by gzip", "unpack it with gunzip"),
        [0x89, b'H', b'D', b'F', ..] => (
            "an HDF5 file",
            "a dataset needs no import; for NWB use `tauscope import nwb`",
        ),
        _ if start.contains(&0) => ("binary data", "save the table as CSV UTF-8"),
        _ => return Ok(()),
    };
    Err(TableError::NotText { what, remedy })
}

fn same_name(columns: &[String]) -> Option<TableError> {
    columns.iter().enumerate().find_map(|(second, name)| {
        let first = columns[..second]
            .iter()
            .position(|other| other == name && !name.is_empty())?;
        Some(TableError::SameName {
            name: name.clone(),
            first: first + 1,
            second: second + 1,
        })
    })
}

fn delimiter_name(delimiter: u8) -> String {
    match delimiter {
        b',' => "commas".to_owned(),
        b';' => "semicolons".to_owned(),
        b'\t' => "tabs".to_owned(),
        b'|' => "bars".to_owned(),
        other => format!("{:?}", char::from(other)),
    }
}
