//! Converts journal records to OTLP log records.
//!
//! The body is the JSON text on disk, byte for byte, so that receivers can compare the two. Attributes repeat the values
//! that pipelines need for routing and deduplication: sequence number, kind and tenants.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};
use opentelemetry_proto::tonic::resource::v1::Resource;
use serde::Deserialize;
use uuid::Uuid;

use crate::log::journal::{JournalRecord, Position, RecordKind};

/// The records of one export call.
#[derive(Debug)]
pub(super) struct Batch {
    records: Vec<LogRecord>,
    bytes: usize,
    first: u64,
    end: Position,
}

/// The members of a body that are repeated as attributes.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RoutingMembers {
    home_tenant_id: Option<String>,
    resource_tenant_id: Option<String>,
    crosstrust: CrosstrustMembers,
}

/// The member `crosstrust` of a body.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CrosstrustMembers {
    tenant_id: Option<String>,
}

impl Batch {
    /// An empty batch that starts at this position.
    pub fn new(at: Position) -> Self {
        Batch {
            records: Vec::new(),
            bytes: 0,
            first: at.seq.saturating_add(1),
            end: at,
        }
    }

    /// Adds a record. Segment headers are skipped.
    pub fn add(&mut self, log: Option<Uuid>, record: &JournalRecord) {
        self.end = record.position;
        let Some((name, severity)) = name(record.kind) else {
            return;
        };
        self.bytes += record.body.len() + OVERHEAD;
        self.records.push(log_record(log, record, name, severity));
    }

    pub fn len(&self) -> usize {
        self.records.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The position after its last record.
    pub fn end(&self) -> Position {
        self.end
    }

    /// The sequence numbers of its first and last record.
    pub fn seqs(&self) -> (u64, u64) {
        (self.first, self.end.seq)
    }

    /// The message that exports the batch.
    pub fn request(&self, resource: &[(String, String)]) -> ExportLogsServiceRequest {
        let attributes = resource.iter();
        let attributes = attributes.map(|(key, value)| text(key, value.clone()));
        let scope_logs = ScopeLogs {
            scope: Some(InstrumentationScope {
                name: "crosstrust.log".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                ..InstrumentationScope::default()
            }),
            log_records: self.records.clone(),
            ..ScopeLogs::default()
        };
        ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs {
                resource: Some(Resource {
                    attributes: attributes.collect(),
                    ..Resource::default()
                }),
                scope_logs: vec![scope_logs],
                ..ResourceLogs::default()
            }],
        }
    }
}

/// The log's id in a segment header; `None` for other records.
pub(super) fn log_id(record: &JournalRecord) -> Option<Uuid> {
    #[derive(Deserialize)]
    struct LogId {
        log: Uuid,
    }
    let is_first = record.kind == RecordKind::Segment;
    let id = is_first.then(|| serde_json::from_slice::<LogId>(&record.body));
    id?.ok().map(|id| id.log)
}

/// The event name and severity of a kind; `None` for segment headers. A gap is a warning because records are missing.
fn name(kind: RecordKind) -> Option<(&'static str, SeverityNumber)> {
    match kind {
        RecordKind::SignIn => Some(("crosstrust.sign_in", SeverityNumber::Info)),
        RecordKind::Audit => Some(("crosstrust.audit", SeverityNumber::Info)),
        RecordKind::Checkpoint => Some(("crosstrust.checkpoint", SeverityNumber::Info)),
        RecordKind::Gap => Some(("crosstrust.gap", SeverityNumber::Warn)),
        RecordKind::Segment => None,
    }
}

fn log_record(
    log: Option<Uuid>,
    record: &JournalRecord,
    name: &str,
    severity: SeverityNumber,
) -> LogRecord {
    let time = nanos(&record.time);
    LogRecord {
        time_unix_nano: time,
        observed_time_unix_nano: time,
        severity_number: severity.into(),
        severity_text: match severity {
            SeverityNumber::Warn => "WARN".to_owned(),
            _ => "INFO".to_owned(),
        },
        body: Some(AnyValue {
            value: Some(Value::StringValue(
                String::from_utf8_lossy(&record.body).into_owned(),
            )),
        }),
        attributes: attributes(log, record, name),
        event_name: name.to_owned(),
        ..LogRecord::default()
    }
}

