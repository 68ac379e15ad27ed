//! Request bodies, encoded before the measurement. They are sent unchanged or with a new user patched in; nothing is
//! encoded under load.

pub mod authorize;
pub mod check;
pub mod tokens;

use std::cell::Cell;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, ensure};
use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;

/// The bodies of one row, used in turn.
pub struct Questions {
    frames: Vec<Frame>,
    next: Cell<usize>,
}

/// One body, in most cases a gRPC message with its five-byte prefix.
#[derive(Clone)]
pub struct Frame {
    bytes: Bytes,
    /// The position of the last twelve hexadecimal digits of the user, if each call is of a new user.
    patch: Option<Range<usize>>,
}

/// The number of the next new user, for all rows and servers. Cached users have lower numbers.
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

    /// The body of the request with this index.
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

    /// A body that is not a gRPC message.
    pub fn plain(bytes: Bytes) -> Frame {
        Frame { bytes, patch: None }
    }

    /// A body whose user is patched. The position is found by encoding two users that differ only in these digits.
    pub fn with_fresh_users<M: Message>(of_user: impl Fn(u64) -> M) -> Result<Frame> {
        let (zeros, ones) = (frame(&of_user(0)), frame(&of_user(0xffff_ffff_ffff)));
        ensure!(zeros.len() == ones.len(), "users of different lengths");
        let differ = |at: &usize| zeros[*at] != ones[*at];
        let places: Vec<usize> = (0..zeros.len()).filter(differ).collect();
        let (first, last) = (places.first(), places.last());
        let place = first.zip(last).map(|(first, last)| *first..last + 1);
        let place = place.filter(|place| place.len() == 12 && places.len() == 12);
        ensure!(place.is_some(), "the user's digits are at {places:?}");
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

/// gRPC's Length-Prefixed-Message: uncompressed, four bytes of length.
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
    fn a_patched_body_is_the_request_of_that_user() {
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
