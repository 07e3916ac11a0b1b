//! Log lines in ecspresso's form, so that the two tools read as one log:
//! `2026-11-24T12:00:00.000Z [INFO] [app] promoted [target:fluentd/app:3f2c1ab]`.

use crate::apply::event::Event;
use crate::commands::surroundings::now;
use crate::model::time::Timestamp;
use crate::plan::outcome::State;

/// The line for an event, if it deserves one.
pub(super) fn line(event: &Event<'_>) -> Option<String> {
    let text = match event {
        Event::Created { repository } => format!("created [repository:{repository}]"),
        Event::PolicyInstalled { repository } => {
            format!("installed lifecycle policy [repository:{repository}]")
        }
        Event::Swept {
            repository,
            images,
            archived,
        } => {
            let verb = if *archived { "archived" } else { "deleted" };
            format!("{verb} [repository:{repository}] [images:{images}]")
        }
        Event::Pinned { target, tag } => format!("pinned [target:{target}:{tag}]"),
        Event::Unpinned { target, tags } => {
            let tags: Vec<&str> = tags.iter().map(|tag| tag.as_str()).collect();
            format!("unpinned [target:{target}] [tags:{}]", tags.join(","))
        }
        Event::Ended {
            promotion, result, ..
        } => {
            let verb = match result.state {
                State::Promoted => "promoted",
                State::Failed => "failed",
                State::Refused => "refused",
                State::AlreadyThere | State::Pinned | State::NotDone => return None,
            };
            let wanted = &promotion.wanted;
            let digest = promotion.digest().map(ToString::to_string);
            format!(
                "[{}] {verb} [source:{}{}] [target:{}:{}] [digest:{}] [mounted:{}] [streamed:{}] [bytes:{}]",
                wanted.family,
                wanted.source,
                wanted.asked(),
                wanted.target,
                promotion.tag,
                digest.unwrap_or_default(),
                result.mounted,
                result.streamed,
                result.transferred(),
            )
        }
        Event::Began { .. } | Event::Blob { .. } => return None,
    };
    let level = match event {
        Event::Ended { result, .. } if result.state != State::Promoted => "ERROR",
        _ => "INFO",
    };
    Some(format!("{} [{level}] {text}\n", stamp(now())))
}

/// A line for what is no event of a plan that is carried out.
pub(super) fn info(text: &str) -> String {
    format!("{} [INFO] {text}\n", stamp(now()))
}

fn stamp(time: Timestamp) -> String {
    let since = std::time::Duration::from_millis(u64::try_from(time.0).unwrap_or(0));
    let time = std::time::SystemTime::UNIX_EPOCH + since;
    humantime::format_rfc3339_millis(time).to_string()
}
