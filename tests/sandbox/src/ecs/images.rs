//! What an image name means in this registry, and whether a task could pull it.

use crate::content;
use crate::ecs::state::ContainerImage;
use crate::ecs::state::TaskDefinition;
use crate::state::State;
use crate::state::Storage;

/// An image of this registry: repository, tag, digest.
struct Name<'a> {
    repository: &'a str,
    tag: &'a str,
    digest: Option<&'a str>,
}

impl State {
    /// The images of a task definition, with what their tags mean now. Images of other registries are taken to exist.
    pub(crate) fn resolve(&self, definition: &TaskDefinition) -> Vec<ContainerImage> {
        let containers = definition.containers().into_iter();
        containers
            .map(|(name, image)| {
                let digest = self.digest_of(&image);
                ContainerImage {
                    name,
                    image,
                    digest,
                }
            })
            .collect()
    }

    /// The digest an image name means now.
    pub(crate) fn digest_of(&self, image: &str) -> Option<String> {
        let Some(name) = self.own_image(image) else {
            return Some(content::digest(image.as_bytes()));
        };
        let image = self.image(name.repository, name.digest.unwrap_or(name.tag))?;
        Some(image.digest.clone())
    }

    /// The repository of an image name, if it is one of this registry.
    pub(crate) fn repository_of<'a>(&self, image: &'a str) -> Option<&'a str> {
        Some(self.own_image(image)?.repository)
    }

    /// Pulls an image as the start of a container does, by a digest or by what its name means now: the manifest, every
    /// manifest below it and every blob must be there and not archived. Gives the digest.
    ///
    /// # Errors
    /// What is missing.
    pub(crate) fn pull_image(&self, image: &str, digest: Option<&str>) -> Result<String, String> {
        let Some(name) = self.own_image(image) else {
            return Ok(digest.map_or_else(|| content::digest(image.as_bytes()), str::to_owned));
        };
        let reference = digest.or(name.digest).unwrap_or(name.tag);
        self.check_whole(name.repository, reference)?;
        let found = self.image(name.repository, reference);
        Ok(found.map(|image| image.digest.clone()).unwrap_or_default())
    }

    /// Whether an image can be pulled whole, by tag or digest.
    ///
    /// # Errors
    /// The first thing that is not there, or that is archived.
    pub fn check_whole(&self, repository: &str, reference: &str) -> Result<(), String> {
        let known = self
            .repository(repository)
            .ok_or_else(|| format!("{repository}: no such repository"))?;
        let mut waiting = vec![reference.to_owned()];
        while let Some(reference) = waiting.pop() {
            let image = known
                .image(&reference)
                .ok_or_else(|| format!("{repository}: {reference}: not found"))?;
            if image.storage != Storage::Active {
                let word = image.storage.word();
                return Err(format!("{repository}: {reference}: not found ({word})"));
            }
            for blob in &image.manifest.blobs {
                if !known.blobs.contains_key(&blob.digest) {
                    return Err(format!("{repository}: blob {}: not found", blob.digest));
                }
            }
            waiting.extend(image.manifest.children.iter().cloned());
        }
        Ok(())
    }

    /// Takes an image name apart if its host is one of this registry's.
    fn own_image<'a>(&self, image: &'a str) -> Option<Name<'a>> {
        let (host, rest) = image.split_once('/')?;
        let host = host.to_ascii_lowercase();
        let rest_of_host = host.strip_prefix(&format!("{}.dkr", self.account))?;
        let region = &self.region;
        let suffixes = [
            format!(".ecr.{region}.amazonaws.com"),
            format!(".ecr-fips.{region}.amazonaws.com"),
            format!(".ecr.{region}.amazonaws.com.cn"),
            format!("-ecr.{region}.on.aws"),
            format!("-ecr-fips.{region}.on.aws"),
            format!("-ecr.{region}.amazonaws.com"),
            format!("-ecr-fips.{region}.amazonaws.com"),
        ];
        if !suffixes.iter().any(|suffix| suffix == rest_of_host) {
            return None;
        }
        let (name, digest) = rest
            .split_once('@')
            .map_or((rest, None), |(name, digest)| (name, Some(digest)));
        let (repository, tag) = name.split_once(':').unwrap_or((name, "latest"));
        Some(Name {
            repository,
            tag,
            digest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    fn state(region: &str) -> State {
        let world =
            format!(r#"{{"region": "{region}", "repositories": [{{"name": "team/app"}}]}}"#);
        let world: World = world.parse().unwrap();
        State::new(&world, 0).unwrap()
    }

    #[test]
    fn every_spelling_of_the_registry() {
        let tokyo = state("ap-northeast-1");
        for (host, is_own) in [
            ("123456789012.dkr.ecr.ap-northeast-1.amazonaws.com", true),
            (
                "123456789012.dkr.ecr-fips.ap-northeast-1.amazonaws.com",
                true,
            ),
            ("123456789012.dkr-ecr.ap-northeast-1.on.aws", true),
            ("123456789012.DKR.ECR.ap-northeast-1.amazonaws.com", true),
            ("123456789012.dkr.ecr.us-east-1.amazonaws.com", false),
            ("210987654321.dkr.ecr.ap-northeast-1.amazonaws.com", false),
            ("public.ecr.aws", false),
        ] {
            for rest in [
                "team/app",
                "team/app:v1",
                "team/app@sha256:00",
                "team/app:v1@sha256:00",
            ] {
                let image = format!("{host}/{rest}");
                let expected = is_own.then_some("team/app");
                assert_eq!(tokyo.repository_of(&image), expected, "{image}");
            }
        }
        let beijing = state("cn-north-1");
        let host = beijing.host();
        assert_eq!(host, "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn");
        assert_eq!(
            beijing.repository_of(&format!("{host}/team/app")),
            Some("team/app")
        );
        assert!(
            beijing
                .ecs_arn("a")
                .starts_with("arn:aws-cn:ecs:cn-north-1:")
        );
        assert_eq!(tokyo.repository_of("nginx"), None);
    }
}
