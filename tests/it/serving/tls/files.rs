//! Unusable and expired TLS files, at startup and at a reload.

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, IsCa};

use super::authority::expire;
use super::*;

fn for_clients(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
}

fn not_yet(params: &mut CertificateParams) {
    params.not_before = rcgen::date_time_ymd(3000, 1, 1);
    params.not_after = rcgen::date_time_ymd(3001, 1, 1);
}

#[test]
fn unusable_tls_files_are_a_startup_error_that_names_the_file() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let files = folder.path();
    let list = authority.revocation_list(&[], 4000);
    let other_use = authority.server_with(for_clients);
    let leaf = authority.client(&[ENVOY]);
    let with_list = |pem: &str| format!("{pem}{list}");
    let bind = || {
        let tls = ListenerTls {
            client_crl: Some(files.join("crl.pem")),
            ..tls(files.to_owned(), Peers::AnyOfCa)
        };
        Server::bind(vec![over_tls(echo().0, tls)], options()).map(|_| ())
    };
    let good = authority.server();
    let cases = [
        ("server.pem", other_use.pem.clone(), "not for servers"),
        ("server.pem", with_list(&good.pem), "a revocation list"),
        ("ca.pem", leaf.pem.clone(), "may not sign others"),
        ("ca.pem", with_list(&authority.pem), "a revocation list"),
        ("crl.pem", String::new(), "0 revocation lists"),
        ("crl.pem", with_list(&authority.pem), "another kind"),
        (
            "crl.pem",
            "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n".to_owned(),
            "revocation list",
        ),
    ];
    for (file, content, found) in cases {
        good.write(files);
        std::fs::write(files.join("ca.pem"), &authority.pem).unwrap();
        std::fs::write(files.join("crl.pem"), &list).unwrap();
        assert!(bind().is_ok());
        std::fs::write(files.join(file), content).unwrap();
        if found == "not for servers" {
            std::fs::write(files.join("server.key"), &other_use.key).unwrap();
        }
        let error = bind().unwrap_err().to_string();
        for part in [file, found, "expected"] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}

#[test]
fn revocation_lists_without_a_client_ca_are_an_error() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.server().write(folder.path());
    let tls = ListenerTls {
        client_crl: Some(folder.path().join("crl.pem")),
        ..tls(folder.path().to_owned(), Peers::Unauthenticated)
    };
    let error = Server::bind(vec![over_tls(echo().0, tls)], options()).unwrap_err();
    assert!(error.to_string().contains("no client_ca"), "{error}");
}

#[test]
fn a_reload_rejects_an_expired_certificate_or_one_for_another_use() {
    with_timeout(async {
        for change in [expire, not_yet] {
            let rarely = ServeOptions {
                tls_rescan: NEVER,
                ..options()
            };
            let server = TlsServer::with(Peers::Spiffe(vec![ENVOY.to_owned()]), rarely, 2);
            let envoy = server.envoy();
            let before = presented_certificate(server.address(0), &envoy).await;
            for bad in [
                server.authority.server_with(change),
                server.authority.server_with(for_clients),
            ] {
                bad.write(&server.files(0));
                // Listeners are checked in their order: after the second of these two, the current files of the first
                // listener have been checked.
                for _ in 0..2 {
                    let new = server.authority.server();
                    new.write(&server.files(1));
                    server.wait_for_certificate(1, &envoy, &new).await;
                }
                assert_eq!(
                    presented_certificate(server.address(0), &envoy).await,
                    before
                );
            }
        }
    });
}

#[test]
fn an_expired_certificate_is_accepted_at_startup() {
    for change in [expire, not_yet] {
        let folder = tempfile::tempdir().unwrap();
        let leaf = Authority::new().server_with(change);
        leaf.write(folder.path());
        let tls = tls(folder.path().to_owned(), Peers::Unauthenticated);
        assert!(Server::bind(vec![over_tls(echo().0, tls)], options()).is_ok());
    }
}

#[test]
fn a_reload_rejects_a_client_ca_that_is_not_a_ca() {
    with_timeout(async {
        let rarely = ServeOptions {
            tls_rescan: NEVER,
            ..options()
        };
        let server = TlsServer::with(Peers::Spiffe(vec![ENVOY.to_owned()]), rarely, 2);
        let envoy = server.envoy();
        let leaf = server.authority.client(&[ENVOY]);
        let list = server.authority.revocation_list(&[], 4000);
        for content in [leaf.pem.clone(), format!("{}{list}", Authority::new().pem)] {
            std::fs::write(server.files(0).join("ca.pem"), content).unwrap();
            for _ in 0..2 {
                let new = server.authority.server();
                new.write(&server.files(1));
                server.wait_for_certificate(1, &envoy, &new).await;
            }
            assert!(is_accepted(server.address(0), &envoy).await);
        }
    });
}

