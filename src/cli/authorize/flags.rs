//! The flags for request fields: one row of [`FLAGS`] for each field of `AuthorizeRequest`, `Claims` and `Context`.
//!
//! A flag has the field's name with `-` for `_`, or a shorter name with that as an alias. A test checks that every
//! field of `Claims` and `Context` has a flag.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use serde_json::{Map, Value, json};

/// The values of the given flags, in the JSON form of the request.
#[derive(Default)]
pub(super) struct Flags(Vec<(&'static Flag, Value)>);

struct Flag {
    /// The field's path in `AuthorizeRequest`.
    path: &'static str,
    name: &'static str,
    kind: FlagKind,
    help: &'static str,
}

enum FlagKind {
    /// A text, with its value name in the help.
    Text(&'static str),
    /// Texts, repeated or comma-separated.
    List(&'static str),
    /// A boolean: the flag without a value is true.
    Switch,
    /// `NAME=VALUE`, repeated: a member of an object.
    Entry,
    /// `direct-connect` or `collaboration`.
    AccessType,
    /// Sets `resource_user` and the access type `collaboration`.
    Guest,
}

use FlagKind::{AccessType, Entry, Guest, List, Switch, Text};

#[rustfmt::skip]
const FLAGS: &[Flag] = &[
    flag("home_tenant", "home", Text("TENANT"), "Home tenant: an id, or with --policies its display name or a verified domain"),
    flag("resource_tenant", "resource", Text("TENANT"), "Resource tenant, likewise"),
    flag("user", "user", Text("ID"), "The user's id in the home tenant; names are not accepted, because exports contain none of users and groups"),
    flag("groups", "group", List("ID"), "Groups of the user in the home tenant"),
    flag("app", "app", Text("APP"), "The application: an id, or the name of a Microsoft application such as \"Office 365 SharePoint Online\""),
    flag("client_app", "client-app", Text("APP"), "The client application that the user signs in with, likewise"),
    flag("access_type", "access-type", AccessType, "B2B direct connect or B2B collaboration"),
    flag("resource_user", "guest", Guest, "The id of a guest object; implies --access-type collaboration"),
    flag("resource_user", "resource-user", Text("ID"), "The user's guest object in the resource tenant, with any access type"),
    flag("resource_groups", "resource-group", List("ID"), "Groups of the guest object in the resource tenant"),
    flag("roles", "role", List("ID"), "Directory role templates of the user in the resource tenant"),
    flag("external_user_type", "external-user-type", Text("TYPE"), "The user's type in the resource tenant, such as b2bCollaborationGuest"),
    flag("channel", "channel", Text("ID"), "The Teams shared channel that is accessed"),
    flag("home_cloud", "home-cloud", Text("CLOUD"), "The home tenant's cloud, if its policies are not loaded"),
    flag("restricting_tenant", "restricting-tenant", Text("TENANT"), "The tenant whose tenant restrictions apply: that of the user's network or device"),
    flag("request_id", "request-id", Text("TEXT"), "An id for correlation, chosen by the caller"),
    flag("identity_provider", "identity-provider", Text("PROVIDER"), "The identity provider of a user without a home tenant: google, facebook, apple, microsoftAccount, emailOneTimePasscode or samlWsFed"),
    flag("identity_provider_issuer", "identity-provider-issuer", Text("URI"), "The issuer of a SAML or WS-Fed identity provider"),
    flag("token", "token", Text("JWT"), "An access token, instead of the user, its tenant, groups and claims; only with a running server"),

    flag("claims.expires_at", "expires-at", Text("TIME"), "When the token expires"),
    flag("claims.issued_at", "issued-at", Text("TIME"), "When the token was issued"),
    flag("claims.auth_time", "auth-time", Text("TIME"), "When the user last authenticated"),
    flag("claims.mfa", "mfa", Switch, "MFA was done in the home tenant"),
    flag("claims.resource_mfa", "resource-mfa", Switch, "MFA was done in the resource tenant"),
    flag("claims.compliant_device", "compliant-device", Switch, "The device is compliant in the home tenant"),
    flag("claims.hybrid_joined_device", "hybrid-joined-device", Switch, "The device is Microsoft Entra hybrid joined in the home tenant"),
    flag("claims.authentication_methods", "authentication-method", List("METHOD"), "Methods used in the home tenant, such as fido2"),
    flag("claims.resource_authentication_methods", "resource-authentication-method", List("METHOD"), "Methods used in the resource tenant"),
    flag("claims.authentication_contexts", "authentication-contexts", List("CONTEXT"), "Authentication contexts in the token (acrs)"),
    flag("claims.device_id", "device-id", Text("ID"), "The device's id"),
    flag("claims.session_id", "session-id", Text("ID"), "The session's id"),
    flag("claims.groups_incomplete", "groups-incomplete", Switch, "The list of groups may be incomplete"),
    flag("claims.roles_incomplete", "roles-incomplete", Switch, "The list of roles may be incomplete"),
    flag("claims.accepted_terms_of_use", "accepted-terms-of-use", List("ID"), "Terms of use that the user accepted"),
    flag("claims.accepted_custom_controls", "accepted-custom-control", List("ID"), "Custom controls that the user satisfied"),
    flag("claims.authenticator_aaguid", "authenticator-aaguid", Text("ID"), "The AAGUID of the passkey: its model"),
    flag("claims.certificate_issuer_skis", "certificate-issuer-ski", List("HEX"), "Subject key identifiers of the certificate's issuers"),
    flag("claims.certificate_policy_oids", "certificate-policy-oid", List("OID"), "Policy OIDs of the certificate"),

    flag("context.ip_address", "ip-address", Text("ADDRESS"), "The client's IP address"),
    flag("context.country", "country", Text("COUNTRY"), "The client's country, two letters; ZZ = looked up and unknown"),
    flag("context.country_source", "country-source", Text("METHOD"), "How the country was determined: clientIpAddress or authenticatorAppGps"),
    flag("context.platform", "platform", Text("PLATFORM"), "The device's platform, such as windows"),
    flag("context.client_app_type", "client-app-type", Text("TYPE"), "The client app type, such as browser"),
    flag("context.sign_in_risk", "sign-in-risk", Text("RISK"), "The sign-in risk: none, low, medium, high"),
    flag("context.user_risk", "user-risk", Text("RISK"), "The user risk: none, low, medium, high"),
    flag("context.insider_risk", "insider-risk", Text("RISK"), "The user's insider risk: none, minor, moderate, elevated"),
    flag("context.device.registered", "device-registered", Switch, "The device is registered; =false: it is not"),
    flag("context.device.properties", "device-property", Entry, "Device properties, such as trustType=AzureAD"),
    flag("context.app_attributes", "app-attribute", Entry, "Custom security attributes of the application, as Set_Name=VALUE"),
    flag("context.approved_application", "approved-application", Switch, "The client is an approved client app"),
    flag("context.app_protection", "app-protection", Switch, "The client has an app protection policy"),
    flag("context.password_changed", "password-changed", Switch, "The user changed the password as required"),
    flag("context.risk_remediated", "risk-remediated", Switch, "The user's risk was remediated"),
    flag("context.user_action", "user-action", Text("ACTION"), "The user action, such as urn:user:registerdevice"),
    flag("context.authentication_context", "authentication-context", Text("CONTEXT"), "The authentication context that the application requires: c1 to c99"),
    flag("context.authentication_flow", "authentication-flow", Text("FLOW"), "The authentication flow: none, deviceCodeFlow, authenticationTransfer"),
    flag("context.client_capabilities", "client-capabilities", List("CAPABILITY"), "The client's capabilities: cp1"),
];

const fn flag(path: &'static str, name: &'static str, kind: FlagKind, help: &'static str) -> Flag {
    Flag {
        path,
        name,
        kind,
        help,
    }
}

impl Flag {
    /// The field's name as a flag: `context.device.registered` → `device-registered`.
    fn field_name(&self) -> String {
        let path = self.path.trim_start_matches("claims.");
        let path = path.trim_start_matches("context.");
        path.replace(['.', '_'], "-")
    }

    fn heading(&self) -> &'static str {
        match self.path.split_once('.') {
            Some(("claims", _)) => "Claims",
            Some(_) => "Context",
            None => "Request",
        }
    }

    fn arg(&'static self) -> Arg {
        let arg = Arg::new(self.name)
            .long(self.name)
            .help(self.help)
            .help_heading(self.heading());
        // `--guest` sets two fields, so it has no alias.
        let arg = match self.kind {
            Guest => arg,
            Text(_) | List(_) | Switch | Entry | AccessType => {
                match self.field_name() == self.name {
                    true => arg,
                    false => arg.visible_alias(self.field_name()),
                }
            }
        };
        match self.kind {
            Text(value) => arg.value_name(value),
            Guest => arg.value_name("ID").conflicts_with("resource-user"),
            List(value) => arg
                .value_name(value)
                .action(ArgAction::Append)
                .value_delimiter(','),
            Entry => arg.value_name("NAME=VALUE").action(ArgAction::Append),
            Switch => arg
                .value_name("BOOL")
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true")
                .value_parser(["true", "false"]),
            AccessType => arg
                .value_name("TYPE")
                .value_parser(["direct-connect", "collaboration"]),
        }
    }

    fn value(&self, matches: &ArgMatches) -> Result<Option<Value>, clap::Error> {
        let Some(given) = matches.get_many::<String>(self.name) else {
            return Ok(None);
        };
        let given: Vec<&str> = given.map(String::as_str).collect();
        let last = given.last().copied().unwrap_or_default();
        Ok(Some(match self.kind {
            Text(_) | Guest => json!(last),
            List(_) => json!(given),
            Switch => json!(last == "true"),
            AccessType => {
                let word = last.to_uppercase().replace('-', "_");
                json!(format!("ACCESS_TYPE_{word}"))
            }
            Entry => {
                let mut members = Map::new();
                for one in given {
                    let Some((name, value)) = one.split_once('=') else {
                        let message =
                            format!("--{}: found `{one}`, expected NAME=VALUE\n", self.name);
                        return Err(clap::Error::raw(
                            clap::error::ErrorKind::InvalidValue,
                            message,
                        ));
                    };
                    members.insert(name.to_owned(), entry_value(value));
                }
                Value::Object(members)
            }
        }))
    }
}

/// `null`, a list such as `["a","b"]`, or else a text.
fn entry_value(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Null | Value::Array(_))) => value,
        Ok(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) | Err(_) => {
            json!(text)
        }
    }
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        FLAGS
            .iter()
            .fold(command, |command, flag| command.arg(flag.arg()))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Flags::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let access = matches.get_one::<String>("access-type");
        let is_direct = access.is_some_and(|access| access == "direct-connect");
        if is_direct && matches.contains_id("guest") {
            let message = "--guest conflicts with --access-type direct-connect; expected collaboration, or \
                           --resource-user for a direct connect user with a guest object\n";
            return Err(clap::Error::raw(
                clap::error::ErrorKind::ArgumentConflict,
                message,
            ));
        }
        for flag in FLAGS {
            if let Some(value) = flag.value(matches)? {
                self.0.push((flag, value));
            }
        }
        Ok(())
    }
}

