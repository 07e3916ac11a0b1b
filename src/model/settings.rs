//! `demitasse.yml`: what a team decides once instead of passing it as flags. Flags win over it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The settings file's name.
pub const FILE_NAME: &str = "demitasse.yml";

/// Untagged images younger than this are never expired by a policy of ours, in days.
const MIN_UNTAGGED_DAYS: u32 = 30;
/// ECR takes five exclusion filters, and one is for pins.
const MAX_MOVING_TAGS: usize = 4;

/// The keys of `demitasse.yml`. Every key is optional, unknown keys are refused. Documented in `docs/settings.md`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Pattern of the common repository: `--source`.
    pub source: Option<String>,
    /// Pattern of the task-definition repository: `--target`.
    pub target: Option<String>,
    /// `--keep`.
    pub keep: Option<u32>,
    /// `--min-pushes`.
    pub min_pushes: Option<u32>,
    /// `--lifecycle`.
    pub lifecycle: Option<Lifecycle>,
    /// `--create-repository`.
    pub create_repository: Option<CreateRepository>,
    /// `--mutability`.
    pub mutability: Option<NewMutability>,
    /// Families that are no legal repository name, or clash with one: family → the word to use for `{family}`.
    #[serde(default)]
    pub families: BTreeMap<String, String>,
    /// Tags that may move to another digest (`latest`).
    #[serde(default)]
    pub moving_tags: Vec<String>,
    /// Resource tags of repositories that demitasse creates, besides its own three.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Images whose source is not in ECR. Of several that match, the first counts.
    #[serde(default)]
    pub sources: Vec<SourceSetting>,
    /// Sources of usage that are not read, because nothing starts tasks that way: `--without`.
    #[serde(default)]
    pub without: Vec<Without>,
    /// ECR's quotas in the accounts of a run, in requests per second, where they are not the default.
    #[serde(default)]
    pub quotas: BTreeMap<Quota, u32>,
    /// What differs for some repositories. Of several that match, the first counts for each key.
    #[serde(default)]
    pub repositories: Vec<Exception>,
}

/// An operation of ECR whose rate can be raised (Amazon ECR User Guide, "Amazon ECR service quotas"), by its name in the API.
/// `BatchDeleteImage` stands for everything that deletes; its quota is not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[expect(missing_docs, reason = "they are the names of the API")]
pub enum Quota {
    BatchCheckLayerAvailability,
    BatchDeleteImage,
    BatchGetImage,
    CompleteLayerUpload,
    GetDownloadUrlForLayer,
    InitiateLayerUpload,
    PutImage,
    UploadLayerPart,
}

/// Where the images of some names come from, if not from ECR.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSetting {
    /// What `{name}` of the target pattern is for them; `*` stands for any run of characters.
    pub name: String,
    /// Registry and repository, such as `public.ecr.aws/datadog/agent`; the tag stays the same. A pattern.
    pub from: String,
}

/// What differs for the repositories whose names match a pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The names it is for; `*` stands for any run of characters.
    #[serde(rename = "match")]
    pub pattern: String,
    /// How many images the policy keeps.
    pub keep: Option<u32>,
    /// After how many days untagged images go.
    pub untagged_days: Option<u32>,
    /// Tag mutability at creation.
    pub mutability: Option<NewMutability>,
    /// Resource tags at creation, besides those of all.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Encryption at creation, in the place of the source's.
    pub encryption: Option<EncryptionSetting>,
    /// Basic scanning of every push, at creation.
    pub scan_on_push: Option<bool>,
}

/// Encryption at rest, as `demitasse.yml` says it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncryptionSetting {
    /// `AES256`, `KMS` or `KMS_DSSE`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The key's ARN; AWS's own key without it.
    pub key: Option<String>,
}

/// A source of usage that may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Without {
    /// ECS daemons.
    Daemons,
    /// Rules of Amazon EventBridge.
    #[value(name = "eventbridge")]
    EventBridge,
    /// Schedules of Amazon EventBridge Scheduler.
    Scheduler,
}

/// What to do about the lifecycle policy of a target repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Lifecycle {
    /// Install ours where the repository is new, or has none and nothing would expire now.
    Install,
    /// Refuse where the policy is less protective than ours.
    Verify,
    /// Do not look.
    Off,
}

/// Whether to create a target repository that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum CreateRepository {
    /// Create it, with the source's encryption and repository policy.
    Auto,
    /// Refuse.
    Never,
}

/// Tag mutability of a repository that demitasse creates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum NewMutability {
    /// Immutable, except for pins (and `moving_tags`).
    Immutable,
    /// What the source repository has.
    Inherit,
    /// Mutable.
    Mutable,
}

