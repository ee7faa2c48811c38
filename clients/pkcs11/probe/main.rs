//! `hsm-pkcs11-probe`: a small native application of any PKCS#11 module, which it loads by path.
//!
//! What a bench, a long test and `keystead pkcs11 doctor` need of an application that is not ours: slots and tokens are
//! listed, keys found, signatures made by threads and by forked processes, each checked by other code than the module's.
//! Prints one line of JSON. A PIN comes by the variable HSM_PIN alone, and nothing that it finds is changed.
//!
//!     hsm-pkcs11-probe MODULE info
//!     hsm-pkcs11-probe MODULE login slot=0
//!     hsm-pkcs11-probe MODULE sign slot=0 label=KEY mechanism=ecdsa threads=16 processes=1 seconds=2 check=1 locking=1
//!     hsm-pkcs11-probe MODULE find slot=0 label=KEY seconds=2
//!     hsm-pkcs11-probe MODULE serve label=KEY mechanism=ecdsa                a signature for each line that comes
//!     hsm-pkcs11-probe MODULE fork-amid label=KEY mechanism=ecdsa threads=4 seconds=2
//!     hsm-pkcs11-probe MODULE finalize-amid label=KEY mechanism=ecdsa threads=8 times=5
//!     hsm-pkcs11-probe MODULE make slot=0 label=KEY mechanism=ecdsa
#![allow(unsafe_code)]

mod application;
mod load;
mod upset;

use std::collections::HashMap;
use std::process::ExitCode;

use application::{Application, Failure, Kind};

/// What was asked on the command line after the module: words `name=value`.
pub struct Wanted(HashMap<String, String>);

impl Wanted {
    pub fn text(&self, name: &str) -> Result<&str, Failure> {
        self.0.get(name).map(String::as_str).ok_or_else(|| Failure(format!("{name}= is missing")))
    }

    pub fn number(&self, name: &str, otherwise: u64) -> Result<u64, Failure> {
        self.0.get(name).map_or(Ok(otherwise), |value| value.parse().map_err(|_| Failure(format!("{name}= is no number"))))
    }

    pub fn kind(&self) -> Result<Kind, Failure> {
        match self.text("mechanism")? {
            "ecdsa" => Ok(Kind::Ecdsa),
            "rsa" => Ok(Kind::Rsa),
            other => Err(Failure(format!("no mechanism {other}"))),
        }
    }
}

fn run(arguments: &[String]) -> Result<String, Failure> {
    let [path, verb, words @ ..] = arguments else { return Err(Failure("MODULE and a verb are missing".into())) };
    let pairs = words.iter().filter_map(|word| word.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned()));
    let wanted = Wanted(pairs.collect());
    let application = Application::load(path)?;
    match verb.as_str() {
        "info" => application.information(),
        "sign" => load::sign(&application, &wanted),
        "login" => application.log_in(&wanted),
        "find" => load::find(&application, &wanted),
        "serve" => upset::serve(&application, &wanted),
        "fork-amid" => upset::fork_amid(&application, &wanted),
        "finalize-amid" => upset::finalize_amid(&application, &wanted),
        "make" => application.make(&wanted),
        other => Err(Failure(format!("no verb {other}"))),
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(Failure(text)) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}
