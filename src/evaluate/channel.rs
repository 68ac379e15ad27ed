//! Stage 6: is the user in the shared channel that is reached? (semantics §4, Stage 6)

use super::{Failure, Notes, Question, fail};
use crate::decision::Reason;
use crate::request::UserClass;
use crate::revocation::Revocations;
use crate::snapshot::{Channel, Team};
use crate::time::Timestamp;

pub(super) fn check(
    question: &Question<'_>,
    _: &Revocations,
    _: Timestamp,
    _: &mut Notes,
) -> Result<(), Failure> {
    let Some(asked) = &question.request.channel else {
        return Ok(());
    };
    let Some(resource) = question.resource else {
        return fail(Reason::ResourceTenantUnknown);
    };
    let Some(channel) = resource.channel(asked) else {
        return fail(Reason::ChannelUnknown);
    };
    if is_member(channel, question) {
        Ok(())
    } else {
        fail(Reason::ChannelNotMember)
    }
}

/// Whether the user is in the channel. A membership that hangs on groups that are not told is none.
pub(super) fn is_member(channel: &Channel, question: &Question<'_>) -> bool {
    let request = question.request;
    // Guests cannot use shared channels (learn.microsoft.com/microsoftteams/shared-channels).
    let (Some(user), Some(home)) = (request.user, request.home.tenant()) else {
        return false;
    };
    if question.class == UserClass::Collaboration {
        return false;
    }
    let through = |team: &Team| {
        team.tenant == home
            && match &team.allowed_members {
                Some(members) => members.binary_search(&user).is_ok(),
                None => question.groups.binary_search(&team.group).is_ok(),
            }
    };
    channel.members.binary_search(&(user, home)).is_ok() || channel.teams.iter().any(through)
}
