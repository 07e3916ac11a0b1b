//! Mounts, and the upload sessions that a registry opens where it does not mount.

use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, LOCATION};
use reqwest::{Method, Response, Url};

use crate::clients::answer::Subject;
use crate::clients::pace::Api;
use crate::clients::registry::Endpoint;
use crate::model::failure::{Failure, FailureKind, Side};
use crate::model::manifest::Descriptor;
use crate::model::reference::Repository;

/// What became of a mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mount {
    /// The target now refers to the blob; nothing was transferred.
    Mounted,
    /// The registry opened an upload session instead.
    Declined(Session),
    /// The principal may not mount from the source.
    Denied,
}

/// An open upload session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Session(Url);

impl Session {
    pub(super) fn url(&self) -> &Url {
        &self.0
    }

    /// Where to say that all of the blob is there.
    pub(super) fn completing(&self, blob: &Descriptor) -> Url {
        let mut url = self.0.clone();
        url.query_pairs_mut()
            .append_pair("digest", blob.digest.as_str());
        url
    }
}

impl Endpoint {
    /// Asks to mount a blob of `source` into `target`. Both are in one registry.
    ///
    /// # Errors
    /// Anything that is not one of the three outcomes.
    pub async fn mount(
        &self,
        target: &Repository,
        source: &Repository,
        blob: &Descriptor,
    ) -> Result<Mount, Failure> {
        let subject = self.subject(
            "mount blob",
            target,
            Side::Target,
            "InitiateLayerUpload",
            blob,
        );
        let digest = blob.digest.as_str();
        let query = [("mount", digest), ("from", source.name.as_str())];
        let url = self.url(target, "blobs/uploads/", &query, &subject)?;
        let sent = self.start(target, &subject, &url).await;
        match sent {
            Ok((201, _)) => Ok(Mount::Mounted),
            Ok((_, location)) => Ok(Mount::Declined(location)),
            Err(failure) if matches!(failure.kind, FailureKind::Denied { .. }) => Ok(Mount::Denied),
            Err(failure) => Err(failure),
        }
    }

    /// Opens an upload session without asking for a mount.
    ///
    /// # Errors
    /// The registry's.
    pub async fn open(&self, target: &Repository, blob: &Descriptor) -> Result<Session, Failure> {
        let subject = self.subject(
            "open upload",
            target,
            Side::Target,
            "InitiateLayerUpload",
            blob,
        );
        let url = self.url(target, "blobs/uploads/", &[], &subject)?;
        self.start(target, &subject, &url)
            .await
            .map(|(_, session)| session)
    }

    async fn start(
        &self,
        target: &Repository,
        subject: &Subject,
        url: &Url,
    ) -> Result<(u16, Session), Failure> {
        self.pace
            .run(Api::InitiateLayerUpload, async || {
                let client = self.uploads(&target.registry, subject)?;
                let request = client.request(Method::POST, url.clone());
                let request = request.header(CONTENT_LENGTH, 0);
                let answer = self.send(&target.registry, request, subject).await?;
                let location = self.location(target, url, &answer);
                match answer.status().as_u16() {
                    201 => Ok((201, Session(url.clone()))),
                    202 => {
                        let missing = || {
                            let kind = FailureKind::BadAnswer;
                            subject.failure(
                                kind,
                                "202 without a Location of this registry to upload to",
                            )
                        };
                        Ok((202, Session(location.ok_or_else(missing)?)))
                    }
                    status => {
                        let text = format!("unexpected status {status}");
                        Err(subject.failure(FailureKind::BadAnswer, text))
                    }
                }
            })
            .await
    }

    /// Closes an upload session that is not needed; best effort.
    pub async fn cancel(&self, target: &Repository, session: &Session) {
        let subject = Subject {
            operation: "cancel upload",
            object: target.to_string(),
            side: Some(Side::Target),
            caller: self.ecr.caller(&target.registry),
            action: "ecr:InitiateLayerUpload".to_owned(),
            resource: target.arn(),
        };
        let Ok(client) = self.http(&subject) else {
            return;
        };
        let request = client.request(Method::DELETE, session.0.clone());
        let request = request.timeout(Duration::from_secs(3));
        // A session that stays open lapses by itself; there is nothing to do about a failure.
        drop(self.send(&target.registry, request, &subject).await);
    }

    /// Where an upload session goes on, which every answer may say anew.
    pub(super) fn moved(
        &self,
        target: &Repository,
        session: &Session,
        answer: &Response,
    ) -> Session {
        let location = self.location(target, &session.0, answer);
        location.map_or_else(|| session.clone(), Session)
    }

    /// Where an answer points to: absolute or relative to what was asked.
    fn location(&self, target: &Repository, asked: &Url, answer: &Response) -> Option<Url> {
        let location = answer.headers().get(LOCATION)?.to_str().ok()?;
        let location = asked.join(location).ok()?;
        may_receive_password(&location, asked, target.registry.host()).then_some(location)
    }
}

/// Whether a place that an answer names may be sent the registry password: only where we asked, or the registry's own
/// host.
fn may_receive_password(location: &Url, asked: &Url, host: &str) -> bool {
    let own = location.scheme() == "https" && location.host_str() == Some(host);
    own || location.origin() == asked.origin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_goes_to_no_host_that_an_answer_names() {
        let host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
        let asked = "http://127.0.0.1:5000/v2/a/blobs/uploads/";
        let check = |location: &str, expected: bool| {
            let (location, asked) = (location.parse(), asked.parse());
            let (location, asked): (Url, Url) = (location.expect("a URL"), asked.expect("a URL"));
            assert_eq!(
                may_receive_password(&location, &asked, host),
                expected,
                "{location}"
            );
        };
        check("http://127.0.0.1:5000/v2/a/blobs/uploads/1", true);
        check(&format!("https://{host}/v2/a/blobs/uploads/1"), true);
        check(&format!("http://{host}/v2/a/blobs/uploads/1"), false);
        check("http://127.0.0.1:5001/v2/a/blobs/uploads/1", false);
        check("https://example.com/v2/a/blobs/uploads/1", false);
    }
}
