//! Bytes cut into messages.

use super::error::{Fault, ItchError};
use super::field::Field;
use super::messages::{KINDS, Message};

/// How many bytes say how long a message is.
pub const LENGTH: usize = 2;

/// The messages of a file or of a part of one, each with its offset. The first error is the last item.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
    done: bool,
}

impl<'a> Frames<'a> {
    /// Messages from the first byte on, each with its length in front.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, done: false }
    }

    /// Where the next message starts: everything before it has been read.
    #[inline]
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.at
    }

    /// The next length and message, if all of it is here.
    #[inline(always)]
    fn whole(&self) -> Option<(usize, &'a [u8])> {
        let rest = self.bytes.get(self.at..)?;
        let (length, rest) = rest.split_first_chunk::<LENGTH>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        Some((length, rest.get(..length)?))
    }

    #[cold]
    fn end(&mut self, fault: Fault) -> ItchError {
        self.done = true;
        ItchError { offset: self.at, fault }
    }

    /// What is wrong with a message that is not all here: its type or length, or only that it is cut off.
    #[cold]
    fn cut_off(&mut self) -> Option<ItchError> {
        let rest = &self.bytes[self.at..];
        if rest.is_empty() {
            return None;
        }
        let (found, mut wanted) = (rest.len(), LENGTH);
        if found >= LENGTH {
            let length = usize::from(<u16 as Field>::read(rest, 0));
            wanted += length;
            if let Some(letter) = rest.get(LENGTH) {
                let kind = KINDS.iter().find(|kind| kind.letter == *letter);
                let Some(kind) = kind else { return Some(self.end(Fault::UnknownType(*letter))) };
                if kind.size != length {
                    return Some(self.end(Fault::Length { kind: *letter, found: length, expected: kind.size }));
                }
            }
        }
        Some(self.end(Fault::Truncated { found, wanted }))
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<(usize, Message<'a>), ItchError>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let Some((length, message)) = self.whole() else { return self.cut_off().map(Err) };
        if length == 0 {
            self.at += LENGTH;
            let after = self.bytes.len() - self.at;
            if after > 0 {
                return Some(Err(self.end(Fault::AfterEnd(after))));
            }
            return None;
        }
        match Message::parse(message) {
            Ok(message) => {
                let offset = self.at;
                self.at += LENGTH + length;
                Some(Ok((offset, message)))
            }
            Err(fault) => Some(Err(self.end(fault))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeds::itch::messages::{Header, OrderDelete, SystemEvent};

    fn two() -> Vec<u8> {
        let mut bytes = Vec::new();
        SystemEvent::write(&mut bytes, Header::default(), b'O');
        OrderDelete::write(&mut bytes, Header::default(), 5);
        bytes
    }

    fn last(bytes: &[u8]) -> Option<ItchError> {
        Frames::new(bytes).last().and_then(Result::err)
    }

    #[test]
    fn messages_come_with_their_offsets() {
        let bytes = two();
        let offsets: Vec<usize> = Frames::new(&bytes).map(|item| item.expect("a message").0).collect();
        assert_eq!(offsets, [0, 14]);
    }

    #[test]
    fn every_cut_is_an_error_at_its_message_or_none() {
        let bytes = two();
        for cut in 0..bytes.len() {
            let start = if cut < 14 { 0 } else { 14 };
            let error = last(&bytes[..cut]);
            if cut == start {
                assert_eq!(error, None);
            } else {
                let wanted = if cut == start + 1 { 2 } else { [14, 21][usize::from(start > 0)] };
                assert_eq!(
                    error,
                    Some(ItchError { offset: start, fault: Fault::Truncated { found: cut - start, wanted } })
                );
            }
        }
    }

    #[test]
    fn a_cut_message_with_a_wrong_length_is_not_waited_for() {
        assert_eq!(last(&[0, 13, b'S']).expect("wrong").fault, Fault::Length { kind: b'S', found: 13, expected: 12 });
        assert_eq!(last(&[0, 13, b'?']).expect("wrong").fault, Fault::UnknownType(b'?'));
    }

    #[test]
    fn a_length_of_zero_ends_the_session() {
        let mut bytes = two();
        bytes.extend([0, 0]);
        let mut frames = Frames::new(&bytes);
        assert_eq!(frames.by_ref().count(), 2);
        assert_eq!(frames.offset(), bytes.len());
        bytes.push(0);
        assert_eq!(last(&bytes), Some(ItchError { offset: 37, fault: Fault::AfterEnd(1) }));
    }
}
