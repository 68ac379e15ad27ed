//! Who sees what of a record, what is found, and how it is written out.

use crosstrust::changes::{Change, Object, Operation};
use crosstrust::log::audit::{Actor, Audit, Record as AuditRecord};
use crosstrust::log::pseudonym::Pseudonyms;
use crosstrust::log::view::{
    self, Filter, Format, Kind, Layout, Outcome, Person, Printer, Record, Seen, Side, Viewer,
};
use serde_json::{Value, json};

use super::*;

fn look(body: &Value, kind: Kind, viewer: Viewer, filter: &Filter) -> Option<Seen> {
    let body = body.to_string();
    let record = Record {
        seq: 41,
        time: NOW,
        kind,
        body: body.as_bytes(),
    };
    view::seen(&record, viewer, filter).unwrap()
}

fn as_seen(body: &Value, id: TenantId, side: Side) -> Option<Value> {
    let seen = look(
        body,
        Kind::SignIn,
        Viewer::Tenant { id, side },
        &Filter::default(),
    );
    seen.map(|seen| Value::Object(seen.body))
}

#[test]
fn the_home_organisation_sees_the_client_and_nothing_of_conditional_access() {
    let mut asked = request();
    asked.resource_user = Some(GUEST);
    asked.restricting_tenant = Some(FABRIKAM);
    let event = event_of(&asked);
    let seen = as_seen(&event, FABRIKAM, Side::Home).unwrap();
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
    let seen = as_seen(&event, CONTOSO, Side::Resource).unwrap();
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
        (FABRIKAM, Side::Resource),
        (CONTOSO, Side::Home),
        (TenantId(5), Side::Home),
        (TenantId(5), Side::Resource),
    ] {
        assert_eq!(as_seen(&event, id, side), None);
    }
    // A sign-in of nobody knows whom is seen by nobody but the operator.
    let unknown = json!({"homeTenantId": null, "resourceTenantId": null});
    assert_eq!(as_seen(&unknown, CONTOSO, Side::Home), None);
    assert!(look(&unknown, Kind::SignIn, Viewer::Operator, &Filter::default()).is_some());
}

#[test]
fn the_sign_in_of_an_own_user_is_whole() {
    let mut asked = request();
    asked.home = CONTOSO.into();
    let event = event_of(&asked);
    for side in [Side::Home, Side::Resource] {
        assert_eq!(as_seen(&event, CONTOSO, side), Some(event.clone()));
    }
}

fn finds(event: &Value, kind: Kind, filter: Filter) -> bool {
    let viewers = match kind {
        Kind::SignIn => Viewer::Tenant {
            id: FABRIKAM,
            side: Side::Home,
        },
        Kind::Audit => Viewer::Operator,
    };
    look(event, kind, viewers, &filter).is_some()
}

