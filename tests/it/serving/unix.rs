//! Unix sockets: which users may connect, and what happens to the socket file.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use crosstrust::serve::{ListenAddress, ListenError, ServeError, ServeOptions, Server};

use super::echo::{Client, Echo, Running, echo, listener, options, wait_until, with_timeout};
use super::raw::Raw;

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    (folder, path)
}

fn start(path: &Path, uids: Option<Vec<u32>>) -> Running {
    let (echo, unspin) = echo();
    let mut listener = listener(ListenAddress::Unix(path.to_owned()), echo.clone());
    listener.uids = uids;
    let server = Server::bind(vec![listener], options()).unwrap();
    Running::run(server, echo, unspin)
}

fn refused(path: &Path) -> ListenError {
    let listener = listener(ListenAddress::Unix(path.to_owned()), echo().0);
    match Server::<Echo>::bind(vec![listener], options()) {
        Err(ServeError::Listen(error)) => error,
        other => panic!("{other:?}"),
    }
}

async fn call_ok(path: &Path) -> String {
    let stream = tokio::net::UnixStream::connect(path).await.unwrap();
    Client::over(stream).await.status("Ok").await
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn own_uid() -> u32 {
    rustix::process::getuid().as_raw()
}

#[test]
fn a_socket_is_accessible_to_its_owner_only_and_removed_at_the_end() {
    with_timeout(async {
        let (_folder, path) = folder();
        let mut server = start(&path, None);
        assert_eq!(mode(&path), 0o600);
        assert_eq!(call_ok(&path).await, "0");
        server.stop();
        server.drained().await;
        assert!(!path.exists());
    });
}

#[test]
fn a_socket_with_uids_has_mode_0666_and_accepts_listed_users() {
    with_timeout(async {
        let (_folder, path) = folder();
        let _server = start(&path, Some(vec![own_uid()]));
        assert_eq!(mode(&path), 0o666);
        assert_eq!(call_ok(&path).await, "0");
    });
}

/// Runs `work` on a thread with the credentials of this user; Linux has credentials for each thread.
fn as_user<T: Send>(uid: u32, work: impl FnOnce() -> T + Send) -> T {
    let uid = rustix::process::Uid::from_raw(uid);
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
            work()
        });
        thread.join().unwrap()
    })
}

/// Only root may become another user; without root, only the mode is asserted.
#[test]
fn a_listed_user_without_a_shared_group_is_accepted_and_others_are_closed() {
    const GATEWAY: u32 = 51_001;
    const OTHER: u32 = 51_002;
    let (folder, path) = folder();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    let server = start(&path, Some(vec![GATEWAY]));
    assert_eq!(mode(&path), 0o666);
    if own_uid() != 0 {
        return;
    }
    let status = as_user(GATEWAY, || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(call_ok(&path))
    });
    assert_eq!(status, "0");
    as_user(OTHER, || Raw::unix(&path).wait_until_closed());
    wait_until(|| server.closed("peer", "uid") == 1);
    // Root itself is not listed either.
    Raw::unix(&path).wait_until_closed();
    wait_until(|| server.closed("peer", "uid") == 2);
    // The folder is the other boundary: a user who may not search it cannot reach the socket.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let connected = as_user(GATEWAY, || std::os::unix::net::UnixStream::connect(&path));
    assert_eq!(
        connected.unwrap_err().kind(),
        std::io::ErrorKind::PermissionDenied
    );
}

#[test]
fn a_peer_with_an_unlisted_uid_is_closed_immediately() {
    let (_folder, path) = folder();
    let server = start(&path, Some(vec![own_uid() + 1]));
    Raw::unix(&path).wait_until_closed();
    wait_until(|| server.closed("peer", "uid") == 1);
    assert_eq!(server.counters.accepted.load(Ordering::Relaxed), 0);
}

#[test]
fn an_empty_list_of_uids_refuses_all_peers() {
    let (_folder, path) = folder();
    let _server = start(&path, Some(Vec::new()));
    Raw::unix(&path).wait_until_closed();
}

#[test]
fn uids_on_tcp_are_refused() {
    let mut listener = listener("127.0.0.1:0".parse().unwrap(), echo().0);
    listener.uids = Some(vec![own_uid()]);
    let refused = Server::bind(vec![listener], options()).unwrap_err();
    assert!(matches!(
        refused,
        ServeError::Listen(ListenError::NoUids { .. })
    ));
}

#[test]
fn a_silent_connection_on_a_unix_socket_is_closed() {
    let (_folder, path) = folder();
    let options = ServeOptions {
        first_byte: Duration::from_millis(30),
        ..options()
    };
    let _server = Running::start(options, &[ListenAddress::Unix(path.clone())]);
    Raw::unix(&path).wait_until_closed();
}

#[test]
fn a_stale_socket_file_is_replaced() {
    with_timeout(async {
        let (_folder, path) = folder();
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let _server = start(&path, None);
        assert_eq!(call_ok(&path).await, "0");
    });
}

#[test]
fn a_socket_in_use_is_not_replaced() {
    with_timeout(async {
        let (_folder, path) = folder();
        let _server = start(&path, None);
        assert!(matches!(refused(&path), ListenError::InUse { .. }));
        assert_eq!(call_ok(&path).await, "0");
    });
}

#[test]
fn a_file_that_is_not_a_socket_is_not_replaced() {
    let (_folder, path) = folder();
    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(refused(&path), ListenError::NotASocket { .. }));
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/null", &path).unwrap();
    assert!(matches!(refused(&path), ListenError::NotASocket { .. }));
}

#[test]
fn the_socket_file_of_a_new_process_is_not_removed() {
    with_timeout(async {
        let (_folder, path) = folder();
        let mut server = start(&path, None);
        std::fs::rename(&path, path.with_extension("old")).unwrap();
        let _successor = UnixListener::bind(&path).unwrap();
        server.stop();
        server.drained().await;
        assert!(path.exists());
    });
}
