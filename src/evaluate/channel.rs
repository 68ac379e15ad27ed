//! Stage 6: the user is a member of the requested shared channel (semantics §4, Stage 6).

use super::{Evaluation, Notes, StageFailure, fail};
use crate::decision::Reason;
use crate::request::UserClass;
use crate::revocation::Revocations;
use crate::snapshot::{Channel, Team};
use crate::time::Timestamp;

pub(super) fn check(
    evaluation: &Evaluation<'_>,
    _: &Revocations,
    _: Timestamp,
    _: &mut Notes,
) -> Result<(), StageFailure> {
    let Some(channel_id) = &evaluation.request.channel else {
        return Ok(());
    };
    let Some(resource) = evaluation.resource else {
        return fail(Reason::ResourceTenantUnknown);
    };
    let Some(channel) = resource.channel(channel_id) else {
        return fail(Reason::ChannelUnknown);
    };
    if is_member(channel, evaluation) {
        Ok(())
    } else {
        fail(Reason::ChannelNotMember)
    }
}

/// Whether the user is a member of the channel. A membership through unknown groups does not count.
pub(super) fn is_member(channel: &Channel, evaluation: &Evaluation<'_>) -> bool {
    let request = evaluation.request;
    // Guests cannot use shared channels (learn.microsoft.com/microsoftteams/shared-channels).
    let (Some(user), Some(home)) = (request.user, request.home.tenant()) else {
        return false;
    };
    if evaluation.class == UserClass::Collaboration {
        return false;
    }
    let is_in_team = |team: &Team| {
        team.tenant == home
            && match &team.allowed_members {
                Some(members) => members.binary_search(&user).is_ok(),
                None => evaluation.groups.binary_search(&team.group).is_ok(),
            }
    };
    channel.members.binary_search(&(user, home)).is_ok() || channel.teams.iter().any(is_in_team)
}
