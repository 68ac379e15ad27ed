//! What each kind of finding means, with an example: the table that docs/findings.md is made of.
//!
//! A test runs `check` on each example, and compares the page.

use std::fmt::Write;

use super::finding::{Code, Severity};

/// What a kind of finding means.
#[derive(Debug, Clone, Copy)]
pub struct Explanation {
    /// The severities that it may have, worst first.
    pub severities: &'static [Severity],
    /// A few words.
    pub title: &'static str,
    /// Why it is reported, and what to do.
    pub text: &'static str,
    /// Where `check` reports it.
    pub example: Example,
}

/// Where `check` reports a kind of finding.
#[derive(Debug, Clone, Copy)]
pub enum Example {
    /// Files of a tenant's folder, by name and content, beside its `organization.json`.
    Tenant(&'static [(&'static str, &'static str)]),
    /// Files of a folder without `organization.json`.
    NoOrganization(&'static [(&'static str, &'static str)]),
    /// Files that lie loose in a folder.
    Loose(&'static [(&'static str, &'static str)]),
    /// What no text in a file can show.
    Words(&'static str),
}

/// The page docs/findings.md.
pub fn page() -> String {
    let mut page = String::from(HEAD);
    for code in Code::ALL {
        let Explanation {
            severities, title, ..
        } = code.explanation();
        let (id, anchor) = (code.id(), code.id().to_lowercase());
        let _ = writeln!(
            page,
            "| [{id}](#{anchor}) | {} | {title} |",
            words(severities)
        );
    }
    for code in Code::ALL {
        let Explanation {
            severities,
            title,
            text,
            example,
        } = code.explanation();
        let _ = write!(
            page,
            "\n## {}\n\n**{title}** ({}). {text}\n",
            code.id(),
            words(severities)
        );
        let (files, about) = match example {
            Example::Tenant(files) => (files, ""),
            Example::NoOrganization(files) => (files, ", in a folder without `organization.json`"),
            Example::Loose(files) => (files, ", in a folder that is no tenant's"),
            Example::Words(words) => {
                let _ = write!(page, "\nExample: {words}\n");
                (&[][..], "")
            }
        };
        for (name, content) in files {
            let content = content.trim_end();
            let _ = write!(page, "\nExample, `{name}`{about}:\n\n```\n{content}\n```\n");
        }
    }
    page
}

fn words(severities: &[Severity]) -> String {
    let words: Vec<&str> = severities.iter().map(|severity| severity.word()).collect();
    words.join(", ")
}

const HEAD: &str = "\
# Findings

What `crosstrust check` and `serve` report about policies, by id. Ids are stable. An error keeps the folder from being activated, a warning changes no decision, and an
informational finding is correct as it is. Each finding names file, line, column and JSON path, what was found and what was expected. Where an example names no other
folder, its file lies in a tenant's folder beside `organization.json`.

This page is made from the table in `src/graph/explanation.rs`, and a test compares them: `UPDATE_DOCS=1 cargo test --test it findings_page` writes it.

| id | severity | |
|---|---|---|
";

use Severity::{Error, Info, Warning};

impl Code {
    /// What this kind of finding means.
    pub const fn explanation(self) -> Explanation {
        match self {
            Code::Encoding => Explanation {
                severities: &[Error, Warning],
                title: "Text that is not JSON's",
                text: "The bytes are neither UTF-8 nor UTF-16 or UTF-32 that JSON may be in, or a file begins in another encoding. Save the file as UTF-8. A warning names a file that `check` finds among exports and cannot recognise.",
                example: Example::Words(
                    r#"A file that a Windows editor saved as Windows-1252: `Müller` has the byte FC, which no UTF-8 text has."#,
                ),
            },
            Code::Syntax => Explanation {
                severities: &[Error, Warning],
                title: "Not JSON",
                text: "The file cannot be read as JSON: a trailing comma, a comment, or an end that is cut off. The line and column are those of the first mistake.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"[{"id": "1c000000-0000-4000-8000-000000000001",}]"##,
                )]),
            },
            Code::DuplicateMember => Explanation {
                severities: &[Error],
                title: "A member twice",
                text: "An object has two members of one name. Readers of JSON differ in which they take, so neither counts. Remove one.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled", "state": "disabled",
  "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::UnknownMember => Explanation {
                severities: &[Error, Warning],
                title: "A member that is not known",
                text: "A member that this release does not know. It is an error where it could change a decision, a warning where it cannot. Check the spelling; a member that Microsoft has added may need a newer release, or `policies.undecisive_members`.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"user": {"includeUsers": ["All"]}, "users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::WrongType => Explanation {
                severities: &[Error],
                title: "A value of another type",
                text: "A value has another JSON type than Graph gives it, such as a text in place of a list.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"users": {"includeUsers": "All"}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::UnknownWord => Explanation {
                severities: &[Error, Warning],
                title: "A word that is not known",
                text: "A word is not in Microsoft's list for this member. In a policy that decides it is an error; in one that does not, and where the reading is certain, a warning.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfaa"]}
}"##,
                )]),
            },
            Code::NotAnId => Explanation {
                severities: &[Error],
                title: "Not an id",
                text: "A name, a placeholder or an id that is cut stands where an id (GUID) belongs. Graph's exports have ids; replace the name by the object's id.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"users": {"includeUsers": ["Alice"]}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::MissingMember => Explanation {
                severities: &[Error],
                title: "A member is missing",
                text: "A member that decides is not there. Export the object again with all of its members.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::Skeleton => Explanation {
                severities: &[Error],
                title: "A skeleton of the documentation",
                text: "The values are type names such as `String`: this is the object's shape as Microsoft documents it, and not an export.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "String (identifier)", "displayName": "Require MFA", "state": "String",
  "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::GraphError => Explanation {
                severities: &[Error],
                title: "An error of Graph",
                text: "The file holds the error that Graph answered in place of the export. Solve that error and export again.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges to complete the operation."}}"##,
                )]),
            },
            Code::Template => Explanation {
                severities: &[Error],
                title: "A template",
                text: "The file holds a policy template and no policy. Create a policy from the template, and export that.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA",
  "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::UnknownDocument => Explanation {
                severities: &[Error, Warning],
                title: "A document that is not known",
                text: "Neither the name nor the content of the file says which document it is. Name it after a document (docs/semantics.md §2), or list it in `.crosstrustignore`.",
                example: Example::Tenant(&[("notes.json", r##"{"todo": "review the partners"}"##)]),
            },
            Code::IncompleteExport => Explanation {
                severities: &[Error],
                title: "An incomplete export",
                text: "A page with `@odata.nextLink`: further objects are on other pages. Follow the link until there is none, and put all objects into the file.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{"@odata.nextLink": "https://graph.microsoft.com/v1.0/identity/conditionalAccess/policies?$skiptoken=2", "value": []}"##,
                )]),
            },
            Code::Deleted => Explanation {
                severities: &[Error],
                title: "A deleted object",
                text: "The object has a `deletedDateTime`: it was deleted and is kept by Graph for a while. Remove it from the export.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled", "deletedDateTime": "2026-01-01T00:00:00Z",
  "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::AddressRange => Explanation {
                severities: &[Error],
                title: "An address range that is none",
                text: "A named location has a range that is no CIDR range, or whose address has bits beyond the prefix.",
                example: Example::Tenant(&[(
                    "named-locations.json",
                    r##"[{
  "id": "16000000-0000-4000-8000-000000000001", "displayName": "Headquarters", "isTrusted": true,
  "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "203.0.113.7/24"}]
}]"##,
                )]),
            },
            Code::FilterRule => Explanation {
                severities: &[Error, Warning],
                title: "A filter rule that cannot be read",
                text: "The rule of a device or application filter is not in Microsoft's grammar, or compares what such a filter cannot see.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]},
    "devices": {"deviceFilter": {"mode": "include", "rule": "device.isCompliant equals True"}}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::OutOfRange => Explanation {
                severities: &[Error, Warning],
                title: "A number or time out of its range",
                text: "A number, a day or a nesting is beyond what Graph allows, or what this release can hold. A warning counts findings of one file that are not listed.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]},
  "sessionControls": {"signInFrequency": {"isEnabled": true, "type": "days", "value": 400, "frequencyInterval": "timeBased"}}
}"##,
                )]),
            },
            Code::ConflictingSetting => Explanation {
                severities: &[Error],
                title: "A setting that contradicts itself",
                text: "The rules for users and for applications of one setting contradict each other: where all users are blocked all applications have to be, and where users are allowed not all applications may be blocked.",
                example: Example::Tenant(&[(
                    "partners.json",
                    r##"[{"tenantId": "2000d417-3b6d-4dbf-977f-4b4cbba65319", "b2bDirectConnectInbound": {
  "usersAndGroups": {"accessType": "blocked", "targets": [{"target": "AllUsers", "targetType": "user"}]},
  "applications": {"accessType": "allowed", "targets": [{"target": "AllApplications", "targetType": "application"}]}}}]"##,
                )]),
            },
            Code::TargetNotAllowed => Explanation {
                severities: &[Error],
                title: "A target that the setting may not have",
                text: "The setting cannot have this target: a default cannot name single users of other organisations, a rule for users no application.",
                example: Example::Tenant(&[(
                    "default.json",
                    r##"{"b2bDirectConnectInbound": {
  "usersAndGroups": {"accessType": "blocked", "targets": [{"target": "21000000-0000-4000-8000-000000000001", "targetType": "user"}]},
  "applications": {"accessType": "blocked", "targets": [{"target": "AllApplications", "targetType": "application"}]}}}"##,
                )]),
            },
            Code::Targets => Explanation {
                severities: &[Error],
                title: "No targets, or all beside others",
                text: "A rule has no targets, or `AllUsers` or `AllApplications` stands beside others. Graph refuses both.",
                example: Example::Tenant(&[(
                    "partners.json",
                    r##"[{"tenantId": "2000d417-3b6d-4dbf-977f-4b4cbba65319", "b2bDirectConnectInbound": {
  "usersAndGroups": {"accessType": "allowed", "targets": []},
  "applications": {"accessType": "allowed", "targets": [{"target": "AllApplications", "targetType": "application"}]}}}]"##,
                )]),
            },
            Code::Duplicate => Explanation {
                severities: &[Error],
                title: "The same twice",
                text: "Two objects have one id, or a document is there twice. The finding names the first place. Remove one.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"[{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}, {
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}]"##,
                )]),
            },
            Code::OwnPartner => Explanation {
                severities: &[Error],
                title: "The tenant as its own partner",
                text: "A partner entry, or an entry of `assumed-outbound.json`, names the tenant whose folder it is in.",
                example: Example::Tenant(&[(
                    "partners.json",
                    r##"[{"tenantId": "1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f", "inboundTrust": {"isMfaAccepted": true}}]"##,
                )]),
            },
            Code::UnknownLocation => Explanation {
                severities: &[Error, Warning],
                title: "A named location that does not exist",
                text: "A policy names a location that `named-locations.json` does not define. Export the named locations too.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]},
    "locations": {"includeLocations": ["16000000-0000-4000-8000-000000000001"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::UnknownStrength => Explanation {
                severities: &[Error],
                title: "An authentication strength that does not exist",
                text: "A policy names an authentication strength that is neither built in nor in `authentication-strengths.json`. Export the strengths too.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": [], "authenticationStrength": {"id": "15000000-0000-4000-8000-000000000001"}}
}"##,
                )]),
            },
            Code::DevicesNotEvaluated => Explanation {
                severities: &[Error],
                title: "A device filter in tenant restrictions",
                text: "Tenant restrictions have a device filter, which Entra does not evaluate. Set `devices` to null.",
                example: Example::Tenant(&[(
                    "partners.json",
                    r##"[{"tenantId": "2000d417-3b6d-4dbf-977f-4b4cbba65319", "tenantRestrictions": {
  "devices": {"mode": "allowed", "rule": "device.isCompliant -eq True"},
  "usersAndGroups": {"accessType": "allowed", "targets": [{"target": "AllUsers", "targetType": "user"}]},
  "applications": {"accessType": "allowed", "targets": [{"target": "AllApplications", "targetType": "application"}]}}}]"##,
                )]),
            },
            Code::NoEffect => Explanation {
                severities: &[Warning],
                title: "Something without effect",
                text: "A policy applies to no user or application, or asks for nothing, or an entry does nothing. It may be meant, or a member may be lost.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"users": {"includeUsers": []}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::NotUnderstood => Explanation {
                severities: &[Error],
                title: "Something that is not understood",
                text: "A condition or a control of a policy that decides is not understood, so the policy cannot be evaluated. Nothing of the folder is activated.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"users": {"includeUsers": ["All"], "includeGuestsOrExternalUsers": {
    "guestOrExternalUserTypes": "b2bCollaborationGuest",
    "externalTenants": {"@odata.type": "#microsoft.graph.conditionalAccessEnumeratedExternalTenants", "membershipKind": "all", "members": ["2000d417-3b6d-4dbf-977f-4b4cbba65319"]}}},
    "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::NoTenant => Explanation {
                severities: &[Error],
                title: "No tenant",
                text: "A folder has no `organization.json`, so it is not known whose policies these are, or a policies folder has no tenant. Export `GET /organization` into it.",
                example: Example::NoOrganization(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::Unreadable => Explanation {
                severities: &[Error],
                title: "A file or folder that cannot be read",
                text: "A file cannot be opened, changes while it is read, or is larger than the limits of a policies folder.",
                example: Example::Words(
                    r#"A file without read permission, a link to itself, or a file of 100 MB."#,
                ),
            },
            Code::Removed => Explanation {
                severities: &[Error],
                title: "A document is gone",
                text: "A document that the active policies were read from is no longer there. What was active stays, because a mount that is half done looks the same. Where it is meant, call Reload with `allow_removals`, or restart.",
                example: Example::Words(
                    r#"`partners.json` is deleted while `serve` runs. `check` knows no earlier state and never reports it."#,
                ),
            },
            Code::ReviewDue => Explanation {
                severities: &[Warning, Info],
                title: "A review is due",
                text: "The day `reviewBy` of an entry of `assumed-outbound.json` is past (a warning: the entry does not count any more) or near (informational). Review the agreement and move the day.",
                example: Example::Tenant(&[(
                    "assumed-outbound.json",
                    r##"[{"tenantId": "2000d417-3b6d-4dbf-977f-4b4cbba65319", "basis": "agreement", "reviewBy": "2020-01-01"}]"##,
                )]),
            },
            Code::PartnerNotLoaded => Explanation {
                severities: &[Info],
                title: "A partner whose policies are not loaded",
                text: "There is an entry for the partner, and no folder with its policies, so that its outbound settings are not known and direct connect is denied. Add the folder, or an entry in `assumed-outbound.json`.",
                example: Example::Tenant(&[(
                    "partners.json",
                    r##"[{"tenantId": "2000d417-3b6d-4dbf-977f-4b4cbba65319", "inboundTrust": {"isMfaAccepted": true}}]"##,
                )]),
            },
            Code::IncompleteBundle => Explanation {
                severities: &[Info],
                title: "A bundle whose members are not all known",
                text: "A rule rests on a bundle such as `Office365`, whose members Microsoft publishes without ids. An unknown application of Microsoft's counts on the strict side; `[[application]] bundles` states membership.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["Office365"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::UnreadFile => Explanation {
                severities: &[Error, Warning],
                title: "A file that is not read",
                text: "The name of the file does not end in `.json`. It is an error where it is named after a document that nothing else holds. Rename it, or list it in `.crosstrustignore`.",
                example: Example::Tenant(&[(
                    "named-locations.yaml",
                    r##"- id: 16000000-0000-4000-8000-000000000001
"##,
                )]),
            },
            Code::DecidesNothing => Explanation {
                severities: &[Info],
                title: "A member that decides nothing is set",
                text: "A member that has no effect on decisions here is set to something other than its default. It is reported because a reader may expect an effect.",
                example: Example::Tenant(&[(
                    "partners.json",
                    r##"[{"tenantId": "2000d417-3b6d-4dbf-977f-4b4cbba65319", "inboundTrust": {"isMfaAccepted": true}, "isInMultiTenantOrganization": true}]"##,
                )]),
            },
            Code::NotServed => Explanation {
                severities: &[Warning],
                title: "Exports that would not be served",
                text: "`check` reads these loose exports, and `serve` would refuse them as they lie: it needs a folder for each tenant with an `organization.json`.",
                example: Example::Loose(&[(
                    "export.json",
                    r##"{"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#identity/conditionalAccess/policies", "value": [{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}]}"##,
                )]),
            },
            Code::GroupOfTwoTenants => Explanation {
                severities: &[Info],
                title: "One group of two tenants",
                text: "A group id stands as a group of the resource tenant in a policy, and as one of the home tenant in a setting. A group belongs to one tenant, so one of the two may be a mistake.",
                example: Example::Tenant(&[
                    (
                        "conditional-access.json",
                        r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"users": {"includeGroups": ["22000000-0000-4000-8000-000000000001"]}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                    ),
                    (
                        "partners.json",
                        r##"[{"tenantId": "2000d417-3b6d-4dbf-977f-4b4cbba65319", "b2bDirectConnectInbound": {
  "usersAndGroups": {"accessType": "allowed", "targets": [{"target": "22000000-0000-4000-8000-000000000001", "targetType": "group"}]},
  "applications": {"accessType": "allowed", "targets": [{"target": "AllApplications", "targetType": "application"}]}}}]"##,
                    ),
                ]),
            },
            Code::PartnerSetsNothing => Explanation {
                severities: &[Info],
                title: "A partner entry that sets nothing",
                text: "The entry inherits everything, or another service (GDAP onboarding, Microsoft support) is likely to have written it. It still counts as a partner entry for collaboration across clouds.",
                example: Example::Tenant(&[(
                    "partners.json",
                    r##"[{"tenantId": "2000d417-3b6d-4dbf-977f-4b4cbba65319"}]"##,
                )]),
            },
            Code::DomainBasedPartner => Explanation {
                severities: &[Error],
                title: "A partner known by a domain",
                text: "The entry names a domain and no tenant. What such an entry decides beside entries for tenants is not documented. Replace it by an entry for the domain's tenant.",
                example: Example::Tenant(&[(
                    "partners.json",
                    r##"[{"@odata.type": "#microsoft.graph.crossTenantAccessPolicyConfigurationDomainBasedPartner", "domainName": "fabrikam.com"}]"##,
                )]),
            },
        }
    }
}