/// As documented in docs/configuration.md.
#[test]
fn an_expired_client_ca_is_trusted_until_it_is_removed() {
    with_timeout(async {
        let server = TlsServer::of(Authority::expired(), options(), 1, |files| {
            tls(files, Peers::Spiffe(vec![ENVOY.to_owned()]))
        });
        let leaf = server.authority.client(&[ENVOY]);
        let at = server.address(0);
        assert!(is_accepted(at, &server.client_with(&leaf)).await);
        std::fs::write(server.files(0).join("ca.pem"), &Authority::new().pem).unwrap();
        server.reload.check_now();
        while is_accepted(at, &server.client_with(&leaf)).await {
            server.reload.check_now();
        }
    });
}

#[test]
fn a_certificate_without_ca_constraints_is_not_accepted_as_client_ca() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let files = folder.path();
    authority.server().write(files);
    let no_ca = authority.server_with(|params| params.is_ca = IsCa::ExplicitNoCa);
    std::fs::write(files.join("ca.pem"), &no_ca.pem).unwrap();
    let listener = over_tls(echo().0, tls(files.to_owned(), Peers::AnyOfCa));
    let error = Server::bind(vec![listener], options()).unwrap_err();
    assert!(error.to_string().contains("may not sign others"), "{error}");
}

#[test]
fn a_reload_rejects_unusable_tls_files() {
    with_timeout(async {
        let rarely = ServeOptions {
            tls_rescan: NEVER,
            ..options()
        };
        let server = TlsServer::with(Peers::Spiffe(vec![ENVOY.to_owned()]), rarely, 2);
        let envoy = server.envoy();
        let before = presented_certificate(server.address(0), &envoy).await;
        let broken: [(&str, &str); 5] = [
            ("server.pem", ""),
            ("server.pem", &server.authority.server().pem),
            (
                "server.key",
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            ),
            ("ca.pem", ""),
            (
                "ca.pem",
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            ),
        ];
        for (file, content) in broken {
            let path = server.files(0).join(file);
            let good = std::fs::read(&path).unwrap();
            std::fs::write(&path, content).unwrap();
            // Listeners are checked in their order: after the second of these two, the current files of the first
            // listener have been checked.
            for _ in 0..2 {
                let new = server.authority.server();
                new.write(&server.files(1));
                server.wait_for_certificate(1, &envoy, &new).await;
            }
            assert_eq!(
                presented_certificate(server.address(0), &envoy).await,
                before,
                "{file}"
            );
            assert!(is_accepted(server.address(0), &envoy).await, "{file}");
            std::fs::write(&path, good).unwrap();
        }
    });
}

#[test]
fn a_startup_error_names_the_unusable_file() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let files = folder.path();
    let good = authority.server();
    let bind = |address: &str| {
        let mut listener = over_tls(echo().0, tls(files.to_owned(), Peers::AnyOfCa));
        listener.address = address.parse().unwrap();
        Server::bind(vec![listener], options()).map(|_| ())
    };
    let cases: [(&str, Option<&str>, &str); 7] = [
        ("server.pem", None, "No such file"),
        ("server.key", None, "No such file"),
        ("ca.pem", None, "No such file"),
        ("server.pem", Some("nothing"), "found 0 certificates"),
        ("server.key", Some("nothing"), "found 0 keys"),
        ("ca.pem", Some(""), "found 0 certificates"),
        ("server.pem", Some(&authority.server().pem), "another key"),
    ];
    for (file, content, found) in cases {
        good.write(files);
        std::fs::write(files.join("ca.pem"), &authority.pem).unwrap();
        match content {
            None => std::fs::remove_file(files.join(file)).unwrap(),
            Some(content) => std::fs::write(files.join(file), content).unwrap(),
        }
        let error = bind("127.0.0.1:0").unwrap_err().to_string();
        for part in [file, found, "expected"] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
    good.write(files);
    assert!(bind("127.0.0.1:0").is_ok());
    let unix = bind(&format!("unix:{}", files.join("socket").display())).unwrap_err();
    assert!(matches!(
        unix,
        ServeError::Listen(ListenError::NoTls { .. })
    ));
}
