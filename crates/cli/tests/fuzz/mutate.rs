//! Changes to the bytes of a sound file, made anew from a seed.

use crate::checksums::{self, Checked};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::fs;
use std::path::{Path, PathBuf};

/// Numbers at which programs fail: none, one, the ends of the types, more than any memory.
const NUMBERS: [u64; 12] = [
    0,
    1,
    2,
    0x7f,
    0xff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    1 << 40,
    1 << 60,
    i64::MAX as u64,
    u64::MAX,
];
/// What tables, configurations and specifications are made of, and what they should not be.
const WORDS: [&str; 48] = [
    "nan",
    "inf",
    "-inf",
    "1e400",
    "-0",
    "1e-400",
    "9223372036854775808",
    "1_000",
    "0x7f",
    "\"",
    "'",
    "\"\"\"",
    "[",
    "]",
    "[[",
    "{",
    "}",
    "=",
    ",",
    ";",
    "\t",
    "\n",
    "\r",
    "\r\n",
    " ",
    "#",
    "\0",
    "\u{feff}",
    "é",
    "\u{1f40d}",
    "1979-05-27",
    "true",
    "group:x",
    "trial",
    "split",
    "train",
    "test",
    "units",
    "1000000000",
    "1e9",
    "tau_bounds",
    "steps",
    "0",
    "-1",
    "*",
    "groups",
    "unit",
    "inputs",
];

/// A sound file to make others of.
#[derive(Debug, Clone)]
pub struct Seed {
    pub bytes: Vec<u8>,
    checked: Vec<Checked>,
    is_text: bool,
}

impl Seed {
    /// Reads the file. Its checked blocks are written down beside its folder: to find them takes longer than a thousand cases.
    pub fn read(path: &Path, is_text: bool) -> Seed {
        let bytes = fs::read(path).unwrap();
        if is_text {
            let checked = Vec::new();
            return Seed {
                bytes,
                checked,
                is_text,
            };
        }
        let blocks = blocks_file(path);
        let words = fs::read_to_string(&blocks).unwrap_or_default();
        let number = |word: Option<&str>| word.unwrap().parse().unwrap();
        let block = |line: &str| {
            let mut words = line.split(' ');
            Checked {
                start: number(words.next()),
                end: number(words.next()),
            }
        };
        let checked = match blocks.exists() {
            true => words.lines().map(block).collect(),
            false => checksums::find(&bytes),
        };
        Seed {
            bytes,
            checked,
            is_text,
        }
    }

    /// Writes down the checked blocks of the file.
    pub fn index(path: &Path) {
        let lines = checksums::find(&fs::read(path).unwrap());
        let lines = lines
            .iter()
            .map(|block| format!("{} {}\n", block.start, block.end));
        fs::write(blocks_file(path), lines.collect::<String>()).unwrap();
    }

    /// The file with some changes. Half of them lie in the blocks that describe what the file holds.
    pub fn changed(&self, rng: &mut ChaCha8Rng) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let count = 1 << rng.random_range(0..5);
        for _ in 0..rng.random_range(1..=count) {
            if bytes.is_empty() {
                break;
            }
            let at = self.place(bytes.len(), rng);
            if self.is_text {
                change_text(&mut bytes, at, rng);
            } else {
                change_binary(&mut bytes, at, rng);
            }
        }
        if rng.random_range(0..10) > 0 {
            checksums::renew(&mut bytes, &self.checked);
        }
        bytes
    }

    fn place(&self, length: usize, rng: &mut ChaCha8Rng) -> usize {
        let anywhere = rng.random_range(0..length);
        if self.checked.is_empty() || rng.random_range(0..4) == 0 {
            return anywhere;
        }
        let block = self.checked[rng.random_range(0..self.checked.len())];
        rng.random_range(block.start..block.end).min(length - 1)
    }
}

fn blocks_file(path: &Path) -> PathBuf {
    let mut name = path.parent().unwrap().as_os_str().to_owned();
    name.push(format!("-{}.blocks", path.file_name().unwrap().display()));
    PathBuf::from(name)
}

fn change_binary(bytes: &mut Vec<u8>, at: usize, rng: &mut ChaCha8Rng) {
    match rng.random_range(0..40) {
        0..12 => bytes[at] = rng.random(),
        12..20 => bytes[at] ^= 1 << rng.random_range(0..8),
        20..24 => {
            bytes[at] = bytes[at]
                .wrapping_add(1)
                .wrapping_sub(2 * rng.random_range(0..=1))
        }
        24..34 => {
            let width = [1, 2, 4, 8][rng.random_range(0..4)];
            let number = NUMBERS[rng.random_range(0..NUMBERS.len())].to_le_bytes();
            for (byte, new) in bytes[at..].iter_mut().zip(&number[..width]) {
                *byte = *new;
            }
        }
        34..36 => copy_within(bytes, at, rng),
        36 => {
            let length = rng.random_range(1..64);
            bytes[at..]
                .iter_mut()
                .take(length)
                .for_each(|byte| *byte = 0);
        }
        37 => bytes.truncate(at),
        38 => bytes.extend(std::iter::repeat_n(0, rng.random_range(1..5000))),
        _ => drop(bytes.remove(at)),
    }
}

fn copy_within(bytes: &mut [u8], at: usize, rng: &mut ChaCha8Rng) {
    let from = rng.random_range(0..bytes.len());
    let longest = bytes.len() - at.max(from);
    let length = rng.random_range(0..=longest.min(256));
    bytes.copy_within(from..from + length, at);
}

fn change_text(bytes: &mut Vec<u8>, at: usize, rng: &mut ChaCha8Rng) {
    let word = WORDS[rng.random_range(0..WORDS.len())].bytes();
    let end = (at + rng.random_range(0..12)).min(bytes.len());
    match rng.random_range(0..20) {
        0..3 => bytes[at] = rng.random(),
        3..8 => drop(bytes.splice(at..at, word)),
        8..13 => drop(bytes.splice(at..end, word)),
        13..15 => drop(bytes.drain(at..end)),
        15 => bytes.truncate(at),
        16 => {
            let times = 1 << rng.random_range(0..14);
            let many: Vec<u8> = word.collect();
            drop(bytes.splice(at..at, many.repeat(times)));
        }
        _ => {
            let line = line_at(bytes, at);
            let copied = bytes[line].to_vec();
            let to = rng.random_range(0..=bytes.len());
            drop(bytes.splice(to..to, copied));
        }
    }
}

fn line_at(bytes: &[u8], at: usize) -> std::ops::Range<usize> {
    let start = bytes[..at]
        .iter()
        .rposition(|&b| b == b'\n')
        .map_or(0, |p| p + 1);
    let end = bytes[at..]
        .iter()
        .position(|&b| b == b'\n')
        .map_or(bytes.len(), |p| at + p + 1);
    start..end
}
