//! Keeps the direction of imports. The table is the rule; the picture in `docs/architecture.md` only draws it.

#![expect(clippy::disallowed_methods, reason = "this test reads our own sources")]

use std::fs;
use std::path::{Path, PathBuf};

/// Each layer, and the layers it may import.
const LAYERS: [(&str, &[&str]); 7] = [
    ("model", &[]),
    ("plan", &["model"]),
    ("report", &["model", "plan"]),
    ("ecspresso", &["model"]),
    ("clients", &["model"]),
    ("apply", &["model", "plan", "clients"]),
    (
        "commands",
        &["model", "plan", "report", "ecspresso", "clients", "apply"],
    ),
];

#[test]
fn imports_point_one_way() {
    let mut wrong = Vec::new();
    for (layer, allowed) in LAYERS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src")
            .join(layer);
        let files = rust_files(&folder);
        assert!(!files.is_empty(), "{layer} has no files");
        for file in files {
            let text = fs::read_to_string(&file).expect("a source file");
            assert!(
                !text.contains("use crate::{"),
                "{}: one `use crate::` per line, so that this test sees it",
                file.display()
            );
            for (other, _) in LAYERS {
                let imports = [format!("crate::{other}::"), format!("crate::{other};")];
                let imported = imports.iter().any(|import| text.contains(import));
                if imported && other != layer && !allowed.contains(&other) {
                    wrong.push(format!(
                        "{}: {layer} must not import {other}",
                        file.display()
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_covers_every_folder() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let entries = fs::read_dir(source).expect("src");
    let folders = entries.flatten().filter(|entry| entry.path().is_dir());
    for folder in folders {
        let name = folder.file_name().to_string_lossy().into_owned();
        let known = LAYERS.iter().any(|(layer, _)| *layer == name);
        assert!(known, "src/{name} is in no layer");
    }
}

#[test]
fn the_documented_table_is_this_one() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md");
    let text = fs::read_to_string(docs).expect("docs/architecture.md");
    for (layer, allowed) in LAYERS {
        let allowed = match allowed {
            [] => "–".to_owned(),
            allowed => {
                let quoted: Vec<String> = allowed.iter().map(|name| format!("`{name}`")).collect();
                quoted.join(", ")
            }
        };
        let row = format!("| `{layer}` | {allowed} |");
        assert!(text.contains(&row), "docs/architecture.md lacks: {row}");
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
