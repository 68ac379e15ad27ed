//! The home of a user: internal, direct connect, collaboration, or unknown.

use crosstrust::id::{AppId, GroupId, RoleId, TenantId};
use crosstrust::identity::{
    AccountHome, Algorithm, ClaimRule, Field, Issuer, IssuerName, Preset, RequestedAccess,
    SubjectError, Tenants, VerifiedToken,
};
use crosstrust::request::{
    self, AccessType, ChannelId, Context, IdentityProvider, Request, UserClass,
};
use crosstrust::vocabulary::{Cloud, IdentityProviderName, UserType};
use serde_json::{Value, json};

use crate::support::tokens::{
    OTHER_TENANT, Signer, TENANT, USER, claims, issuer, tenant, with, with_keys,
};

const ISS: &str = "https://idp.example";
const GROUP: &str = "66666666-6666-4666-8666-666666666661";
const ROLE: &str = "62e90394-69f5-4237-9190-012177145e10";
const HOME_USER: &str = "88888888-8888-4888-8888-888888888888";

fn verified_by(change: impl FnOnce(&mut Issuer), members: Value) -> VerifiedToken {
    let signer = Signer::new(Algorithm::EdDsa, "key");
    let mut issuer = issuer(ISS, Preset::EntraV2);
    change(&mut issuer);
    let (identity, _, _) = with_keys(vec![(issuer, &[&signer])]);
    let payload = with(claims(ISS), json!({ "groups": [GROUP], "wids": [ROLE] }));
    let token = signer.sign(&with(payload, members));
    VerifiedToken::clone(&identity.verify_now(&token).unwrap())
}

fn verified(members: Value) -> VerifiedToken {
    verified_by(|_| {}, members)
}

fn requested_access(resource: &str, access: Option<AccessType>) -> RequestedAccess {
    RequestedAccess {
        resource: tenant(resource),
        app: AppId(5),
        access,
        channel: Some(ChannelId("19:channel".to_owned())),
        restricting_tenant: Some(TenantId(6)),
        home_cloud: Some(Cloud::China),
        context: Context {
            client_capabilities: vec!["cp1".to_owned()],
            ..Context::default()
        },
        request_id: "question".to_owned(),
    }
}

fn request(verified: &VerifiedToken, resource: &str) -> Request {
    let request = verified
        .to_request(requested_access(resource, None))
        .unwrap();
    assert_eq!(request.contradiction(), None);
    request
}

/// The `idp` of a tenant, in its usual form.
fn idp(tenant: &str) -> String {
    format!("https://sts.windows.net/{tenant}/")
}

fn group() -> GroupId {
    GROUP.parse().unwrap()
}

fn role() -> RoleId {
    ROLE.parse().unwrap()
}

#[test]
fn a_user_of_the_resource_tenant_is_internal() {
    for idp in [json!(null), json!(idp(TENANT))] {
        let request = request(&verified(json!({ "idp": idp })), TENANT);
        assert_eq!(request.user_class(), UserClass::Internal);
        assert_eq!(request.user, Some(USER.parse().unwrap()));
        assert_eq!(
            (request.groups, request.roles),
            (vec![group()], vec![role()])
        );
        assert!(request.resource_user.is_none() && request.resource_groups.is_empty());
        assert!(!request.claims.groups_incomplete && !request.claims.roles_incomplete);
    }
}

#[test]
fn a_user_of_another_tenant_is_a_direct_connect_user_with_groups_and_without_roles() {
    let request = request(&verified(json!({})), OTHER_TENANT);
    assert_eq!(request.user_class(), UserClass::DirectConnect);
    assert_eq!(
        (request.home.tenant(), request.resource),
        (Some(tenant(TENANT)), tenant(OTHER_TENANT))
    );
    assert_eq!(request.user, Some(USER.parse().unwrap()));
    assert_eq!(request.groups, [group()]);
    assert!(request.roles.is_empty(), "roles of the home tenant");
    assert!(request.resource_user.is_none() && request.resource_groups.is_empty());
}

