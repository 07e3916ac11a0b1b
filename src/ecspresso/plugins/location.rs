//! Where a Terraform state is: what ecspresso's tfstate plugin makes of `path` and `url` (ecspresso `plugin.go`,
//! tfstate-lookup `ReadURL`, Go's `url.Parse`).

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// Where a state is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Location {
    /// A file; relative paths start at the current directory. A workspace may redirect it.
    File(PathBuf),
    /// `file://`: the same without a workspace.
    PlainFile(PathBuf),
    /// `http`, `https` or `s3`.
    Remote(String),
    /// A scheme that ecspresso reads and we do not.
    Unsupported(&'static str),
}

/// What to do about a state that cannot be read here.
pub(super) const VALUES_HINT: &str = "pass --tfstate-values FILE, or let ecspresso render: \
     ecspresso render taskdef | demitasse promote --task-definition -";

/// The location in the `config` of a plugin; `directory` is the config file's.
pub(super) fn location(config: &Map<String, Value>, directory: &Path) -> Result<Location, String> {
    let given = |key: &str| config.get(key).filter(|value| !value.is_null());
    if let Some(path) = given("path") {
        let path = path
            .as_str()
            .ok_or("tfstate plugin requires path for tfstate file as a string")?;
        return parse(&clean(&directory.join(path)));
    }
    let url = given("url").ok_or("tfstate plugin requires path or url for tfstate location")?;
    parse(
        url.as_str()
            .ok_or("tfstate plugin requires url for tfstate URL as a string")?,
    )
}

/// Go's `filepath.Join` cleans its result, which matters for the name in errors only.
fn clean(path: &Path) -> String {
    let parts: PathBuf = path.components().collect();
    parts.to_string_lossy().into_owned()
}

fn parse(text: &str) -> Result<Location, String> {
    if text.chars().any(char::is_control) {
        return Err("the location of a tfstate has a control character".to_owned());
    }
    let (whole, _) = text.split_once('#').unwrap_or((text, ""));
    let (scheme, rest) = scheme(whole)?;
    let (rest, _) = rest.split_once('?').unwrap_or((rest, ""));
    let path = || {
        let (_, path) = authority(rest);
        decoded(path).map(PathBuf::from)
    };
    Ok(match scheme.to_ascii_lowercase().as_str() {
        "" => {
            let first = rest.split('/').next().unwrap_or_default();
            if first.contains(':') {
                return Err(format!(
                    "{text}: first path segment in URL cannot contain colon"
                ));
            }
            Location::File(path()?)
        }
        "file" => Location::PlainFile(path()?),
        "http" | "https" => Location::Remote(whole.to_owned()),
        "s3" => {
            let (bucket, path) = authority(rest);
            Location::Remote(format!("s3://{bucket}{}", decoded(path)?))
        }
        "gs" => Location::Unsupported("gs"),
        "azurerm" => Location::Unsupported("azurerm"),
        "remote" => Location::Unsupported("remote"),
        _ => return Err(format!("URL scheme {scheme} is not supported")),
    })
}

/// The scheme, empty where there is none, and what follows its colon.
fn scheme(text: &str) -> Result<(&str, &str), String> {
    for (index, c) in text.char_indices() {
        match c {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if index > 0 => {}
            ':' if index > 0 => return Ok((&text[..index], &text[index + 1..])),
            ':' => return Err(format!("{text}: missing protocol scheme")),
            _ => break,
        }
    }
    Ok(("", text))
}

/// The host and the path of what follows a scheme.
fn authority(rest: &str) -> (&str, &str) {
    match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    }
}

fn decoded(path: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        match (digit(), digit()) {
            (Some(high), Some(low)) => bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?')),
            _ => return Err(format!("{path}: invalid URL escape")),
        }
    }
    String::from_utf8(bytes).map_err(|_| format!("{path}: not valid UTF-8 after URL escapes"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(config: Value, expected: Result<Location, &str>) {
        let Value::Object(map) = &config else {
            panic!("{config}");
        };
        let found = location(map, Path::new("services/app"));
        assert_eq!(found, expected.map_err(str::to_owned), "{config}");
    }

    #[test]
    fn locations() {
        let file = |path: &str| Ok(Location::File(path.into()));
        check(json!({"path": "a.tfstate"}), file("services/app/a.tfstate"));
        check(
            json!({"path": "/abs/a.tfstate", "url": "s3://x/y"}),
            file("/abs/a.tfstate"),
        );
        check(
            json!({"path": null, "url": "./a.tfstate"}),
            file("./a.tfstate"),
        );
        check(json!({"url": "a%20b.tfstate?x#y"}), file("a b.tfstate"));
        check(
            json!({"url": "file:///abs/a"}),
            Ok(Location::PlainFile("/abs/a".into())),
        );
        check(
            json!({"url": "file://rel/x"}),
            Ok(Location::PlainFile("/x".into())),
        );
        let remote = |url: &str| Ok(Location::Remote(url.to_owned()));
        check(
            json!({"url": "s3://bucket/a/b.tfstate"}),
            remote("s3://bucket/a/b.tfstate"),
        );
        check(
            json!({"url": "S3://bucket/a%2Fb"}),
            remote("s3://bucket/a/b"),
        );
        check(json!({"url": "https://h/a?b=c"}), remote("https://h/a?b=c"));
        check(
            json!({"url": "remote://app.terraform.io/o/w"}),
            Ok(Location::Unsupported("remote")),
        );
        check(
            json!({"url": "ftp://h/a"}),
            Err("URL scheme ftp is not supported"),
        );
        check(
            json!({"path": 1}),
            Err("tfstate plugin requires path for tfstate file as a string"),
        );
        check(
            json!({"url": []}),
            Err("tfstate plugin requires url for tfstate URL as a string"),
        );
        check(
            json!({}),
            Err("tfstate plugin requires path or url for tfstate location"),
        );
        check(json!({"url": "a%zz"}), Err("a%zz: invalid URL escape"));
    }
}
