//! List operations of AWS, which answer page by page.

use crate::clients::pace::{Api, Pace};
use crate::model::failure::Failure;

/// Every item of a list operation. `ask` sends the request for the page that a token stands for (the first page without
/// one); `take` takes an answer apart into its items and the token of the next page.
///
/// # Errors
/// The first page that fails: a part of a list is none.
pub(crate) async fn pages<Answer, Item>(
    pace: &Pace,
    api: Api,
    mut ask: impl AsyncFnMut(Option<String>) -> Result<Answer, Failure>,
    mut take: impl FnMut(Answer) -> Result<(Vec<Item>, Option<String>), Failure>,
) -> Result<Vec<Item>, Failure> {
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let answer = pace.run(api, async || ask(token.clone()).await).await?;
        let (items, next) = take(answer)?;
        found.extend(items);
        if next.is_none() {
            return Ok(found);
        }
        token = next;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::failure::FailureKind;

    fn failure(kind: FailureKind) -> Failure {
        Failure::new("ListThings", "all", kind, "")
    }

    /// Three pages; the second answers so before it is given.
    async fn listed(before: Option<FailureKind>) -> (Result<Vec<u32>, Failure>, Vec<String>) {
        let pace = Pace::new(Duration::from_secs(60), 1);
        let (mut before, mut asked) = (before, Vec::new());
        let ask = async |token: Option<String>| {
            let at: usize = token
                .as_deref()
                .map_or(0, |token| token.parse().expect(token));
            asked.push(token.unwrap_or_default());
            match before.take_if(|_| at == 1) {
                Some(kind) => Err(failure(kind)),
                None => Ok(at),
            }
        };
        let take = |at: usize| {
            let pages = [vec![1, 2], vec![], vec![3]];
            Ok((pages[at].clone(), (at < 2).then(|| (at + 1).to_string())))
        };
        let found = pages(&pace, Api::Other, ask, take).await;
        (found, asked)
    }

    #[tokio::test]
    async fn pages_are_joined_and_one_that_fails_is_asked_for_again() {
        let (found, asked) = listed(None).await;
        assert_eq!(
            (found, asked.join(",")),
            (Ok(vec![1, 2, 3]), ",1,2".to_owned())
        );
        let (found, asked) = listed(Some(FailureKind::Broken)).await;
        assert_eq!(
            (found, asked.join(",")),
            (Ok(vec![1, 2, 3]), ",1,1,2".to_owned())
        );
    }

    #[tokio::test]
    async fn a_part_is_not_the_list() {
        let (found, asked) = listed(Some(FailureKind::Other)).await;
        assert_eq!(
            (found, asked.join(",")),
            (Err(failure(FailureKind::Other)), ",1".to_owned())
        );
    }
}
