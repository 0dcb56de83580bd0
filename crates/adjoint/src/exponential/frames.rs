use super::aligned::Aligned;
use super::program::{Operation, REGISTERS, Register, Source};
use super::scheme::Scheme;

/// What the registers held after every step. Frame 0 is the start; frame `n` belongs to step `n`.
#[derive(Debug, Clone)]
pub(super) struct Frames {
    /// Length of a block.
    block: usize,
    /// Number of frames.
    len: usize,
    /// By register, chunks of [`CHUNK`] frames; a single block where nothing reads it later. Chunks never move: a solve of
    /// unknown length copies nothing.
    registers: Vec<Vec<Aligned>>,
    keeping: [Keeping; REGISTERS],
}

/// Frames of a chunk.
pub(super) const CHUNK: usize = 64;

/// Which frames of a register are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeping {
    /// None: no program has it.
    Nothing,
    /// The block of the step at hand.
    Now,
    /// Those of the first steps, fewer than a chunk, whose programs alone have it.
    First(usize),
    All,
}

impl Frames {
    /// No frame yet; `capacity` more are expected, blocks of `block` entries. `None` where memory does not suffice for them.
    pub(super) fn new(scheme: &Scheme, block: usize, capacity: usize) -> Option<Frames> {
        let keeping = keeping(scheme);
        let kept = keeping.iter().filter(|k| **k == Keeping::All).count();
        let entries = block.checked_mul(capacity)?.checked_mul(kept)?;
        // asked for and given back: so much at once is refused here rather than in the middle
        Vec::<f64>::new().try_reserve_exact(entries).ok()?;
        let registers = keeping.iter().map(|keeping| match *keeping {
            Keeping::Nothing | Keeping::All => Vec::new(),
            Keeping::Now => vec![Aligned::zeros(block)],
            Keeping::First(frames) => vec![Aligned::zeros(frames * block)],
        });
        Some(Frames {
            block,
            len: 0,
            registers: registers.collect(),
            keeping,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Of what was written; the rest of the last chunks is memory that nobody touched.
    pub(super) fn bytes(&self) -> usize {
        let frames = self.keeping.iter().map(|keeping| match *keeping {
            Keeping::Nothing => 0,
            Keeping::Now => 1,
            Keeping::First(frames) => frames,
            Keeping::All => self.len,
        });
        frames.sum::<usize>() * self.block * size_of::<f64>()
    }

    /// Makes room for one more frame; `false` where memory does not suffice. Its blocks hold anything until they are written.
    pub(super) fn push(&mut self) -> bool {
        let place = Place::of(self.len, self.block);
        for (chunks, keeping) in self.registers.iter_mut().zip(&self.keeping) {
            if *keeping == Keeping::All && chunks.len() <= place.chunk {
                match pool::take(CHUNK * self.block) {
                    Some(chunk) => chunks.push(chunk),
                    None => return false,
                }
            }
            // what is read before it is written shall not look like a number
            if cfg!(debug_assertions) && *keeping == Keeping::All {
                chunks[place.chunk][place.start..][..self.block].fill(f64::NAN);
            }
        }
        self.len += 1;
        true
    }

    /// Drops the last frames.
    pub(super) fn truncate(&mut self, len: usize) {
        self.len = len;
    }

    fn place(&self, register: Register, frame: usize) -> Place {
        match self.keeping[register as usize] {
            Keeping::Now => Place::default(),
            _ => Place::of(frame, self.block),
        }
    }

    /// The block of a register in a frame.
    pub(super) fn get(&self, register: Register, frame: usize) -> &[f64] {
        let Place { chunk, start } = self.place(register, frame);
        &self.registers[register as usize][chunk][start..][..self.block]
    }

    /// Blocks of a register in consecutive frames of one chunk.
    pub(super) fn range(&self, register: Register, first: usize, frames: usize) -> &[f64] {
        let Place { chunk, start } = self.place(register, first);
        &self.registers[register as usize][chunk][start..][..frames * self.block]
    }

    /// Lets `fill` write the block of `register` in `frame`; it may read every other block, and the earlier ones of the
    /// same register.
    pub(super) fn write(
        &mut self,
        register: Register,
        frame: usize,
        fill: impl FnOnce(&mut [f64], &Readable<'_>),
    ) {
        let Place { chunk, start } = self.place(register, frame);
        let mut own = std::mem::take(&mut self.registers[register as usize][chunk]);
        let (before, rest) = own.split_at_mut(start);
        fill(
            &mut rest[..self.block],
            &Readable {
                frames: self,
                own: register,
                chunk,
                before,
                frame,
            },
        );
        self.registers[register as usize][chunk] = own;
    }
}

/// Where a block lies.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    chunk: usize,
    start: usize,
}

impl Place {
    fn of(frame: usize, block: usize) -> Place {
        Place {
            chunk: frame / CHUNK,
            start: frame % CHUNK * block,
        }
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        self.registers.drain(..).flatten().for_each(pool::give_back);
    }
}

/// What may be read while one block is written.
pub(super) struct Readable<'a> {
    frames: &'a Frames,
    own: Register,
    /// The chunk of the block that is written, as far as it lies before.
    chunk: usize,
    before: &'a [f64],
    frame: usize,
}

impl Readable<'_> {
    /// The block of `register`, `lag` frames before the one that is written.
    pub(super) fn get(&self, register: Register, lag: usize) -> &[f64] {
        let frame = self.frame - lag;
        let place = Place::of(frame, self.frames.block);
        if register == self.own && place.chunk == self.chunk {
            &self.before[place.start..][..self.frames.block]
        } else {
            self.frames.get(register, frame)
        }
    }
}

/// What is read by a later step, or on the way back, is kept in all frames in which some step writes it.
fn keeping(scheme: &Scheme) -> [Keeping; REGISTERS] {
    let mut keeping = [Keeping::Nothing; REGISTERS];
    for operation in scheme.programs().flatten() {
        let target = &mut keeping[operation.target() as usize];
        if *target == Keeping::Nothing {
            *target = Keeping::Now;
        }
    }
    let mut keep = |register: Register| keeping[register as usize] = Keeping::All;
    keep(Register::Current);
    keep(Register::Rate);
    if scheme.doubles() {
        // evaluation times lie there
        keep(Register::MiddleCurrent);
        keep(Register::MiddleRate);
    }
    for operation in scheme.programs().flatten() {
        match operation {
            Operation::Combine { recipe, .. } => {
                for source in recipe.sources() {
                    if let Source::Register(register, _) = source {
                        keep(register);
                    }
                }
            }
            Operation::Activate { target, .. } => keep(*target),
            Operation::Multiply { of, .. } => keep(*of),
            Operation::Chain { rate, times, .. } => {
                if let Source::Register(register, _) = *rate {
                    keep(register);
                }
                keep(*times);
            }
        }
    }
    let (lasting, first) = scheme.lasting();
    for (index, keeping) in keeping.iter_mut().enumerate() {
        let touches = |operation: &Operation| operation.target() as usize == index;
        let later = lasting
            .iter()
            .any(|&kind| scheme.program(kind).iter().any(touches));
        if *keeping == Keeping::All && !later && index != Register::Current as usize {
            *keeping = Keeping::First(first);
        }
    }
    keeping
}

/// Chunks of finished solves, used again by the next one of the same thread: fresh memory costs more than writing it.
mod pool {
    use super::Aligned;
    use std::cell::RefCell;
    use std::collections::VecDeque;

