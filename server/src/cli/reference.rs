//! `platen reference`: what is made from the code: pages of docs/reference, files for machines.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::{Outcome, say};
use crate::ops::Operations;
use crate::portal::postman;
use crate::settings;

/// Print what is made from the code.
#[derive(Args)]
pub(super) struct Reference {
    /// Which page.
    page: Page,
}

#[derive(Clone, Copy, ValueEnum)]
enum Page {
    /// docs/reference/settings.md.
    Settings,
    /// The Postman collection.
    Postman,
}

impl Reference {
    pub(super) fn run(self) -> Outcome {
        match self.page {
            Page::Settings => say(settings::reference().trim_end()),
            Page::Postman => {
                let operations = Operations::load()?;
                say(format_args!("{:#}", postman::collection(operations.registry())));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
