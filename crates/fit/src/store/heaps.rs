//! A guard against files on which the HDF5 library would never return.
//!
//! Text lies in global heaps: a header of 16 bytes, then objects, each with a header of 16 bytes. The free space at
//! the end is object 0, whose length counts its own header. Where a damaged file says that this length is 0, the
//! library (2.2.0, `H5HG__cache_heap_deserialize`) reads the same object again for ever, so such a file is found
//! out here before the library sees it.

use std::io::{self, Read, Seek, SeekFrom};

/// How a heap begins: its name, version 1, three reserved bytes.
const MARK: [u8; 8] = *b"GCOL\x01\0\0\0";
const HEADER: u64 = 16;
const BLOCK: usize = 1 << 20;

/// The position of the first heap in `file`, of `file_size` bytes, that has an object without length.
///
/// Lengths are taken to have 8 bytes, as all known writers store them.
///
/// # Errors
/// Those of reading.
pub(super) fn endless_heap<F: Read + Seek>(
    file: &mut F,
    file_size: u64,
) -> io::Result<Option<u64>> {
    for start in heaps(file)? {
        if is_endless(file, start, file_size)? {
            return Ok(Some(start));
        }
    }
    Ok(None)
}

/// Where heaps begin, found block by block; blocks overlap by what a mark may stretch across.
fn heaps<F: Read + Seek>(file: &mut F) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    let mut block = Vec::with_capacity(BLOCK + MARK.len());
    let mut start = file.seek(SeekFrom::Start(0))?;
    loop {
        if file.by_ref().take(BLOCK as u64).read_to_end(&mut block)? == 0 {
            return Ok(found);
        }
        found.extend(marks(&block).map(|at| start + at as u64));
        let overlap = block.len().min(MARK.len() - 1);
        start += (block.len() - overlap) as u64;
        block.drain(..block.len() - overlap);
    }
}

fn marks(block: &[u8]) -> impl Iterator<Item = usize> {
    let first = block
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == MARK[0]);
    first.filter_map(|(at, _)| block[at..].starts_with(&MARK).then_some(at))
}

fn is_endless<F: Read + Seek>(file: &mut F, start: u64, file_size: u64) -> io::Result<bool> {
    let Some([_, size]) = header(file, start)? else {
        return Ok(false);
    };
    let end = start.saturating_add(size).min(file_size);
    let mut at = start + HEADER;
    while at + HEADER <= end {
        let Some([index, length]) = header(file, at)? else {
            return Ok(false);
        };
        let is_free_space = index & 0xffff == 0;
        if is_free_space && length == 0 {
            return Ok(true);
        }
        let step = if is_free_space {
            Some(length)
        } else {
            length
                .checked_next_multiple_of(8)
                .and_then(|n| n.checked_add(HEADER))
        };
        // A length beyond the end is an error that the library finds by itself.
        let Some(next) = step.and_then(|step| at.checked_add(step)) else {
            return Ok(false);
        };
        at = next;
    }
    Ok(false)
}

/// Two little-endian words at `at`; `None` beyond the end of the file.
fn header<F: Read + Seek>(file: &mut F, at: u64) -> io::Result<Option<[u64; 2]>> {
    file.seek(SeekFrom::Start(at))?;
    let mut words = [[0_u8; 8]; 2];
    for word in &mut words {
        match file.read_exact(word) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            outcome => outcome?,
        }
    }
    Ok(Some(words.map(u64::from_le_bytes)))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::{BLOCK, MARK, endless_heap};

    /// A heap of one object of 3 bytes and free space of `free` bytes, `before` bytes into a file.
    fn file(before: usize, free: u64) -> Vec<u8> {
        let mut bytes = vec![b'G'; before];
        bytes.extend(MARK);
        bytes.extend(80_u64.to_le_bytes());
        bytes.extend(1_u64.to_le_bytes());
        bytes.extend(3_u64.to_le_bytes());
        bytes.extend([7; 8]);
        bytes.extend(0_u64.to_le_bytes());
        bytes.extend(free.to_le_bytes());
        bytes.extend([0; 24]);
        bytes
    }

    fn found(bytes: Vec<u8>) -> Option<u64> {
        let size = bytes.len() as u64;
        endless_heap(&mut Cursor::new(bytes), size).unwrap()
    }

    #[test]
    fn a_heap_whose_free_space_has_no_length_is_found_wherever_it_lies() {
        for before in [0, 5, BLOCK - 4, BLOCK, 2 * BLOCK - 7] {
            assert_eq!(found(file(before, 40)), None);
            assert_eq!(found(file(before, 0)), Some(before as u64));
        }
    }

    #[test]
    fn a_heap_cut_short_is_left_to_the_library() {
        let bytes = file(3, 0);
        // the header of the free space ends at 3 + 16 + 24 + 16 = 59
        (0..59).for_each(|length| assert_eq!(found(bytes[..length].to_vec()), None));
    }
}
