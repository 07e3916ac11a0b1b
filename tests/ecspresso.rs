//! Plays the projects in `fixtures/ecspresso`: each directory is one case with the files of a project.
//!
//! `case.json` (optional) says how it is read; `expected.json` or `expected.error` what must come out. Each line of
//! `expected.error` must stand in the error's text, hint or excerpt. A file that nothing mentions fails its case.

#![expect(clippy::disallowed_methods, reason = "a test reads its own fixtures")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use std::collections::BTreeSet;
use std::sync::Arc;

use demitasse::ecspresso::{
    Depth, Error, Project, Reader, Reading, Settings, configs, external_variables,
};
use demitasse::model::failure::{Failure, FailureKind};
use demitasse::model::lookup::{Answers, Found, Lookup};
use demitasse::model::task_definition::TaskDefinition;
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Case {
    /// The environment; `{directory}` in a value is the directory of the case.
    env: BTreeMap<String, String>,
    envfiles: Vec<PathBuf>,
    ext_str: BTreeMap<String, String>,
    ext_code: BTreeMap<String, String>,
    /// `-c`; absent means ecspresso's own search.
    config: Option<String>,
    /// `--task-definition` instead of a config.
    task_definition: Option<PathBuf>,
    tfstate_values: Option<PathBuf>,
    no_external: bool,
    world: World,
}

/// What look-ups find; anything else is denied.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct World {
    /// Name → value, of type String; `[type, value]` for others.
    parameters: BTreeMap<String, Parameter>,
    /// Name → ARN.
    secrets: BTreeMap<String, String>,
    /// Stack → outputs.
    stacks: BTreeMap<String, BTreeMap<String, String>>,
    exports: BTreeMap<String, String>,
    /// URL → file of the case.
    states: BTreeMap<String, PathBuf>,
    /// Program and arguments, joined by spaces → what it prints.
    commands: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Parameter {
    Text(String),
    Typed(String, String),
}