impl Flags {
    /// Sets the fields of the request, overriding its values.
    pub(super) fn apply(&self, request: &mut Map<String, Value>) {
        for (flag, value) in &self.0 {
            if matches!(flag.kind, Guest) {
                let collaboration = json!("ACCESS_TYPE_COLLABORATION");
                put(request, "access_type", collaboration, false);
            }
            let merge = matches!(flag.kind, Entry);
            put(request, flag.path, value.clone(), merge);
        }
    }
}

/// Sets the member at the path. With `merge`, adds the members of an object value to the existing object.
fn put(object: &mut Map<String, Value>, path: &str, value: Value, merge: bool) {
    let (name, rest) = match path.split_once('.') {
        Some((name, rest)) => (name, Some(rest)),
        None => (path, None),
    };
    // The proto name or the protobuf JSON name of the field, never both.
    let previous = object.remove(&camel_case(name));
    let previous = object.remove(name).or(previous);
    let value = match (rest, merge, previous) {
        (Some(rest), _, previous) => {
            let mut inner = match previous {
                Some(Value::Object(inner)) => inner,
                Some(_) | None => Map::new(),
            };
            put(&mut inner, rest, value, merge);
            Value::Object(inner)
        }
        (None, true, Some(Value::Object(mut existing))) => {
            if let Value::Object(added) = value {
                existing.extend(added);
            }
            Value::Object(existing)
        }
        (None, _, _) => value,
    };
    object.insert(name.to_owned(), value);
}

