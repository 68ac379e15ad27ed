//! `constant MODE ANSWER`: a gRPC server with a constant answer, for comparison.
//!
//! It answers every call with the message in the file ANSWER, prints its address on the first line of its output, and
//! runs until it is killed. `prost` decodes `AuthorizeRequest` with prost, `skip` skips the bytes of the request,
//! `check` decodes Envoy's `CheckRequest`. Everything else is as in crosstrust: a current-thread runtime, mimalloc,
//! TCP_NODELAY, and each answer is built and encoded with prost. It never reads a field of a request.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use anyhow::{Context, Result, bail};
use bytes::Buf;
use crosstrust::rpc::proto::{AuthorizeRequest, AuthorizeResponse};
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse};
use prost::Message;
use tonic::body::Body;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic::codegen::Service;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tonic_prost::{ProstCodec, ProstEncoder};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(mode), Some(path)) = (arguments.next(), arguments.next()) else {
        bail!("usage: constant prost|skip|check ANSWER");
    };
    let answer = std::fs::read(&path).with_context(|| format!("cannot read the answer {path}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(&mode, &answer))
}

async fn serve(mode: &str, answer: &[u8]) -> Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    // `Server::tcp_nodelay` does not apply to a given listener.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let authorize = || AuthorizeResponse::decode(answer).context("failed to decode the answer");
    let mut server = Server::builder();
    let router = match mode {
        "prost" => server.add_service(Authorize(
            Constant::<ProstFactory<AuthorizeRequest, _>>::of(authorize()?),
        )),
        "skip" => server.add_service(Authorize(Constant::<SkippingFactory<_>>::of(authorize()?))),
        "check" => {
            let answer = CheckResponse::decode(answer).context("failed to decode the answer")?;
            server.add_service(Check(Constant::<ProstFactory<CheckRequest, _>>::of(answer)))
        }
        other => bail!("expected prost, skip or check, found {other}"),
    };
    Ok(router.serve_with_incoming(incoming).await?)
}

/// Creates a codec for each call, like tonic's generated services.
trait CodecFactory: 'static {
    type Query: Send + Sync + 'static;
    type Answer: Clone + Send + Sync + 'static;
    type Codec: Codec<Encode = Self::Answer, Decode = Self::Query> + Send + 'static;
    fn make() -> Self::Codec;
}

struct ProstFactory<Q, A>(PhantomData<fn() -> (Q, A)>);

impl<Q, A> CodecFactory for ProstFactory<Q, A>
where
    Q: Message + Default + Send + Sync + 'static,
    A: Message + Clone + Send + Sync + 'static,
{
    type Query = Q;
    type Answer = A;
    type Codec = ProstCodec<A, Q>;
    fn make() -> Self::Codec {
        ProstCodec::default()
    }
}

struct SkippingFactory<A>(PhantomData<fn() -> A>);

impl<A: Message + Clone + Send + Sync + 'static> CodecFactory for SkippingFactory<A> {
    type Query = ();
    type Answer = A;
    type Codec = SkippingCodec<A>;
    fn make() -> Self::Codec {
        SkippingCodec(PhantomData)
    }
}

/// Encodes with prost, and skips the request.
struct SkippingCodec<A>(PhantomData<fn() -> A>);

struct SkippingDecoder;

impl<A: Message + 'static> Codec for SkippingCodec<A> {
    type Encode = A;
    type Decode = ();
    type Encoder = ProstEncoder<A>;
    type Decoder = SkippingDecoder;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(BufferSettings::default())
    }

    fn decoder(&mut self) -> Self::Decoder {
        SkippingDecoder
    }
}

impl Decoder for SkippingDecoder {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        bytes.advance(bytes.remaining());
        Ok(Some(()))
    }
}

/// Answers each call with the same message.
struct Handler<M: CodecFactory>(Arc<M::Answer>);

impl<M: CodecFactory> UnaryService<M::Query> for Handler<M> {
    type Response = M::Answer;
    type Future = Ready<Result<Response<M::Answer>, Status>>;

    fn call(&mut self, request: Request<M::Query>) -> Self::Future {
        // Dropped within the call, like in a server that has read it.
        drop(request.into_inner());
        ready(Ok(Response::new(M::Answer::clone(&self.0))))
    }
}

struct Constant<M: CodecFactory> {
    answer: Arc<M::Answer>,
}

impl<M: CodecFactory> Constant<M> {
    fn of(answer: M::Answer) -> Self {
        Constant {
            answer: Arc::new(answer),
        }
    }

    fn answer(&self, request: http::Request<Body>) -> AnswerFuture {
        let handler = Handler::<M>(Arc::clone(&self.answer));
        Box::pin(async move { Ok(Grpc::new(M::make()).unary(handler, request).await) })
    }
}

type AnswerFuture = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

/// Services by name, which tonic's router matches.
macro_rules! named {
    ($type:ident, $name:literal) => {
        struct $type<M: CodecFactory>(Constant<M>);

        impl<M: CodecFactory> Clone for $type<M> {
            fn clone(&self) -> Self {
                $type(Constant {
                    answer: Arc::clone(&self.0.answer),
                })
            }
        }

        impl<M: CodecFactory> NamedService for $type<M> {
            const NAME: &'static str = $name;
        }

        impl<M: CodecFactory> Service<http::Request<Body>> for $type<M> {
            type Response = http::Response<Body>;
            type Error = Infallible;
            type Future = AnswerFuture;

            fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: http::Request<Body>) -> Self::Future {
                self.0.answer(request)
            }
        }
    };
}

named!(Authorize, "crosstrust.v1.AuthorizationService");
named!(Check, "envoy.service.auth.v3.Authorization");
