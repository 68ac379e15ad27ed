//! A server under load: its processes and address, its requests, and the check of its answers. To add another gRPC server
//! to the tables, build a [`Server`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::Result;
use rustls::ClientConfig;

use crate::process::{Process, Spent};
use crate::questions::Questions;

/// A row: a server and its requests. Several rows may share a process.
pub struct Server {
    /// The name in tables.
    pub name: String,
    /// All processes that work for an answer; their CPU time is measured.
    pub processes: Vec<Rc<Process>>,
    pub address: Address,
    /// The HTTP path; for gRPC the method, such as `/crosstrust.v1.AuthorizationService/Authorize`.
    pub method: &'static str,
    pub protocol: Protocol,
    /// The encoded requests.
    pub questions: Rc<Questions>,
    /// Decodes and checks the message of an answer. Called before the load.
    pub verify: Verify,
    /// A quick check of the first bytes of a message. Called under load for each answer.
    pub quick_check: QuickCheck,
    /// Decisions in one call.
    pub decisions: u32,
    /// Held while the server is under load: its folder.
    pub keep: Rc<dyn std::any::Any>,
}

/// How a request is sent, and where the status of its answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// A gRPC message; the status is in the trailers.
    Grpc,
    /// A JSON document; the status is HTTP's.
    Json,
    /// A GET with the request as `authorization` header; the status is HTTP's.
    Bearer,
}

pub type Verify = Rc<dyn Fn(&[u8]) -> Result<()>>;
pub type QuickCheck = Rc<dyn Fn(&[u8]) -> bool>;

#[derive(Clone)]
pub enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
    /// The certificate names `localhost`.
    Tls(SocketAddr, Arc<ClientConfig>),
}

impl Server {
    /// The CPU time of its processes.
    pub fn spent(&self) -> Result<Spent> {
        let mut sum = Spent::default();
        for process in &self.processes {
            let spent = process.spent()?;
            sum.run_ns += spent.run_ns;
            sum.wait_ns += spent.wait_ns;
        }
        Ok(sum)
    }

    /// The same process with other requests.
    pub fn with_requests(&self, name: &str, questions: Rc<Questions>, verify: Verify) -> Server {
        Server {
            name: name.to_owned(),
            processes: self.processes.clone(),
            address: self.address.clone(),
            method: self.method,
            protocol: self.protocol,
            questions,
            verify,
            quick_check: Rc::clone(&self.quick_check),
            decisions: self.decisions,
            keep: Rc::clone(&self.keep),
        }
    }
}
