//! Shared channels (semantics §4, stage 6).

use super::builder::SnapshotBuilder;
use super::findings::report_duplicates;
use super::settings::sorted;
use crate::graph::document::{SharedChannel, SharedWithTeam};
use crate::snapshot::{Channel, Team};

/// The tenant's channels, sorted by id.
pub(super) fn compile(builder: &mut SnapshotBuilder, documents: &[SharedChannel]) -> Vec<Channel> {
    let places = documents
        .iter()
        .map(|channel| (channel.id.0.as_str(), &channel.place));
    report_duplicates(&mut builder.findings, "channel", places);

    let mut channels: Vec<Channel> = documents
        .iter()
        .map(|channel| Channel {
            id: channel.id.clone(),
            members: sorted(channel.members.clone()),
            teams: teams(builder, &channel.teams),
        })
        .collect();
    channels.sort_by(|left, right| left.id.cmp(&right.id));
    channels
}

fn teams(builder: &mut SnapshotBuilder, documents: &[SharedWithTeam]) -> Box<[Team]> {
    let teams = documents.iter().map(|team| Team {
        tenant: team.tenant,
        group: builder.groups.of_team(team.id, &mut builder.findings),
        // Without a list group membership counts; an empty list allows no member.
        allowed_members: team.allowed_members.clone().map(sorted),
    });
    sorted(teams.collect())
}
