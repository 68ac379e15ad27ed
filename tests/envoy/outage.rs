//! crosstrust is not there, dies, or is slow: nobody comes through, and after it is back the right ones do.

use crate::gateway::{Deployment, Gateway};
use crate::tokens::{self, FATIMA, FELIX, LAUNCHER, SUPPLIER_PORTAL};
use crate::waiting::until;

/// Someone who is let through by this deployment: the host and the `authorization`.
fn welcome(deployment: Deployment) -> (&'static str, String) {
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

/// Envoy is up first; crosstrust never comes.
fn nobody_passes_before_it_starts(deployment: Deployment) {
    let gateway = Gateway::alone(deployment);
    let (host, bearer) = welcome(deployment);
    for _ in 0..5 {
        let answer = gateway.ask(host, &bearer);
        assert_eq!(answer.status, 503, "{answer:?}");
    }
    assert_eq!(gateway.upstream.reached(), 0);
    assert_eq!(gateway.envoy.counter("ext_authz.crosstrust.error"), 5);
}

/// Killed in the middle; started again, the same people come through.
fn nobody_passes_while_it_is_dead_and_the_right_ones_after(deployment: Deployment) {
    let mut gateway = Gateway::start(deployment);
    let (host, bearer) = welcome(deployment);
    until("an allow", || passes(&gateway, host, &bearer));
    let passed = gateway.upstream.reached();

    gateway.kill_sidecar();
    let mut connection = gateway.connect();
    for _ in 0..50 {
        let answer = connection.get(host, "/", &[("authorization", &bearer)]);
        assert_eq!(answer.status, 503, "{answer:?}");
    }
    assert_eq!(gateway.upstream.reached(), passed);

    gateway.start_sidecar();
    until("an allow after the restart", || {
        passes(&gateway, host, &bearer)
    });
    assert_eq!(gateway.ask(host, "Bearer nonsense").status, 401);
}

/// It holds its connections and says nothing: Envoy waits no longer than its timeout.
fn nobody_passes_while_it_is_frozen(deployment: Deployment) {
    let gateway = Gateway::start(deployment);
    let (host, bearer) = welcome(deployment);
    until("an allow", || passes(&gateway, host, &bearer));
    let passed = gateway.upstream.reached();

    gateway.sidecar().freeze();
    for _ in 0..3 {
        let answer = gateway.ask(host, &bearer);
        assert_eq!(answer.status, 503, "{answer:?}");
    }
    assert_eq!(gateway.upstream.reached(), passed);
    gateway.sidecar().thaw();
    until("an allow after the thaw", || {
        passes(&gateway, host, &bearer)
    });
}

/// An answer that is no allow is a 503, and nothing else: the one who asks may come in.
fn passes(gateway: &Gateway, host: &str, bearer: &str) -> Option<()> {
    let answer = gateway.ask(host, bearer);
    assert!(matches!(answer.status, 200 | 503), "{answer:?}");
    (answer.status == 200).then_some(())
}

#[test]
fn a_grpc_client_is_told_unavailable() {
    let gateway = Gateway::alone(Deployment::Bearer);
    let (host, bearer) = welcome(Deployment::Bearer);
    let answer = gateway.grpc(host, &[("authorization", &bearer)]);
    assert_eq!(
        (answer.status, answer.header("grpc-status")),
        (200, Some("14"))
    );
}

#[test]
fn a_server_with_another_identity_is_asked_nothing() {
    let mut gateway = Gateway::alone(Deployment::Mtls);
    let tls = gateway.place.path().join("tls");
    gateway
        .place
        .authority
        .issue(&tls, "server", "spiffe://contoso.example/somebody");
    gateway.start_sidecar();
    let (host, bearer) = welcome(Deployment::Mtls);
    for _ in 0..5 {
        assert_eq!(gateway.ask(host, &bearer).status, 503);
    }
    assert_eq!(gateway.upstream.reached(), 0);
}

#[test]
fn a_gateway_with_another_identity_is_told_nothing() {
    let place = crate::gateway::Place::new();
    let tls = place.path().join("tls");
    place
        .authority
        .issue(&tls, "envoy", "spiffe://contoso.example/somebody");
    let mut gateway = Gateway::at(place, Deployment::Mtls);
    gateway.start_sidecar();
    let (host, bearer) = welcome(Deployment::Mtls);
    for _ in 0..5 {
        assert_eq!(gateway.ask(host, &bearer).status, 503);
    }
    assert_eq!(gateway.upstream.reached(), 0);
}

macro_rules! each_deployment {
    ($($module:ident: $deployment:ident),+) => {
        $(mod $module {
            use super::Deployment;

            #[test]
            fn nobody_passes_before_crosstrust_starts() {
                super::nobody_passes_before_it_starts(Deployment::$deployment);
            }

            #[test]
            fn nobody_passes_while_crosstrust_is_dead_and_the_right_ones_after() {
                super::nobody_passes_while_it_is_dead_and_the_right_ones_after(Deployment::$deployment);
            }

            #[test]
            fn nobody_passes_while_crosstrust_is_frozen() {
                super::nobody_passes_while_it_is_frozen(Deployment::$deployment);
            }
        })+
    };
}

each_deployment!(bearer: Bearer, jwt_authn: JwtAuthn, unix_socket: UnixSocket, mtls: Mtls, egress: Egress);
