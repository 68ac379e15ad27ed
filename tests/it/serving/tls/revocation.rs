//! Revocation lists: certificates that they revoke, and missing or expired lists.

use super::authority::expire;
use super::*;

/// A server that accepts [`ENVOY`] unless this list, written to a separate file, revokes its certificate.
fn revoking(authority: Authority, list: &str) -> TlsServer {
    TlsServer::of(authority, options(), 1, |files| {
        let file = files.join("crl.pem");
        std::fs::write(&file, list).unwrap();
        ListenerTls {
            client_crl: Some(file),
            ..tls(files, Peers::Spiffe(vec![ENVOY.to_owned()]))
        }
    })
}

async fn assert_refused(server: &TlsServer, leaf: &Leaf, reason: &str) {
    let before = server.running.closed("peer", reason);
    assert!(!is_accepted(server.address(0), &server.client_with(leaf)).await);
    wait_until(|| server.running.closed("peer", reason) > before);
}

#[test]
fn a_revoked_certificate_is_refused_and_others_of_its_ca_are_accepted() {
    with_timeout(async {
        let authority = Authority::new();
        let (good, bad) = (authority.client(&[ENVOY]), authority.client(&[ENVOY]));
        let list = authority.revocation_list(&[&bad], 4000);
        let server = revoking(authority, &list);
        assert!(is_accepted(server.address(0), &server.client_with(&good)).await);
        assert_refused(&server, &bad, "revoked").await;
    });
}

#[test]
fn a_new_revocation_list_refuses_new_connections_and_keeps_existing_ones() {
    with_timeout(async {
        let authority = Authority::new();
        let (good, bad) = (authority.client(&[ENVOY]), authority.client(&[ENVOY]));
        let server = revoking(authority, &Authority::new().revocation_list(&[], 4000));
        let at = server.address(0);
        // The first list is of another CA with the same name.
        assert_refused(&server, &bad, "noRevocationList").await;
        let write = |revoked: &[&Leaf]| {
            let list = server.authority.revocation_list(revoked, 4000);
            std::fs::write(server.files(0).join("crl.pem"), list).unwrap();
            server.reload.check_now();
        };
        write(&[]);
        while !is_accepted(at, &server.client_with(&bad)).await {}
        let live = client_of(at, &server.client_with(&bad)).await;
        assert_eq!(live.status("Ok").await, "0");
        write(&[&bad]);
        while is_accepted(at, &server.client_with(&bad)).await {
            server.reload.check_now();
        }
        assert_refused(&server, &bad, "revoked").await;
        assert!(is_accepted(at, &server.client_with(&good)).await);
        assert_eq!(live.status("Ok").await, "0", "it ends at its maximum age");
    });
}

#[test]
fn clients_of_an_issuer_without_a_valid_revocation_list_are_refused() {
    with_timeout(async {
        for (list_of_own, until, reason) in [
            (false, 4000, "noRevocationList"),
            (true, 2021, "revocationListExpired"),
        ] {
            let authority = Authority::named("clients");
            let leaf = authority.client(&[ENVOY]);
            let other = Authority::named("others");
            let issuer = if list_of_own { &authority } else { &other };
            let list = issuer.revocation_list(&[], until);
            let server = revoking(authority, &list);
            assert_refused(&server, &leaf, reason).await;
        }
    });
}

#[test]
fn an_old_revocation_list_still_refuses_the_certificates_on_it() {
    with_timeout(async {
        let authority = Authority::new();
        let bad = authority.client(&[ENVOY]);
        let list = authority.revocation_list(&[&bad], 2021);
        let server = revoking(authority, &list);
        assert!(!is_accepted(server.address(0), &server.client_with(&bad)).await);
    });
}

#[test]
fn a_new_revocation_list_is_loaded_even_if_the_server_certificate_has_expired() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    authority.server_with(expire).write(folder.path());
    std::fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
    let file = folder.path().join("crl.pem");
    let write = |until| std::fs::write(&file, authority.revocation_list(&[], until)).unwrap();
    write(4000);
    let tls = ListenerTls {
        client_crl: Some(file.clone()),
        ..tls(
            folder.path().to_owned(),
            Peers::Spiffe(vec![ENVOY.to_owned()]),
        )
    };
    let often = ServeOptions {
        tls_rescan: Duration::from_millis(5),
        ..options()
    };
    let server = Server::bind(vec![over_tls(echo().0, tls)], often).unwrap();
    let ends = || {
        let files = server.stats().certificate_expiries();
        let list = files.iter().find(|one| one.file == "client_crl");
        list.unwrap().not_after
    };
    let before = ends();
    write(4001);
    wait_until(|| ends() > before);
}
