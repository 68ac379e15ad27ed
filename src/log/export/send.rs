//! Sends a batch to the collector and classifies the response.
//!
//! The OTLP specification lets exporters drop data on most errors. Audit data must not be dropped, so all errors are
//! retried, except the rejection of records that the collector reports as a partial success.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use super::record::Batch;
use crate::otlp::Collector;

/// The result of an export call.
#[derive(Debug)]
pub(super) enum ExportOutcome {
    /// The collector accepted the batch, except `refused` records.
    Accepted { refused: u64, message: String },
    /// The call failed. `pause` is the retry delay that the collector requests (`RetryInfo`).
    Retry {
        message: String,
        pause: Option<Duration>,
    },
    /// The collector calls the batch malformed (INVALID_ARGUMENT).
    Malformed { message: String },
}

/// The connection to the collector.
pub(super) struct CollectorClient {
    collector: Collector,
    client: Option<LogsServiceClient<Channel>>,
}

impl fmt::Debug for CollectorClient {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("CollectorClient")
            .field(&self.collector)
            .finish()
    }
}

impl CollectorClient {
    pub fn new(collector: Collector) -> Self {
        CollectorClient {
            collector,
            client: None,
        }
    }

    pub async fn send(&mut self, batch: &Batch, resource: &[(String, String)]) -> ExportOutcome {
        if batch.len() == 0 {
            let message = String::new();
            return ExportOutcome::Accepted {
                refused: 0,
                message,
            };
        }
        let client = match self.client() {
            Ok(client) => client,
            Err(message) => {
                return ExportOutcome::Retry {
                    message,
                    pause: None,
                };
            }
        };
        let mut request = Request::new(batch.request(resource));
        let timeout = self.collector.timeout;
        request.set_timeout(timeout);
        *request.metadata_mut() = with_headers(request.metadata(), &self.collector);
        let mut client = client;
        // The channel has the same timeout; this one also applies if the connection hangs.
        let response = tokio::time::timeout(timeout + MARGIN, client.export(request)).await;
        let response = response.unwrap_or_else(|_| Err(Status::deadline_exceeded("no response")));
        match response {
            Ok(response) => {
                let partial = response.into_inner().partial_success.unwrap_or_default();
                ExportOutcome::Accepted {
                    refused: u64::try_from(partial.rejected_log_records).unwrap_or(0),
                    message: cut(&partial.error_message),
                }
            }
            Err(status) => {
                // Reconnect for the next call: the address may lead to another host now.
                self.client = None;
                classify(&status)
            }
        }
    }

    fn client(&mut self) -> Result<LogsServiceClient<Channel>, String> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let channel = self.collector.channel().map_err(|error| chain(&error))?;
        let client = LogsServiceClient::new(channel);
        self.client = Some(client.clone());
        Ok(client)
    }
}

fn with_headers(
    metadata: &tonic::metadata::MetadataMap,
    collector: &Collector,
) -> tonic::metadata::MetadataMap {
    let mut headers = metadata.clone().into_headers();
    headers.extend(collector.headers.clone().into_headers());
    tonic::metadata::MetadataMap::from_headers(headers)
}

fn classify(status: &Status) -> ExportOutcome {
    let message = describe(status);
    match status.code() {
        Code::InvalidArgument => ExportOutcome::Malformed { message },
        _ => ExportOutcome::Retry {
            message,
            pause: status
                .get_details_retry_info()
                .and_then(|info| info.retry_delay),
        },
    }
}

fn describe(status: &Status) -> String {
    let mut text = format!("{:?}: {}", status.code(), status.message());
    if let Some(source) = status.source() {
        text = format!("{text}: {}", chain(source));
    }
    cut(&text)
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    cut(&text)
}

/// Bounds the collector's text for a log line.
fn cut(text: &str) -> String {
    let shown = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    shown.take(MAX_CHARACTERS).collect()
}

const MAX_CHARACTERS: usize = 300;
const MARGIN: Duration = Duration::from_secs(1);
