//! regorus, in process: the Rego that OPA's server gets, compiled once; by its interpreter and by its virtual machine.

use std::rc::Rc;

use anyhow::{Result, bail};
use crosstrust::request::Request;
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::{CompiledPolicy, Value};

use super::facts::Facts;
use super::rego;

const ALLOW: &str = "data.crosstenant.allow";

pub struct Regorus {
    pub interpreter: Interpreter,
    pub machine: Machine,
}

pub struct Interpreter {
    policy: CompiledPolicy,
    inputs: Rc<[Value]>,
}

pub struct Machine {
    machine: RegoVM,
    inputs: Rc<[Value]>,
}

impl Regorus {
    pub fn of(facts: &Facts, requests: &[Request]) -> Result<Self> {
        let mut engine = regorus::Engine::new();
        engine.add_policy("crosstenant.rego".into(), rego::POLICY.into())?;
        engine.add_policy("plain.rego".into(), rego::PLAIN.into())?;
        let data = Value::from(rego::data(facts));
        engine.add_data(data.clone())?;
        let policy = engine.compile_with_entrypoint(&ALLOW.into())?;
        let program = Compiler::compile_from_policy(&policy, &[ALLOW])?;
        let mut machine = RegoVM::new_with_policy(policy.clone());
        machine.load_program(program);
        machine.set_data(data)?;
        let inputs = requests
            .iter()
            .map(|request| Value::from(rego::input(request)));
        let inputs: Rc<[Value]> = inputs.collect();
        Ok(Regorus {
            interpreter: Interpreter {
                policy,
                inputs: Rc::clone(&inputs),
            },
            machine: Machine { machine, inputs },
        })
    }
}

impl Interpreter {
    pub fn allows(&self, question: usize) -> Result<bool> {
        truth(self.policy.eval_with_input(self.inputs[question].clone())?)
    }
}

impl Machine {
    pub fn allows(&mut self, question: usize) -> Result<bool> {
        self.machine.set_input(self.inputs[question].clone());
        truth(self.machine.execute()?)
    }
}

fn truth(value: Value) -> Result<bool> {
    match value {
        Value::Bool(truth) => Ok(truth),
        other => bail!("no boolean: {other}"),
    }
}
