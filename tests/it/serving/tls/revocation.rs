//! Revocation lists: whom they shut out, and whom a list that is missing or old shuts out.

use super::authority::expire;
use super::*;

/// A server that lets in [`ENVOY`] where this list, written into a file of its own, says nothing else.
fn revoking(authority: Authority, list: &str) -> House {
    House::of(authority, options(), 1, |files| {
        let file = files.join("crl.pem");
        std::fs::write(&file, list).unwrap();
        ListenerTls {
            client_crl: Some(file),
            ..tls(files, Peers::Spiffe(vec![ENVOY.to_owned()]))
        }
    })
}

async fn is_refused_for(house: &House, leaf: &Leaf, reason: &str) {
    let before = house.running.closed("peer", reason);
    assert!(!is_let_in(house.address(0), &house.shows(leaf)).await);
    until(|| house.running.closed("peer", reason) > before);
}

#[test]
fn a_revoked_certificate_is_refused_and_others_of_its_ca_are_accepted() {
    bounded(async {
        let authority = Authority::new();
        let (good, bad) = (authority.client(&[ENVOY]), authority.client(&[ENVOY]));
        let list = authority.revocation_list(&[&bad], 4000);
        let house = revoking(authority, &list);
        assert!(is_let_in(house.address(0), &house.shows(&good)).await);
        is_refused_for(&house, &bad, "revoked").await;
    });
}

#[test]
fn a_new_revocation_list_refuses_new_connections_and_keeps_existing_ones() {
    bounded(async {
        let authority = Authority::new();
        let (good, bad) = (authority.client(&[ENVOY]), authority.client(&[ENVOY]));
        let house = revoking(authority, &Authority::new().revocation_list(&[], 4000));
        let at = house.address(0);
        // The first list is another CA's of the same name.
        is_refused_for(&house, &bad, "noRevocationList").await;
        let write = |revoked: &[&Leaf]| {
            let list = house.authority.revocation_list(revoked, 4000);
            std::fs::write(house.files(0).join("crl.pem"), list).unwrap();
            house.hint.check_now();
        };
        write(&[]);
        while !is_let_in(at, &house.shows(&bad)).await {}
        let live = client_of(at, &house.shows(&bad)).await;
        assert_eq!(live.status("Ok").await, "0");
        write(&[&bad]);
        while is_let_in(at, &house.shows(&bad)).await {
            house.hint.check_now();
        }
        is_refused_for(&house, &bad, "revoked").await;
        assert!(is_let_in(at, &house.shows(&good)).await);
        assert_eq!(live.status("Ok").await, "0", "it goes by its age");
    });
}

#[test]
fn clients_of_an_issuer_without_a_valid_revocation_list_are_refused() {
    bounded(async {
        for (list_of_own, until, reason) in [
            (false, 4000, "noRevocationList"),
            (true, 2021, "revocationListExpired"),
        ] {
            let authority = Authority::named("clients");
            let leaf = authority.client(&[ENVOY]);
            let other = Authority::named("others");
            let issuer = if list_of_own { &authority } else { &other };
            let list = issuer.revocation_list(&[], until);
            let house = revoking(authority, &list);
            is_refused_for(&house, &leaf, reason).await;
        }
    });
}

#[test]
fn an_old_revocation_list_still_refuses_the_certificates_on_it() {
    bounded(async {
        let authority = Authority::new();
        let bad = authority.client(&[ENVOY]);
        let list = authority.revocation_list(&[&bad], 2021);
        let house = revoking(authority, &list);
        assert!(!is_let_in(house.address(0), &house.shows(&bad)).await);
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
    until(|| ends() > before);
}