impl World {
    fn find(&self, lookup: &Lookup, directory: &Path) -> Result<Found, Failure> {
        let found = match lookup {
            Lookup::Parameter { name, .. } => self.parameters.get(name).map(|parameter| {
                let (kind, value) = match parameter {
                    Parameter::Text(value) => ("String".to_owned(), value.clone()),
                    Parameter::Typed(kind, value) => (kind.clone(), value.clone()),
                };
                Found::Parameter { kind, value }
            }),
            Lookup::SecretArn { id, .. } => self.secrets.get(id).cloned().map(Found::Text),
            Lookup::StackOutputs { stack, .. } => {
                self.stacks.get(stack).cloned().map(Found::Outputs)
            }
            Lookup::Exports { .. } => Some(Found::Outputs(self.exports.clone())),
            Lookup::State { url } => {
                let file = self.states.get(url).map(|file| directory.join(file));
                file.and_then(|file| fs::read_to_string(file).ok())
                    .map(Found::Text)
            }
            Lookup::Command { argv, .. } => {
                self.commands.get(&argv.join(" ")).cloned().map(Found::Text)
            }
        };
        found.ok_or_else(|| Failure {
            operation: "look up".to_owned(),
            object: lookup.to_string(),
            side: None,
            caller: demitasse::model::failure::Caller::Own,
            kind: FailureKind::Other,
            message: "not in the case".to_owned(),
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Expected {
    family: String,
    /// Container → image.
    images: BTreeMap<String, String>,
    /// Container → `file:line:column`, or null where the place of the image is not known.
    locations: Option<BTreeMap<String, Option<String>>>,
    document: Option<serde_json::Value>,
    #[serde(default, deserialize_with = "present")]
    region: Option<Option<String>>,
    cluster: Option<String>,
    #[serde(default, deserialize_with = "present")]
    service: Option<Option<String>>,
    #[serde(default)]
    warnings: Vec<String>,
    /// The look-ups that the images need; without it, none.
    #[serde(default)]
    lookups: Vec<String>,
    /// All look-ups; without it, the same.
    all_lookups: Option<Vec<String>>,
    /// What is wrong when it is read whole, although its images can be read.
    whole_error: Option<String>,
}

/// Tells a key that is null from one that is absent.
fn present<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ecspresso")
}

#[test]
fn projects() {
    let mut failures = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(fixtures()).expect("fixtures") {
        let directory = entry.expect("fixtures").path();
        count += 1;
        if let Err(failure) = play(&directory) {
            failures.push(format!(
                "{}: {failure}",
                directory.file_name().unwrap_or_default().display()
            ));
        }
    }
    failures.sort();
    assert!(
        failures.is_empty(),
        "{} of {count} cases failed\n\n{}",
        failures.len(),
        failures.join("\n\n")
    );
    assert!(count > 50, "only {count} cases were found");
}

enum Outcome {
    Project(Box<Played>),
    Rendered(TaskDefinition),
}

/// A project, read for its images and read whole.
struct Played {
    lazy: Project,
    lookups: BTreeSet<String>,
    whole: Result<(Project, BTreeSet<String>), Error>,
}

fn play(directory: &Path) -> Result<(), String> {
    let text = |name: &str| fs::read_to_string(directory.join(name)).ok();
    let case: Case = match text("case.json") {
        Some(text) => serde_json::from_str(&text).map_err(|error| format!("case.json: {error}"))?,
        None => Case::default(),
    };
    unmentioned(directory)?;
    let env: BTreeMap<_, _> = case
        .env
        .iter()
        .map(|(name, value)| {
            (
                name.clone(),
                value.replace("{directory}", &directory.to_string_lossy()),
            )
        })
        .collect();
    let outcome = read(directory, &case, &env);
    match (outcome, text("expected.json"), text("expected.error")) {
        (Ok(outcome), Some(expected), None) => compare(outcome, &expected),
        (Err(error), None, Some(expected)) => compare_error(&error, &expected, &env),
        (Err(error), Some(_), None) => Err(format!("failed: {}", shown(&error))),
        (Ok(_), None, Some(_)) => Err("succeeded".to_owned()),
        _ => Err("needs expected.json or expected.error, and not both".to_owned()),
    }
}

fn read(directory: &Path, case: &Case, env: &BTreeMap<String, String>) -> Result<Outcome, Error> {
    let pairs = |map: &BTreeMap<String, String>| map.clone().into_iter().collect();
    let reader = Reader::new(Settings {
        environment: env.clone(),
        envfiles: case.envfiles.clone(),
        ext_str: pairs(&case.ext_str),
        ext_code: pairs(&case.ext_code),
        directory: directory.to_owned(),
        tfstate_values: case.tfstate_values.clone(),
        no_external: case.no_external,
    })?;
    if let Some(file) = &case.task_definition {
        let text = fs::read_to_string(directory.join(file)).unwrap_or_default();
        return reader.task_definition(&text, file).map(Outcome::Rendered);
    }
    let patterns: Vec<_> = case.config.iter().cloned().collect();
    let configs = configs(&patterns, directory)?;
    assert_eq!(configs.len(), 1, "one config");
    let play = |depth| play_rounds(&reader, &configs[0], depth, case, directory);
    let (lazy, lookups) = play(Depth::Images)?;
    let whole = play(Depth::Everything);
    Ok(Outcome::Project(Box::new(Played {
        lazy,
        lookups,
        whole,
    })))
}

fn play_rounds(
    reader: &Reader,
    config: &Path,
    depth: Depth,
    case: &Case,
    directory: &Path,
) -> Result<(Project, BTreeSet<String>), Error> {
    let mut answers = Answers::new();
    loop {
        match reader.project(config, depth, &Arc::new(answers.clone()))? {
            Reading::Done(project) => {
                let made = answers.keys().map(ToString::to_string).collect();
                return Ok((project, made));
            }
            Reading::Wanted(wanted) => {
                assert!(!wanted.is_empty(), "nothing is wanted");
                for lookup in wanted {
                    let found = case.world.find(&lookup, directory);
                    assert!(answers.insert(lookup, found).is_none(), "looked up twice");
                }
            }
        }
    }
}

fn compare(outcome: Outcome, expected: &str) -> Result<(), String> {
    let expected: Expected =
        serde_json::from_str(expected).map_err(|error| format!("expected.json: {error}"))?;
    let definition = match outcome {
        Outcome::Rendered(definition) => definition,
        Outcome::Project(played) => {
            let (lazy, set_of) = (&played.lazy.task_definition, &played.lookups);
            let set = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
            equal("lookups", set_of, &set(&expected.lookups))?;
            let (project, all_lookups) = match (played.whole, &expected.whole_error) {
                (Ok(whole), None) => whole,
                (Err(error), Some(text)) if shown(&error).contains(text) => (
                    played.lazy.clone(),
                    set(expected.all_lookups.as_deref().unwrap_or_default()),
                ),
                (Err(error), _) => return Err(format!("failed as a whole: {}", shown(&error))),
                (Ok(_), Some(text)) => {
                    return Err(format!("succeeded as a whole, without {text:?}"));
                }
            };
            let all = expected.all_lookups.as_ref().unwrap_or(&expected.lookups);
            if expected.whole_error.is_none() {
                equal("allLookups", &all_lookups, &set(all))?;
            }
            let eager = &project.task_definition;
            equal("family, lazy and eager", &lazy.family, &eager.family)?;
            equal(
                "containers, lazy and eager",
                &lazy.containers,
                &eager.containers,
            )?;
            equal("warnings", &project.warnings, &expected.warnings)?;
            if let Some(region) = &expected.region {
                equal("region", &project.region, region)?;
            }
            if let Some(service) = &expected.service {
                equal("service", &project.service, service)?;
            }
            if let Some(cluster) = &expected.cluster {
                equal("cluster", &project.cluster, cluster)?;
            }
            project.task_definition
        }
    };
    equal("family", &definition.family, &expected.family)?;
    let containers = || definition.containers.iter();
    let images = containers()
        .map(|container| (container.name.clone(), container.image.clone()))
        .collect();
    equal("images", &images, &expected.images)?;
    if let Some(expected) = &expected.locations {
        let place = |container: &demitasse::model::task_definition::Container| {
            (
                container.name.clone(),
                container.location.as_ref().map(ToString::to_string),
            )
        };
        equal("locations", &containers().map(place).collect(), expected)?;
    }
    expected.document.map_or(Ok(()), |document| {
        equal(
            "document",
            &without_zeros(&definition.document),
            &without_zeros(&document),
        )
    })
}

/// What ecspresso prints although nobody wrote it would only hide what matters here; `tests/render.rs` has it.
fn without_zeros(value: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(map) => {
            let zero = |value: &Value| value.as_str() == Some("") || value.as_i64() == Some(0);
            let kept = map.iter().filter(|(_, value)| !zero(value));
            kept.map(|(key, value)| (key.clone(), without_zeros(value)))
                .collect()
        }
        Value::Array(items) => items.iter().map(without_zeros).collect(),
        other => other.clone(),
    }
}

fn equal<T: PartialEq + std::fmt::Debug>(
    what: &str,
    found: &T,
    expected: &T,
) -> Result<(), String> {
    match found == expected {
        true => Ok(()),
        false => Err(format!(
            "{what}:\n  found    {found:?}\n  expected {expected:?}"
        )),
    }
}

fn shown(error: &Error) -> String {
    let hint = error
        .hint()
        .map(|hint| format!("\nhint: {hint}"))
        .unwrap_or_default();
    let excerpt = error
        .excerpt()
        .map(|excerpt| format!("\n{excerpt}"))
        .unwrap_or_default();
    format!("{error}{hint}{excerpt}")
}

fn compare_error(
    error: &Error,
    expected: &str,
    env: &BTreeMap<String, String>,
) -> Result<(), String> {
    let text = shown(error);
    for line in expected.lines() {
        if !text.contains(line) {
            return Err(format!("expected {line:?} in\n{text}"));
        }
    }
    let leaked = |(name, value): &(&String, &String)| {
        name.starts_with("SECRET")
            && value
                .split(['"', '\n'])
                .any(|part| part.len() > 3 && text.contains(part))
    };
    match env.iter().find(leaked) {
        Some((name, _)) => Err(format!("the error shows the value of {name}:\n{text}")),
        None => Ok(()),
    }
}

/// Fails if a file of the case is neither one that is always looked for nor named in another file.
fn unmentioned(directory: &Path) -> Result<(), String> {
    let mut files = BTreeMap::new();
    collect(directory, &mut files);
    let always = [
        "case.json",
        "expected.json",
        "expected.error",
        "ecspresso.yml",
        "ecspresso.yaml",
        "ecspresso.json",
        "ecspresso.jsonnet",
        // Terraform's name for the file that names the workspace.
        "environment",
    ];
    for path in files.keys() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mentioned = files
            .iter()
            .any(|(other, text)| other != path && text.contains(&*name));
        let decoy = path.starts_with(directory) && name == "ecspresso.toml" || name == "other.yml";
        if !always.contains(&&*name) && !mentioned && !decoy {
            return Err(format!("{} is not part of the case", path.display()));
        }
    }
    Ok(())
}

fn collect(directory: &Path, files: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            let text = fs::read_to_string(&path).unwrap_or_default();
            files.insert(path, text);
        }
    }
}

