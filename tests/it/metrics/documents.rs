//! The metric names in the dashboard, the alert rules and the documentation match those of a server.

use super::*;

fn text(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Every word in a text that looks like a metric of the product.
fn metric_names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let prefixes = ["crosstrust_", "grpc_server_", "process_"];
    let metrics = words.filter(|word| prefixes.iter().any(|start| word.starts_with(start)));
    metrics.map(str::to_owned).collect()
}

/// The sample names of all families.
fn exposed_names() -> BTreeSet<String> {
    let names = FAMILIES.iter().flat_map(|family| {
        let name = family.query_name();
        match family.kind {
            MetricKind::Counter | MetricKind::Gauge => vec![name],
            MetricKind::Histogram => ["_bucket", "_sum", "_count"]
                .map(|end| name.clone() + end)
                .to_vec(),
        }
    });
    names.collect()
}

#[test]
fn a_server_exposes_every_metric_of_the_dashboard_and_of_the_alerts() {
    let server = with_log();
    count_decision(&server.metrics, Api::Check, TenantId(1), None);
    let exposed = server.scrape().names();
    // TLS and issuers have series only if configured; their families are always present.
    let sometimes = |name: &str| {
        name.contains("_tls_") || name.contains("_issuer_") || name.contains("_policies_last_scan")
    };
    for file in [
        "deploy/grafana/crosstrust.json",
        "deploy/prometheus/crosstrust.rules.yaml",
    ] {
        let text = text(file);
        let used = metric_names(&text);
        assert!(used.len() > 10, "{file}");
        for name in used {
            // Names of recording rules contain colons and are cut here.
            let is_known = exposed_names().contains(&name);
            assert!(
                is_known && (exposed.contains(&name) || sometimes(&name)),
                "{file}: {name}"
            );
        }
    }
    serde_json::from_str::<serde_json::Value>(&text("deploy/grafana/crosstrust.json")).unwrap();
}

#[test]
fn the_documentation_has_every_family_and_no_other() {
    let page = text("docs/telemetry.md");
    let rows: BTreeMap<String, Vec<String>> = page
        .lines()
        .filter(|line| line.starts_with("| `") && !line.contains("GET"))
        .map(|line| {
            let cells = line
                .trim_matches('|')
                .split('|')
                .map(|cell| cell.trim().replace('`', ""));
            let cells: Vec<String> = cells.collect();
            (cells[0].clone(), cells)
        })
        .filter(|(name, _)| !metric_names(name).is_empty())
        .collect();
    let alerts = text("deploy/prometheus/crosstrust.rules.yaml");
    let alerts: BTreeSet<&str> = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    for family in FAMILIES {
        let name = family.query_name();
        let row = rows
            .get(&name)
            .unwrap_or_else(|| panic!("{name} is not documented"));
        assert_eq!(row[1], family.labels.join(", "), "{name}");
        assert_eq!(row[2], family.help, "{name}");
    }
    assert_eq!(rows.len(), FAMILIES.len());
    let documented: BTreeSet<&str> = rows
        .values()
        .flat_map(|row| row[3].split(", "))
        .filter(|alert| !alert.is_empty())
        .collect();
    assert_eq!(
        documented, alerts,
        "the alerts of the last column and the defined alerts"
    );
}
