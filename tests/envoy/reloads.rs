//! Policy reloads behind a running gateway.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::client::Connection;
use crate::gateway::{Deployment, Gateway};
use crate::tokens::*;
use crate::waiting::until;

const DOCUMENTS: &str = "documents.contoso.example";
const LAUNCHER_HOST: &str = "launcher.contoso.example";

const TRUSTED: &str = "\"isMfaAccepted\": true";
const NOT_TRUSTED: &str = "\"isMfaAccepted\": false";

/// Replaces a file by rename, like an editor.
fn save(path: &Path, text: &str) {
    let temporary = path.with_extension("fresh");
    fs::write(&temporary, text).unwrap();
    fs::rename(temporary, path).unwrap();
}

#[test]
fn a_changed_policy_file_changes_the_answer() {
    let gateway = Gateway::start(Deployment::Bearer);
    let bearer = token(FATIMA, SHAREPOINT).mfa().bearer();
    let status = || gateway.request(DOCUMENTS, &bearer).status;
    until("an allow", || (status() == 200).then_some(()));
    let file = gateway.policy("contoso/partners/fabrikam.json");
    let before = fs::read_to_string(&file).unwrap();
    save(&file, &before.replace(TRUSTED, NOT_TRUSTED));
    until("a denial", || (status() == 403).then_some(()));
    // A truncated file is rejected and changes nothing.
    save(&file, &before[..before.len() / 2]);
    until("the rejection in the log", || {
        let log = fs::read_to_string(gateway.folder.path().join("crosstrust.log")).unwrap();
        log.contains("fabrikam.json").then_some(())
    });
    assert_eq!(status(), 403);
    save(&file, &before);
    until("an allow again", || (status() == 200).then_some(()));
}

/// A request that is sent continuously while the policies alternate.
struct TestRequest {
    host: &'static str,
    bearer: String,
    /// The expected status with the shipped policies, and with Fabrikam's MFA not trusted.
    expected: [u16; 2],
}

fn requests() -> [TestRequest; 4] {
    let request = |host, bearer, expected| TestRequest {
        host,
        bearer,
        expected,
    };
    let fatima = || token(FATIMA, LAUNCHER);
    [
        request(
            DOCUMENTS,
            token(FATIMA, SHAREPOINT).mfa().bearer(),
            [200, 403],
        ),
        request(LAUNCHER_HOST, fatima().bearer(), [200, 200]),
        request(LAUNCHER_HOST, token(TOM, LAUNCHER).bearer(), [403, 403]),
        request(LAUNCHER_HOST, fatima().forged(), [401, 401]),
    ]
}

#[test]
fn ten_thousand_requests_during_fifty_reloads_get_no_wrong_answer() {
    const REQUESTS: usize = 10_000;
    const RELOADS: usize = 50;
    const CONNECTIONS: usize = 4;
    let gateway = Gateway::start(Deployment::UnixSocket);
    let requests = requests();
    let file = gateway.policy("contoso/partners/fabrikam.json");
    let shipped = fs::read_to_string(&file).unwrap();
    let texts = [shipped.clone(), shipped.replace(TRUSTED, NOT_TRUSTED)];
    let in_force = |connection: &mut Connection, state: usize| {
        until("the policies in force", || {
            let answer = status_of(connection, &requests[0]);
            (answer == requests[0].expected[state]).then_some(())
        });
    };
    in_force(&mut gateway.connect(), 0);

    // Even: the policies of reload phase / 2 are in force. Odd: the next ones are being loaded.
    let phase = AtomicUsize::new(0);
    let over = AtomicBool::new(false);
    let sent = AtomicUsize::new(0);
    let unanswered = AtomicUsize::new(0);
    let client = || {
        let mut connection = gateway.connect();
        loop {
            let before = phase.load(Ordering::SeqCst);
            let number = sent.fetch_add(1, Ordering::SeqCst);
            if over.load(Ordering::SeqCst) && number >= REQUESTS {
                return;
            }
            let request = &requests[number % requests.len()];
            let status = status_of(&mut connection, request);
            let after = phase.load(Ordering::SeqCst);
            if status == NO_ANSWER {
                unanswered.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            let possible = before / 2..=after.div_ceil(2);
            let mut expected = possible.map(|number| request.expected[number % 2]);
            assert!(
                expected.any(|expected| expected == status),
                "{status}, phases {before} to {after}"
            );
        }
    };
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(client);
        }
        let _over = SetOnDrop(&over);
        let mut connection = gateway.connect();
        for reload in 1..=RELOADS {
            phase.fetch_add(1, Ordering::SeqCst);
            save(&file, &texts[reload % 2]);
            in_force(&mut connection, reload % 2);
            phase.fetch_add(1, Ordering::SeqCst);
        }
    });
    let [sent, unanswered] = [sent, unanswered].map(AtomicUsize::into_inner);
    assert!(sent >= REQUESTS);
    assert!(
        unanswered * 100 < sent,
        "{unanswered} of {sent} without an answer"
    );
}

/// Not a wrong answer: on a busy machine a record or a call can be late.
const NO_ANSWER: u16 = 503;

/// Stops the clients even if a reload fails.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn status_of(connection: &mut Connection, request: &TestRequest) -> u16 {
    let headers = [("authorization", request.bearer.as_str())];
    connection.get(request.host, "/", &headers).status
}
