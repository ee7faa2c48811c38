//! Walks every function of a PKCS#11 module through every state with every argument made bad, one at a time, and through
//! random templates and parameters. What each may answer is computed from what is wrong, so that a wrong code is found
//! as well as a crash, an overrun, or an operation that an error left active.
//!
//!     walk MODULE CONFIG UNSUPPORTED(comma separated) SECONDS-OF-FUZZING SEED ONE-OF
//!
//! With ONE-OF above 1 only one of so many calls is made, which ones the seed says: under valgrind each takes a tenth of a second.
//!
//! It is a program in itself so that it can run under valgrind. The server has the keys that `state.rs` names.
#![allow(unsafe_code)]

mod arguments;
mod fuzz;
mod library;
mod rows;
mod state;

use std::collections::BTreeSet;
use std::process::ExitCode;

use cryptoki_sys::*;

use arguments::{Bad, Call};
use library::Library;
use rows::{ROWS, Row};
use state::{Operation, State};

/// What a call found wrong, for people.
pub struct Findings(Vec<String>);

impl Findings {
    pub fn add(&mut self, text: String) {
        // A module that is wrong everywhere would fill a disk.
        if self.0.len() < 200 {
            eprintln!("{text}");
        }
        self.0.push(text);
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    let [_, module, config, unsupported, seconds, seed, one_of] = words.as_slice() else {
        eprintln!("walk MODULE CONFIG UNSUPPORTED SECONDS SEED ONE-OF");
        return ExitCode::from(2);
    };
    let unsupported: Vec<&str> = unsupported.split(',').filter(|name| !name.is_empty()).collect();
    let library = Library::load(module);
    let mut findings = Findings(vec![]);
    every_function_is_a_row(&library, &unsupported, &mut findings);
    let mut calls = uninitialised(&library, &unsupported, &mut findings);
    let state = State::begin(&library, config);
    let number: u64 = seed.parse().expect("seed");
    let mut turn = Turn { next: number, one_of: one_of.parse().expect("a number") };
    for row in ROWS.iter().filter(|row| !unsupported.contains(&row.name)) {
        calls += walk(&state, row, &mut turn, &mut findings);
    }
    let fuzzed = fuzz::run(&state, &unsupported, seconds.parse().expect("seconds"), number, &mut findings);
    state.end();
    calls += uninitialised(&library, &unsupported, &mut findings);
    println!("{calls} calls, {fuzzed} random ones (seed {seed}), {} findings", findings.0.len());
    if findings.0.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A function that nobody thought of would not be walked.
fn every_function_is_a_row(library: &Library, unsupported: &[&str], findings: &mut Findings) {
    for name in library::NAMES {
        if !unsupported.contains(name) && !ROWS.iter().any(|row| row.name == *name) {
            findings.add(format!("{name} has no row"));
        }
        assert!(library.has(name), "{name} is not exported");
    }
}

/// Before C_Initialize and after C_Finalize.
fn uninitialised(library: &Library, unsupported: &[&str], findings: &mut Findings) -> usize {
    for name in library::NAMES {
        let answer = library.call(name, &[0; 10]);
        let expected = match *name {
            name if unsupported.contains(&name) => CKR_FUNCTION_NOT_SUPPORTED,
            // These work at any time; NULL is what is wrong with their arguments. C_Initialize would succeed.
            "C_GetFunctionList" | "C_GetInterfaceList" | "C_GetInterface" => CKR_ARGUMENTS_BAD,
            "C_Initialize" => {
                // With NULL it reads the environment, which here says nothing.
                if answer == CKR_OK {
                    library.call("C_Finalize", &[0]);
                }
                continue;
            }
            _ => CKR_CRYPTOKI_NOT_INITIALIZED,
        };
        // NULL arguments are as wrong as the missing initialisation.
        if answer != expected && !(answer == CKR_ARGUMENTS_BAD && expected == CKR_CRYPTOKI_NOT_INITIALIZED) {
            findings.add(format!("{name} without initialisation: {answer:#x}, not {expected:#x}"));
        }
    }
    library::NAMES.len()
}

/// Which calls are made.
struct Turn {
    next: u64,
    one_of: u64,
}

impl Turn {
    fn is_ours(&mut self) -> bool {
        self.next = self.next.wrapping_add(1);
        self.next.is_multiple_of(self.one_of)
    }
}

fn walk(state: &State, row: &Row, turn: &mut Turn, findings: &mut Findings) -> usize {
    let mut calls = 0;
    for active in Operation::sets(row.needs) {
        // Right, but for the state; then with each argument bad in each way it can be.
        let mut cases: Vec<Vec<(usize, Bad)>> = vec![vec![]];
        for (place, kind) in row.kinds.iter().enumerate() {
            cases.extend(kind.bads().iter().map(|bad| vec![(place, *bad)]));
        }
        for bads in cases.into_iter().filter(|_| turn.is_ours()) {
            check(state, row, &active, &bads, findings);
            calls += 1;
        }
    }
    calls
}

/// One call, and whether the operations are afterwards as they should be.
pub fn check(state: &State, row: &Row, active: &[Operation], bads: &[(usize, Bad)], findings: &mut Findings) {
    let session = state.session();
    for operation in active {
        let begun = state.begin_operation(*operation, session);
        assert_eq!(begun, CKR_OK, "{operation:?} cannot be begun for {}", row.name);
    }
    let mut call = Call::new(state, row, session);
    for (place, bad) in bads {
        call.spoil(*place, *bad, state);
    }
    let expected = expected(row, active, bads);
    let answer = state.library.call(row.name, call.words());
    let what = || format!("{} with {bads:?}, active {active:?}", row.name);
    if !expected.contains(&answer) {
        let names: Vec<String> = expected.iter().map(|rv| format!("{rv:#x}")).collect();
        findings.add(format!("{}: {answer:#x}, not one of {}", what(), names.join(" ")));
    }
    if let Some(overrun) = call.overrun(answer) {
        findings.add(format!("{}: {overrun}", what()));
    }
    let broken_handle = bads.iter().any(|(place, bad)| row.kinds[*place].is_session() && bad.is_wrong());
    for operation in Operation::ALL.iter().filter(|operation| state.can(**operation) && !broken_handle && !row.closes) {
        let is_active = state.begin_operation(*operation, session) == CKR_OPERATION_ACTIVE;
        let Some(should) = row.leaves_active(*operation, active, bads, answer) else { continue };
        if is_active != should {
            findings.add(format!("{}: {answer:#x} left {operation:?} {}", what(), if is_active { "active" } else { "ended" }));
        }
    }
    state.close(session);
}

/// Every answer that is right: with nothing wrong, success; else what any of the wrong things is answered with.
fn expected(row: &Row, active: &[Operation], bads: &[(usize, Bad)]) -> BTreeSet<CK_RV> {
    let mut expected = BTreeSet::new();
    if row.needs.is_some_and(|needed| !active.contains(&needed)) {
        expected.insert(CKR_OPERATION_NOT_INITIALIZED);
    }
    let cancels = bads.iter().any(|(_, bad)| *bad == Bad::Cancels);
    if row.begins.is_some_and(|begun| active.contains(&begun)) && !cancels {
        expected.insert(CKR_OPERATION_ACTIVE);
    }
    for (place, bad) in bads.iter().filter(|(place, bad)| !row.reads_only(*place, *bad)) {
        expected.extend(row.kinds[*place].answers(*bad));
    }
    if expected.is_empty() {
        expected.extend(row.right);
    }
    expected
}
