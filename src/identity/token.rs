//! A token's form: three parts, a header that says nothing dangerous, and JSON that can be read in one way only.
//!
//! RFC 7515, RFC 7519 and the advice of RFC 8725. What stands here looks at no key and believes nothing yet.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::json::read_object;
use super::{Algorithm, Part, TokenError};

/// A token that is well formed. Its claims are anybody's until the signature is checked.
pub(super) struct Token<'a> {
    pub header: Header,
    pub claims: Map<String, Value>,
    /// Header and payload, as they are signed.
    pub signed: &'a str,
    pub signature: &'a str,
}

/// What is read of a header.
pub(super) struct Header {
    pub typ: Option<String>,
    pub algorithm: Algorithm,
    pub kid: String,
}

/// Reads a compact JWS of at most `most` bytes.
pub(super) fn read(token: &str, most: usize) -> Result<Token<'_>, TokenError> {
    let bytes = token.len();
    if bytes > most {
        return Err(TokenError::TooLong { bytes, most });
    }
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenError::NotThreeParts);
    };
    let signed = token
        .strip_suffix(signature)
        .and_then(|rest| rest.strip_suffix('.'))
        .ok_or(TokenError::NotThreeParts)?;
    // Decoding allocates less than the token has; the library decodes the signature once more.
    let header = decode(header, Part::Header)?;
    let payload = decode(payload, Part::Payload)?;
    decode(signature, Part::Signature)?;
    if header.len() > MOST_HEADER_BYTES {
        return Err(TokenError::HeaderTooLong {
            bytes: header.len(),
            most: MOST_HEADER_BYTES,
        });
    }
    Ok(Token {
        header: read_header(&object(&header, Part::Header)?)?,
        claims: object(&payload, Part::Payload)?,
        signed,
        signature,
    })
}

fn decode(part: &str, name: Part) -> Result<Vec<u8>, TokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok();
    let bytes = bytes.filter(|bytes| !bytes.is_empty());
    bytes.ok_or(TokenError::NotBase64(name))
}

fn object(bytes: &[u8], part: Part) -> Result<Map<String, Value>, TokenError> {
    read_object(bytes).map_err(|fault| TokenError::NotJson { part, fault })
}

fn read_header(header: &Map<String, Value>) -> Result<Header, TokenError> {
    if let Some(name) = FORBIDDEN
        .into_iter()
        .find(|name| header.contains_key(*name))
    {
        return Err(TokenError::Forbidden(name));
    }
    let typ = text(header, "typ")?;
    let algorithm = text(header, "alg")?
        .and_then(|name| name.parse().ok())
        .ok_or(TokenError::UnknownAlgorithm)?;
    let kid = text(header, "kid")?.filter(|kid| is_key_id(kid));
    Ok(Header {
        typ: typ.map(str::to_owned),
        algorithm,
        kid: kid.ok_or(TokenError::NoKeyId)?.to_owned(),
    })
}

fn text<'a>(
    header: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a str>, TokenError> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(TokenError::HeaderNotText(name)),
    }
}

/// Whether a text may be a key's id: any text that is not empty and not too long (RFC 7517 §4.5). It is only ever
/// compared with other ids, and shortened where it is logged.
pub(super) fn is_key_id(text: &str) -> bool {
    (1..=MOST_KEY_ID_BYTES).contains(&text.len())
}

/// Whether a header's `typ` is one of these: without case, and with or without `application/` (RFC 7515 §4.1.9).
/// None at all is accepted: RFC 7519 §5.1 asks for one only where other things could be meant.
pub(super) fn is_of_type(typ: Option<&str>, accepted: &[String]) -> bool {
    let Some(typ) = typ else {
        return true;
    };
    let bare = |text: &str| {
        let lower = text.to_ascii_lowercase();
        lower
            .strip_prefix("application/")
            .map(str::to_owned)
            .unwrap_or(lower)
    };
    let typ = bare(typ);
    accepted.iter().any(|one| bare(one) == typ)
}

/// Members that bring their own key (RFC 7515 §4.1.2 to §4.1.6), or change what the rest means: `crit` (§4.1.11),
/// `b64` (RFC 7797), and those of encryption and nesting.
const FORBIDDEN: [&str; 9] = [
    "crit", "b64", "zip", "enc", "cty", "jku", "x5u", "x5c", "jwk",
];

/// Entra's have some 130; a `kid` of 1,024 bytes takes six times that where all of it is escaped.
const MOST_HEADER_BYTES: usize = 8 << 10;
/// Entra's have 27 or 43, Okta's and Keycloak's 43.
const MOST_KEY_ID_BYTES: usize = 1024;
