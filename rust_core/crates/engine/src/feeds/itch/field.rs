//! The four kinds of fields that messages are made of.

/// A field: on the wire big endian, in a row of an array little endian.
pub trait Field: Copy {
    /// How many bytes.
    const WIDTH: usize;

    /// The field that starts at `at`.
    fn read(message: &[u8], at: usize) -> Self;
    /// Write it as the exchange does.
    fn write(self, out: &mut Vec<u8>);
    /// Write it as a row of an array has it.
    fn write_row(self, out: &mut Vec<u8>);
    /// Its numpy type.
    fn dtype() -> String;
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Field for $number {
            const WIDTH: usize = size_of::<Self>();

            #[inline(always)]
            fn read(message: &[u8], at: usize) -> Self {
                let bytes = message[at..at + Self::WIDTH].try_into();
                Self::from_be_bytes(bytes.expect("a slice of the number's width"))
            }

            fn write(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }

            fn write_row(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn dtype() -> String {
                format!("<u{}", Self::WIDTH)
            }
        }
    )*};
}

numbers!(u16, u32, u64);

/// One letter.
impl Field for u8 {
    const WIDTH: usize = 1;

    #[inline(always)]
    fn read(message: &[u8], at: usize) -> Self {
        message[at]
    }

    fn write(self, out: &mut Vec<u8>) {
        out.push(self);
    }

    fn write_row(self, out: &mut Vec<u8>) {
        out.push(self);
    }

    fn dtype() -> String {
        "S1".into()
    }
}

/// Letters, filled up with spaces on the right.
impl<const N: usize> Field for [u8; N] {
    const WIDTH: usize = N;

    #[inline(always)]
    fn read(message: &[u8], at: usize) -> Self {
        message[at..at + N].try_into().expect("a slice of N bytes")
    }

    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self);
    }

    /// Without the spaces: numpy pads strings with zeros, and drops those when it reads them.
    fn write_row(self, out: &mut Vec<u8>) {
        let end = self.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
        out.extend_from_slice(&self[..end]);
        out.resize(out.len() + N - end, 0);
    }

    fn dtype() -> String {
        format!("S{N}")
    }
}

/// A symbol as the wire has it: eight letters, filled up with spaces; longer ones are cut.
#[must_use]
pub fn symbol(name: &str) -> [u8; 8] {
    let mut padded = [b' '; 8];
    for (place, byte) in padded.iter_mut().zip(name.bytes()) {
        *place = byte;
    }
    padded
}
