//! What the compiler does not see: documents, the lock file, leftovers of a machine.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tokenbeat::timeline::Outcome;

/// The only origin of a dependency. A mirror may serve it; it must not be named.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Folders at the root that belong to a machine and not to the project.
const FOREIGN: &[&str] = &[".git", ".cache", "target", "data"];

/// Beginnings of paths that exist on one machine only.
const MACHINE_PATHS: &[&str] = &["/work/", "/root/", "/home/", "/Users/"];

#[test]
fn every_dependency_has_a_reason() {
    let manifest = read("Cargo.toml");
    let reasons = read("docs/dependencies.md");
    let rows: Vec<&str> = reasons
        .lines()
        .filter(|line| line.starts_with("| `"))
        .filter_map(|line| line.split('|').nth(1))
        .collect();
    let mut inside = false;
    let mut seen = 0;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.trim_end_matches(']').ends_with("dependencies");
        } else if let (true, Some((name, _))) = (inside, line.split_once(" = ")) {
            seen += 1;
            let quoted = format!("`{name}`");
            assert!(
                rows.iter().any(|row| row.contains(&quoted)),
                "{name} has no row in docs/dependencies.md"
            );
        }
    }
    assert!(seen > 20, "the manifest was not understood");
}

#[test]
fn every_dependency_comes_from_the_registry() {
    let lock = read("Cargo.lock");
    let mut sources = lock.lines().filter_map(|line| line.strip_prefix("source = ")).peekable();
    assert!(sources.peek().is_some(), "the lock file was not understood");
    for source in sources {
        assert_eq!(source.trim_matches('"'), REGISTRY);
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    for path in files().iter().filter(|path| extension(path) == "md") {
        let text = fs::read_to_string(path).expect("document is readable");
        let folder = path.parent().expect("a file has a folder");
        for link in links(&text) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { folder.join(file) };
            assert!(target.exists(), "{}: {link} leads nowhere", path.display());
            if !heading.is_empty() {
                let text = fs::read_to_string(&target).expect("linked document is readable");
                assert!(
                    text.lines().filter(|line| line.starts_with('#')).any(|l| slug(l) == heading),
                    "{}: {link}: no such heading",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn the_documented_outcomes_are_those_of_the_code_in_their_order() {
    let definitions = read("docs/definitions.md");
    let (_, section) =
        definitions.split_once("| outcome | what happened |").expect("the table of outcomes");
    let documented: Vec<&str> = section
        .lines()
        .skip(2)
        .map_while(|row| row.strip_prefix("| ")?.split_once(" |"))
        .flat_map(|(outcomes, _)| outcomes.split('`').skip(1).step_by(2))
        .collect();
    assert_eq!(documented, Outcome::ALL.map(Outcome::as_str));
}

#[test]
fn the_configuration_in_the_readme_is_valid() {
    let readme = read("README.md");
    let (_, rest) = readme.split_once("```yaml\n").expect("a configuration in the readme");
    let (yaml, _) = rest.split_once("```").expect("the end of the configuration");
    let file = tempfile::NamedTempFile::with_suffix(".yml").expect("temporary file");
    fs::write(file.path(), yaml).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_tokenbeat"))
        .args(["check", "config"])
        .arg(file.path())
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn no_path_of_a_machine_is_left_behind() {
    let own = Path::new(file!()).file_name();
    for path in files() {
        // Captures are kept byte for byte; this file has to name what it looks for.
        if path.file_name() == own || path.components().any(|part| part.as_os_str() == "wire") {
            continue;
        }
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (line, text) in text.lines().enumerate() {
            if let Some(found) = MACHINE_PATHS.iter().find(|prefix| names_path(text, prefix)) {
                panic!("{}:{}: {found}", path.display(), line + 1);
            }
        }
    }
}

/// Whether `text` has `prefix` as the beginning of a path, not in the middle of one.
fn names_path(text: &str, prefix: &str) -> bool {
    text.match_indices(prefix).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "./-_}$:*".contains(c))
    })
}

/// Targets of the inline links of a document that stay within the project.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(link, _)| link)
        .filter(|link| !link.contains("://") && !link.starts_with("mailto:") && !link.contains(' '))
}

/// A heading's anchor, as code hosts make it.
fn slug(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            _ => c.is_alphanumeric().then_some(c),
        })
        .collect()
}

/// Every file of the project.
fn files() -> Vec<PathBuf> {
    let mut open = vec![root()];
    let mut files = Vec::new();
    while let Some(folder) = open.pop() {
        let entries = fs::read_dir(&folder).expect("folder is readable");
        for path in entries.map(|entry| entry.expect("entry is readable").path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !path.is_dir() {
                // A worktree has a file of this name, which says where its repository is.
                if name != ".git" {
                    files.push(path);
                }
            } else if folder != root() || !FOREIGN.contains(&name.as_str()) {
                open.push(path);
            }
        }
    }
    files
}

fn extension(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().into_owned()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}
