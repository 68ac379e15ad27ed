//! Policies change under a running gateway.

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

/// As an editor saves: whole, by a rename.
fn save(path: &Path, text: &str) {
    let fresh = path.with_extension("fresh");
    fs::write(&fresh, text).unwrap();
    fs::rename(fresh, path).unwrap();
}

#[test]
fn a_changed_policy_file_turns_the_answer() {
    let gateway = Gateway::start(Deployment::Bearer);
    let bearer = token(FATIMA, SHAREPOINT).mfa().bearer();
    let status = || gateway.ask(DOCUMENTS, &bearer).status;
    until("an allow", || (status() == 200).then_some(()));
    let file = gateway.policy("contoso/partners/fabrikam.json");
    let before = fs::read_to_string(&file).unwrap();
    save(&file, &before.replace(TRUSTED, NOT_TRUSTED));
    until("a denial", || (status() == 403).then_some(()));
    // Half a file changes nothing.
    save(&file, &before[..before.len() / 2]);
    until("the refusal", || {
        let log = fs::read_to_string(gateway.place.path().join("crosstrust.log")).unwrap();
        log.contains("fabrikam.json").then_some(())
    });
    assert_eq!(status(), 403);
    save(&file, &before);
    until("an allow again", || (status() == 200).then_some(()));
}

/// Asked all the time while the policies go back and forth.
struct Question {
    host: &'static str,
    bearer: String,
    /// What is answered under the policies as they are shipped, and while Fabrikam's MFA is not trusted.
    right: [u16; 2],
}

fn questions() -> [Question; 4] {
    let question = |host, bearer, right| Question {
        host,
        bearer,
        right,
    };
    let fatima = || token(FATIMA, LAUNCHER);
    [
        question(
            DOCUMENTS,
            token(FATIMA, SHAREPOINT).mfa().bearer(),
            [200, 403],
        ),
        question(LAUNCHER_HOST, fatima().bearer(), [200, 200]),
        question(LAUNCHER_HOST, token(TOM, LAUNCHER).bearer(), [403, 403]),
        question(LAUNCHER_HOST, fatima().forged(), [401, 401]),
    ]
}

#[test]
fn ten_thousand_requests_during_fifty_reloads_get_no_wrong_answer() {
    const REQUESTS: usize = 10_000;
    const RELOADS: usize = 50;
    const CONNECTIONS: usize = 4;
    let gateway = Gateway::start(Deployment::UnixSocket);
    let questions = questions();
    let file = gateway.policy("contoso/partners/fabrikam.json");
    let shipped = fs::read_to_string(&file).unwrap();
    let texts = [shipped.clone(), shipped.replace(TRUSTED, NOT_TRUSTED)];
    let in_force = |connection: &mut Connection, state: usize| {
        until("the policies in force", || {
            let answer = ask(connection, &questions[0]);
            (answer == questions[0].right[state]).then_some(())
        });
    };
    in_force(&mut gateway.connect(), 0);

    // Even: these policies (of number / 2) have been answered from. Odd: they are being replaced by the next.
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
            let question = &questions[number % questions.len()];
            let status = ask(&mut connection, question);
            let after = phase.load(Ordering::SeqCst);
            if status == NO_ANSWER {
                unanswered.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            let possible = before / 2..=after.div_ceil(2);
            let mut right = possible.map(|number| question.right[number % 2]);
            assert!(
                right.any(|right| right == status),
                "{status}, phases {before} to {after}"
            );
        }
    };
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(client);
        }
        let _over = SetAtEnd(&over);
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

/// Not a wrong one: on a machine that other work holds up, a record can be late on the disk or a call late at all.
const NO_ANSWER: u16 = 503;

/// Also when the reloads fail: the clients would go on for ever.
struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn ask(connection: &mut Connection, question: &Question) -> u16 {
    let headers = [("authorization", question.bearer.as_str())];
    connection.get(question.host, "/", &headers).status
}