#[test]
fn a_guest_is_a_collaboration_user_identified_by_the_guest_object_only() {
    let forms = [
        idp(OTHER_TENANT),
        format!("https://login.microsoftonline.com/{OTHER_TENANT}/v2.0"),
        format!("https://login.microsoftonline.us/{OTHER_TENANT}/v2.0"),
        format!("https://login.partner.microsoftonline.cn/{OTHER_TENANT}/v2.0"),
        format!("https://sts.chinacloudapi.cn/{OTHER_TENANT}/"),
    ];
    for idp in forms {
        let request = request(&verified(json!({ "idp": idp, "acct": 1 })), TENANT);
        assert_eq!(request.user_class(), UserClass::Collaboration);
        assert_eq!(
            (request.home.tenant(), request.resource),
            (Some(tenant(OTHER_TENANT)), tenant(TENANT))
        );
        assert_eq!(request.user, None);
        assert_eq!(request.resource_user, Some(USER.parse().unwrap()));
        assert_eq!(request.resource_groups, [group()]);
        assert!(request.groups.is_empty());
        assert_eq!(request.roles, [role()]);
    }
}

#[test]
fn a_claim_may_name_the_home_user_of_a_guest_while_the_home_groups_stay_unknown() {
    let home_user = |issuer: &mut Issuer| {
        let rule = ClaimRule::as_is("home_oid");
        issuer.claims.set(Field::HomeUser, rule).unwrap();
    };
    let payload = |id: &str| json!({ "idp": idp(OTHER_TENANT), "home_oid": id });
    let request = request(&verified_by(home_user, payload(HOME_USER)), TENANT);
    assert_eq!(request.user, Some(HOME_USER.parse().unwrap()));
    assert!(request.groups.is_empty());
    assert!(request.claims.groups_incomplete);
    let subject = verified_by(home_user, payload("no guid")).subject;
    assert_eq!(subject, Err(SubjectError::UnknownHome));
}

#[test]
fn a_guest_whose_home_has_no_known_form_is_refused() {
    for payload in [
        json!({ "idp": "" }),
        json!({ "idp": "evil\n" }),
        json!({ "idp": "x".repeat(1025) }),
        json!({ "idp": null, "acct": 1 }),
        json!({ "idp": idp(TENANT), "acct": 1 }),
        json!({ "idp": idp(TENANT), "acct": "1" }),
        json!({ "acct": "1" }),
        json!({ "acct": true }),
        json!({ "idp": 7 }),
        json!({ "idp": [idp(OTHER_TENANT)] }),
        json!({ "idp": format!("https://sts.windows.net/{OTHER_TENANT}/x/") }),
        json!({ "idp": "https://sts.windows.net/contoso.example/" }),
        json!({ "idp": format!("http://sts.windows.net/{OTHER_TENANT}/") }),
    ] {
        let verified = verified(payload.clone());
        assert_eq!(
            verified.subject,
            Err(SubjectError::UnknownHome),
            "{payload}"
        );
        for resource in [TENANT, OTHER_TENANT] {
            let found = verified.to_request(requested_access(resource, None));
            assert_eq!(found, Err(SubjectError::UnknownHome));
        }
    }
    assert_eq!(
        verified(json!({ "acct": 0 })).subject.unwrap().home,
        AccountHome::SignInTenant
    );
}

