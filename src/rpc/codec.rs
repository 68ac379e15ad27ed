//! Codecs for gRPC messages. The prost codec returns INVALID_ARGUMENT for bytes that cannot be decoded.
//!
//! tonic's own codec returns INTERNAL, which counts as a server error. A string that is not UTF-8 cannot be decoded
//! either. Clients of this crate use the same codec, so they get INVALID_ARGUMENT for a garbled response, too.

mod bytes;
mod writer;

use std::marker::PhantomData;

use ::bytes::Buf;
use prost::{DecodeError, Message};
use tonic::Status;
use tonic::codec::{Codec as TonicCodec, DecodeBuf, Decoder, EncodeBuf, Encoder};

pub use self::bytes::BytesCodec;
pub use self::writer::MessageWriter;

/// The prost codec of the services in `proto`.
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
    type Encoder = CodecHalf<T>;
    type Decoder = CodecHalf<U>;

    fn encoder(&mut self) -> CodecHalf<T> {
        CodecHalf(PhantomData)
    }

    fn decoder(&mut self) -> CodecHalf<U> {
        CodecHalf(PhantomData)
    }
}

/// One direction of the codec.
#[derive(Debug)]
pub struct CodecHalf<T>(PhantomData<fn() -> T>);

impl<T: Message> Encoder for CodecHalf<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, message: T, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message
            .encode(out)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

impl<T: Message + Default> Decoder for CodecHalf<T> {
    type Item = T;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<T>, Status> {
        match T::decode(&mut *bytes) {
            Ok(message) => Ok(Some(message)),
            Err(error) => {
                bytes.advance(bytes.remaining());
                Err(decode_failed::<T>(&error))
            }
        }
    }
}

/// The error for bytes that cannot be decoded as `T`.
pub fn decode_failed<T>(error: &DecodeError) -> Status {
    Status::invalid_argument(format!("failed to decode {}: {error}", name::<T>()))
}

/// The name of a message type, without its module.
pub fn name<T>() -> &'static str {
    let path = std::any::type_name::<T>();
    path.rsplit("::").next().unwrap_or(path)
}
