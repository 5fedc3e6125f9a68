//! Whether a component is newer than all that it is made of.
//!
//! Cargo writes down what each module was made of: its sources, those of every
//! package of the workspace in it, and files that macros read, such as the
//! contract. To these belong the manifests and the lock file. In doubt a component
//! is stale: cargo then looks more closely and is quick when nothing changed.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::workspace::Package;

/// Whether nothing is newer than the package's component.
pub(super) fn is_fresh(package: &Package) -> bool {
    let Some(built) = modified(&package.component) else {
        return false;
    };
    let Ok(text) = fs::read_to_string(package.dep_info()) else {
        return false;
    };
    let sources = sources(&text);
    let manifests: BTreeSet<_> = sources.iter().filter_map(|path| manifest(path)).collect();
    let own = [
        package.manifest.clone(),
        package.workspace.join("Cargo.toml"),
        package.workspace.join("Cargo.lock"),
    ];
    !sources.is_empty()
        && sources
            .iter()
            .chain(&manifests)
            .chain(&own)
            .all(|path| modified(path).is_some_and(|time| time <= built))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|it| it.modified()).ok()
}

/// The manifest of the package that a source belongs to.
fn manifest(source: &Path) -> Option<PathBuf> {
    let folders = source.ancestors().skip(1);
    folders
        .map(|folder| folder.join("Cargo.toml"))
        .find(|manifest| manifest.is_file())
}

/// The files after the colon of a dep-info line; spaces in them are escaped.
fn sources(text: &str) -> Vec<PathBuf> {
    let mut sources = Vec::new();
    for line in text.lines() {
        let Some((_, files)) = line.split_once(": ") else {
            continue;
        };
        let mut file = String::new();
        let mut characters = files.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\\' if characters.peek() == Some(&' ') => file.extend(characters.next()),
                ' ' => sources.push(PathBuf::from(std::mem::take(&mut file))),
                _ => file.push(character),
            }
        }
        sources.push(PathBuf::from(file));
    }
    sources.retain(|path| !path.as_os_str().is_empty());
    sources
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn sources_are_read_from_dep_info() {
        let text = "/t/x.wasm: /a/src/lib.rs /a/my\\ wit/types.wit\n\n/a/src/lib.rs:\n";
        let expected = ["/a/src/lib.rs", "/a/my wit/types.wit"].map(PathBuf::from);
        assert_eq!(sources(text), expected);
    }

    #[test]
    fn a_newer_or_missing_source_makes_a_component_stale() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let package = Package {
            name: "x-y".to_owned(),
            manifest: at("Cargo.toml"),
            workspace: directory.path().to_owned(),
            has_profile: true,
            guests: at("guests"),
            component: at("x-y.wasm"),
        };
        fs::create_dir_all(package.dep_info().parent().unwrap()).unwrap();
        for name in ["Cargo.toml", "Cargo.lock", "lib.rs"] {
            fs::write(at(name), "").unwrap();
        }
        let line = format!("x.wasm: {}\n", at("lib.rs").display());
        fs::write(package.dep_info(), line).unwrap();
        assert!(!is_fresh(&package));
        fs::write(&package.component, "").unwrap();
        let built = modified(&package.component).unwrap();
        assert!(is_fresh(&package));
        let touch = |name: &str, time| {
            let file = fs::File::options().append(true).open(at(name)).unwrap();
            file.set_modified(time).unwrap();
        };
        for name in ["lib.rs", "Cargo.lock"] {
            touch(name, built + Duration::from_millis(10));
            assert!(!is_fresh(&package), "{name}");
            touch(name, built);
        }
        assert!(is_fresh(&package));
        fs::remove_file(at("lib.rs")).unwrap();
        assert!(!is_fresh(&package));
    }
}
