//! Key sets from a server with a certificate of a private authority.

use super::*;

/// A server with a certificate of a new authority, and the path of the authority's certificate.
fn tls_server(folder: &Path) -> (KeyServer, PathBuf) {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([String::from("127.0.0.1")]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.into())
        .unwrap();
    let path = folder.join("ca.pem");
    fs::write(&path, authority.pem()).unwrap();
    (KeyServer::start_tls(config), path)
}

#[test]
fn https_with_a_private_authority_needs_its_certificate_and_no_listed_origin() {
    let folder = tempfile::tempdir().unwrap();
    let (server, ca) = tls_server(folder.path());
    let key = signer("a");
    server.set("/keys", keys(&[&key]));

    let without = follow(key_set_at(&server), options(&[]));
    assert!(!without.verifies(&key));
    assert!(server.requests("/keys").is_empty());
    assert!(
        without.error().contains("certificate"),
        "{}",
        without.error()
    );

    let with = FollowOptions {
        ca: Some(ca),
        ..options(&[])
    };
    let followed = follow(key_set_at(&server), with);
    assert!(followed.verifies(&key), "{:?}", followed.status());
}

#[test]
fn an_unreadable_authority_certificate_is_a_startup_error() {
    let folder = tempfile::tempdir().unwrap();
    let (server, ca) = tls_server(folder.path());
    for wrong in [None, Some("no certificate")] {
        match wrong {
            None => fs::remove_file(&ca).unwrap(),
            Some(text) => fs::write(&ca, text).unwrap(),
        }
        let with = FollowOptions {
            ca: Some(ca.clone()),
            ..options(&[])
        };
        let error = try_to_follow(key_set_at(&server), with).err().unwrap();
        assert!(error.to_string().contains("ca.pem"), "{error}");
    }
}
