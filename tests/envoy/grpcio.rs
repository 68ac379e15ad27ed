//! Python's grpcio over a Unix socket. gRPC's C core, which C++, Ruby and PHP also use, sends the percent-encoded path of
//! the socket as `:authority`. The `http` crate does not accept `%` in a host (RFC 3986 §3.2.2 allows it in registered
//! names), so h2 resets the stream; the client has to set another authority.

use std::fs;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crosstrust::rpc::proto::{AuthorizeRequest, AuthorizeResponse, Claims, Decision};
use prost::Message as _;

use crate::sidecar::Sidecar;
use crate::tokens::{CONTOSO, FATIMA, LAUNCHER};
use crate::tool;

const HEALTH: &str = "/grpc.health.v1.Health/Check";
const AUTHORIZE: &str = "/crosstrust.v1.AuthorizationService/Authorize";

/// Returns the status, and the answer in hexadecimal or the details of the error.
fn call(target: &str, authority: &str, method: &str, request: &[u8]) -> (String, String) {
    let request: String = request.iter().map(|byte| format!("{byte:02x}")).collect();
    let output = Command::new("python3")
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/envoy/grpcio.py"
        ))
        .args([target, authority, method, &request])
        .env("PYTHONPATH", tool::grpcio())
        .output()
        .unwrap();
    let result = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let (code, rest) = result
        .trim_end()
        .split_once(' ')
        .unwrap_or((result.trim(), ""));
    (code.to_owned(), rest.to_owned())
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let digits = digits.map(|pair| std::str::from_utf8(pair).unwrap());
    digits
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

#[test]
fn a_grpc_c_core_client_reaches_a_unix_socket_if_it_sets_an_authority() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("crosstrust.sock");
    let configuration = folder.path().join("crosstrust.toml");
    let text = format!(
        "policies = \"{}/policies\"\n[log]\nmode = \"off\"\n[[listener]]\naddress = \"unix:{}\"\nuids = [{}]\n",
        env!("CARGO_MANIFEST_DIR"),
        socket.display(),
        rustix::process::getuid().as_raw()
    );
    fs::write(&configuration, text).unwrap();
    let _sidecar = Sidecar::start(folder.path(), &configuration);
    let target = format!("unix:{}", socket.display());

    // The default authority of the C core: the path.
    let (code, details) = call(&target, "", HEALTH, &[]);
    assert_eq!(code, "INTERNAL", "{details}");
    assert!(details.contains("RST_STREAM"), "{details}");

    let (code, answer) = call(&target, "localhost", HEALTH, &[]);
    assert_eq!((code.as_str(), answer.as_str()), ("OK", "0801"));

    let in_an_hour = SystemTime::now() + Duration::from_secs(3600);
    let (home, user) = FATIMA;
    let request = AuthorizeRequest {
        home_tenant: home.to_owned(),
        user: user.to_owned(),
        resource_tenant: CONTOSO.to_owned(),
        app: LAUNCHER.to_owned(),
        claims: Some(Claims {
            expires_at: Some(in_an_hour.into()),
            ..Claims::default()
        }),
        ..AuthorizeRequest::default()
    };
    let (code, answer) = call(&target, "localhost", AUTHORIZE, &request.encode_to_vec());
    assert_eq!(code, "OK", "{answer}");
    let answer = AuthorizeResponse::decode(bytes(&answer).as_slice()).unwrap();
    assert_eq!(answer.decision(), Decision::Allow, "{answer:?}");
}