    thread_local! {
        /// The oldest first.
        static CHUNKS: RefCell<VecDeque<Aligned>> = const { RefCell::new(VecDeque::new()) };
    }

    /// Doubles that are kept at most, by thread: 128 MiB.
    const MOST: usize = 16 << 20;
    /// Shorter chunks are not worth keeping.
    const LEAST: usize = 1 << 12;

    /// A chunk of at least that length, holding anything.
    pub(super) fn take(len: usize) -> Option<Aligned> {
        let kept = CHUNKS.with_borrow_mut(|chunks| {
            let fits = |chunk: &Aligned| chunk.len() >= len && chunk.len() / 2 <= len;
            let at = chunks.iter().rposition(fits)?;
            chunks.remove(at)
        });
        kept.or_else(|| Aligned::try_zeros(len))
    }

    pub(super) fn give_back(chunk: Aligned) {
        if chunk.len() < LEAST || chunk.len() > MOST {
            return;
        }
        // the thread may be ending
        let _ = CHUNKS.try_with(|chunks| {
            let chunks = &mut *chunks.borrow_mut();
            let mut kept: usize = chunks.iter().map(|chunk| chunk.len()).sum();
            while kept + chunk.len() > MOST {
                kept -= chunks.pop_front().map_or(kept, |oldest| oldest.len());
            }
            chunks.push_back(chunk);
        });
    }
}