#[test]
fn patterns() {
    let root = fixtures();
    let found = |patterns: &[&str]| {
        let patterns: Vec<_> = patterns
            .iter()
            .map(|pattern| (*pattern).to_owned())
            .collect();
        configs(&patterns, &root).map(|paths| {
            paths
                .iter()
                .map(|path| path.display().to_string())
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(
        found(&["yaml-*/*.yaml", "./yaml-extension/ecspresso.yaml"]).expect("found"),
        ["yaml-extension/ecspresso.yaml"]
    );
    assert_eq!(
        found(&[
            "wrapped/ecspresso.yml",
            "config-in*/**/*.yml",
            "crlf/ecspresso.[xy]ml"
        ])
        .expect("found"),
        [
            "config-in-a-subdirectory/services/app/ecspresso.yml",
            "crlf/ecspresso.yml",
            "wrapped/ecspresso.yml"
        ]
    );
    let absolute = root.join("crlf/ecspresso.y?l").display().to_string();
    assert_eq!(found(&[&absolute]).expect("found"), ["crlf/ecspresso.yml"]);
    assert_eq!(
        found(&["nowhere.yml"]).expect("a path is not looked at"),
        ["nowhere.yml"]
    );
    for (pattern, message) in [
        ("nowhere/*.yml", "no file matches nowhere/*.yml"),
        ("a[", "a[ is not a valid pattern"),
    ] {
        let error = found(&[pattern]).expect_err("no match");
        assert!(error.to_string().starts_with(message), "{error}");
    }
    let error = found(&["ecspresso.yml"]).expect_err("the default name means the search");
    assert!(
        error.to_string().ends_with(
            "looked for ecspresso.yml, ecspresso.yaml, ecspresso.json, ecspresso.jsonnet"
        ),
        "{error}"
    );
    assert_eq!(
        external_variables("--ext-str", "A=1;B=2")
            .expect("valid")
            .len(),
        2
    );
}

#[test]
fn envfiles_override_the_environment_and_are_listed_apart() {
    let reader = Reader::new(Settings {
        environment: [("TAG", "old"), ("HOME", "/root")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        envfiles: vec!["base.env".into(), "override.env".into()],
        directory: fixtures().join("envfiles"),
        ..Settings::default()
    })
    .expect("valid envfiles");
    assert_eq!(reader.environment()["TAG"], "bbbb");
    assert_eq!(reader.environment()["HOME"], "/root");
    assert_eq!(reader.envfile_variables()["TAG"], "bbbb");
    assert!(!reader.envfile_variables().contains_key("HOME"));
}

/// Pieces of a template that look something up; each is a string in the JSON.
const PIECES: [&str; 16] = [
    "{{ ssm `/a` }}",
    "{{ ssm `/b` | json_escape }}",
    "{{ if eq (ssm `/a`) `x` }}{{ ssm `/b` }}{{ else }}{{ ssm `/c` }}{{ end }}",
    "{{ or (env `NOPE` ``) (ssm `/c`) }}",
    "{{ or (env `SET`) (ssm `/c`) }}",
    "{{ and (ssm `/a`) `y` }}",
    "{{ printf `%s-%.1s` `p` (ssm `/d`) }}",
    "{{ printf `%s` (ssm `/d`) }}",
    "{{ len (ssm `/d`) }}",
    "{{ $v := ssm `/a` }}{{ range 2 }}{{ $v }}{{ end }}",
    "{{ $v := ssm `/b` }}",
    "{{ with ssm `/c` }}{{ . }}{{ end }}",
    "{{ ssm (printf `/%s` (ssm `/to-b`)) }}",
    "{{ ssm `/list` 1 }}",
    "{{ define `t%` }}{{ . }}{{ end }}{{ template `t%` (ssm `/c`) }}",
    "plain",
];

/// The same for Jsonnet; `l` is the native function.
const EXPRESSIONS: [&str; 10] = [
    "l('/a')",
    "'%s' % l('/b')",
    "(if l('/a') == 'x' then l('/b') else l('/c'))",
    "std.toString(std.length(l('/d')))",
    "std.split(l('/d'), 'o')[0]",
    "std.toString(std.parseInt(l('/number')) * 2)",
    "'{{ ssm `/c` }}'",
    "l('/' + l('/to-b'))",
    "(local v = l('/c'); v[0] + v)",
    "'plain'",
];

fn generated_world() -> World {
    let parameter =
        |(name, value): (&str, &str)| (name.to_owned(), Parameter::Text(value.to_owned()));
    let list = Parameter::Typed("StringList".to_owned(), "one,two".to_owned());
    let texts = [
        ("/a", "x"),
        ("/b", "bee"),
        ("/c", "sea"),
        ("/d", "food"),
        ("/to-b", "b"),
        ("/number", "21"),
    ];
    let mut parameters: BTreeMap<_, _> = texts.into_iter().map(parameter).collect();
    parameters.insert("/list".to_owned(), list);
    World {
        parameters,
        ..World::default()
    }
}

/// Renders a definition lazily and whole, and checks that the images are the same and no more is looked up.
fn check_lazy(name: &str, definition: &str) {
    let directory = tempfile::tempdir().expect("a directory");
    let config = format!("service: s\ntask_definition: {name}\n");
    fs::write(directory.path().join("ecspresso.yml"), config).expect("written");
    fs::write(directory.path().join(name), definition).expect("written");
    let case = Case {
        env: BTreeMap::from([("SET".to_owned(), "v".to_owned())]),
        world: generated_world(),
        ..Case::default()
    };
    let reader = Reader::new(Settings {
        environment: case.env.clone(),
        directory: directory.path().to_owned(),
        ..Settings::default()
    });
    let reader = reader.expect("a reader");
    let play = |depth| {
        let played = play_rounds(
            &reader,
            Path::new("ecspresso.yml"),
            depth,
            &case,
            directory.path(),
        );
        played.unwrap_or_else(|error| panic!("{}\n{definition}", shown(&error)))
    };
    let (lazy, lookups) = play(Depth::Images);
    let (whole, all) = play(Depth::Everything);
    let (lazy, whole) = (lazy.task_definition, whole.task_definition);
    assert_eq!(lazy.family, whole.family, "{definition}");
    assert_eq!(lazy.containers, whole.containers, "{definition}");
    assert!(lookups.is_subset(&all), "{lookups:?} {all:?}\n{definition}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn templates_have_the_same_images_lazily(pieces in proptest::collection::vec(0..PIECES.len(), 8)) {
        let mut pieces = pieces.iter().enumerate().map(|(place, piece)| {
            // A template may be defined once only.
            PIECES[*piece].replace('%', if PIECES[*piece].contains("define") { ["0", "1", "2", "3", "4", "5", "6", "7"][place] } else { "%" })
        });
        let mut next = || pieces.next().unwrap_or_default();
        let definition = format!(
            r#"{{"family": "f{}", "cpu": "{}", "containerDefinitions": [
                {{"name": "a", "image": "i{}{}", "cpu": {{{{ ssm `/number` }}}}, "user": "{}"}},
                {{"name": "n{}", "image": "j{}", "environment": [{{"name": "E", "value": "{}"}}]}}]}}"#,
            next(), next(), next(), next(), next(), next(), next(), next(),
        );
        check_lazy("ecs-task-def.json", &definition);
    }

    #[test]
    fn jsonnet_has_the_same_images_lazily(parts in proptest::collection::vec(0..EXPRESSIONS.len(), 6)) {
        let mut parts = parts.into_iter().map(|part| EXPRESSIONS[part]);
        let mut next = || parts.next().unwrap_or_default();
        let definition = format!(
            "local l = std.native('ssm');\n{{ family: 'f' + {}, memory: {}, containerDefinitions: [\n\
             {{ name: 'a', image: 'i' + {} + {}, user: {}, cpu: std.parseInt(l('/number')) }},\n\
             if l('/a') == 'x' then {{ name: 'b', image: 'j', user: {} }}] }}\n",
            next(), next(), next(), next(), next(), next(),
        );
        check_lazy("ecs-task-def.jsonnet", &definition);
    }
}
