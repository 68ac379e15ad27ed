//! Who sees what of a record, what is found, and how it is written out.

use crosstrust::changes::{Change, ChangedObject, Operation};
use crosstrust::log::audit::{Actor, AuditEvent, AuditHeader};
use crosstrust::log::pseudonym::Pseudonyms;
use crosstrust::log::view::{
    self, EventKind, Printer, RecordFilter, RecordFormat, RecordOutcome, RecordRef, SignInSide,
    TableLayout, UserFilter, Viewer, VisibleRecord,
};
use serde_json::{Value, json};

use super::*;

fn look(
    body: &Value,
    kind: EventKind,
    viewer: Viewer,
    filter: &RecordFilter,
) -> Option<VisibleRecord> {
    let body = body.to_string();
    let record = RecordRef {
        seq: 41,
        time: NOW,
        kind,
        body: body.as_bytes(),
    };
    view::visible_record(&record, viewer, filter).unwrap()
}

fn as_seen(body: &Value, id: TenantId, side: SignInSide) -> Option<Value> {
    let seen = look(
        body,
        EventKind::SignIn,
        Viewer::Tenant { id, side },
        &RecordFilter::default(),
    );
    seen.map(|seen| Value::Object(seen.body))
}

#[test]
fn the_home_organisation_sees_the_client_and_nothing_of_conditional_access() {
    let mut asked = request();
    asked.resource_user = Some(GUEST);
    asked.restricting_tenant = Some(FABRIKAM);
    let event = event_of(&asked);
    let seen = as_seen(&event, FABRIKAM, SignInSide::Home).unwrap();
    let mut expected = event.clone();
    for name in [
        "appliedConditionalAccessPolicies",
        "conditionalAccessStatus",
        "authenticationRequirement",
        "riskLevelDuringSignIn",
    ] {
        expected.as_object_mut().unwrap().remove(name).unwrap();
    }
    for name in ["resourceUserId", "restrictingTenantId"] {
        expected["crosstrust"]
            .as_object_mut()
            .unwrap()
            .remove(name)
            .unwrap();
    }
    assert_eq!(seen, expected);
    assert_eq!(seen["appId"], CLIENT.to_string());
    assert!(!seen.to_string().contains("HYPERLINK"), "no policy's name");
}

#[test]
fn the_resource_organisation_sees_conditional_access_and_nothing_of_the_client() {
    let event = event_of(&request());
    let seen = as_seen(&event, CONTOSO, SignInSide::Resource).unwrap();
    let mut expected = event.clone();
    for name in ["appId", "clientAppUsed"] {
        expected.as_object_mut().unwrap().remove(name).unwrap();
    }
    expected["crosstrust"]
        .as_object_mut()
        .unwrap()
        .remove("restrictingTenantId")
        .unwrap();
    assert_eq!(seen, expected);
    assert!(!seen.to_string().contains(&CLIENT.to_string()));
}

#[test]
fn nobody_sees_the_sign_ins_of_others_or_those_of_their_other_side() {
    let event = event_of(&request());
    for (id, side) in [
        (FABRIKAM, SignInSide::Resource),
        (CONTOSO, SignInSide::Home),
        (TenantId(5), SignInSide::Home),
        (TenantId(5), SignInSide::Resource),
    ] {
        assert_eq!(as_seen(&event, id, side), None);
    }
    // A sign-in of nobody knows whom is seen by nobody but the operator.
    let unknown = json!({"homeTenantId": null, "resourceTenantId": null});
    assert_eq!(as_seen(&unknown, CONTOSO, SignInSide::Home), None);
    assert!(
        look(
            &unknown,
            EventKind::SignIn,
            Viewer::Operator,
            &RecordFilter::default()
        )
        .is_some()
    );
}

#[test]
fn the_sign_in_of_an_own_user_is_whole() {
    let mut asked = request();
    asked.home = CONTOSO.into();
    let event = event_of(&asked);
    for side in [SignInSide::Home, SignInSide::Resource] {
        assert_eq!(as_seen(&event, CONTOSO, side), Some(event.clone()));
    }
}

