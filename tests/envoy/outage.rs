//! crosstrust is not there, dies, or is slow: nobody comes through, and after it is back the right ones do.

use crate::gateway::{Deployment, Gateway};
use crate::tokens::{self, FATIMA, FELIX, LAUNCHER, SUPPLIER_PORTAL};

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

macro_rules! each_deployment {
    ($($module:ident: $deployment:ident),+) => {
        $(mod $module {
            use super::Deployment;

            #[test]
            fn nobody_passes_before_crosstrust_starts() {
                super::nobody_passes_before_it_starts(Deployment::$deployment);
            }
        })+
    };
}

each_deployment!(bearer: Bearer, jwt_authn: JwtAuthn, unix_socket: UnixSocket, mtls: Mtls, egress: Egress);