fn attributes(log: Option<Uuid>, record: &JournalRecord, name: &str) -> Vec<KeyValue> {
    let seq = i64::try_from(record.seq).unwrap_or(i64::MAX);
    let mut attributes = vec![
        // For collectors that do not support the field `event_name` yet.
        text("event.name", name.to_owned()),
        pair("crosstrust.seq", Value::IntValue(seq)),
    ];
    if let Some(log) = log {
        let uid = format!("{log}/{}", record.seq);
        attributes.push(text("log.record.uid", uid));
    }
    let fields: RoutingMembers = serde_json::from_slice(&record.body).unwrap_or_default();
    let tenants = [
        ("crosstrust.home_tenant", fields.home_tenant_id),
        ("crosstrust.resource_tenant", fields.resource_tenant_id),
        ("crosstrust.tenant", fields.crosstrust.tenant_id),
    ];
    let tenants = tenants.into_iter();
    attributes.extend(tenants.filter_map(|(key, value)| Some(text(key, value?))));
    attributes
}

fn text(key: &str, value: String) -> KeyValue {
    pair(key, Value::StringValue(value))
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

/// OTLP: 0 means unknown time.
fn nanos(time: &str) -> u64 {
    let time = time.parse::<jiff::Timestamp>().ok();
    let nanos = time.map(jiff::Timestamp::as_nanosecond);
    nanos
        .and_then(|nanos| u64::try_from(nanos).ok())
        .unwrap_or(0)
}

/// The approximate size of a record's attributes, times and lengths.
const OVERHEAD: usize = 320;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: RecordKind, body: &str) -> JournalRecord {
        JournalRecord {
            seq: 7,
            time: "2026-11-24T18:00:00.123456789Z".to_owned(),
            kind,
            body: body.as_bytes().to_vec(),
            position: Position {
                segment: 1,
                offset: 100,
                seq: 7,
            },
            is_broken: false,
        }
    }

    fn sent(kind: RecordKind, body: &str) -> Option<LogRecord> {
        let mut batch = Batch::new(Position::default());
        batch.add(Some(Uuid::nil()), &record(kind, body));
        assert_eq!(batch.end().seq, 7);
        batch.records.pop()
    }

    fn value(record: &LogRecord, key: &str) -> Option<Value> {
        let found = record.attributes.iter().find(|pair| pair.key == key)?;
        found.value.clone()?.value
    }

    #[test]
    fn the_body_is_the_text_on_disk_and_attributes_name_its_tenants() {
        let body = r#"{"homeTenantId":"h","resourceTenantId":"r", "a":"\u001b"}"#;
        let sent = sent(RecordKind::SignIn, body).unwrap();
        let text = |text: &str| Some(Value::StringValue(text.to_owned()));
        assert_eq!(sent.body.clone().unwrap().value, text(body));
        assert_eq!(sent.time_unix_nano, 1_795_543_200_123_456_789);
        assert_eq!(value(&sent, "event.name"), text("crosstrust.sign_in"));
        assert_eq!(value(&sent, "crosstrust.seq"), Some(Value::IntValue(7)));
        let uid = "00000000-0000-0000-0000-000000000000/7";
        assert_eq!(value(&sent, "log.record.uid"), text(uid));
        assert_eq!(value(&sent, "crosstrust.home_tenant"), text("h"));
        assert_eq!(value(&sent, "crosstrust.resource_tenant"), text("r"));
        assert_eq!(value(&sent, "crosstrust.tenant"), None);
    }

    #[test]
    fn an_audit_record_has_its_tenant_as_an_attribute() {
        let body = r#"{"activityDisplayName":"a","crosstrust":{"tenantId":"t"}}"#;
        let sent = sent(RecordKind::Audit, body).unwrap();
        let tenant = Some(Value::StringValue("t".to_owned()));
        assert_eq!(value(&sent, "crosstrust.tenant"), tenant);
    }

    #[test]
    fn a_gap_is_a_warning_and_a_segment_header_is_not_sent() {
        let gap = sent(RecordKind::Gap, r#"{"reason":"queueFull"}"#).unwrap();
        assert_eq!(gap.severity_number(), SeverityNumber::Warn);
        assert!(sent(RecordKind::Segment, "{}").is_none());
    }
}