fn finds(event: &Value, kind: EventKind, filter: RecordFilter) -> bool {
    let viewers = match kind {
        EventKind::SignIn => Viewer::Tenant {
            id: FABRIKAM,
            side: SignInSide::Home,
        },
        EventKind::Audit => Viewer::Operator,
    };
    look(event, kind, viewers, &filter).is_some()
}

#[test]
fn every_filter_finds_what_it_says_and_nothing_else() {
    let event = event_of(&request());
    let mut denied = request();
    denied.claims.mfa = false;
    let denied = event_of(&denied);
    let all = RecordFilter::default;
    let person = |id| Some(UserFilter::of(id, &Pseudonyms::OFF));
    let second = std::time::Duration::from_secs(1);
    let table = [
        (
            RecordFilter {
                user: person(FELIX),
                ..all()
            },
            true,
        ),
        (
            RecordFilter {
                user: person(GUEST),
                ..all()
            },
            false,
        ),
        (
            RecordFilter {
                app: Some(PAYROLL),
                ..all()
            },
            true,
        ),
        (
            RecordFilter {
                app: Some(CLIENT),
                ..all()
            },
            false,
        ),
        (
            RecordFilter {
                outcome: Some(RecordOutcome::Success),
                ..all()
            },
            true,
        ),
        (
            RecordFilter {
                outcome: Some(RecordOutcome::Failure),
                ..all()
            },
            false,
        ),
        (
            RecordFilter {
                from: Some(NOW),
                ..all()
            },
            true,
        ),
        (
            RecordFilter {
                from: Some(NOW.plus(second)),
                ..all()
            },
            false,
        ),
        (
            RecordFilter {
                to: Some(NOW),
                ..all()
            },
            false,
        ),
        (
            RecordFilter {
                to: Some(NOW.plus(second)),
                ..all()
            },
            true,
        ),
        (
            RecordFilter {
                kind: Some(EventKind::SignIn),
                ..all()
            },
            true,
        ),
        (
            RecordFilter {
                kind: Some(EventKind::Audit),
                ..all()
            },
            false,
        ),
    ];
    for (filter, expected) in table {
        assert_eq!(
            finds(&event, EventKind::SignIn, filter.clone()),
            expected,
            "{filter:?}"
        );
    }
    assert!(finds(
        &denied,
        EventKind::SignIn,
        RecordFilter {
            outcome: Some(RecordOutcome::Failure),
            ..all()
        }
    ));
    // A denial that Microsoft has no number for is a failure too.
    let mut unnumbered = denied.clone();
    unnumbered["status"]["errorCode"] = Value::Null;
    assert!(finds(
        &unnumbered,
        EventKind::SignIn,
        RecordFilter {
            outcome: Some(RecordOutcome::Failure),
            ..all()
        }
    ));
}

#[test]
fn a_user_is_found_by_id_where_records_hold_hashes() {
    let keyed = Pseudonyms::keyed(&[9; 32]).unwrap();
    let asked = request();
    let event = read(&body_of(&asked, &engine().authorize(&asked), &keyed));
    let by = |user| {
        finds(
            &event,
            EventKind::SignIn,
            RecordFilter {
                user: Some(user),
                ..RecordFilter::default()
            },
        )
    };
    assert!(by(UserFilter::of(FELIX, &keyed)));
    assert!(by(UserFilter::of_pseudonym(&keyed.user(FELIX))));
    assert!(!by(UserFilter::of(GUEST, &keyed)));
    assert!(!by(UserFilter::of(FELIX, &Pseudonyms::OFF)));
}

#[test]
fn what_is_hidden_cannot_be_searched_for() {
    let mut asked = request();
    asked.resource_user = Some(GUEST);
    let event = event_of(&asked);
    let guest = RecordFilter {
        user: Some(UserFilter::of(GUEST, &Pseudonyms::OFF)),
        ..RecordFilter::default()
    };
    let by = |id, side| {
        look(
            &event,
            EventKind::SignIn,
            Viewer::Tenant { id, side },
            &guest,
        )
        .is_some()
    };
    assert!(by(CONTOSO, SignInSide::Resource));
    assert!(!by(FABRIKAM, SignInSide::Home));
}

