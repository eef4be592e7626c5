//! Where the results of a benchmark go.
//!
//! Owns the files: that they can be written is found out before the run, and each appears whole or
//! not at all. They are written anew after every step, so that whatever ends the process costs no
//! step that was made. A file that cannot be written costs no other form its result.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, bail};

use super::args::{Format, OutputArgs};
use crate::{
    event::RunRecord,
    report::{self, Frame},
};

/// The files of a benchmark, ready to be written.
pub(super) struct Outputs {
    format: Format,
    frame: Frame,
    /// That of the terminal; absent where none is printed to.
    width: Option<usize>,
    files: Vec<(Form, Pending)>,
}

/// What is in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Record,
    Csv,
    Html,
}

/// A file that will be there when it is whole.
struct Pending {
    path: PathBuf,
    /// Written beside it and then moved; absent where the path is no regular file, but a pipe or a
    /// device, which is written to directly.
    beside: Option<PathBuf>,
}

impl Outputs {
    /// Makes sure that every file can be written. `width` is that of the terminal to which is printed,
    /// if it is one.
    ///
    /// # Errors
    /// If one cannot: its folder is missing or may not be written to, its path is a folder, or two
    /// are the same.
    pub(super) fn prepare(args: &OutputArgs, width: Option<usize>) -> anyhow::Result<Self> {
        let mut files: Vec<(Form, Pending)> = Vec::new();
        for (form, path) in
            [(Form::Record, &args.output), (Form::Csv, &args.csv), (Form::Html, &args.html)]
        {
            if let Some(path) = path {
                let pending = Pending::prepare(path)
                    .with_context(|| format!("cannot write {}", path.display()))?;
                if pending.beside.is_some()
                    && files.iter().any(|(_, other)| other.path == pending.path)
                {
                    bail!("two results would go to {}: name two files", path.display());
                }
                files.push((form, pending));
            }
        }
        // Box drawing for a terminal, ASCII for everything else.
        let frame = if width.is_some() { Frame::Box } else { Frame::Ascii };
        Ok(Self { format: args.format, frame, width, files })
    }

    /// Writes the files as they are so far: those that the end of the run writes anew.
    ///
    /// # Errors
    /// If one could not be written: all that went wrong, in one message.
    pub(super) fn save_so_far(&self, runs: &[&RunRecord]) -> anyhow::Result<()> {
        // What was written to a pipe cannot be replaced.
        self.save(runs, |file| file.beside.is_some())
    }

    /// Writes the files, and prints the results.
    ///
    /// # Errors
    /// If one could not be written: all that went wrong, in one message.
    pub(super) fn write(&self, runs: &[&RunRecord], out: &mut dyn Write) -> anyhow::Result<()> {
        let saved = self.save(runs, |_| true);
        let printed = self.print(runs, out).context("cannot print the results");
        match (saved, printed) {
            (Err(wrong), Err(error)) => Err(anyhow!("{wrong}; {error:#}")),
            (saved, printed) => saved.and(printed),
        }
    }

    fn save(&self, runs: &[&RunRecord], takes: impl Fn(&Pending) -> bool) -> anyhow::Result<()> {
        let mut wrong = Vec::new();
        for (form, file) in self.files.iter().filter(|(_, file)| takes(file)) {
            let written = form.bytes(runs).and_then(|bytes| Ok(file.write(&bytes)?));
            if let Err(error) = written {
                wrong.push(format!("cannot write {}: {error:#}", file.path.display()));
            }
        }
        anyhow::ensure!(wrong.is_empty(), "{}", wrong.join("; "));
        Ok(())
    }

    fn print(&self, runs: &[&RunRecord], out: &mut dyn Write) -> anyhow::Result<()> {
        let text = match self.format {
            Format::Table => {
                let texts = runs.iter().map(|run| report::text(run, self.frame, self.width));
                let texts = texts.chain(report::comparison(runs, self.frame, self.width));
                texts.collect::<Vec<_>>().join("\n\n")
            }
            Format::Markdown => {
                let texts = runs.iter().map(|run| report::markdown(run));
                let texts = texts.chain(report::comparison(runs, Frame::Markdown, None));
                texts.collect::<Vec<_>>().join("\n")
            }
            Format::Json => report::json(runs)?,
            Format::FlatJson => report::flat_json(runs)?,
        };
        out.write_all(text.as_bytes())?;
        out.flush()?;
        Ok(())
    }
}

impl Form {
    fn bytes(self, runs: &[&RunRecord]) -> anyhow::Result<Vec<u8>> {
        Ok(match self {
            Self::Record => report::json(runs)?.into_bytes(),
            Self::Csv => report::csv(runs)?,
            Self::Html => report::html(runs)?.into_bytes(),
        })
    }
}

impl Pending {
    fn prepare(path: &Path) -> io::Result<Self> {
        let path = path.to_owned();
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(found) if !found.is_file() => return Ok(Self { path, beside: None }),
            Ok(_) => {
                // Moving would replace what may not be written to.
                File::options().append(true).open(&path)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        // Of a link, what it points to is replaced, not the link.
        let place = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        let name = place.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let name = format!(".{}.{}.part", name.to_string_lossy(), std::process::id());
        let beside = place.with_file_name(name);
        // Only to see that it can be: a process that is killed later leaves nothing behind.
        File::create_new(&beside)?;
        fs::remove_file(&beside)?;
        Ok(Self { path: place, beside: Some(beside) })
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let Some(beside) = &self.beside else {
            return File::options().write(true).open(&self.path)?.write_all(bytes);
        };
        let mut file = File::create(beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(beside, &self.path)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // There only if it could not be written to its end, or moved.
        if let Some(beside) = &self.beside {
            let _ = fs::remove_file(beside);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.json");
        let pending = Pending::prepare(&path).expect("can be written");
        assert!(!path.exists());
        pending.write(b"whole").expect("written");
        drop(pending);
        assert_eq!(fs::read(&path).expect("readable"), b"whole");
        let again = Pending::prepare(&path).expect("can be written anew");
        drop(again);
        assert_eq!(fs::read(&path).expect("still there"), b"whole");
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 1);
    }

    #[test]
    fn a_file_is_written_anew_as_often_as_wanted() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.json");
        let pending = Pending::prepare(&path).expect("can be written");
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
        for text in ["one step", "two"] {
            pending.write(text.as_bytes()).expect("written");
            assert_eq!(fs::read_to_string(&path).expect("readable"), text);
        }
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 1);
    }

    #[test]
    fn two_results_do_not_share_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = Some(folder.path().join("run"));
        let args =
            OutputArgs { format: Format::Table, output: path.clone(), csv: path, html: None };
        let refusal = Outputs::prepare(&args, None).err().expect("refused");
        assert!(refusal.to_string().contains("two files"), "{refusal}");
        let null = Some(PathBuf::from("/dev/null"));
        let args = OutputArgs { output: null.clone(), csv: null, ..args };
        assert!(Outputs::prepare(&args, None).is_ok());
    }

    #[test]
    fn what_cannot_be_written_is_found_out_before() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(Pending::prepare(folder.path()).is_err());
        assert!(Pending::prepare(&folder.path().join("none/run.json")).is_err());
    }

    #[test]
    fn a_device_is_written_to_directly() {
        let pending = Pending::prepare(Path::new("/dev/full")).expect("can be opened");
        assert!(pending.write(b"x").is_err());
        Pending::prepare(Path::new("/dev/null")).expect("there").write(b"x").expect("swallowed");
        assert!(Path::new("/dev/null").exists());
    }
}
