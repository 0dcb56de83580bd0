//! What can be wrong with a table.

/// What can be wrong with a table, or in a line of it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The file cannot be read.
    #[error("cannot be read: {reason}: check the name, the folder and the right to read it")]
    Unreadable {
        /// The system's reason.
        reason: String,
    },
    /// Not text.
    #[error("is {what}, not a text table: {remedy}")]
    NotText {
        /// What it seems to be.
        what: &'static str,
        /// The way out.
        remedy: &'static str,
    },
    /// Bytes that are not UTF-8.
    #[error("the text is not UTF-8: save the table as CSV UTF-8")]
    NotUtf8,
    /// No line at all, or only the header.
    #[error("the table has {what}: write a line of column names and one line a sample")]
    Empty {
        /// What it has.
        what: &'static str,
    },
    /// The first line is data.
    #[error(
        "the first line holds only numbers, {first:?} and so on: write a line of column names before it"
    )]
    NoHeader {
        /// The first cell.
        first: String,
    },
    /// One column where several are needed.
    #[error(
        "there is a single column, {name:?}, between {delimiter}: name what separates the cells with --delimiter"
    )]
    OneColumn {
        /// Its name.
        name: String,
        /// What was taken as the separator, in words.
        delimiter: String,
    },
    /// Two columns of one name.
    #[error("two columns, {first} and {second}, are named {name:?}: rename one")]
    SameName {
        /// The name.
        name: String,
        /// Position of the first, counted from 1.
        first: usize,
        /// Position of the second.
        second: usize,
    },
    /// A line with more or fewer cells than the header.
    #[error(
        "{found} cells where the header has {expected}: complete the line, and put quotes around cells that contain the separator"
    )]
    Ragged {
        /// How many it has.
        found: usize,
        /// How many the header has.
        expected: usize,
    },
    /// A cell that goes over all lines that follow.
    #[error("a quote in this line is never closed: close it, or take it away")]
    OpenQuote,
    /// A cell that goes over several lines, in a line with more or fewer cells than the header.
    #[error("a quote in this line ends in line {last} only: close it, or take it away")]
    LongQuote {
        /// The line in which the cell ends.
        last: u64,
    },
    /// A cell that is no number.
    #[error("column {column:?} holds {value:?}, which is no number: {remedy}")]
    NotNumber {
        /// The column.
        column: String,
        /// The cell.
        value: String,
        /// The way out.
        remedy: &'static str,
    },
    /// A cell that must be filled.
    #[error("column {column:?} is empty or NaN: {remedy}")]
    MissingCell {
        /// The column.
        column: String,
        /// The way out.
        remedy: &'static str,
    },
    /// Times that do not increase.
    #[error("the time {value}{of} does not come after {previous} in line {line}: {remedy}")]
    NotIncreasing {
        /// The time.
        value: f64,
        /// Of which unit and trial, in words.
        of: String,
        /// The time before.
        previous: f64,
        /// Its line.
        line: u64,
        /// The way out.
        remedy: &'static str,
    },
    /// A split that means nothing.
    #[error("column {column:?} holds {value:?}: write train, valid or test")]
    SplitWord {
        /// The column.
        column: String,
        /// The cell.
        value: String,
    },
    /// Something that changes within a trial, or within a time, and must not.
    #[error(
        "column {column:?} holds {value:?}, but {previous:?} in line {line} of the same {within}: {remedy}"
    )]
    Changes {
        /// The column.
        column: String,
        /// The cell.
        value: String,
        /// The cell before.
        previous: String,
        /// Its line.
        line: u64,
        /// Within what it must not change.
        within: &'static str,
        /// The way out.
        remedy: &'static str,
    },
}
