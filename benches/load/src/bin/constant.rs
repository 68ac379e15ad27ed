//! `constant MODE ANSWER`: a gRPC server that decides nothing, to compare with.
//!
//! It answers every call with the message in the file ANSWER, prints its address on the first line of its output, and
//! runs until it is killed. `prost` decodes `AuthorizeRequest` with prost, `skip` leaves the bytes of the request
//! unread, `check` decodes Envoy's `CheckRequest`. Everything else is as in crosstrust: a current-thread runtime,
//! mimalloc, no delay on its sockets, and each answer made and encoded with prost. It never looks into a question.

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
    // `Server::tcp_nodelay` is not read where connections are handed in.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let authorize = || AuthorizeResponse::decode(answer).context("the answer is none");
    let mut server = Server::builder();
    let router = match mode {
        "prost" => server.add_service(Authorize(Constant::<ByProst<AuthorizeRequest, _>>::of(
            authorize()?,
        ))),
        "skip" => server.add_service(Authorize(Constant::<BySkipping<_>>::of(authorize()?))),
        "check" => {
            let answer = CheckResponse::decode(answer).context("the answer is none")?;
            server.add_service(Check(Constant::<ByProst<CheckRequest, _>>::of(answer)))
        }
        other => bail!("expected prost, skip or check, found {other}"),
    };
    Ok(router.serve_with_incoming(incoming).await?)
}

/// A codec that is made anew for each call, as tonic's generated services do it.
trait Makes: 'static {
    type Question: Send + Sync + 'static;
    type Answer: Clone + Send + Sync + 'static;
    type Codec: Codec<Encode = Self::Answer, Decode = Self::Question> + Send + 'static;
    fn make() -> Self::Codec;
}

struct ByProst<Q, A>(PhantomData<fn() -> (Q, A)>);

impl<Q, A> Makes for ByProst<Q, A>
where
    Q: Message + Default + Send + Sync + 'static,
    A: Message + Clone + Send + Sync + 'static,
{
    type Question = Q;
    type Answer = A;
    type Codec = ProstCodec<A, Q>;
    fn make() -> Self::Codec {
        ProstCodec::default()
    }
}

struct BySkipping<A>(PhantomData<fn() -> A>);

impl<A: Message + Clone + Send + Sync + 'static> Makes for BySkipping<A> {
    type Question = ();
    type Answer = A;
    type Codec = Skipping<A>;
    fn make() -> Self::Codec {
        Skipping(PhantomData)
    }
}

/// Encodes with prost, and passes over what it should decode.
struct Skipping<A>(PhantomData<fn() -> A>);

struct Skipper;

impl<A: Message + 'static> Codec for Skipping<A> {
    type Encode = A;
    type Decode = ();
    type Encoder = ProstEncoder<A>;
    type Decoder = Skipper;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(BufferSettings::default())
    }

    fn decoder(&mut self) -> Self::Decoder {
        Skipper
    }
}

impl Decoder for Skipper {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        bytes.advance(bytes.remaining());
        Ok(Some(()))
    }
}

/// What answers each call with the same message.
struct Handler<M: Makes>(Arc<M::Answer>);

impl<M: Makes> UnaryService<M::Question> for Handler<M> {
    type Response = M::Answer;
    type Future = Ready<Result<Response<M::Answer>, Status>>;

    fn call(&mut self, question: Request<M::Question>) -> Self::Future {
        // Taken apart and dropped within the call, as by a server that had read it.
        drop(question.into_inner());
        ready(Ok(Response::new(M::Answer::clone(&self.0))))
    }
}

struct Constant<M: Makes> {
    answer: Arc<M::Answer>,
}

impl<M: Makes> Constant<M> {
    fn of(answer: M::Answer) -> Self {
        Constant {
            answer: Arc::new(answer),
        }
    }

    fn answer(&self, request: http::Request<Body>) -> Answering {
        let handler = Handler::<M>(Arc::clone(&self.answer));
        Box::pin(async move { Ok(Grpc::new(M::make()).unary(handler, request).await) })
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

/// The services by their names, which tonic's router goes by.
macro_rules! named {
    ($type:ident, $name:literal) => {
        struct $type<M: Makes>(Constant<M>);

        impl<M: Makes> Clone for $type<M> {
            fn clone(&self) -> Self {
                $type(Constant {
                    answer: Arc::clone(&self.0.answer),
                })
            }
        }

        impl<M: Makes> NamedService for $type<M> {
            const NAME: &'static str = $name;
        }

        impl<M: Makes> Service<http::Request<Body>> for $type<M> {
            type Response = http::Response<Body>;
            type Error = Infallible;
            type Future = Answering;

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
