//! `platen reference`: pages of docs/reference that are made from the code.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::{Outcome, say};
use crate::settings;

/// Print a page of docs/reference.
#[derive(Args)]
pub(super) struct Reference {
    /// Which page.
    page: Page,
}

#[derive(Clone, Copy, ValueEnum)]
enum Page {
    Settings,
}

impl Reference {
    pub(super) fn run(self) -> Outcome {
        match self.page {
            Page::Settings => say(settings::reference().trim_end()),
        }
        Ok(ExitCode::SUCCESS)
    }
}
