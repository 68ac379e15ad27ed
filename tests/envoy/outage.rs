//! If crosstrust is absent, dead or frozen, all requests are denied; once it is back, it decides again.

use crate::gateway::{Deployment, Gateway};
use crate::tokens::{self, FATIMA, FELIX, LAUNCHER, SUPPLIER_PORTAL};
use crate::waiting::until;

/// A request that this deployment allows: the host and the `authorization` header.
fn allowed_request(deployment: Deployment) -> (&'static str, String) {
    match deployment {
        Deployment::Bearer | Deployment::JwtAuthn | Deployment::UnixSocket | Deployment::Mtls => (
            "launcher.contoso.example",
            tokens::token(FATIMA, LAUNCHER).bearer(),
        ),
        Deployment::Egress => (
            "supplier-portal.fabrikam.example",
            tokens::token(FELIX, SUPPLIER_PORTAL).bearer(),
        ),
    }
}

/// Envoy runs; crosstrust never starts.
fn denied_before_start(deployment: Deployment) {
    let gateway = Gateway::start_without_sidecar(deployment);
    let (host, bearer) = allowed_request(deployment);
    for _ in 0..5 {
        let answer = gateway.request(host, &bearer);
        assert_eq!(answer.status, 503, "{answer:?}");
    }
    assert_eq!(gateway.upstream.request_count(), 0);
    assert_eq!(gateway.envoy.counter("ext_authz.crosstrust.error"), 5);
}

/// crosstrust is killed and started again; then the same request is allowed.
fn denied_while_dead(deployment: Deployment) {
    let mut gateway = Gateway::start(deployment);
    let (host, bearer) = allowed_request(deployment);
    until("an allow", || passes(&gateway, host, &bearer));
    let passed = gateway.upstream.request_count();

    gateway.kill_sidecar();
    let mut connection = gateway.connect();
    for _ in 0..50 {
        let answer = connection.get(host, "/", &[("authorization", &bearer)]);
        assert_eq!(answer.status, 503, "{answer:?}");
    }
    assert_eq!(gateway.upstream.request_count(), passed);

    gateway.start_sidecar();
    until("an allow after the restart", || {
        passes(&gateway, host, &bearer)
    });
    assert_eq!(gateway.request(host, "Bearer nonsense").status, 401);
}

/// A frozen crosstrust holds its connections and does not answer: Envoy waits until its timeout.
fn denied_while_frozen(deployment: Deployment) {
    let gateway = Gateway::start(deployment);
    let (host, bearer) = allowed_request(deployment);
    until("an allow", || passes(&gateway, host, &bearer));
    let passed = gateway.upstream.request_count();

    gateway.sidecar().freeze();
    for _ in 0..3 {
        let answer = gateway.request(host, &bearer);
        assert_eq!(answer.status, 503, "{answer:?}");
    }
    assert_eq!(gateway.upstream.request_count(), passed);
    gateway.sidecar().thaw();
    until("an allow after the thaw", || {
        passes(&gateway, host, &bearer)
    });
}

/// Whether the allowed request passes. The only other answer is a 503.
fn passes(gateway: &Gateway, host: &str, bearer: &str) -> Option<()> {
    let answer = gateway.request(host, bearer);
    assert!(matches!(answer.status, 200 | 503), "{answer:?}");
    (answer.status == 200).then_some(())
}

#[test]
fn a_grpc_client_gets_unavailable() {
    let gateway = Gateway::start_without_sidecar(Deployment::Bearer);
    let (host, bearer) = allowed_request(Deployment::Bearer);
    let answer = gateway.grpc(host, &[("authorization", &bearer)]);
    assert_eq!(
        (answer.status, answer.header("grpc-status")),
        (200, Some("14"))
    );
}

#[test]
fn envoy_does_not_call_a_server_with_another_identity() {
    let mut gateway = Gateway::start_without_sidecar(Deployment::Mtls);
    let tls = gateway.folder.path().join("tls");
    gateway
        .folder
        .authority
        .issue(&tls, "server", "spiffe://contoso.example/somebody");
    gateway.start_sidecar();
    let (host, bearer) = allowed_request(Deployment::Mtls);
    for _ in 0..5 {
        assert_eq!(gateway.request(host, &bearer).status, 503);
    }
    assert_eq!(gateway.upstream.request_count(), 0);
}

#[test]
fn crosstrust_does_not_answer_a_gateway_with_another_identity() {
    let folder = crate::gateway::DeploymentFolder::new();
    let tls = folder.path().join("tls");
    folder
        .authority
        .issue(&tls, "envoy", "spiffe://contoso.example/somebody");
    let mut gateway = Gateway::start_in(folder, Deployment::Mtls);
    gateway.start_sidecar();
    let (host, bearer) = allowed_request(Deployment::Mtls);
    for _ in 0..5 {
        assert_eq!(gateway.request(host, &bearer).status, 503);
    }
    assert_eq!(gateway.upstream.request_count(), 0);
}

macro_rules! each_deployment {
    ($($module:ident: $deployment:ident),+) => {
        $(mod $module {
            use super::Deployment;

            #[test]
            fn no_request_passes_before_crosstrust_starts() {
                super::denied_before_start(Deployment::$deployment);
            }

            #[test]
            fn no_request_passes_while_crosstrust_is_dead_and_allowed_ones_pass_after_a_restart() {
                super::denied_while_dead(Deployment::$deployment);
            }

            #[test]
            fn no_request_passes_while_crosstrust_is_frozen() {
                super::denied_while_frozen(Deployment::$deployment);
            }
        })+
    };
}

each_deployment!(bearer: Bearer, jwt_authn: JwtAuthn, unix_socket: UnixSocket, mtls: Mtls, egress: Egress);
