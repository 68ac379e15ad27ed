//! The answer does not depend on how a call is split into frames; anything but one complete message is rejected.

use bytes::Bytes;
use crosstrust::rpc::proto::{AuthorizeResponse, Decision};
use crosstrust::rpc::{HealthState, Rights, router};
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use prost::Message as _;
use tonic::Code;
use tower_service::Service as _;

use super::world::{engine, request_with_mfa};
use crate::server;

/// The response to a call with these body frames; the last one may be a connection error.
async fn answer(frames: Vec<Result<Bytes, std::io::Error>>) -> Result<AuthorizeResponse, Code> {
    let mut router = router(
        &server::backend(engine()),
        &Rights::ALL,
        &HealthState::new(),
    );
    let frames = frames.into_iter().map(|frame| frame.map(Frame::data));
    let http_request = http::Request::post("/crosstrust.v1.AuthorizationService/Authorize")
        .header("content-type", "application/grpc")
        .body(StreamBody::new(stream::iter(frames)));
    let answer = router.call(http_request.unwrap()).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/grpc");
    let code = |status: &http::HeaderValue| Code::from_bytes(status.as_bytes());
    if let Some(status) = answer.headers().get("grpc-status") {
        return Err(code(status));
    }
    let body = answer.into_body().collect().await.unwrap();
    let status = code(&body.trailers().unwrap()["grpc-status"]);
    let message = body.to_bytes();
    if status != Code::Ok {
        return Err(status);
    }
    let (prefix, message) = message.split_at(5);
    assert_eq!(prefix[0], 0);
    assert_eq!(
        prefix[1..],
        u32::try_from(message.len()).unwrap().to_be_bytes()
    );
    Ok(AuthorizeResponse::decode(message).unwrap())
}

async fn allowed(frames: &[&[u8]]) {
    let frames = frames.iter().map(|frame| Ok(Bytes::copy_from_slice(frame)));
    let answer = answer(frames.collect()).await;
    assert_eq!(answer.unwrap().decision(), Decision::Allow);
}

/// The request with its gRPC length prefix.
fn call() -> Vec<u8> {
    let message = request_with_mfa().encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0][..], &length, &message].concat()
}

#[tokio::test]
async fn a_call_in_one_frame_or_in_several_gets_the_same_answer() {
    let call = call();
    allowed(&[&call]).await;
    allowed(&[&call, b""]).await;
    allowed(&[b"", &call]).await;
    for cut in 1..call.len() {
        let (first, second) = call.split_at(cut);
        allowed(&[first, second]).await;
    }
    let bytes: Vec<&[u8]> = call.chunks(1).collect();
    allowed(&bytes).await;
}

#[tokio::test]
async fn anything_but_one_complete_message_is_rejected() {
    let call = call();
    let with = |change: fn(&mut Vec<u8>)| {
        let mut call = call.clone();
        change(&mut call);
        call
    };
    let whole_messages = [
        (Vec::new(), Code::Internal),
        (vec![0; 4], Code::Internal),
        // Truncated, and longer than its length prefix.
        (with(|call| call.truncate(call.len() - 1)), Code::Internal),
        (with(|call| call.push(0)), Code::Internal),
        // Compressed without grpc-encoding, and an undefined flag.
        (with(|call| call[0] = 1), Code::Internal),
        (with(|call| call[0] = 2), Code::Internal),
        // Four gigabytes.
        (with(|call| call[1..5].fill(0xff)), Code::ResourceExhausted),
    ];
    for (body, code) in whole_messages {
        let refused = answer(vec![Ok(body.clone().into())]).await;
        assert_eq!(refused.err(), Some(code), "{body:?}");
    }
}

/// A call with grpc-encoding is rejected on both paths.
#[tokio::test]
async fn an_encoding_is_rejected_for_any_framing() {
    let call = call();
    let (first, second) = call.split_at(7);
    for frames in [vec![&call[..]], vec![first, second]] {
        let mut router = router(
            &server::backend(engine()),
            &Rights::ALL,
            &HealthState::new(),
        );
        let frames = frames.into_iter().map(|frame| {
            let frame = Frame::data(Bytes::copy_from_slice(frame));
            Ok::<_, std::io::Error>(frame)
        });
        let http_request = http::Request::post("/crosstrust.v1.AuthorizationService/Authorize")
            .header("content-type", "application/grpc")
            .header("grpc-encoding", "gzip")
            .body(StreamBody::new(stream::iter(frames.collect::<Vec<_>>())));
        let answer = router.call(http_request.unwrap()).await.unwrap();
        assert_eq!(answer.headers()["grpc-status"], "12");
    }
}

/// Also if the caller keeps its side of the stream open.
#[tokio::test]
async fn a_call_to_an_unknown_method_is_answered_before_its_end() {
    let mut router = router(
        &server::backend(engine()),
        &Rights::ALL,
        &HealthState::new(),
    );
    let nothing = stream::pending::<Result<Frame<Bytes>, std::io::Error>>();
    let http_request = http::Request::post("/crosstrust.v1.AuthorizationService/Nothing")
        .header("content-type", "application/grpc")
        .body(StreamBody::new(nothing));
    let answer = router.call(http_request.unwrap()).await.unwrap();
    assert_eq!(answer.headers()["grpc-status"], "12");
}

#[tokio::test]
async fn a_body_that_fails_is_not_a_call() {
    let failure = || Err(std::io::Error::other("the connection is closed"));
    for frames in [
        vec![failure()],
        vec![Ok(call().into()), failure()],
        vec![Ok(call().into()), Ok(Bytes::new()), failure()],
    ] {
        assert!(answer(frames).await.is_err());
    }
}