#[test]
fn every_filter_finds_what_it_says_and_nothing_else() {
    let event = event_of(&request());
    let mut denied = request();
    denied.claims.mfa = false;
    let denied = event_of(&denied);
    let all = Filter::default;
    let person = |id| Some(Person::of(id, &Pseudonyms::OFF));
    let second = std::time::Duration::from_secs(1);
    let table = [
        (
            Filter {
                user: person(FELIX),
                ..all()
            },
            true,
        ),
        (
            Filter {
                user: person(GUEST),
                ..all()
            },
            false,
        ),
        (
            Filter {
                app: Some(PAYROLL),
                ..all()
            },
            true,
        ),
        (
            Filter {
                app: Some(CLIENT),
                ..all()
            },
            false,
        ),
        (
            Filter {
                outcome: Some(Outcome::Success),
                ..all()
            },
            true,
        ),
        (
            Filter {
                outcome: Some(Outcome::Failure),
                ..all()
            },
            false,
        ),
        (
            Filter {
                from: Some(NOW),
                ..all()
            },
            true,
        ),
        (
            Filter {
                from: Some(NOW.plus(second)),
                ..all()
            },
            false,
        ),
        (
            Filter {
                to: Some(NOW),
                ..all()
            },
            false,
        ),
        (
            Filter {
                to: Some(NOW.plus(second)),
                ..all()
            },
            true,
        ),
        (
            Filter {
                kind: Some(Kind::SignIn),
                ..all()
            },
            true,
        ),
        (
            Filter {
                kind: Some(Kind::Audit),
                ..all()
            },
            false,
        ),
    ];
    for (filter, expected) in table {
        assert_eq!(
            finds(&event, Kind::SignIn, filter.clone()),
            expected,
            "{filter:?}"
        );
    }
    assert!(finds(
        &denied,
        Kind::SignIn,
        Filter {
            outcome: Some(Outcome::Failure),
            ..all()
        }
    ));
    // A denial that Microsoft has no number for is a failure too.
    let mut unnumbered = denied.clone();
    unnumbered["status"]["errorCode"] = Value::Null;
    assert!(finds(
        &unnumbered,
        Kind::SignIn,
        Filter {
            outcome: Some(Outcome::Failure),
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
            Kind::SignIn,
            Filter {
                user: Some(user),
                ..Filter::default()
            },
        )
    };
    assert!(by(Person::of(FELIX, &keyed)));
    assert!(by(Person::called(&keyed.user(FELIX))));
    assert!(!by(Person::of(GUEST, &keyed)));
    assert!(!by(Person::of(FELIX, &Pseudonyms::OFF)));
}

#[test]
fn what_is_hidden_cannot_be_searched_for() {
    let mut asked = request();
    asked.resource_user = Some(GUEST);
    let event = event_of(&asked);
    let guest = Filter {
        user: Some(Person::of(GUEST, &Pseudonyms::OFF)),
        ..Filter::default()
    };
    let by = |id, side| look(&event, Kind::SignIn, Viewer::Tenant { id, side }, &guest).is_some();
    assert!(by(CONTOSO, Side::Resource));
    assert!(!by(FABRIKAM, Side::Home));
}

fn change() -> Change {
    Change {
        tenant: CONTOSO,
        object: Object::Partner,
        id: FABRIKAM.to_string(),
        display_name: Some(HOSTILE.to_owned()),
        operation: Operation::Updated,
        properties: Vec::new(),
    }
}

fn audited(audit: &Audit<'_>) -> Value {
    let record = AuditRecord {
        id: some_id(),
        time: NOW,
        actor: Actor::PoliciesFolder,
    };
    read(&audit.body(&record, &Pseudonyms::OFF))
}

#[test]
fn an_organisation_sees_the_audit_records_of_its_own_policies_and_the_operator_all() {
    let change = change();
    let changed = audited(&Audit::Changed {
        change: &change,
        snapshot: None,
    });
    let stopped = audited(&Audit::Stopped { cause: "SIGTERM" });
    let sees = |body, viewer| look(body, Kind::Audit, viewer, &Filter::default()).is_some();
    for side in [Side::Home, Side::Resource] {
        assert!(sees(&changed, Viewer::Tenant { id: CONTOSO, side }));
        assert!(!sees(&changed, Viewer::Tenant { id: FABRIKAM, side }));
        assert!(!sees(&stopped, Viewer::Tenant { id: CONTOSO, side }));
    }
    assert!(sees(&changed, Viewer::Operator) && sees(&stopped, Viewer::Operator));
}

#[test]
fn a_body_that_is_no_object_is_an_error_that_names_the_record() {
    let record = Record {
        seq: 7,
        time: NOW,
        kind: Kind::SignIn,
        body: b"[1]",
    };
    let error = view::seen(&record, Viewer::Operator, &Filter::default()).unwrap_err();
    assert!(
        error.to_string().starts_with("record 7 cannot be read"),
        "{error}"
    );
}

fn printed(format: Format, kind: Kind, bodies: &[Value]) -> String {
    laid_out(format, kind, bodies, Layout::default())
}

fn laid_out(format: Format, kind: Kind, bodies: &[Value], layout: Layout) -> String {
    let mut printer = Printer::new(Vec::new(), format, kind, layout).unwrap();
    for body in bodies {
        printer
            .print(&look(body, kind, Viewer::Operator, &Filter::default()).unwrap())
            .unwrap();
    }
    String::from_utf8(printer.finish().unwrap()).unwrap()
}

/// Sign-ins and audit records with hostile names in every place that somebody else fills.
fn hostile() -> [(Kind, Vec<Value>); 2] {
    let mut asked = request();
    asked.request_id = HOSTILE.to_owned();
    let mut event = event_of(&asked);
    event["userId"] = json!(HOSTILE);
    let change = change();
    let audits = vec![
        audited(&Audit::Changed {
            change: &change,
            snapshot: None,
        }),
        audited(&Audit::SnapshotRejected {
            message: HOSTILE,
            findings: &[],
            in_force: None,
        }),
    ];
    [
        (Kind::SignIn, vec![event.clone(), event]),
        (Kind::Audit, audits),
    ]
}

#[test]
fn a_table_is_a_line_a_record_and_cannot_act_on_a_terminal() {
    for (kind, bodies) in hostile() {
        let table = printed(Format::Table, kind, &bodies);
        assert_eq!(table.lines().count(), 1 + bodies.len(), "{table}");
        assert!(!table.replace('\n', "").contains(acts), "{table:?}");
    }
    let table = printed(Format::Table, Kind::SignIn, &[event_of(&request())]);
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
    let layout = |width| Layout {
        width,
        names: [(FABRIKAM.to_string(), "Fabrikam".to_owned())].into(),
    };
    let events = [event_of(&asked), event_of(&request())];
    let told = laid_out(Format::Table, Kind::SignIn, &events, layout(None));
    assert_eq!(told.lines().count(), 3, "{told}");
    for name in [
        format!("Fabrikam ({FABRIKAM})"),
        "Office 365 SharePoint Online (00000003-0000-0ff1-ce00-000000000000)".to_owned(),
    ] {
        assert!(told.contains(&name), "{told}");
    }
    for (kind, bodies) in hostile() {
        for width in [100, 160] {
            let told = laid_out(Format::Table, kind, &bodies, layout(Some(width)));
            let longest = told.lines().map(|line| line.chars().count()).max();
            assert!(longest.unwrap() <= width, "{told}");
            assert!(!told.replace('\n', "").contains(acts), "{told:?}");
        }
    }
    // Programs read ids.
    let told = laid_out(Format::Csv, Kind::SignIn, &events, layout(Some(100)));
    assert!(
        told.contains(&format!(",{FABRIKAM},")) && !told.contains("Fabrikam ("),
        "{told}"
    );
}

#[test]
fn json_lines_hold_all_that_may_be_seen_and_where_it_is_in_the_log() {
    for (kind, bodies) in hostile() {
        let lines = printed(Format::Json, kind, &bodies);
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
    let table = |event| printed(Format::Table, Kind::SignIn, &[event]);
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
        Format::Csv,
        Kind::SignIn,
        &[event("failure", "Block old clients", 53003)],
    );
    assert!(csv.contains(",CA_BLOCKED,"), "{csv}");
}

#[test]
fn csv_has_one_row_a_record_and_no_cell_that_is_a_formula() {
    for (kind, bodies) in hostile() {
        let text = printed(Format::Csv, kind, &bodies);
        assert!(!text.replace('\n', "").contains(acts));
        let mut rows = csv::Reader::from_reader(text.as_bytes());
        let heads = rows.headers().unwrap().clone();
        let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), bodies.len());
        for cell in rows.iter().flatten() {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t']), "{cell}");
        }
        if kind == Kind::SignIn {
            let at = |head: &str| heads.iter().position(|one| one == head).unwrap();
            assert!(rows[0][at("userId")].starts_with("'=HYPERLINK("));
            assert_eq!(&rows[0][at("resourceId")], PAYROLL.to_string());
        }
    }
    for formula in ["=1", "+1", "-1", "@a", " =1", "＝1"] {
        let event = json!({"userId": formula, "status": {}});
        let row = printed(Format::Csv, Kind::SignIn, &[event]);
        assert!(row.contains(&format!("'{formula}")), "{row}");
    }
}
