//! A mix of all calls, for which a profile-guided build is optimised (`deploy/release/build`).
//!
//! The program is ended by SIGTERM, because a killed program writes no profile.

use std::path::Path;
use std::rc::Rc;

use anyhow::{Context, Result};
use crosstrust::identity::Algorithm;
use crosstrust_counts::issuer::Issuer;

use crate::load::{self, Shape};
use crate::questions::Questions;
use crate::server::{Log, Server};

pub fn train(program: &Path) -> Result<()> {
    let program = program.canonicalize().context("cannot find the program")?;
    let issuer = Issuer::new(Algorithm::Rs256);
    // With the log for fresh decisions, without it for cached ones.
    for log in [Log::Strict, Log::Off] {
        let server = Server::start(&[&program], &issuer, log)?;
        mix(&server, &issuer, 0)?;
        // The second half runs with policies that were activated under load.
        server.add_a_partner()?;
        load::run(
            server.address,
            Shape::SEQUENTIAL,
            1,
            &Rc::new(Questions::reload()),
        )?;
        mix(&server, &issuer, 1 << 20)?;
        server.stop()?;
    }
    Ok(())
}

/// `first` is the number of the first new user.
fn mix(server: &Server, issuer: &Issuer, first: u128) -> Result<()> {
    let run =
        |shape, calls, questions| load::run(server.address, shape, calls, &Rc::new(questions));
    let concurrent = |calls, questions| run(Shape::CONCURRENT, calls, questions);
    let sequential = |calls, questions| run(Shape::SEQUENTIAL, calls, questions);
    for groups in [5, 50, 200] {
        concurrent(4000, Questions::allowed(0..500, groups))?;
        let new = first + (groups << 12);
        concurrent(2000, Questions::allowed(new..new + 2000, groups))?;
        concurrent(1000, Questions::denied(0..500, groups))?;
        // Eighty concurrent batches are more fresh decisions than the journal's queue holds.
        sequential(60, Questions::batches(0..30, groups))?;
        sequential(500, Questions::allowed(0..500, groups))?;
        sequential(50, Questions::explained(0..50, groups))?;
    }
    concurrent(4000, Questions::checks(0..200, issuer))
}