fn change() -> Change {
    Change {
        tenant: CONTOSO,
        object: ChangedObject::Partner,
        id: FABRIKAM.to_string(),
        display_name: Some(HOSTILE.to_owned()),
        operation: Operation::Updated,
        properties: Vec::new(),
    }
}

fn audited(audit: &AuditEvent<'_>) -> Value {
    let record = AuditHeader {
        id: some_id(),
        time: NOW,
        actor: Actor::PoliciesFolder,
    };
    read(&audit.body(&record, &Pseudonyms::OFF))
}

#[test]
fn an_organisation_sees_the_audit_records_of_its_own_policies_and_the_operator_all() {
    let change = change();
    let changed = audited(&AuditEvent::Changed {
        change: &change,
        snapshot: None,
    });
    let stopped = audited(&AuditEvent::Stopped { cause: "SIGTERM" });
    let sees =
        |body, viewer| look(body, EventKind::Audit, viewer, &RecordFilter::default()).is_some();
    for side in [SignInSide::Home, SignInSide::Resource] {
        assert!(sees(&changed, Viewer::Tenant { id: CONTOSO, side }));
        assert!(!sees(&changed, Viewer::Tenant { id: FABRIKAM, side }));
        assert!(!sees(&stopped, Viewer::Tenant { id: CONTOSO, side }));
    }
    assert!(sees(&changed, Viewer::Operator) && sees(&stopped, Viewer::Operator));
}

#[test]
fn a_body_that_is_no_object_is_an_error_that_names_the_record() {
    let record = RecordRef {
        seq: 7,
        time: NOW,
        kind: EventKind::SignIn,
        body: b"[1]",
    };
    let error =
        view::visible_record(&record, Viewer::Operator, &RecordFilter::default()).unwrap_err();
    assert!(
        error.to_string().starts_with("record 7 cannot be read"),
        "{error}"
    );
}

fn printed(format: RecordFormat, kind: EventKind, bodies: &[Value]) -> String {
    laid_out(format, kind, bodies, TableLayout::default())
}

fn laid_out(
    format: RecordFormat,
    kind: EventKind,
    bodies: &[Value],
    layout: TableLayout,
) -> String {
    let mut printer = Printer::new(Vec::new(), format, kind, layout).unwrap();
    for body in bodies {
        printer
            .print(&look(body, kind, Viewer::Operator, &RecordFilter::default()).unwrap())
            .unwrap();
    }
    String::from_utf8(printer.finish().unwrap()).unwrap()
}

/// Sign-ins and audit records with hostile names in every place that somebody else fills.
fn hostile() -> [(EventKind, Vec<Value>); 2] {
    let mut asked = request();
    asked.request_id = HOSTILE.to_owned();
    let mut event = event_of(&asked);
    event["userId"] = json!(HOSTILE);
    let change = change();
    let audits = vec![
        audited(&AuditEvent::Changed {
            change: &change,
            snapshot: None,
        }),
        audited(&AuditEvent::SnapshotRejected {
            message: HOSTILE,
            findings: &[],
            in_force: None,
        }),
    ];
    [
        (EventKind::SignIn, vec![event.clone(), event]),
        (EventKind::Audit, audits),
    ]
}

#[test]
fn a_table_is_a_line_a_record_and_cannot_act_on_a_terminal() {
    for (kind, bodies) in hostile() {
        let table = printed(RecordFormat::Table, kind, &bodies);
        assert_eq!(table.lines().count(), 1 + bodies.len(), "{table}");
        assert!(!table.replace('\n', "").contains(acts), "{table:?}");
    }
    let table = printed(
        RecordFormat::Table,
        EventKind::SignIn,
        &[event_of(&request())],
    );
    let row = table.lines().nth(1).unwrap();
    let cells: Vec<&str> = row.split_whitespace().collect();
    let expected = [
        "2027-01-15T08:00:00Z",
        "success",
        "ALLOWED",
        &FELIX.to_string(),
        &FABRIKAM.to_string(),
        &CONTOSO.to_string(),
        &PAYROLL.to_string(),
    ];
    assert_eq!(cells, expected);
}