impl Settings {
    /// Reads the text of `demitasse.yml`.
    ///
    /// # Errors
    /// What is wrong, with line, column and excerpt.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let settings: Self = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        settings.check()?;
        Ok(settings)
    }

    /// What YAML's types do not say.
    fn check(&self) -> Result<(), String> {
        let keeps = self.repositories.iter().map(|exception| exception.keep);
        if keeps.chain([self.keep]).any(|keep| keep == Some(0)) {
            return Err("keep must be at least 1".to_owned());
        }
        if self.quotas.values().any(|quota| *quota == 0) {
            return Err("quotas must be at least 1 request a second".to_owned());
        }
        let mut days = self
            .repositories
            .iter()
            .filter_map(|exception| exception.untagged_days);
        if days.any(|days| days < MIN_UNTAGGED_DAYS) {
            return Err(format!(
                "untagged_days must be at least {MIN_UNTAGGED_DAYS}: children of an index that just \
                 lost its tag are untagged"
            ));
        }
        // The grammar of ECR's exclusion filters (API model, ImageTagMutabilityExclusionFilter).
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '*' | '-');
        let wrong = |tag: &&String| tag.is_empty() || tag.len() > 128 || !tag.chars().all(legal);
        if let Some(tag) = self.moving_tags.iter().find(wrong) {
            return Err(format!(
                "moving_tags: `{tag}` is no tag and no wildcard for tags"
            ));
        }
        let tags = self
            .repositories
            .iter()
            .flat_map(|exception| exception.tags.keys());
        let mut tags = tags.chain(self.tags.keys());
        if let Some(tag) = tags.find(|tag| tag.to_lowercase().starts_with("aws:")) {
            return Err(format!("tags: `{tag}` is reserved for AWS"));
        }
        if self.moving_tags.len() > MAX_MOVING_TAGS {
            return Err(format!(
                "moving_tags: at most {MAX_MOVING_TAGS}, because ECR takes five exclusions from \
                 immutability and one is for pins; use a wildcard"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read() {
        let text = "source: '{name}/common'\ntarget: '{name}/{family}'\nkeep: 50\nmin_pushes: 5\n\
            lifecycle: verify\ncreate_repository: never\nmutability: inherit\n\
            families:\n  CfpApp: cfp-app\nsources:\n- {name: 'hub/*', from: 'docker.io/{name}'}\nmoving_tags: [latest]\ntags:\n  team: sre\n\
            quotas: {PutImage: 50}\n\
            repositories:\n- match: 'fluentd/*'\n  keep: 100\n  untagged_days: 60\n  \
            encryption: {type: KMS}\n  scan_on_push: true\n";
        let settings = Settings::read(text).expect("a full file");
        assert_eq!(settings.keep, Some(50));
        assert_eq!(settings.lifecycle, Some(Lifecycle::Verify));
        assert_eq!(settings.families["CfpApp"], "cfp-app");
        assert_eq!(settings.sources[0].from, "docker.io/{name}");
        assert_eq!(settings.moving_tags, ["latest"]);
        assert_eq!(settings.tags["team"], "sre");
        assert_eq!(settings.quotas[&Quota::PutImage], 50);
        assert_eq!(settings.repositories[0].pattern, "fluentd/*");
        assert_eq!(settings.repositories[0].untagged_days, Some(60));
    }

    #[test]
    fn an_empty_file_sets_nothing() {
        assert_eq!(Settings::read("\n"), Ok(Settings::default()));
    }

    #[test]
    fn unknown_keys_and_wrong_types_are_refused_with_their_line() {
        let cases = [
            ("keep: 3\nkepe: 4\n", "kepe"),
            ("keep: many\n", "line"),
            ("quotas: {PutImages: 1}\n", "PutImages"),
            ("quotas: {PutImage: 0}\n", "at least 1"),
            ("sources: [{name: x}]\n", "from"),
            ("sources: [{name: x, from: y/z, tag: a}]\n", "tag"),
            ("keep: 0\n", "at least 1"),
            ("repositories: [{match: x, keep: 0}]\n", "at least 1"),
            (
                "repositories: [{match: x, untagged_days: 1}]\n",
                "at least 30",
            ),
            ("moving_tags: ['a b']\n", "`a b`"),
            ("tags: {'aws:x': y}\n", "reserved"),
            ("moving_tags: [a, b, c, d, e]\n", "at most 4"),
        ];
        for (text, wanted) in cases {
            let error = Settings::read(text).expect_err(text);
            assert!(error.contains(wanted), "{error}");
        }
    }
}
