//! `shared-channels.json`.

use crosstrust::graph::Code;

use super::{CONTOSO, FABRIKAM, SOMEONE, SOMETHING, assert_errors, contoso, valid_tenant};

#[test]
fn a_channel_with_members_and_teams_is_read() {
    let text = format!(
        r##"{{"value": [{{"id": "19:Abc@thread.tacv2", "displayName": "Plans", "membershipType": "unknownFutureValue", "tenantId": "{CONTOSO}",
        "members@odata.context": "x", "createdDateTime": "2026-01-01T00:00:00Z", "isArchived": false, "webUrl": "https://x",
        "members": [{{"@odata.type": "#microsoft.graph.aadUserConversationMember", "id": "opaque", "roles": ["owner"], "displayName": "A", "userId": "{SOMEONE}", "tenantId": "{FABRIKAM}", "email": null}}],
        "sharedWithTeams": [
          {{"id": "{SOMETHING}", "displayName": "T", "tenantId": "{FABRIKAM}", "isHostTeam": false,
            "allowedMembers": [{{"userId": "{SOMEONE}", "tenantId": "{FABRIKAM}"}}, {{"userId": "{SOMETHING}", "tenantId": "{CONTOSO}"}}]}},
          {{"id": "{SOMETHING}", "tenantId": "{FABRIKAM}", "allowedMembers": []}},
          {{"id": "{SOMETHING}", "tenantId": "{FABRIKAM}", "allowedMembers": null}}]}}]}}"##
    );
    let tenant = valid_tenant(contoso("shared-channels", text));
    let channel = &tenant.channels[0];
    assert_eq!(channel.id.0, "19:Abc@thread.tacv2");
    assert_eq!(channel.members.len(), 1);
    let allowed: Vec<Option<usize>> = channel
        .teams
        .iter()
        .map(|team| team.allowed_members.as_ref().map(Vec::len))
        .collect();
    assert_eq!(allowed, [Some(1), Some(0), None]);
}

#[test]
fn a_channel_that_is_not_shared_is_refused() {
    for word in ["standard", "private"] {
        let text = format!("{{\"id\": \"19:a@thread.tacv2\",\n\"membershipType\": \"{word}\"}}");
        let parsed = contoso("shared-channels", text);
        assert_errors(&parsed, &[(Code::UnknownWord, 2, "$.membershipType")]);
    }
}

#[test]
fn a_channel_member_or_team_that_lacks_an_id_is_refused() {
    for (text, path) in [
        (r#"{"membershipType": "shared"}"#, "$".to_owned()),
        (r#"{"id": "19:a"}"#, "$".to_owned()),
        (
            format!(r#"{{"id": "19:a", "membershipType": "shared", "members": [{{"userId": "{SOMEONE}"}}]}}"#).as_str(),
            "$.members[0]".to_owned(),
        ),
        (
            format!(r#"{{"id": "19:a", "membershipType": "shared", "sharedWithTeams": [{{"id": "{SOMEONE}"}}]}}"#).as_str(),
            "$.sharedWithTeams[0]".to_owned(),
        ),
    ] {
        let parsed = contoso("shared-channels", text);
        assert_errors(&parsed, &[(Code::MissingMember, 1, &path)]);
    }
}
