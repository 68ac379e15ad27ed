//! The meaning of each kind of finding, with an example: the source of docs/findings.md.
//!
//! A test runs `check` on each example, and compares the page.

use std::fmt::Write;

use super::finding::{Code, Severity};

/// The meaning of a kind of finding.
#[derive(Debug, Clone, Copy)]
pub struct FindingExplanation {
    /// The severities that it may have, worst first.
    pub severities: &'static [Severity],
    /// A short title.
    pub title: &'static str,
    /// Why it is reported, and what to do.
    pub text: &'static str,
    /// Input for which `check` reports it.
    pub example: Example,
}

/// Input for which `check` reports a kind of finding.
#[derive(Debug, Clone, Copy)]
pub enum Example {
    /// Files in a tenant's folder, as (name, content), in addition to `organization.json`.
    Tenant(&'static [(&'static str, &'static str)]),
    /// Files in a folder without `organization.json`.
    NoOrganization(&'static [(&'static str, &'static str)]),
    /// Files outside of a tenant's folder.
    Loose(&'static [(&'static str, &'static str)]),
    /// A description, if no file content can show it.
    Words(&'static str),
}

/// Generates the page docs/findings.md.
pub fn page() -> String {
    let mut page = String::from(HEAD);
    for code in Code::ALL {
        let FindingExplanation {
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
        let FindingExplanation {
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
            Example::Loose(files) => (files, ", outside of a tenant's folder"),
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

The findings of `crosstrust check` and `serve`, by id. Ids are stable. Policies with an error are not activated, a warning changes no decision, and an informational
finding is correct as it is. Each finding contains file, line, column and JSON path, what was found and what was expected. Unless an example states another folder, its
file is in a tenant's folder with an `organization.json`.

This page is generated from `src/graph/explanation.rs` by `UPDATE_DOCS=1 cargo test --test it findings_page`, and a test compares them.

| id | severity | |
|---|---|---|
";

use Severity::{Error, Info, Warning};

impl Code {
    /// The meaning of this kind of finding.
    pub const fn explanation(self) -> FindingExplanation {
        match self {
            Code::Encoding => FindingExplanation {
                severities: &[Error, Warning],
                title: "Invalid encoding",
                text: "The file is neither UTF-8 nor UTF-16 with a byte-order mark. Save it as UTF-8. A warning is about a `.crosstrustignore` that is not UTF-8.",
                example: Example::Words(
                    r#"A file that a Windows editor saved as Windows-1252: `Müller` contains the byte FC, which is not valid in UTF-8."#,
                ),
            },
            Code::Syntax => FindingExplanation {
                severities: &[Error, Warning],
                title: "Not JSON",
                text: "The file is not JSON: it contains a trailing comma or a comment, or is truncated. Line and column are those of the first error. A warning is about an invalid pattern in `.crosstrustignore`.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"[{"id": "1c000000-0000-4000-8000-000000000001",}]"##,
                )]),
            },
            Code::DuplicateMember => FindingExplanation {
                severities: &[Error],
                title: "Duplicate member",
                text: "An object has two members with the same name. JSON does not define which of them is effective. Remove one.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled", "state": "disabled",
  "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::UnknownMember => FindingExplanation {
                severities: &[Error, Warning],
                title: "Unknown member",
                text: "A member that this release does not support. It is an error if it could change a decision, else a warning. Check the spelling. For a member that Microsoft has added, update crosstrust, or add it to `policies.undecisive_members`.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"user": {"includeUsers": ["All"]}, "users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::WrongType => FindingExplanation {
                severities: &[Error],
                title: "Wrong type",
                text: "A value has another JSON type than in Graph, such as a string instead of an array.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"users": {"includeUsers": "All"}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::UnknownWord => FindingExplanation {
                severities: &[Error, Warning],
                title: "Unknown value",
                text: "The value is not in Microsoft's enumeration for this member. It is a warning in a policy without effect, or if its meaning is certain, else an error.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfaa"]}
}"##,
                )]),
            },
            Code::NotAnId => FindingExplanation {
                severities: &[Error],
                title: "Not an id",
                text: "A name, a placeholder or a truncated id is used instead of an id (GUID). Replace it by the object's id, as in Graph's exports.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"users": {"includeUsers": ["Alice"]}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::MissingMember => FindingExplanation {
                severities: &[Error],
                title: "Missing member",
                text: "A required member is missing. Export the object again with all its members.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::Skeleton => FindingExplanation {
                severities: &[Error],
                title: "Documentation skeleton",
                text: "The values are type names such as `String`: this is the JSON representation in Microsoft's documentation, not an export.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "String (identifier)", "displayName": "Require MFA", "state": "String",
  "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::GraphError => FindingExplanation {
                severities: &[Error],
                title: "Graph error response",
                text: "The file contains an error response of Graph instead of an export. Fix the error and export again.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges to complete the operation."}}"##,
                )]),
            },
            Code::Template => FindingExplanation {
                severities: &[Error],
                title: "Policy template",
                text: "The file contains a policy template instead of a policy. Create a policy from the template, and export it.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA",
  "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::UnknownDocument => FindingExplanation {
                severities: &[Error, Warning],
                title: "Unknown document",
                text: "The kind of document cannot be determined, or the content does not match it. Name the file after a kind of document (docs/semantics.md §2), or move it out of the policies folder.",
                example: Example::Tenant(&[("notes.json", r##"{"todo": "review the partners"}"##)]),
            },
            Code::IncompleteExport => FindingExplanation {
                severities: &[Error],
                title: "Incomplete export",
                text: "A page with `@odata.nextLink`: further objects are on other pages. Follow the links to the last page, and put all objects into the file.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{"@odata.nextLink": "https://graph.microsoft.com/v1.0/identity/conditionalAccess/policies?$skiptoken=2", "value": []}"##,
                )]),
            },
            Code::Deleted => FindingExplanation {
                severities: &[Error],
                title: "Deleted object",
                text: "The object has a `deletedDateTime`: it was deleted, but Graph retains it for some time. Remove it from the export.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled", "deletedDateTime": "2026-01-01T00:00:00Z",
  "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::AddressRange => FindingExplanation {
                severities: &[Error],
                title: "Invalid address range",
                text: "A named location has a range that is not in CIDR notation, or whose address has bits set beyond the prefix.",
                example: Example::Tenant(&[(
                    "named-locations.json",
                    r##"[{
  "id": "16000000-0000-4000-8000-000000000001", "displayName": "Headquarters", "isTrusted": true,
  "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "203.0.113.7/24"}]
}]"##,
                )]),
            },
            Code::FilterRule => FindingExplanation {
                severities: &[Error, Warning],
                title: "Invalid filter rule",
                text: "The rule of a device or application filter does not follow Microsoft's grammar, or uses a property that the filter does not support.",
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
            Code::OutOfRange => FindingExplanation {
                severities: &[Error, Warning],
                title: "Value out of range",
                text: "A number, a date or the nesting is outside the range of Graph or of this release. A warning is the number of findings in a file that are not listed.",
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
            Code::ConflictingSetting => FindingExplanation {
                severities: &[Error],
                title: "Contradictory setting",
                text: "The rules for users and applications of a setting contradict each other: if all users are blocked, all applications must be blocked; if users are allowed, not all applications may be blocked.",
                example: Example::Tenant(&[(
                    "partners.json",
                    r##"[{"tenantId": "2000d417-3b6d-4dbf-977f-4b4cbba65319", "b2bDirectConnectInbound": {
  "usersAndGroups": {"accessType": "blocked", "targets": [{"target": "AllUsers", "targetType": "user"}]},
  "applications": {"accessType": "allowed", "targets": [{"target": "AllApplications", "targetType": "application"}]}}}]"##,
                )]),
            },
            Code::TargetNotAllowed => FindingExplanation {
                severities: &[Error],
                title: "Target not allowed",
                text: "The setting cannot have this target: for example, a default cannot contain users of other organisations, and a rule for users cannot contain an application.",
                example: Example::Tenant(&[(
                    "default.json",
                    r##"{"b2bDirectConnectInbound": {
  "usersAndGroups": {"accessType": "blocked", "targets": [{"target": "21000000-0000-4000-8000-000000000001", "targetType": "user"}]},
  "applications": {"accessType": "blocked", "targets": [{"target": "AllApplications", "targetType": "application"}]}}}"##,
                )]),
            },
            Code::Targets => FindingExplanation {
                severities: &[Error],
                title: "Invalid targets",
                text: "A rule has no targets, or has further targets in addition to `AllUsers` or `AllApplications`. Graph refuses both.",
                example: Example::Tenant(&[(
                    "partners.json",
                    r##"[{"tenantId": "2000d417-3b6d-4dbf-977f-4b4cbba65319", "b2bDirectConnectInbound": {
  "usersAndGroups": {"accessType": "allowed", "targets": []},
  "applications": {"accessType": "allowed", "targets": [{"target": "AllApplications", "targetType": "application"}]}}}]"##,
                )]),
            },
            Code::Duplicate => FindingExplanation {
                severities: &[Error],
                title: "Duplicate object",
                text: "Two objects have the same id, or a document exists twice. The finding contains the location of the first one. Remove one.",
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
            Code::OwnPartner => FindingExplanation {
                severities: &[Error],
                title: "Tenant as its own partner",
                text: "A partner entry, or an entry in `assumed-outbound.json`, is for the tenant in whose folder it is.",
                example: Example::Tenant(&[(
                    "partners.json",
                    r##"[{"tenantId": "1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f", "inboundTrust": {"isMfaAccepted": true}}]"##,
                )]),
            },
            Code::UnknownLocation => FindingExplanation {
                severities: &[Error, Warning],
                title: "Unknown named location",
                text: "A policy refers to a location that `named-locations.json` does not define. Export the named locations too.",
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
            Code::UnknownStrength => FindingExplanation {
                severities: &[Error],
                title: "Unknown authentication strength",
                text: "A policy refers to an authentication strength that is neither built in nor in `authentication-strengths.json`. Export the strengths too.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": [], "authenticationStrength": {"id": "15000000-0000-4000-8000-000000000001"}}
}"##,
                )]),
            },
            Code::DevicesNotEvaluated => FindingExplanation {
                severities: &[Error],
                title: "Device filter in tenant restrictions",
                text: "Tenant restrictions have a device filter, which Entra does not evaluate. Set `devices` to null.",
                example: Example::Tenant(&[(
                    "partners.json",
                    r##"[{"tenantId": "2000d417-3b6d-4dbf-977f-4b4cbba65319", "tenantRestrictions": {
  "devices": {"mode": "allowed", "rule": "device.isCompliant -eq True"},
  "usersAndGroups": {"accessType": "allowed", "targets": [{"target": "AllUsers", "targetType": "user"}]},
  "applications": {"accessType": "allowed", "targets": [{"target": "AllApplications", "targetType": "application"}]}}}]"##,
                )]),
            },
            Code::NoEffect => FindingExplanation {
                severities: &[Warning],
                title: "No effect",
                text: "A policy applies to no user or application, or requires nothing, or an entry has no effect. Check whether this is intended or a member is missing.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"users": {"includeUsers": []}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::NotUnderstood => FindingExplanation {
                severities: &[Error],
                title: "Unsupported condition or control",
                text: "A condition or control of a policy is not supported or contradicts itself, so the policy cannot be evaluated. The folder is not activated.",
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
            Code::NoTenant => FindingExplanation {
                severities: &[Error],
                title: "No tenant",
                text: "A folder has no `organization.json`, so the tenant of its policies is not known, or a policies folder has no tenant. Export `GET /organization` into the folder.",
                example: Example::NoOrganization(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::Unreadable => FindingExplanation {
                severities: &[Error],
                title: "Unreadable file or folder",
                text: "A file cannot be opened, changes while it is read, or is larger than the limits of a policies folder.",
                example: Example::Words(
                    r#"A file without read permission, a link to itself, or a file of 100 MB."#,
                ),
            },
            Code::Removed => FindingExplanation {
                severities: &[Error],
                title: "Removed document",
                text: "A document of the active policies has been removed. The active policies remain in use, because an incomplete mount looks the same. If the removal is intended, call Reload with `allow_removals`, or restart.",
                example: Example::Words(
                    r#"`partners.json` is deleted while `serve` runs. `check` has no earlier state and never reports it."#,
                ),
            },
            Code::ReviewDue => FindingExplanation {
                severities: &[Warning, Info],
                title: "Review due",
                text: "The date `reviewBy` of an entry in `assumed-outbound.json` has passed (warning: the entry no longer applies) or is near (informational). Review the agreement and set a new date.",
                example: Example::Tenant(&[(
                    "assumed-outbound.json",
                    r##"[{"tenantId": "2000d417-3b6d-4dbf-977f-4b4cbba65319", "basis": "agreement", "reviewBy": "2020-01-01"}]"##,
                )]),
            },
            Code::PartnerNotLoaded => FindingExplanation {
                severities: &[Info],
                title: "Partner without loaded policies",
                text: "There is a partner entry, but no folder with the partner's policies. Its outbound settings are not known, so direct connect is denied. Add the folder, or an entry in `assumed-outbound.json`.",
                example: Example::Tenant(&[(
                    "partners.json",
                    r##"[{"tenantId": "2000d417-3b6d-4dbf-977f-4b4cbba65319", "inboundTrust": {"isMfaAccepted": true}}]"##,
                )]),
            },
            Code::IncompleteBundle => FindingExplanation {
                severities: &[Info],
                title: "Incomplete application bundle",
                text: "A rule uses a bundle such as `Office365`, whose members Microsoft publishes without ids. For an unknown Microsoft application, the stricter result applies. Set its membership with `[[application]] bundles`.",
                example: Example::Tenant(&[(
                    "conditional-access.json",
                    r##"{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["Office365"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}"##,
                )]),
            },
            Code::UnreadFile => FindingExplanation {
                severities: &[Error, Warning],
                title: "File not read",
                text: "The name of the file does not end in `.json`. It is an error if the file is named after a document that no other file contains. Rename it, or list it in `.crosstrustignore`.",
                example: Example::Tenant(&[(
                    "named-locations.yaml",
                    r##"- id: 16000000-0000-4000-8000-000000000001
"##,
                )]),
            },
            Code::DecidesNothing => FindingExplanation {
                severities: &[Info],
                title: "Member without effect",
                text: "A member that has no effect on decisions is not at its default. It is reported because administrators may expect an effect.",
                example: Example::Tenant(&[(
                    "partners.json",
                    r##"[{"tenantId": "2000d417-3b6d-4dbf-977f-4b4cbba65319", "inboundTrust": {"isMfaAccepted": true}, "isInMultiTenantOrganization": true}]"##,
                )]),
            },
            Code::NotServed => FindingExplanation {
                severities: &[Warning],
                title: "Exports that `serve` would refuse",
                text: "`check` reads exports in any layout. `serve` would refuse these: it requires a folder for each tenant with an `organization.json`.",
                example: Example::Loose(&[(
                    "export.json",
                    r##"{"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#identity/conditionalAccess/policies", "value": [{
  "id": "1c000000-0000-4000-8000-000000000001", "displayName": "Require MFA", "state": "enabled",
  "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
  "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}
}]}"##,
                )]),
            },
            Code::GroupOfTwoTenants => FindingExplanation {
                severities: &[Info],
                title: "Group of two tenants",
                text: "A group id is used for a group of the resource tenant in a policy, and for a group of the home tenant in a setting. A group belongs to one tenant, so one of them is probably a mistake.",
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
            Code::PartnerSetsNothing => FindingExplanation {
                severities: &[Info],
                title: "Partner entry without settings",
                text: "The entry inherits everything, or another service (GDAP onboarding, Microsoft support) probably created it. It still counts as a partner entry for collaboration across clouds.",
                example: Example::Tenant(&[(
                    "partners.json",
                    r##"[{"tenantId": "2000d417-3b6d-4dbf-977f-4b4cbba65319"}]"##,
                )]),
            },
            Code::DomainBasedPartner => FindingExplanation {
                severities: &[Error],
                title: "Domain-based partner",
                text: "The entry identifies a partner by a domain instead of a tenant id. The effect of such an entry is not documented. Replace it by an entry for the domain's tenant.",
                example: Example::Tenant(&[(
                    "partners.json",
                    r##"[{"@odata.type": "#microsoft.graph.crossTenantAccessPolicyConfigurationDomainBasedPartner", "domainName": "fabrikam.com"}]"##,
                )]),
            },
        }
    }
}
