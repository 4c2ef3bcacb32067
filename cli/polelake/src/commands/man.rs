//! `polelake man`: the manual pages, made of the same text as `--help`.

use std::path::Path;

use clap::CommandFactory;
use clap_mangen::Man;

use crate::args::Cli;
use crate::args::shell::ManArgs;
use crate::error::CliError;
use crate::terminal::print_script;

pub(crate) fn run(args: &ManArgs) -> Result<bool, CliError> {
    match &args.out {
        Some(folder) => write_pages(folder)?,
        None => print_script(&render_first_page()?),
    }
    Ok(true)
}

fn write_pages(folder: &Path) -> Result<(), CliError> {
    let shown = folder.display();
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
        .map_err(|error| {
            format!("the pages cannot be written to {shown}: {error}; --out names another folder")
        })?;

    println!("The pages are in {shown}: `man -l {shown}/polelake.1` shows the first one.");
    Ok(())
}

/// The page of the program itself, which names every command.
fn render_first_page() -> Result<String, CliError> {
    let mut page = Vec::new();
    Man::new(Cli::command()).render(&mut page)?;
    Ok(String::from_utf8(page)?)
}
