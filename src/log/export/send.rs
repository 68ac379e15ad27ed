//! One call to the collector, and what its answer means.
//!
//! OTLP would have some errors end in data loss. These are records of who came in: everything is tried again, but for
//! what the collector itself says that it has dealt with.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use super::record::Batch;
use crate::otlp::Collector;

/// What became of a batch.
#[derive(Debug)]
pub(super) enum Answer {
    /// The collector has it, but for some that it will never take.
    Taken { refused: u64, message: String },
    /// Not now; `pause` is what the collector asks for.
    Later {
        message: String,
        pause: Option<Duration>,
    },
    /// Not like this: too much, or malformed.
    Unfit { message: String },
}

/// The connection.
pub(super) struct Sender {
    collector: Collector,
    client: Option<LogsServiceClient<Channel>>,
}

impl fmt::Debug for Sender {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Sender").field(&self.collector).finish()
    }
}

impl Sender {
    pub fn new(collector: Collector) -> Self {
        Sender {
            collector,
            client: None,
        }
    }

    pub async fn send(&mut self, batch: &Batch, resource: &[(String, String)]) -> Answer {
        if batch.len() == 0 {
            let message = String::new();
            return Answer::Taken {
                refused: 0,
                message,
            };
        }
        let client = match self.client() {
            Ok(client) => client,
            Err(message) => {
                return Answer::Later {
                    message,
                    pause: None,
                };
            }
        };
        let mut request = Request::new(batch.request(resource));
        let timeout = self.collector.timeout;
        request.set_timeout(timeout);
        *request.metadata_mut() = with(request.metadata(), &self.collector);
        let mut client = client;
        // The channel has the same bound; this one holds whatever becomes of the connection.
        let answer = tokio::time::timeout(timeout + MARGIN, client.export(request)).await;
        let answer = answer.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer")));
        match answer {
            Ok(response) => {
                let partial = response.into_inner().partial_success.unwrap_or_default();
                Answer::Taken {
                    refused: u64::try_from(partial.rejected_log_records).unwrap_or(0),
                    message: cut(&partial.error_message),
                }
            }
            Err(status) => {
                // A new connection next time: this one may lead to where nobody is any more.
                self.client = None;
                meaning(&status)
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

fn with(
    metadata: &tonic::metadata::MetadataMap,
    collector: &Collector,
) -> tonic::metadata::MetadataMap {
    let mut headers = metadata.clone().into_headers();
    headers.extend(collector.headers.clone().into_headers());
    tonic::metadata::MetadataMap::from_headers(headers)
}

fn meaning(status: &Status) -> Answer {
    let message = describe(status);
    match status.code() {
        Code::InvalidArgument => Answer::Unfit { message },
        _ => Answer::Later {
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

/// A stranger's text, on its way to a log line.
fn cut(text: &str) -> String {
    let shown = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    shown.take(LONGEST).collect()
}

const LONGEST: usize = 300;
const MARGIN: Duration = Duration::from_secs(1);
