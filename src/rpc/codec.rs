//! How messages cross the wire: prost, with bytes that are no such message told as the caller's fault.
//!
//! tonic's own codec answers them with INTERNAL, which would count as a fault of ours. Text that is not UTF-8 is
//! such bytes too. Clients of this crate use the same codec and would blame themselves for a garbled answer.

mod bytes;
mod writer;

use std::marker::PhantomData;

use ::bytes::Buf;
use prost::{DecodeError, Message};
use tonic::Status;
use tonic::codec::{Codec as TonicCodec, DecodeBuf, Decoder, EncodeBuf, Encoder};

pub use self::bytes::Verbatim;
pub use self::writer::Writer;

/// The codec of our own services, in both directions.
#[derive(Debug)]
pub struct Codec<T, U>(PhantomData<fn() -> (T, U)>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Codec(PhantomData)
    }
}

impl<T, U> TonicCodec for Codec<T, U>
where
    T: Message + 'static,
    U: Message + Default + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = Half<T>;
    type Decoder = Half<U>;

    fn encoder(&mut self) -> Half<T> {
        Half(PhantomData)
    }

    fn decoder(&mut self) -> Half<U> {
        Half(PhantomData)
    }
}

/// One direction of the codec.
#[derive(Debug)]
pub struct Half<T>(PhantomData<fn() -> T>);

impl<T: Message> Encoder for Half<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, message: T, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message
            .encode(out)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

impl<T: Message + Default> Decoder for Half<T> {
    type Item = T;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<T>, Status> {
        match T::decode(&mut *bytes) {
            Ok(message) => Ok(Some(message)),
            Err(error) => {
                bytes.advance(bytes.remaining());
                Err(no_such_message(&error))
            }
        }
    }
}

/// The error for bytes that cannot be read.
pub fn no_such_message(error: &DecodeError) -> Status {
    Status::invalid_argument(format!("the bytes are no such message: {error}"))
}
