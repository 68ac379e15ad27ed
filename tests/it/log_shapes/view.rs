//! Views: the members of a record that each organisation sees, filters, and output formats.

use crosstrust::changes::{Change, ChangedObject, Operation};
use crosstrust::log::audit::{Actor, AuditEvent, AuditHeader};
use crosstrust::log::pseudonym::Pseudonyms;
use crosstrust::log::view::{
    self, EventKind, Printer, RecordFilter, RecordFormat, RecordOutcome, RecordRef, SignInSide,
    TableLayout, UserFilter, Viewer, VisibleRecord,
};
use serde_json::{Value, json};

use super::*;

fn visible(
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

fn visible_to_tenant(body: &Value, id: TenantId, side: SignInSide) -> Option<Value> {
    let visible_members = visible(
        body,
        EventKind::SignIn,
        Viewer::Tenant { id, side },
        &RecordFilter::default(),
    );
    visible_members.map(|visible_members| Value::Object(visible_members.body))
}

#[test]
fn the_home_organisation_sees_the_client_and_nothing_of_conditional_access() {
    let mut attempt = request();
    attempt.resource_user = Some(GUEST);
    attempt.restricting_tenant = Some(FABRIKAM);
    let event = event_of(&attempt);
    let visible_members = visible_to_tenant(&event, FABRIKAM, SignInSide::Home).unwrap();
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
    assert_eq!(visible_members, expected);
    assert_eq!(visible_members["appId"], CLIENT.to_string());
    assert!(
        !visible_members.to_string().contains("HYPERLINK"),
        "no policy's name"
    );
}

#[test]
fn the_resource_organisation_sees_conditional_access_and_nothing_of_the_client() {
    let event = event_of(&request());
    let visible_members = visible_to_tenant(&event, CONTOSO, SignInSide::Resource).unwrap();
    let mut expected = event.clone();
    for name in ["appId", "clientAppUsed"] {
        expected.as_object_mut().unwrap().remove(name).unwrap();
    }
    expected["crosstrust"]
        .as_object_mut()
        .unwrap()
        .remove("restrictingTenantId")
        .unwrap();
    assert_eq!(visible_members, expected);
    assert!(!visible_members.to_string().contains(&CLIENT.to_string()));
}

#[test]
fn no_organisation_sees_sign_ins_of_others_or_the_members_of_the_other_side() {
    let event = event_of(&request());
    for (id, side) in [
        (FABRIKAM, SignInSide::Resource),
        (CONTOSO, SignInSide::Home),
        (TenantId(5), SignInSide::Home),
        (TenantId(5), SignInSide::Resource),
    ] {
        assert_eq!(visible_to_tenant(&event, id, side), None);
    }
    // Only the operator sees a sign-in without a known user.
    let unknown = json!({"homeTenantId": null, "resourceTenantId": null});
    assert_eq!(visible_to_tenant(&unknown, CONTOSO, SignInSide::Home), None);
    assert!(
        visible(
            &unknown,
            EventKind::SignIn,
            Viewer::Operator,
            &RecordFilter::default()
        )
        .is_some()
    );
}

#[test]
fn the_sign_in_of_an_internal_user_is_complete() {
    let mut attempt = request();
    attempt.home = CONTOSO.into();
    let event = event_of(&attempt);
    for side in [SignInSide::Home, SignInSide::Resource] {
        assert_eq!(
            visible_to_tenant(&event, CONTOSO, side),
            Some(event.clone())
        );
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
    visible(event, kind, viewers, &filter).is_some()
}

#[test]
fn every_filter_finds_exactly_its_records() {
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
    // A denial without a Microsoft error code is a failure too.
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
fn a_user_is_found_by_id_if_records_contain_hashes() {
    let keyed = Pseudonyms::keyed(&[9; 32]).unwrap();
    let attempt = request();
    let event = read(&body_of(&attempt, &engine().authorize(&attempt), &keyed));
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
fn hidden_members_cannot_be_searched() {
    let mut attempt = request();
    attempt.resource_user = Some(GUEST);
    let event = event_of(&attempt);
    let guest = RecordFilter {
        user: Some(UserFilter::of(GUEST, &Pseudonyms::OFF)),
        ..RecordFilter::default()
    };
    let by = |id, side| {
        visible(
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
        |body, viewer| visible(body, EventKind::Audit, viewer, &RecordFilter::default()).is_some();
    for side in [SignInSide::Home, SignInSide::Resource] {
        assert!(sees(&changed, Viewer::Tenant { id: CONTOSO, side }));
        assert!(!sees(&changed, Viewer::Tenant { id: FABRIKAM, side }));
        assert!(!sees(&stopped, Viewer::Tenant { id: CONTOSO, side }));
    }
    assert!(sees(&changed, Viewer::Operator) && sees(&stopped, Viewer::Operator));
}

#[test]
fn a_body_that_is_not_an_object_is_an_error_that_names_the_record() {
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
    format_records(format, kind, bodies, TableLayout::default())
}

fn format_records(
    format: RecordFormat,
    kind: EventKind,
    bodies: &[Value],
    layout: TableLayout,
) -> String {
    let mut printer = Printer::new(Vec::new(), format, kind, layout).unwrap();
    for body in bodies {
        printer
            .print(&visible(body, kind, Viewer::Operator, &RecordFilter::default()).unwrap())
            .unwrap();
    }
    String::from_utf8(printer.finish().unwrap()).unwrap()
}

/// Sign-ins and audit records with hostile names in every member that a third party controls.
fn hostile() -> [(EventKind, Vec<Value>); 2] {
    let mut attempt = request();
    attempt.request_id = HOSTILE.to_owned();
    let mut event = event_of(&attempt);
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
fn a_table_has_one_line_per_record_and_no_control_characters() {
    for (kind, bodies) in hostile() {
        let table = printed(RecordFormat::Table, kind, &bodies);
        assert_eq!(table.lines().count(), 1 + bodies.len(), "{table}");
        assert!(
            !table.replace('\n', "").contains(is_terminal_control),
            "{table:?}"
        );
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
    let mut attempt = request();
    attempt.app = AppId(0x00000003_0000_0ff1_ce00_000000000000);
    let layout = |width| TableLayout {
        width,
        names: [(FABRIKAM.to_string(), "Fabrikam".to_owned())].into(),
    };
    let events = [event_of(&attempt), event_of(&request())];
    let table = format_records(
        RecordFormat::Table,
        EventKind::SignIn,
        &events,
        layout(None),
    );
    assert_eq!(table.lines().count(), 3, "{table}");
    for name in [
        format!("Fabrikam ({FABRIKAM})"),
        "Office 365 SharePoint Online (00000003-0000-0ff1-ce00-000000000000)".to_owned(),
    ] {
        assert!(table.contains(&name), "{table}");
    }
    for (kind, bodies) in hostile() {
        for width in [100, 160] {
            let table = format_records(RecordFormat::Table, kind, &bodies, layout(Some(width)));
            let longest = table.lines().map(|line| line.chars().count()).max();
            assert!(longest.unwrap() <= width, "{table}");
            assert!(
                !table.replace('\n', "").contains(is_terminal_control),
                "{table:?}"
            );
        }
    }
    // JSON and CSV contain ids.
    let csv = format_records(
        RecordFormat::Csv,
        EventKind::SignIn,
        &events,
        layout(Some(100)),
    );
    assert!(
        csv.contains(&format!(",{FABRIKAM},")) && !csv.contains("Fabrikam ("),
        "{csv}"
    );
}

#[test]
fn json_lines_contain_every_visible_member_and_the_position_in_the_log() {
    for (kind, bodies) in hostile() {
        let lines = printed(RecordFormat::Json, kind, &bodies);
        assert!(!lines.replace('\n', "").contains(is_terminal_control));
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
fn csv_has_one_row_per_record_and_no_formula_cells() {
    for (kind, bodies) in hostile() {
        let text = printed(RecordFormat::Csv, kind, &bodies);
        assert!(!text.replace('\n', "").contains(is_terminal_control));
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
