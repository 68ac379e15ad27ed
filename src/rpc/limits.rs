//! How much a caller may ask for at once. One past a limit is refused, never cut off.
//!
//! The sizes fit any request that a gateway has reason to make; the counts keep the work of one request small whatever its bytes are.

/// What a request may hold at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an Authorize or Explain message. 1,024 groups and all other facts take less than 64 KiB.
    pub authorize_bytes: usize,
    /// Bytes of an AuthorizeBatch message.
    pub batch_bytes: usize,
    /// Bytes of a Check message: a request's headers, a token among them.
    pub check_bytes: usize,
    /// Requests of a batch.
    pub batch_items: usize,
    /// Groups of a user, in each of the two tenants. A token has 200 (learn.microsoft.com/entra/identity-platform/
    /// configurable-optional-claims, group overage), Graph gives more.
    pub groups: usize,
    /// Directory roles of a user.
    pub roles: usize,
    /// Members of every other list.
    pub list_items: usize,
    /// Properties of a device, and custom security attributes of an application.
    pub properties: usize,
    /// Bytes of a text that is no id and no word: a channel, a session, a property's value, …
    pub text_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
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
