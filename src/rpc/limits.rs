//! Limits on requests. A request beyond a limit is rejected, never truncated.
//!
//! The sizes are sufficient for any realistic request of a gateway. The counts bound the work for one request.

/// The maximum size of a request and its lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// Bytes of an Authorize or Explain message. 1,024 groups and all other fields take less than 64 KiB.
    pub authorize_bytes: usize,
    /// Bytes of an AuthorizeBatch message.
    pub batch_bytes: usize,
    /// Bytes of a Check message, which contains the headers of an HTTP request with a token.
    pub check_bytes: usize,
    /// Requests in a batch.
    pub batch_items: usize,
    /// Groups of a user, in each of the two tenants. A token has at most 200 (learn.microsoft.com/entra/identity-platform/
    /// configurable-optional-claims, group overage); Graph returns more.
    pub groups: usize,
    /// Directory roles of a user.
    pub roles: usize,
    /// Items of any other list.
    pub list_items: usize,
    /// Properties of a device, and custom security attributes of an application.
    pub properties: usize,
    /// Bytes of a free text, such as a channel, a session or the value of a property.
    pub text_bytes: usize,
}

impl Default for RequestLimits {
    fn default() -> Self {
        RequestLimits {
            authorize_bytes: 128 * 1024,
            batch_bytes: 1024 * 1024,
            check_bytes: 256 * 1024,
            batch_items: 100,
            groups: 1024,
            roles: 256,
            list_items: 256,
            properties: 256,
            text_bytes: 1024,
        }
    }
}
