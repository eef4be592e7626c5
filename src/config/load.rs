//! From files to the checked configuration: the order of the steps.

use std::path::Path;

use super::{
    check::{Coverage, check},
    data::DataFiles,
    include::Files,
    model::Config,
    problem::Problems,
    schema::schema,
    sections::Sections,
    seen::Seen,
};

/// Loads a configuration file and what it includes.
///
/// # Errors
/// Everything that is wrong with any of the files.
pub fn load(path: &Path) -> Result<Config, Problems> {
    let mut problems = Problems::default();
    let mut files = Files::default();
    files.read(path, &mut problems);
    finish(&files, problems)
}

/// Loads a configuration from a text, which is called `name` in problems. Includes and relative
/// paths are relative to the folder of that name.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load_str(name: &str, text: &str) -> Result<Config, Problems> {
    let mut problems = Problems::default();
    let mut files = Files::default();
    files.add(Path::new(name), text.to_owned(), &mut problems);
    finish(&files, problems)
}

/// What the files say, checked.
pub(super) fn finish(files: &Files, mut problems: Problems) -> Result<Config, Problems> {
    // What a file that could not be read would have defined is not missing.
    let coverage = if problems.is_empty() { Coverage::Complete } else { Coverage::WithGaps };
    let schema = schema();
    let sections = Sections::read(&files.list, &schema, &mut problems);
    let mut data = DataFiles::new(files.hash);
    let config = check(&sections, coverage, &mut data, &mut problems);
    if !problems.is_empty() {
        return Err(problems.sorted());
    }
    let own = files.list.iter().map(|file| file.source.path.clone());
    let paths = own.chain(data.found.iter().map(|(path, _)| path.clone())).collect();
    let seen = Seen::new(files.hash.folded(), data.found);
    Ok(Config { files: paths, hash: data.hash.folded(), seen, ..config })
}
