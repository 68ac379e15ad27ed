//! Request bodies, made before the clock runs: they are sent as they are, or with a user of their own patched
//! in. Never encodes anything under load.

pub mod authorize;
pub mod check;
pub mod tokens;

use std::cell::Cell;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, ensure};
use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;

/// The bodies of one row, in turn.
pub struct Questions {
    frames: Vec<Frame>,
    next: Cell<usize>,
}

/// One body: mostly a gRPC message with its five bytes of head.
#[derive(Clone)]
pub struct Frame {
    bytes: Bytes,
    /// Where twelve hexadecimal digits of the user stand, if each call is to be somebody else's.
    patch: Option<Range<usize>>,
}

/// The next user that nobody has seen, whatever the question and whoever is asked. Those who have been seen have
/// lower numbers.
static FRESH: AtomicU64 = AtomicU64::new(1 << 24);

impl Questions {
    pub fn of(frames: Vec<Frame>) -> Questions {
        Questions {
            frames,
            next: Cell::new(0),
        }
    }

    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// The body of the next call.
    pub fn next(&self) -> Bytes {
        let at = self.next.get();
        self.next.set(if at + 1 == self.len() { 0 } else { at + 1 });
        self.body(at)
    }

    /// The body of the question with this number.
    pub fn body(&self, at: usize) -> Bytes {
        let frame = &self.frames[at];
        match &frame.patch {
            None => frame.bytes.clone(),
            Some(place) => {
                let number = FRESH.fetch_add(1, Ordering::Relaxed);
                patched(&frame.bytes, place.clone(), number)
            }
        }
    }
}

impl Frame {
    pub fn fixed(message: &impl Message) -> Frame {
        Frame {
            bytes: frame(message),
            patch: None,
        }
    }

    /// A body that is no gRPC message.
    pub fn plain(bytes: Bytes) -> Frame {
        Frame { bytes, patch: None }
    }

    /// A body whose user is patched. The place is found by encoding for two users that differ in these digits alone.
    pub fn with_fresh_users<M: Message>(of_user: impl Fn(u64) -> M) -> Result<Frame> {
        let (zeros, ones) = (frame(&of_user(0)), frame(&of_user(0xffff_ffff_ffff)));
        ensure!(zeros.len() == ones.len(), "users of different lengths");
        let differ = |at: &usize| zeros[*at] != ones[*at];
        let places: Vec<usize> = (0..zeros.len()).filter(differ).collect();
        let (first, last) = (places.first(), places.last());
        let place = first.zip(last).map(|(first, last)| *first..last + 1);
        let place = place.filter(|place| place.len() == 12 && places.len() == 12);
        ensure!(place.is_some(), "the user stands at {places:?}");
        Ok(Frame {
            bytes: zeros,
            patch: place,
        })
    }
}

fn patched(template: &[u8], place: Range<usize>, number: u64) -> Bytes {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut body = BytesMut::from(template);
    let mut rest = number;
    for digit in body[place].iter_mut().rev() {
        *digit = DIGITS[(rest & 15) as usize];
        rest >>= 4;
    }
    body.freeze()
}

/// A message as gRPC frames it over HTTP/2 ("Length-Prefixed-Message"): not compressed, four bytes of length.
pub fn frame(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(length + 5);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    bytes.put(message.encode_to_vec().as_slice());
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use super::authorize::{self, Groups};
    use super::*;
    use crosstrust::rpc::proto::AuthorizeRequest;

    #[test]
    fn a_patched_body_is_the_question_of_that_user() {
        let frame =
            Frame::with_fresh_users(|user| authorize::opens_sharepoint(user, Groups(50))).unwrap();
        let questions = Questions::of(vec![frame]);
        let first = FRESH.load(Ordering::Relaxed);
        for number in first..first + 3 {
            let body = questions.next();
            let read = AuthorizeRequest::decode(&body[5..]).unwrap();
            let mut expected = authorize::opens_sharepoint(0, Groups(50));
            expected.user = authorize::user(number);
            assert_eq!(read, expected);
        }
    }
}
