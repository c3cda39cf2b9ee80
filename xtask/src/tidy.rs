//! `tidy`: house rules that neither the compiler nor clippy knows. A rule is a function from the
//! workspace's files to what is wrong with them, a line each.

mod arrows;
mod dependencies;
mod layout;
mod links;
mod manifest;
mod tables;
mod words;

use crate::tally::Tally;
use crate::tree::Tree;
use crate::{Outcome, environment, say, usage};

struct Rule {
    doc: &'static str,
    check: fn(&Tree) -> Vec<String>,
}

const RULES: &[Rule] = &[
    Rule { doc: "lines have up to 100 columns", check: layout::lines },
    Rule { doc: "files have up to 500 lines", check: layout::files },
    Rule { doc: "nothing is left to be done", check: words::unfinished },
    Rule { doc: "a lint is expected with a reason, never allowed", check: words::allowed },
    Rule { doc: "crates know only those below them", check: arrows::crates },
    Rule { doc: "crates know no trade but their own", check: arrows::trades },
    Rule { doc: "of the bank, its simulator alone has a database", check: arrows::bank },
    Rule { doc: "crates take the workspace's lints", check: dependencies::lints },
    Rule { doc: "crates take dependencies from the workspace", check: dependencies::one_version },
    Rule { doc: "every dependency has its reason", check: dependencies::reasons },
    Rule { doc: "dependencies are few", check: dependencies::few },
    Rule { doc: "tables and indexes begin with the partner", check: tables::partner_first },
    Rule { doc: "links between documents lead somewhere", check: links::resolve },
];

/// The rules.
pub(crate) fn details() -> Result<String, String> {
    let rules: Vec<String> = RULES.iter().map(|rule| format!("  {}", rule.doc)).collect();
    Ok(format!("The rules:\n\n{}", rules.join("\n")))
}

pub(crate) fn command(arguments: &[&str]) -> Outcome {
    if !arguments.is_empty() {
        return Err(usage("tidy"));
    }
    match check()? {
        Tally { failed: 0, .. } => Ok(()),
        Tally { failed, .. } => Err(format!("{failed} of the house rules are broken")),
    }
}

/// Checks all rules and prints what is wrong.
pub(crate) fn check() -> Result<Tally, String> {
    let tree = Tree::read(&environment::root())?;
    let mut tally = Tally::default();
    for rule in RULES {
        let problems = (rule.check)(&tree);
        say::line(&format!(
            "{} {}",
            if problems.is_empty() { "ok    " } else { "BROKEN" },
            rule.doc
        ));
        for problem in &problems {
            say::line(&format!("         {problem}"));
        }
        tally += Tally::default().of_step(problems.is_empty());
    }
    say::line(&dependencies::counts(&tree));
    Ok(tally)
}
