//! Shared channels (semantics §4, stage 6).

use super::draft::Draft;
use super::findings::report_repeats;
use super::settings::sorted;
use crate::graph::document::{SharedChannel, SharedWithTeam};
use crate::snapshot::{Channel, Team};

/// The tenant's channels, sorted by id.
pub(super) fn compile(draft: &mut Draft, documents: &[SharedChannel]) -> Vec<Channel> {
    let places = documents
        .iter()
        .map(|channel| (channel.id.0.as_str(), &channel.place));
    report_repeats(&mut draft.findings, "channel", places);

    let mut channels: Vec<Channel> = documents
        .iter()
        .map(|channel| Channel {
            id: channel.id.clone(),
            members: sorted(channel.members.clone()),
            teams: teams(draft, &channel.teams),
        })
        .collect();
    channels.sort_by(|left, right| left.id.cmp(&right.id));
    channels
}

fn teams(draft: &mut Draft, documents: &[SharedWithTeam]) -> Box<[Team]> {
    let teams = documents.iter().map(|team| Team {
        tenant: team.tenant,
        group: draft.groups.of_team(team.id, &mut draft.findings),
        // No list asks the groups, an empty list is nobody: the two stay apart.
        allowed_members: team.allowed_members.clone().map(sorted),
    });
    sorted(teams.collect())
}
