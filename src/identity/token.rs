//! Parses a token (compact JWS): three parts, a header without dangerous members, and unambiguous JSON.
//!
//! Follows RFC 7515, RFC 7519 and the advice of RFC 8725. Uses no key, so nothing parsed here is trusted yet.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::json::read_object;
use super::{Algorithm, TokenError, TokenPart};

/// A well-formed token. Its claims are not trusted until the signature is verified.
pub(super) struct ParsedToken<'a> {
    pub header: TokenHeader,
    pub claims: Map<String, Value>,
    /// The JWS signing input: header and payload as they were sent.
    pub signed: &'a str,
    pub signature: &'a str,
}

/// The JOSE header members that are used.
pub(super) struct TokenHeader {
    pub typ: Option<String>,
    pub algorithm: Algorithm,
    pub kid: String,
}

/// Parses a compact JWS of at most `most` bytes.
pub(super) fn parse(token: &str, most: usize) -> Result<ParsedToken<'_>, TokenError> {
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
    // Decoding allocates less than the token's size. The JWT library decodes the signature a second time.
    let header = decode(header, TokenPart::Header)?;
    let payload = decode(payload, TokenPart::Payload)?;
    decode(signature, TokenPart::Signature)?;
    if header.len() > MAX_HEADER_BYTES {
        return Err(TokenError::HeaderTooLong {
            bytes: header.len(),
            most: MAX_HEADER_BYTES,
        });
    }
    Ok(ParsedToken {
        header: read_header(&object(&header, TokenPart::Header)?)?,
        claims: object(&payload, TokenPart::Payload)?,
        signed,
        signature,
    })
}

fn decode(part: &str, name: TokenPart) -> Result<Vec<u8>, TokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok();
    let bytes = bytes.filter(|bytes| !bytes.is_empty());
    bytes.ok_or(TokenError::NotBase64(name))
}

fn object(bytes: &[u8], part: TokenPart) -> Result<Map<String, Value>, TokenError> {
    read_object(bytes).map_err(|fault| TokenError::NotJson { part, fault })
}

fn read_header(header: &Map<String, Value>) -> Result<TokenHeader, TokenError> {
    if let Some(name) = FORBIDDEN_MEMBERS
        .into_iter()
        .find(|name| header.contains_key(*name))
    {
        return Err(TokenError::ForbiddenHeader(name));
    }
    let typ = text(header, "typ")?;
    let algorithm = text(header, "alg")?
        .and_then(|name| name.parse().ok())
        .ok_or(TokenError::UnknownAlgorithm)?;
    let kid = text(header, "kid")?.filter(|kid| is_key_id(kid));
    Ok(TokenHeader {
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

/// Whether a text can be a `kid`: any text that is neither empty nor too long (RFC 7517 §4.5). It is only compared with
/// other key ids, and is truncated in logs.
pub(super) fn is_key_id(text: &str) -> bool {
    (1..=MAX_KEY_ID_BYTES).contains(&text.len())
}

/// Whether `typ` is one of the accepted types, ignoring case and the prefix `application/` (RFC 7515 §4.1.9). A missing
/// `typ` is accepted: RFC 7519 §5.1 requires one only if other kinds of objects can occur.
pub(super) fn is_accepted_type(typ: Option<&str>, accepted: &[String]) -> bool {
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

/// Header members that carry or reference a key (RFC 7515 §4.1.2 to §4.1.6), or change the meaning of the rest: `crit`
/// (§4.1.11), `b64` (RFC 7797), and those of encryption and nested tokens.
const FORBIDDEN_MEMBERS: [&str; 9] = [
    "crit", "b64", "zip", "enc", "cty", "jku", "x5u", "x5c", "jwk",
];

/// Entra's headers have about 130 bytes. A `kid` of 1,024 bytes takes six times that if every byte is escaped.
const MAX_HEADER_BYTES: usize = 8 << 10;
/// Entra's `kid` has 27 or 43 bytes, Okta's and Keycloak's 43.
const MAX_KEY_ID_BYTES: usize = 1024;