#[test]
fn a_table_shows_names_beside_ids_and_fits_the_terminal() {
    let mut asked = request();
    asked.app = AppId(0x00000003_0000_0ff1_ce00_000000000000);
    let layout = |width| TableLayout {
        width,
        names: [(FABRIKAM.to_string(), "Fabrikam".to_owned())].into(),
    };
    let events = [event_of(&asked), event_of(&request())];
    let told = laid_out(
        RecordFormat::Table,
        EventKind::SignIn,
        &events,
        layout(None),
    );
    assert_eq!(told.lines().count(), 3, "{told}");
    for name in [
        format!("Fabrikam ({FABRIKAM})"),
        "Office 365 SharePoint Online (00000003-0000-0ff1-ce00-000000000000)".to_owned(),
    ] {
        assert!(told.contains(&name), "{told}");
    }
    for (kind, bodies) in hostile() {
        for width in [100, 160] {
            let told = laid_out(RecordFormat::Table, kind, &bodies, layout(Some(width)));
            let longest = told.lines().map(|line| line.chars().count()).max();
            assert!(longest.unwrap() <= width, "{told}");
            assert!(!told.replace('\n', "").contains(acts), "{told:?}");
        }
    }
    // Programs read ids.
    let told = laid_out(
        RecordFormat::Csv,
        EventKind::SignIn,
        &events,
        layout(Some(100)),
    );
    assert!(
        told.contains(&format!(",{FABRIKAM},")) && !told.contains("Fabrikam ("),
        "{told}"
    );
}

#[test]
fn json_lines_hold_all_that_may_be_seen_and_where_it_is_in_the_log() {
    for (kind, bodies) in hostile() {
        let lines = printed(RecordFormat::Json, kind, &bodies);
        assert!(!lines.replace('\n', "").contains(acts));
        let read: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let expected = bodies.into_iter().map(|mut body| {
            body["crosstrust"]["seq"] = json!(41);
            body
        });
        assert_eq!(read, expected.collect::<Vec<Value>>());
    }
}

#[test]
fn a_table_names_the_policies_of_a_denial_by_conditional_access() {
    let event = |result: &str, name: &str, code: u32| {
        let policies = json!([
            {"id": "c1", "displayName": "Require MFA", "result": "success"},
            {"id": "c2", "displayName": name, "result": result},
        ]);
        json!({
            "status": {"errorCode": code},
            "crosstrust": {"reason": "CA_BLOCKED"},
            "appliedConditionalAccessPolicies": policies,
        })
    };
    let table = |event| printed(RecordFormat::Table, EventKind::SignIn, &[event]);
    let blocked = table(event("failure", "Block old clients", 53003));
    assert!(
        blocked.contains("CA_BLOCKED: Block old clients"),
        "{blocked}"
    );
    let nameless = table(event("failure", "", 53003));
    assert!(nameless.contains("CA_BLOCKED: c2\n"), "{nameless}");
    let allowed = table(event("failure", "Block old clients", 0));
    assert!(!allowed.contains("Block"), "{allowed}");
    let csv = printed(
        RecordFormat::Csv,
        EventKind::SignIn,
        &[event("failure", "Block old clients", 53003)],
    );
    assert!(csv.contains(",CA_BLOCKED,"), "{csv}");
}

#[test]
fn csv_has_one_row_a_record_and_no_cell_that_is_a_formula() {
    for (kind, bodies) in hostile() {
        let text = printed(RecordFormat::Csv, kind, &bodies);
        assert!(!text.replace('\n', "").contains(acts));
        let mut rows = csv::Reader::from_reader(text.as_bytes());
        let heads = rows.headers().unwrap().clone();
        let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), bodies.len());
        for cell in rows.iter().flatten() {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t']), "{cell}");
        }
        if kind == EventKind::SignIn {
            let at = |head: &str| heads.iter().position(|one| one == head).unwrap();
            assert!(rows[0][at("userId")].starts_with("'=HYPERLINK("));
            assert_eq!(&rows[0][at("resourceId")], PAYROLL.to_string());
        }
    }
    for formula in ["=1", "+1", "-1", "@a", " =1", "＝1"] {
        let event = json!({"userId": formula, "status": {}});
        let row = printed(RecordFormat::Csv, EventKind::SignIn, &[event]);
        assert!(row.contains(&format!("'{formula}")), "{row}");
    }
}
