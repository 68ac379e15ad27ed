//! Conversions from owned messages of the generated types.

use super::super::proto;
use super::{AuthorizeBatchRequest, AuthorizeRequest, ClaimsMessage, ContextMessage, GroupList};

impl<'a> From<&'a proto::AuthorizeRequest> for AuthorizeRequest<'a> {
    fn from(message: &'a proto::AuthorizeRequest) -> Self {
        // Destructured without `..`, so that a new field cannot be forgotten.
        let proto::AuthorizeRequest {
            home_tenant,
            resource_tenant,
            user,
            groups,
            app,
            claims,
            access_type,
            channel,
            context,
            roles,
            client_app,
            external_user_type,
            resource_user,
            resource_groups,
            home_cloud,
            restricting_tenant,
            request_id,
            token,
            identity_provider,
            identity_provider_issuer,
        } = message;
        AuthorizeRequest {
            home_tenant,
            resource_tenant,
            user,
            groups: GroupList::from(groups.as_slice()),
            app,
            claims: claims.as_ref().map(ClaimsMessage::from),
            access_type: *access_type,
            channel,
            context: context.as_ref().map(ContextMessage::from),
            roles: texts(roles),
            client_app,
            external_user_type,
            resource_user,
            resource_groups: GroupList::from(resource_groups.as_slice()),
            home_cloud,
            restricting_tenant,
            request_id,
            token,
            identity_provider,
            identity_provider_issuer,
        }
    }
}

impl<'a> From<&'a proto::Claims> for ClaimsMessage<'a> {
    fn from(message: &'a proto::Claims) -> Self {
        // Destructured without `..`, so that a new field cannot be forgotten.
        let proto::Claims {
            expires_at,
            issued_at,
            auth_time,
            mfa,
            resource_mfa,
            compliant_device,
            hybrid_joined_device,
            authentication_methods,
            resource_authentication_methods,
            authentication_contexts,
            device_id,
            session_id,
            groups_incomplete,
            roles_incomplete,
            accepted_terms_of_use,
            accepted_custom_controls,
            authenticator_aaguid,
            certificate_issuer_skis,
            certificate_policy_oids,
        } = message;
        ClaimsMessage {
            expires_at: *expires_at,
            issued_at: *issued_at,
            auth_time: *auth_time,
            mfa: *mfa,
            resource_mfa: *resource_mfa,
            compliant_device: *compliant_device,
            hybrid_joined_device: *hybrid_joined_device,
            authentication_methods: texts(authentication_methods),
            resource_authentication_methods: texts(resource_authentication_methods),
            authentication_contexts: texts(authentication_contexts),
            device_id,
            session_id,
            groups_incomplete: *groups_incomplete,
            roles_incomplete: *roles_incomplete,
            accepted_terms_of_use: texts(accepted_terms_of_use),
            accepted_custom_controls: texts(accepted_custom_controls),
            authenticator_aaguid,
            certificate_issuer_skis: texts(certificate_issuer_skis),
            certificate_policy_oids: texts(certificate_policy_oids),
        }
    }
}

impl<'a> From<&'a proto::Context> for ContextMessage<'a> {
    fn from(message: &'a proto::Context) -> Self {
        // Destructured without `..`, so that a new field cannot be forgotten.
        let proto::Context {
            ip_address,
            country,
            platform,
            client_app_type,
            sign_in_risk,
            user_risk,
            insider_risk,
            device,
            app_attributes,
            approved_application,
            app_protection,
            password_changed,
            risk_remediated,
            user_action,
            authentication_context,
            authentication_flow,
            client_capabilities,
            country_source,
        } = message;
        ContextMessage {
            ip_address,
            country,
            platform,
            client_app_type,
            sign_in_risk,
            user_risk,
            insider_risk,
            device: device.clone(),
            app_attributes: app_attributes.clone(),
            approved_application: *approved_application,
            app_protection: *app_protection,
            password_changed: *password_changed,
            risk_remediated: *risk_remediated,
            user_action,
            authentication_context,
            authentication_flow,
            client_capabilities: texts(client_capabilities),
            country_source,
        }
    }
}

impl<'a> From<&'a proto::AuthorizeBatchRequest> for AuthorizeBatchRequest<'a> {
    fn from(message: &'a proto::AuthorizeBatchRequest) -> Self {
        let proto::AuthorizeBatchRequest { requests } = message;
        AuthorizeBatchRequest {
            requests: requests.iter().map(AuthorizeRequest::from).collect(),
        }
    }
}

impl<'a> From<&'a [String]> for GroupList<'a> {
    fn from(list: &'a [String]) -> Self {
        let mut groups = GroupList::default();
        list.iter().for_each(|text| groups.push(text));
        groups
    }
}

fn texts(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}
