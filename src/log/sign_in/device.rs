//! `deviceDetail`: the device's properties from the request and the token.

use crate::log::json::JsonObject;
use crate::log::pseudonym::{IdKind, Pseudonyms};
use crate::request::{Device, DeviceProperty, PropertyValue, Request};

/// Writes the members of `deviceDetail`.
pub(super) fn detail(object: &mut JsonObject<'_>, request: &Request, pseudonyms: &Pseudonyms) {
    let id = request.claims.device_id.as_deref();
    let id = id.or_else(|| property(request, DeviceProperty::DeviceId));
    let id = id.map(|id| pseudonyms.text(IdKind::Device, id));
    object.maybe_text("deviceId", id.as_deref());
    // A device's name often contains the user's name.
    let name = property(request, DeviceProperty::DisplayName).filter(|_| !pseudonyms.is_on());
    object.maybe_text("displayName", name);
    let platform = request.context.platform.map(|platform| platform.as_str());
    let system = property(request, DeviceProperty::OperatingSystem).or(platform);
    object.maybe_text("operatingSystem", system);
    match is_compliant(request) {
        Some(is_compliant) => object.boolean("isCompliant", is_compliant),
        None => object.null("isCompliant"),
    }
    let trust = property(request, DeviceProperty::TrustType);
    object.maybe_text("trustType", trust);
}

/// `None` if neither the request nor the token states it.
fn is_compliant(request: &Request) -> Option<bool> {
    match property(request, DeviceProperty::IsCompliant) {
        Some(word) if word.eq_ignore_ascii_case("true") => Some(true),
        Some(word) if word.eq_ignore_ascii_case("false") => Some(false),
        Some(_) | None => request.claims.compliant_device.then_some(true),
    }
}

fn property(request: &Request, property: DeviceProperty) -> Option<&str> {
    match request.context.device.as_ref()? {
        Device::Unregistered => None,
        Device::Registered(properties) => match properties.get(&property)? {
            PropertyValue::Text(text) => Some(text),
            PropertyValue::Null | PropertyValue::List(_) => None,
        },
    }
}