/// The protobuf JSON name of a field.
pub(super) fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let mut letters = word.chars();
        let head = letters.next().map(|letter| letter.to_ascii_uppercase());
        name + &head.into_iter().chain(letters).collect::<String>()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(arguments: &[&str], file: Value) -> Value {
        let command = Flags::augment_args(Command::new("authorize").no_binary_name(true));
        let matches = command.get_matches_from(arguments);
        let Value::Object(mut request) = file else {
            panic!("not an object")
        };
        let flags = Flags::from_arg_matches(&matches).unwrap();
        flags.apply(&mut request);
        Value::Object(request)
    }

    #[test]
    fn each_flag_and_its_alias_set_the_field() {
        for flag in FLAGS {
            let (given, expected) = match flag.kind {
                Text(_) | Guest => ("=x", json!("x")),
                List(_) => ("=x,y", json!(["x", "y"])),
                Switch => ("", json!(true)),
                Entry => ("=n=x", json!({"n": "x"})),
                AccessType => ("=collaboration", json!("ACCESS_TYPE_COLLABORATION")),
            };
            let mut names = vec![flag.name.to_owned(), flag.field_name()];
            if matches!(flag.kind, Guest) {
                names.pop();
            }
            for name in names {
                let found = request(&[&format!("--{name}{given}")], json!({}));
                let pointer = format!("/{}", flag.path.replace('.', "/"));
                assert_eq!(found.pointer(&pointer), Some(&expected), "{name}");
            }
        }
    }

    #[test]
    fn a_flag_overrides_the_file_in_either_spelling_and_entries_are_merged() {
        let file = json!({"homeTenant": "a", "claims": {"mfa": true, "authTime": "x"},
            "context": {"device": {"properties": {"model": "m"}}}});
        let found = request(
            &[
                "--home",
                "b",
                "--mfa=false",
                "--auth-time",
                "5m ago",
                "--device-property",
                "trustType=AzureAD",
                "--device-property",
                "physicalIds=[\"a\"]",
                "--device-property",
                "mdmAppId=null",
                "--guest",
                "g",
            ],
            file,
        );
        let expected = json!({"home_tenant": "b", "claims": {"mfa": false, "auth_time": "5m ago"},
            "context": {"device": {"properties":
                {"model": "m", "trustType": "AzureAD", "physicalIds": ["a"], "mdmAppId": null}}},
            "resource_user": "g", "access_type": "ACCESS_TYPE_COLLABORATION"});
        assert_eq!(found, expected);
    }
}
