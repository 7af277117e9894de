//! The input, read from front to back. After its end come zeros.

pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    /// So many bytes, or those that are left.
    pub(crate) fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.take(N);
        array[..taken.len()].copy_from_slice(taken);
        array
    }

    /// One of the SSRCs that a script is about: few, so that streams meet.
    pub(crate) fn ssrc(&mut self) -> u32 {
        [0, 1, 0x8000_0000, u32::MAX][usize::from(self.byte() % 4)]
    }

    /// A rollover counter: near an end, or any.
    pub(crate) fn roc(&mut self) -> u32 {
        match self.byte() % 8 {
            n @ 0..4 => n.into(),
            4 => u32::MAX,
            5 => u32::MAX - 1,
            6 => self.byte().into(),
            _ => self.u32(),
        }
    }
}
