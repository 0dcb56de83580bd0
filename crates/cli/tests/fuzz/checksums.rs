//! The checksums of HDF5's metadata, so that a changed file is refused for what it says and not for its checksum.

/// The names with which checked blocks of a file begin.
const NAMES: [&[u8; 4]; 14] = [
    b"OHDR", b"OCHK", b"FRHP", b"FHDB", b"FHIB", b"BTHD", b"BTLF", b"BTIN", b"EAHD", b"EAIB",
    b"EADB", b"FAHD", b"FADB", b"\x89HDF",
];
/// Blocks longer than this are left as they are.
const LONGEST: usize = 1024;

/// A block of a file: its checksum lies in the four bytes at `end`.
#[derive(Debug, Clone, Copy)]
pub struct Checked {
    pub start: usize,
    pub end: usize,
}

/// The checked blocks of a sound file. Their length is found by trying: it is the one whose checksum is right.
pub fn find(bytes: &[u8]) -> Vec<Checked> {
    let is_start = |at: &usize| NAMES.iter().any(|name| bytes[*at..].starts_with(*name));
    let starts = (0..bytes.len()).filter(is_start);
    let block = |start: usize| {
        let last = bytes.len().saturating_sub(4).min(start + LONGEST);
        let mut ends = start + 8..=last;
        let end = ends.find(|&end| stored(bytes, end) == sum(&bytes[start..end]))?;
        Some(Checked { start, end })
    };
    starts.filter_map(block).collect()
}

/// Writes the checksum of each block that is still there.
pub fn renew(bytes: &mut [u8], blocks: &[Checked]) {
    for &Checked { start, end } in blocks {
        if end + 4 <= bytes.len() {
            let right = sum(&bytes[start..end]);
            bytes[end..end + 4].copy_from_slice(&right.to_le_bytes());
        }
    }
}

fn stored(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Bob Jenkins's `lookup3`, as HDF5 uses it (hashlittle with the initial value 0).
fn sum(bytes: &[u8]) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(bytes.len() as u32);
    let [mut a, mut b, mut c] = [start; 3];
    let mut rest = bytes;
    while rest.len() > 12 {
        let (block, after) = rest.split_at(12);
        a = a.wrapping_add(stored(block, 0));
        b = b.wrapping_add(stored(block, 4));
        c = c.wrapping_add(stored(block, 8));
        [a, b, c] = mix(a, b, c);
        rest = after;
    }
    if rest.is_empty() {
        return c;
    }
    let mut last = [0; 12];
    last[..rest.len()].copy_from_slice(rest);
    finish(
        a.wrapping_add(stored(&last, 0)),
        b.wrapping_add(stored(&last, 4)),
        c.wrapping_add(stored(&last, 8)),
    )
}

fn mix(mut a: u32, mut b: u32, mut c: u32) -> [u32; 3] {
    a = a.wrapping_sub(c) ^ c.rotate_left(4);
    c = c.wrapping_add(b);
    b = b.wrapping_sub(a) ^ a.rotate_left(6);
    a = a.wrapping_add(c);
    c = c.wrapping_sub(b) ^ b.rotate_left(8);
    b = b.wrapping_add(a);
    a = a.wrapping_sub(c) ^ c.rotate_left(16);
    c = c.wrapping_add(b);
    b = b.wrapping_sub(a) ^ a.rotate_left(19);
    a = a.wrapping_add(c);
    c = c.wrapping_sub(b) ^ b.rotate_left(4);
    b = b.wrapping_add(a);
    [a, b, c]
}

fn finish(mut a: u32, mut b: u32, mut c: u32) -> u32 {
    for (first, second, third) in [(14, 11, 25), (16, 4, 14)] {
        c = (c ^ b).wrapping_sub(b.rotate_left(first));
        a = (a ^ c).wrapping_sub(c.rotate_left(second));
        b = (b ^ a).wrapping_sub(a.rotate_left(third));
    }
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

#[test]
fn the_checksum_is_that_of_the_library() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    let tree = tauscope_fit::store::Group::new().attribute("a", 1_i64);
    tauscope_fit::store::write_file(&path, &tree).unwrap();
    let bytes = std::fs::read(path).unwrap();
    assert!(!find(&bytes).is_empty());
}