#[test]
fn a_guest_without_a_home_tenant_is_a_collaboration_user_of_the_identity_provider() {
    use IdentityProviderName as Name;
    let saml = |issuer: &str| IdentityProvider::SamlWsFed {
        issuer: issuer.to_owned(),
    };
    let accounts = "9188040d-6c67-4c5b-b112-36a304b66dad";
    let microsoft = || IdentityProvider::Named(Name::MicrosoftAccount);
    for (idp_claim, provider) in [
        ("live.com".to_owned(), microsoft()),
        (idp(accounts), microsoft()),
        (accounts.to_owned(), microsoft()),
        (
            "mail".to_owned(),
            IdentityProvider::Named(Name::EmailOneTimePasscode),
        ),
        (
            "google.com".to_owned(),
            IdentityProvider::Named(Name::Google),
        ),
        (
            "facebook.com".to_owned(),
            IdentityProvider::Named(Name::Facebook),
        ),
        ("urn:litware:idp".to_owned(), saml("urn:litware:idp")),
        (
            format!("https://evil.example/{OTHER_TENANT}/"),
            saml(&format!("https://evil.example/{OTHER_TENANT}/")),
        ),
    ] {
        let verified = verified(json!({ "idp": idp_claim, "acct": 1 }));
        let request = request(&verified, TENANT);
        assert_eq!(request.home, request::Home::Provider(provider));
        assert_eq!(request.user_class(), UserClass::Collaboration);
        assert_eq!(request.resource_user, Some(USER.parse().unwrap()));
        assert_eq!(request.resource_groups, [group()]);
        assert_eq!(request.roles, [role()]);
        assert_eq!((request.user, request.home_cloud), (None, None));
        assert!(request.groups.is_empty());
        let direct = requested_access(TENANT, Some(AccessType::DirectConnect));
        assert_eq!(
            verified.to_request(direct),
            Err(SubjectError::AccessTypeMismatch)
        );
        let third = requested_access(OTHER_TENANT, None);
        assert_eq!(
            verified.to_request(third),
            Err(SubjectError::AccessTypeMismatch)
        );
    }
}

#[test]
fn a_token_has_an_issuing_tenant_only_if_its_issuer_belongs_to_one_tenant() {
    let own = Some(tenant(TENANT));
    let exact = |tenants| {
        let change = |issuer: &mut Issuer| issuer.tenants = tenants;
        verified_by(change, json!({})).issuing_tenant
    };
    assert_eq!(exact(Tenants::Listed(vec![tenant(TENANT)])), own);
    let two = vec![tenant(TENANT), tenant(OTHER_TENANT)];
    assert_eq!(exact(Tenants::Listed(two)), None);
    assert_eq!(exact(Tenants::Any), None);
    let fixed = |issuer: &mut Issuer| issuer.tenants = Tenants::Fixed(tenant(TENANT));
    assert_eq!(
        verified_by(fixed, json!({ "tid": null })).issuing_tenant,
        own
    );
    let multi_tenant = |issuer: &mut Issuer| {
        issuer.iss = IssuerName::PerTenant {
            before: "https://login.example/".to_owned(),
            after: "/v2.0".to_owned(),
        };
    };
    let iss = format!("https://login.example/{TENANT}/v2.0");
    let verified = verified_by(multi_tenant, json!({ "iss": iss }));
    assert_eq!(verified.issuing_tenant, own);
    assert_eq!(request(&verified, OTHER_TENANT).issuing_tenant, own);
}

#[test]
fn a_guest_in_one_tenant_cannot_access_a_third() {
    let guest = verified(json!({ "idp": idp(OTHER_TENANT) }));
    for resource in [OTHER_TENANT, "99999999-9999-4999-8999-999999999999"] {
        for access in [
            None,
            Some(AccessType::DirectConnect),
            Some(AccessType::Collaboration),
        ] {
            let found = guest.to_request(requested_access(resource, access));
            assert_eq!(found, Err(SubjectError::AccessTypeMismatch));
        }
    }
}

#[test]
fn a_route_with_another_access_type_than_the_token_is_a_mismatch() {
    let (member, guest) = (
        verified(json!({})),
        verified(json!({ "idp": idp(OTHER_TENANT) })),
    );
    let direct = Some(AccessType::DirectConnect);
    let collaboration = Some(AccessType::Collaboration);
    for (verified, resource, access, expected) in [
        (&member, OTHER_TENANT, direct, Ok(UserClass::DirectConnect)),
        (
            &member,
            OTHER_TENANT,
            collaboration,
            Err(SubjectError::AccessTypeMismatch),
        ),
        (&guest, TENANT, collaboration, Ok(UserClass::Collaboration)),
        (
            &guest,
            TENANT,
            direct,
            Err(SubjectError::AccessTypeMismatch),
        ),
        (&member, TENANT, direct, Ok(UserClass::Internal)),
        (&member, TENANT, collaboration, Ok(UserClass::Internal)),
    ] {
        let found = verified.to_request(requested_access(resource, access));
        assert_eq!(found.map(|request| request.user_class()), expected);
    }
}

