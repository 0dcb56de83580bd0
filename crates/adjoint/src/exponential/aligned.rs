use std::ops::{Deref, DerefMut};

/// Bytes of a cache line, and of the widest vector. A vector load across two lines costs two.
const LINE: usize = 64;
/// Doubles in it.
const DOUBLES: usize = LINE / size_of::<f64>();

/// Doubles that start at a cache line, where the allocator allows to know.
#[derive(Debug, Default)]
pub(super) struct Aligned {
    storage: Vec<f64>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// That many zeros; `None` where memory does not suffice.
    pub(super) fn try_zeros(len: usize) -> Option<Aligned> {
        let padded = len.checked_add(DOUBLES)?;
        // asked for first: a failing `vec!` would end the program
        Vec::<f64>::new().try_reserve_exact(padded).ok()?;
        Some(Aligned::within(vec![0.0; padded], len))
    }

    /// That many zeros.
    pub(super) fn zeros(len: usize) -> Aligned {
        Aligned::within(vec![0.0; len.saturating_add(DOUBLES)], len)
    }

    /// Makes it so long, holding anything; no memory is asked for where it is as long already.
    pub(super) fn resize(&mut self, len: usize) {
        if self.len != len {
            *self = Aligned::zeros(len);
        }
    }

    fn within(storage: Vec<f64>, len: usize) -> Aligned {
        let start = storage.as_ptr().align_offset(LINE);
        Aligned {
            start: if start < DOUBLES { start } else { 0 },
            storage,
            len,
        }
    }
}

impl Deref for Aligned {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        &self.storage[self.start..][..self.len]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f64] {
        &mut self.storage[self.start..][..self.len]
    }
}

impl Clone for Aligned {
    fn clone(&self) -> Aligned {
        Aligned::from(&self[..])
    }
}

impl From<&[f64]> for Aligned {
    fn from(values: &[f64]) -> Aligned {
        let mut aligned = Aligned::zeros(values.len());
        aligned.copy_from_slice(values);
        aligned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_start_at_a_cache_line_and_so_do_their_copies() {
        let mut block = Aligned::zeros(3);
        block.copy_from_slice(&[1.0, 2.0, 3.0]);
        let copy = block.clone();
        assert_eq!(copy[..], [1.0, 2.0, 3.0]);
        for values in [&block, &copy] {
            assert_eq!(values.as_ptr().align_offset(LINE), 0);
        }
        assert!(Aligned::try_zeros(usize::MAX).is_none());
        assert!(Aligned::default().is_empty());
    }
}
