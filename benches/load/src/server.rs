//! What is put under load, whatever it is made of: a process, where it listens, what it is asked, and what makes an
//! answer of it a right one. Another gRPC server gets into the tables by being one of these.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::Result;
use rustls::ClientConfig;

use crate::process::{Process, Spent};
use crate::questions::Questions;

/// One row: a server and what it is asked. Several rows may share a process.
pub struct Server {
    /// What tables call it.
    pub name: String,
    /// All that work for an answer; the kernel tells what they cost.
    pub processes: Vec<Rc<Process>>,
    pub address: Address,
    /// The path, mostly that of a gRPC method, such as `/crosstrust.v1.AuthorizationService/Authorize`.
    pub method: &'static str,
    pub manner: Manner,
    /// The bytes of its requests.
    pub questions: Rc<Questions>,
    /// Reads one answer's message, and says what is wrong with it. Called apart from the load.
    pub verify: Verify,
    /// Whether an answer's message looks right. Called under load with the beginning of each answer, so it is quick.
    pub glance: Glance,
    /// Decisions in one call.
    pub decisions: u32,
    /// What has to be there as long as it is under load: its folder.
    pub keep: Rc<dyn std::any::Any>,
}

/// How a question is put, and how its answer tells that it is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// A message in gRPC's frame; the status comes in the trailers.
    Grpc,
    /// A JSON document; the status is HTTP's.
    Json,
    /// A GET, and the question is its `authorization` header; the status is HTTP's.
    Bearer,
}

pub type Verify = Rc<dyn Fn(&[u8]) -> Result<()>>;
pub type Glance = Rc<dyn Fn(&[u8]) -> bool>;

#[derive(Clone)]
pub enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
    /// The certificate names `localhost`.
    Tls(SocketAddr, Arc<ClientConfig>),
}

impl Server {
    /// What its processes have spent.
    pub fn spent(&self) -> Result<Spent> {
        let mut sum = Spent::default();
        for process in &self.processes {
            let spent = process.spent()?;
            sum.run_ns += spent.run_ns;
            sum.wait_ns += spent.wait_ns;
        }
        Ok(sum)
    }

    /// The same process, asked something else.
    pub fn asked(&self, name: &str, questions: Rc<Questions>, verify: Verify) -> Server {
        Server {
            name: name.to_owned(),
            processes: self.processes.clone(),
            address: self.address.clone(),
            method: self.method,
            manner: self.manner,
            questions,
            verify,
            glance: Rc::clone(&self.glance),
            decisions: self.decisions,
            keep: Rc::clone(&self.keep),
        }
    }
}
