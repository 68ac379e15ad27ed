//! Removed documents and invalid policies: rejected, and the active policies stay in force.

use super::*;

#[test]
fn a_removed_document_is_rejected_until_removals_are_allowed() {
    let mut world = follow(|_| {});
    fs::remove_file(world.path("fabrikam/default.json")).unwrap();
    let rejection = world.rejected();
    assert!(
        rejection.message.contains("fabrikam/default.json"),
        "{rejection:?}"
    );
    assert!(
        rejection
            .findings
            .iter()
            .all(|finding| finding.code == Code::Removed)
    );
    assert_eq!(world.version(), 1);

    // Other changes are blocked with it.
    fs::write(
        world.path("contoso/default.json"),
        default_settings("allowed"),
    )
    .unwrap();
    world.rejected();
    assert!(matches!(
        world.handle.reload_blocking(false),
        ReloadOutcome::Rejected(_)
    ));
    assert!(world.handle.status().stale_since.is_some());

    assert!(matches!(
        world.handle.reload_blocking(true),
        ReloadOutcome::Activated(_)
    ));
    assert_eq!(world.version(), 2);
    assert_eq!(world.handle.status().stale_since, None);
    assert_eq!(world.handle.status().last_error, None);
    // The removed document no longer blocks reloads.
    assert!(matches!(
        world.handle.reload_blocking(false),
        ReloadOutcome::Unchanged { id: Some(_) }
    ));
}

#[test]
fn a_removed_tenant_is_rejected_and_its_documents_are_named() {
    let mut world = follow(|_| {});
    fs::rename(world.path("fabrikam"), world.path(".fabrikam")).unwrap();
    let rejection = world.rejected();
    assert_eq!(rejection.findings.len(), 2, "{rejection:?}");
    fs::rename(world.path(".fabrikam"), world.path("fabrikam")).unwrap();
    wait_until("cleared", || world.handle.status().last_error.is_none());
    assert_eq!(world.version(), 1);
}

#[test]
fn an_emptied_folder_removes_no_policies() {
    let mut world = follow_with(|root| small_world::write(root, "allowed"), |_| {});
    fs::remove_dir_all(&world.root).unwrap();
    fs::create_dir(&world.root).unwrap();
    world.rejected();
    assert!(world.allows_inbound());
}

#[test]
fn removals_can_be_allowed_permanently() {
    let mut world = follow(|options| options.allow_removals = true);
    fs::remove_file(world.path("fabrikam/default.json")).unwrap();
    world.activated();
    assert!(!world.allows_inbound());
}

#[test]
fn invalid_policies_leave_the_old_ones_in_force_until_they_are_fixed() {
    let mut world = follow_with(|root| small_world::write(root, "allowed"), |_| {});
    let path = world.path("contoso/default.json");
    let complete = default_settings("blocked");
    fs::write(&path, &complete[..complete.len() / 2]).unwrap();
    let rejection = world.rejected();
    assert!(
        rejection.message.contains("contoso/default.json"),
        "{rejection:?}"
    );
    let status = world.handle.status();
    assert_eq!(status.last_error.as_ref(), Some(&rejection.message));
    assert_eq!(
        status.stale_since.map(|since| since.wall),
        Some(rejection.at)
    );
    assert!(!status.findings.is_empty());
    assert!(world.allows_inbound(), "the old policies stay in force");

    // A second fault: stale since the first.
    fs::write(&path, "{").unwrap();
    world.rejected();
    let since = world.handle.status().stale_since;
    assert_eq!(since.map(|since| since.wall), Some(rejection.at));

    fs::write(&path, &complete).unwrap();
    world.wait_until_inbound(false);
    let status = world.handle.status();
    assert_eq!((status.last_error, status.stale_since), (None, None));
}

#[test]
fn a_return_to_the_active_policies_clears_the_error_without_an_activation() {
    let mut world = follow(|_| {});
    let path = world.path("contoso/default.json");
    fs::write(&path, "[").unwrap();
    world.rejected();
    fs::write(&path, default_settings("blocked")).unwrap();
    wait_until("cleared", || world.handle.status().last_error.is_none());
    assert_eq!(world.handle.status().stale_since, None);
    assert_eq!(world.version(), 1);
}

#[test]
fn the_same_invalid_content_is_reported_only_once() {
    let mut world = follow(without_a_watcher);
    let path = world.path("contoso/default.json");
    fs::write(&path, "[").unwrap();
    world.rejected();
    let loads = world.handle.status().loads;
    // Touched: the listing changes and the content does not.
    for _ in 0..3 {
        fs::write(&path, "[").unwrap();
        let loads = world.handle.status().loads;
        wait_until("read again", || world.handle.status().loads > loads);
    }
    assert!(world.handle.status().loads >= loads + 3);
    assert_eq!(world.handle.status().rejections, 1);
    // An explicit reload still reports it.
    assert!(matches!(
        world.handle.reload_blocking(false),
        ReloadOutcome::Rejected(_)
    ));
}
