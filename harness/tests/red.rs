//! Every red case of `harness/red` as a test: the fault must be caught by the name that the case expects.

use std::process::ExitCode;

use harness::{
    red::{self, Case},
    repository::Repository,
};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let cases = Repository::find().and_then(|repository| Case::all(&repository.root));
    let trials = match cases {
        Ok(cases) => cases.into_iter().map(trial).collect(),
        Err(error) => {
            let message = format!("{error:#}");
            vec![Trial::test("red cases can be read", move || {
                Err(Failed::from(message))
            })]
        }
    };
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(case: Case) -> Trial {
    let long = case.long;
    Trial::test(format!("red::{}", case.name), move || {
        red::workshop()
            .and_then(|workshop| case.run(&workshop))
            .map_err(|error| Failed::from(format!("{}\n{error:#}", case.title)))
    })
    .with_ignored_flag(long)
}
