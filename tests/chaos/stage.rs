//! The world that is promoted in, and what it must look like afterwards: a target to be created, one that exists, and one whose window is
//! nearly full while a service runs an old image of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use demitasse_sandbox::{Sandbox, State, World};
use serde_json::{Value, json};

use crate::injection::Injection;
use crate::support::{HOST, our_policy};

/// The target that the promotion creates.
pub(crate) const FRESH: &str = "fluentd/fresh";
/// The target that exists; its tags can be moved.
const KNOWN: &str = "fluentd/known";
/// The target whose window is nearly full.
pub(crate) const FULL: &str = "fluentd/full";
/// How many images the nearly full window keeps.
pub(crate) const KEEP: u32 = 10;
/// What is promoted: the family, and the tag.
const WANTED: [(&str, &str); 3] = [("fresh", "index"), ("known", "plain"), ("full", "plain")];

/// Tags and digests of a repository, by repository.
pub(crate) type Tags = BTreeMap<String, BTreeMap<String, String>>;

/// The world, read once.
pub(crate) fn world() -> World {
    let image = |tag: &str, days: usize| {
        let layers =
            json!([{"size": 96, "seed": "base"}, {"size": 64, "seed": format!("layer-{tag}")}]);
        json!({"tags": [tag], "pushedDaysAgo": days, "layers": layers})
    };
    let mut index = image("index", 2);
    index["platforms"] = json!(["linux/amd64", "linux/arm64"]);
    index["attestations"] = json!(true);
    let old: Vec<Value> = (1..=9)
        .map(|number| image(&format!("v{number}"), 20 - number))
        .collect();
    let definition = |number: usize| {
        let image = format!("{HOST}/{FULL}:v{number}");
        json!({"family": "full", "containers": [{"name": "app", "image": image}]})
    };
    let world = json!({
        "repositories": [
            {"name": "fluentd/common", "policy": pullers(), "images": [index, image("plain", 1)]},
            {"name": KNOWN, "tagMutability": "MUTABLE", "lifecyclePolicy": our_policy(30), "images": [image("before", 9)]},
            {"name": FULL, "lifecyclePolicy": our_policy(KEEP), "images": old},
        ],
        "clusters": ["default"],
        "taskDefinitions": (1..=9).map(definition).collect::<Vec<_>>(),
        "services": [{"name": "full", "taskDefinition": "full:2"}],
    });
    world.to_string().parse().expect("a world")
}

/// The repository policy that created targets get.
fn pullers() -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Sid": "pull"}]})
}

/// Writes the three projects; gives the paths of their configs.
pub(crate) fn projects(directory: &Path) -> Vec<String> {
    let write = |(family, tag): (&str, &str)| {
        let own = directory.join(family);
        fs::create_dir_all(&own).expect("a directory");
        let config = format!(
            "region: ap-northeast-1\ncluster: default\nservice: {family}\ntask_definition: task.json\n"
        );
        fs::write(own.join("ecspresso.yml"), config).expect("a file");
        let image = format!("{HOST}/fluentd/{family}:{tag}");
        let definition =
            json!({"family": family, "containerDefinitions": [{"name": "app", "image": image}]});
        fs::write(own.join("task.json"), definition.to_string()).expect("a file");
        own.join("ecspresso.yml").display().to_string()
    };
    WANTED.into_iter().map(write).collect()
}

/// Begins the world anew, as an injection wants it. Gives the tags that are there before anything is promoted.
pub(crate) fn set(sandbox: &Sandbox, world: &World, injection: &Injection) -> Tags {
    sandbox
        .begin_again(world, injection.seed)
        .expect("a sandbox");
    sandbox.with_state(|state| {
        let setting = if injection.mounts {
            "ENABLED"
        } else {
            "DISABLED"
        };
        let name = "BLOB_MOUNTING".to_owned();
        state.settings.insert(name, setting.to_owned());
        state.creation_delay = injection.creation_delay;
        // Somebody pinned this one already.
        let pinned = state.tags(FULL)["v5"].clone();
        state
            .set_tag(FULL, &pin(&pinned), &pinned)
            .expect("an image");
        tags(state)
    })
}

/// The pin of a digest.
fn pin(digest: &str) -> String {
    let hex = digest.trim_start_matches("sha256:");
    format!("inuse-{}", &hex[..12])
}

/// What every repository shows.
pub(crate) fn tags(state: &State) -> Tags {
    let names = state.repositories.keys();
    names.map(|name| (name.clone(), state.tags(name))).collect()
}

/// What is promoted where: the repository, the tag and the digest.
pub(crate) fn wanted(before: &Tags) -> Vec<(String, String, String)> {
    let common = &before["fluentd/common"];
    let one = |(family, tag): (&str, &str)| {
        (
            format!("fluentd/{family}"),
            tag.to_owned(),
            common[tag].clone(),
        )
    };
    WANTED.into_iter().map(one).collect()
}

/// The pins of what the service runs and of what it would go back to.
pub(crate) fn pins_in_use(before: &Tags) -> [String; 2] {
    ["v2", "v1"].map(|tag| pin(&before[FULL][tag]))
}

/// Whether the created target has its source's repository policy.
pub(crate) fn has_access(state: &State) -> bool {
    let fresh = state.repository(FRESH);
    let policy = fresh.and_then(|fresh| fresh.policy.as_ref());
    policy.and_then(|text| serde_json::from_str(text).ok()) == Some(pullers())
}

/// Whether it has a lifecycle policy.
pub(crate) fn has_lifecycle(state: &State) -> bool {
    state
        .repository(FRESH)
        .is_some_and(|fresh| fresh.lifecycle.is_some())
}
