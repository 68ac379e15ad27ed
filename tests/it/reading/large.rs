//! Large files: reading time grows with the length of a file, not with its square.

use std::time::{Duration, Instant};

use super::{FABRIKAM, contoso, file, valid_tenant};
use crosstrust::graph::{Code, read_policies_folder};
use crosstrust::policy_settings::PolicySettings;

/// Far more than a slow machine needs, and far less than a quadratic scan takes.
const TIME_LIMIT: Duration = Duration::from_secs(20);

fn targets(count: u32, between: &str) -> String {
    let targets: Vec<String> = (0..count)
        .map(|number| {
            format!(
                r#"{{"target": "00000000-0000-0000-0000-{number:012x}", "targetType": "group"}}"#
            )
        })
        .collect();
    format!(
        r#"{{"tenantId": "{FABRIKAM}", "b2bCollaborationInbound": {{"usersAndGroups": {{"accessType": "allowed", "targets": [{}]}}}}}}"#,
        targets.join(between)
    )
}

#[test]
fn fifty_thousand_targets_are_read_in_time_also_on_one_line() {
    for between in [",\n", ","] {
        let start = Instant::now();
        let text = targets(50_000, between);
        assert!(text.len() > 3_000_000);
        let tenant = valid_tenant(contoso("partners", text));
        let inbound = tenant.partners[0]
            .configuration
            .collaboration_inbound
            .as_ref();
        let users = inbound
            .and_then(|inbound| inbound.users.as_ref())
            .expect("given");
        assert_eq!(users.targets.len(), 50_000);
        assert!(start.elapsed() < TIME_LIMIT, "{:?}", start.elapsed());
    }
}

#[test]
fn a_thousand_findings_are_reported_and_the_rest_is_counted() {
    let start = Instant::now();
    let text = targets(10_000, ",").replace("00000000-0000", "group");
    let parsed = contoso("partners", text);
    assert_eq!(parsed.findings.len(), 1001);
    assert!(parsed.has_errors());
    let last = parsed
        .findings
        .iter()
        .find(|finding| finding.code == Code::OutOfRange);
    assert!(last.is_some_and(|last| last.message.starts_with("9000 more findings")));
    assert!(start.elapsed() < TIME_LIMIT, "{:?}", start.elapsed());
}

#[test]
fn an_object_with_a_hundred_thousand_members_is_read_in_time() {
    let start = Instant::now();
    let members: Vec<String> = (0..100_000)
        .map(|number| format!("\"m{number}\": 1"))
        .collect();
    let text = format!("{{\"tenantId\": \"{FABRIKAM}\", {}}}", members.join(","));
    let parsed = contoso("partners", text);
    assert!(!parsed.has_errors());
    assert!(start.elapsed() < TIME_LIMIT, "{:?}", start.elapsed());
}

#[test]
fn ten_thousand_files_are_read_in_time() {
    let start = Instant::now();
    let mut files = vec![file(
        "c/organization.json",
        format!(r#"{{"id": "{FABRIKAM}"}}"#),
    )];
    files.extend((0..10_000).map(|number| {
        file(
            &format!("c/partners/{number}.json"),
            format!(r#"{{"tenantId": "00000000-0000-0000-0000-{number:012x}"}}"#),
        )
    }));
    assert_eq!(
        valid_tenant(read_policies_folder(files, &PolicySettings::NONE))
            .partners
            .len(),
        10_000
    );
    assert!(start.elapsed() < TIME_LIMIT, "{:?}", start.elapsed());
}
