//! The part of Cerbos's API that a request needs (cerbos/request/v1, cerbos/engine/v1, cerbos/response/v1).

use std::collections::HashMap;

use prost::Message;
use prost_types::Value;

pub const CHECK_RESOURCES: &str = "/cerbos.svc.v1.CerbosService/CheckResources";

#[derive(Clone, PartialEq, Message)]
pub struct CheckResourcesRequest {
    #[prost(string, tag = "1")]
    pub request_id: String,
    #[prost(message, optional, tag = "3")]
    pub principal: Option<Principal>,
    #[prost(message, repeated, tag = "4")]
    pub resources: Vec<ResourceEntry>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Principal {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(string, repeated, tag = "3")]
    pub roles: Vec<String>,
    #[prost(map = "string, message", tag = "4")]
    pub attr: HashMap<String, Value>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ResourceEntry {
    #[prost(string, repeated, tag = "1")]
    pub actions: Vec<String>,
    #[prost(message, optional, tag = "2")]
    pub resource: Option<Resource>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Resource {
    #[prost(string, tag = "1")]
    pub kind: String,
    #[prost(string, tag = "3")]
    pub id: String,
    #[prost(map = "string, message", tag = "4")]
    pub attr: HashMap<String, Value>,
    #[prost(string, tag = "5")]
    pub scope: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct CheckResourcesResponse {
    #[prost(message, repeated, tag = "2")]
    pub results: Vec<ResultEntry>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ResultEntry {
    #[prost(map = "string, int32", tag = "2")]
    pub actions: HashMap<String, i32>,
}

/// cerbos.effect.v1.Effect.
pub const EFFECT_ALLOW: i32 = 1;