#[test]
fn for_an_issuer_with_a_fixed_tenant_the_route_sets_the_access_type() {
    let fixed = |issuer: &mut Issuer| issuer.tenants = Tenants::Fixed(tenant(TENANT));
    // The `idp` claim of such an issuer is ignored.
    let verified = verified_by(fixed, json!({ "tid": null, "idp": "google", "acct": 1 }));
    assert_eq!(verified.subject.as_ref().unwrap().home, AccountHome::Fixed);
    let request = |resource, access| {
        let request = verified
            .to_request(requested_access(resource, access))
            .unwrap();
        assert_eq!(request.contradiction(), None);
        assert_eq!(request.home, tenant(TENANT));
        assert_eq!(request.user, Some(USER.parse().unwrap()));
        assert_eq!(request.groups, [group()]);
        assert_eq!(request.resource_user, None);
        request
    };
    assert_eq!(request(TENANT, None).user_class(), UserClass::Internal);
    assert_eq!(request(TENANT, None).roles, [role()]);
    let direct = request(OTHER_TENANT, None);
    assert_eq!(direct.user_class(), UserClass::DirectConnect);
    assert!(direct.roles.is_empty());
    let guest = request(OTHER_TENANT, Some(AccessType::Collaboration));
    assert_eq!(guest.user_class(), UserClass::Collaboration);
    // The groups and roles of the guest object are not available: unknown, and not empty.
    assert!(guest.roles.is_empty() && guest.resource_groups.is_empty());
    assert!(guest.claims.groups_incomplete && guest.claims.roles_incomplete);
}

#[test]
fn an_external_user_type_that_contradicts_the_user_class_is_dropped_or_refused() {
    let typed = |kind: UserType, members: Value| {
        let payload = with(members, json!({ "kind": kind.as_str() }));
        verified_by(
            |issuer| {
                let rule = ClaimRule::as_is("kind");
                issuer.claims.set(Field::ExternalUserType, rule).unwrap();
            },
            payload,
        )
    };
    for kind in UserType::ALL.iter().copied() {
        let guest = typed(kind, json!({ "idp": idp(OTHER_TENANT) }));
        let found = request(&guest, TENANT).external_user_type;
        let is_possible = !matches!(kind, UserType::InternalGuest | UserType::DirectConnectUser);
        assert_eq!(found, is_possible.then_some(kind));
        let direct = typed(kind, json!({}));
        let found = request(&direct, OTHER_TENANT).external_user_type;
        let is_possible = kind == UserType::DirectConnectUser;
        assert_eq!(found, is_possible.then_some(kind));
        // An internal user is an internal guest or not an external user.
        let internal = typed(kind, json!({})).to_request(requested_access(TENANT, None));
        let expected = if kind == UserType::InternalGuest {
            Ok(Some(kind))
        } else {
            Err(SubjectError::UnknownHome)
        };
        assert_eq!(internal.map(|request| request.external_user_type), expected);
    }
}

#[test]
fn the_requested_access_is_copied_into_the_request_and_client_capabilities_are_joined() {
    let verified = verified(json!({ "xms_cc": ["cp1", "other"] }));
    let request = request(&verified, OTHER_TENANT);
    let requested = requested_access(OTHER_TENANT, None);
    assert_eq!(request.app, requested.app);
    assert_eq!(request.channel, requested.channel);
    assert_eq!(request.restricting_tenant, requested.restricting_tenant);
    assert_eq!(request.home_cloud, requested.home_cloud);
    assert_eq!(request.request_id, requested.request_id);
    assert_eq!(request.context.client_capabilities, ["cp1", "other"]);
    assert_eq!(request.claims, verified.claims);
}
