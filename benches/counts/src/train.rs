//! All that the program is for, in a mix: what a profile-guided build is optimised for (`deploy/release/build`).
//!
//! Ended by SIGTERM: a program that is killed writes no profile.

use std::path::Path;
use std::rc::Rc;

use anyhow::{Context, Result};
use crosstrust::identity::Algorithm;
use crosstrust_counts::issuer::Issuer;

use crate::load::{self, Shape};
use crate::questions::Questions;
use crate::server::{Log, Server};

pub fn train(program: &Path) -> Result<()> {
    let program = program.canonicalize().context("no such program")?;
    let issuer = Issuer::new(Algorithm::Rs256);
    // With records for what decides anew, without for what is asked most.
    for log in [Log::Strict, Log::Off] {
        let server = Server::start(&[&program], &issuer, log)?;
        mix(&server, &issuer, 0)?;
        // The second half meets policies that were put in force under load.
        server.add_a_partner()?;
        load::run(
            server.address,
            Shape::ALONE,
            1,
            &Rc::new(Questions::reload()),
        )?;
        mix(&server, &issuer, 1 << 20)?;
        server.stop()?;
    }
    Ok(())
}

/// Users from this number on are new.
fn mix(server: &Server, issuer: &Issuer, first: u128) -> Result<()> {
    let ask =
        |shape, calls, questions| load::run(server.address, shape, calls, &Rc::new(questions));
    let together = |calls, questions| ask(Shape::TOGETHER, calls, questions);
    let alone = |calls, questions| ask(Shape::ALONE, calls, questions);
    for groups in [5, 50, 200] {
        together(4000, Questions::allowed(0..500, groups))?;
        let new = first + (groups << 12);
        together(2000, Questions::allowed(new..new + 2000, groups))?;
        together(1000, Questions::denied(0..500, groups))?;
        // Eighty batches at once are more new decisions than the journal has room for.
        alone(60, Questions::batches(0..30, groups))?;
        alone(500, Questions::allowed(0..500, groups))?;
        alone(50, Questions::explained(0..50, groups))?;
    }
    together(4000, Questions::checks(0..200, issuer))
}
