//! Sizes: no file may take longer than its length explains.

use std::time::{Duration, Instant};

use super::{FABRIKAM, contoso, file, sound};
use crosstrust::graph::{Code, read_policies_folder};
use crosstrust::policy_settings::PolicySettings;

/// Far above what a slow machine needs, far below what a quadratic scan takes.
const SOON: Duration = Duration::from_secs(20);

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
fn ten_thousand_targets_are_read_soon_also_on_one_line() {
    for between in [",\n", ","] {
        let start = Instant::now();
        let text = targets(50_000, between);
        assert!(text.len() > 3_000_000);
        let tenant = sound(contoso("partners", text));
        let inbound = tenant.partners[0]
            .configuration
            .collaboration_inbound
            .as_ref();
        let users = inbound
            .and_then(|inbound| inbound.users.as_ref())
            .expect("given");
        assert_eq!(users.targets.len(), 50_000);
        assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    }
}

#[test]
fn as_many_findings_as_a_person_reads_are_told_and_the_rest_counted() {
    let start = Instant::now();
    let text = targets(10_000, ",").replace("00000000-0000", "group");
    let reading = contoso("partners", text);
    assert_eq!(reading.findings.len(), 1001);
    assert!(reading.has_errors());
    let last = reading
        .findings
        .iter()
        .find(|finding| finding.code == Code::OutOfRange);
    assert!(last.is_some_and(|last| last.message.starts_with("9000 more findings")));
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}

#[test]
fn an_object_with_a_hundred_thousand_members_is_read_soon() {
    let start = Instant::now();
    let members: Vec<String> = (0..100_000)
        .map(|number| format!("\"m{number}\": 1"))
        .collect();
    let text = format!("{{\"tenantId\": \"{FABRIKAM}\", {}}}", members.join(","));
    let reading = contoso("partners", text);
    assert!(!reading.has_errors());
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}

#[test]
fn ten_thousand_files_are_read_soon() {
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
        sound(read_policies_folder(files, &PolicySettings::NONE))
            .partners
            .len(),
        10_000
    );
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
}
