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
    /// Blocks one after the other, one a frame, or a single one where nothing reads it later.
    registers: Vec<Aligned>,
    keeping: [Keeping; REGISTERS],
}

/// Which frames of a register are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeping {
    /// None: no program has it.
    Nothing,
    /// The block of the step at hand.
    Now,
    /// Those of the first steps, whose programs alone have it.
    First(usize),
    All,
}

impl Frames {
    /// No frame yet; `capacity` more are expected, blocks of `block` entries. `None` where memory does not suffice for them.
    pub(super) fn new(scheme: &Scheme, block: usize, capacity: usize) -> Option<Frames> {
        let keeping = keeping(scheme);
        let registers = keeping
            .iter()
            .map(|keeping| match *keeping {
                Keeping::Nothing => Some(Aligned::default()),
                Keeping::Now => Some(Aligned::zeros(block)),
                Keeping::First(frames) => Some(Aligned::zeros(frames * block)),
                Keeping::All => pool::take(capacity.saturating_mul(block)),
            })
            .collect::<Option<_>>()?;
        Some(Frames {
            block,
            len: 0,
            registers,
            keeping,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Makes room for one more frame; `false` where memory does not suffice. Its blocks hold anything until they are written.
    pub(super) fn push(&mut self) -> bool {
        let wanted = (self.len + 1) * self.block;
        for (register, keeping) in self.registers.iter_mut().zip(&self.keeping) {
            if *keeping == Keeping::All && register.len() < wanted {
                let longer = wanted + wanted / 2;
                if !register.try_grow(longer) {
                    return false;
                }
            }
            // what is read before it is written shall not look like a number
            if cfg!(debug_assertions) && register.len() >= wanted && *keeping != Keeping::Now {
                register[wanted - self.block..wanted].fill(f64::NAN);
            }
        }
        self.len += 1;
        true
    }

    /// Drops the last frames.
    pub(super) fn truncate(&mut self, len: usize) {
        self.len = len;
    }

    fn offset(&self, register: Register, frame: usize) -> usize {
        match self.keeping[register as usize] {
            Keeping::Now => 0,
            _ => frame * self.block,
        }
    }

    /// The block of a register in a frame.
    pub(super) fn get(&self, register: Register, frame: usize) -> &[f64] {
        &self.registers[register as usize][self.offset(register, frame)..][..self.block]
    }

    /// Blocks of a register in consecutive frames.
    pub(super) fn range(&self, register: Register, first: usize, frames: usize) -> &[f64] {
        &self.registers[register as usize][first * self.block..][..frames * self.block]
    }

    /// Lets `fill` write the block of `register` in `frame`; it may read every other block, and the earlier ones of the
    /// same register.
    pub(super) fn write(
        &mut self,
        register: Register,
        frame: usize,
        fill: impl FnOnce(&mut [f64], &Readable<'_>),
    ) {
        let offset = self.offset(register, frame);
        let mut own = std::mem::take(&mut self.registers[register as usize]);
        let (before, rest) = own.split_at_mut(offset);
        fill(
            &mut rest[..self.block],
            &Readable {
                frames: self,
                own: register,
                before,
                frame,
            },
        );
        self.registers[register as usize] = own;
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        for register in self.registers.drain(..) {
            pool::give_back(register);
        }
    }
}

/// What may be read while one block is written.
pub(super) struct Readable<'a> {
    frames: &'a Frames,
    own: Register,
    before: &'a [f64],
    frame: usize,
}

impl Readable<'_> {
    /// The block of `register`, `lag` frames before the one that is written.
    pub(super) fn get(&self, register: Register, lag: usize) -> &[f64] {
        if register == self.own {
            &self.before[(self.frame - lag) * self.frames.block..][..self.frames.block]
        } else {
            self.frames.get(register, self.frame - lag)
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

/// Long buffers of finished solves, used again by the next one of the same thread: fresh memory costs more than writing it.
mod pool {
    use super::Aligned;
    use std::cell::RefCell;

    thread_local! {
        static BUFFERS: RefCell<Vec<Aligned>> = const { RefCell::new(Vec::new()) };
    }

    /// Doubles that are kept at most, by thread: 128 MiB.
    const MOST: usize = 16 << 20;
    /// Shorter buffers are not worth keeping.
    const LEAST: usize = 1 << 12;

    /// A buffer of at least that length, holding anything.
    pub(super) fn take(len: usize) -> Option<Aligned> {
        let kept = BUFFERS.with_borrow_mut(|buffers| {
            let fits = |buffer: &Aligned| buffer.len() >= len && buffer.len() / 4 <= len;
            let at = buffers.iter().position(fits)?;
            Some(buffers.swap_remove(at))
        });
        kept.or_else(|| Aligned::try_zeros(len))
    }

    pub(super) fn give_back(buffer: Aligned) {
        if buffer.len() < LEAST {
            return;
        }
        // the thread may be ending
        let _ = BUFFERS.try_with(|buffers| {
            let buffers = &mut *buffers.borrow_mut();
            let kept: usize = buffers.iter().map(|kept| kept.len()).sum();
            if kept + buffer.len() <= MOST {
                buffers.push(buffer);
            }
        });
    }
}
