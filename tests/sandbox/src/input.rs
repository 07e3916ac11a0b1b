//! The input of a JSON operation: its fields, and the errors AWS gives for those that are missing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::refusal::Refusal;

/// The JSON body of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Input(pub(crate) Value);

impl Input {
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str)
    }

    pub(crate) fn required(&self, key: &str) -> Result<&str, Refusal> {
        self.text(key)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| Refusal::parameter(key, "Member must not be null"))
    }

    pub(crate) fn list(&self, key: &str) -> &[Value] {
        self.0
            .get(key)
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    pub(crate) fn texts(&self, key: &str) -> Vec<&str> {
        self.list(key).iter().filter_map(Value::as_str).collect()
    }

    /// A list of at most so many entries, and at least one.
    pub(crate) fn limited(&self, key: &str, most: usize) -> Result<&[Value], Refusal> {
        let list = self.list(key);
        if list.is_empty() || list.len() > most {
            return Err(Refusal::parameter(
                key,
                format!("Member must have length between 1 and {most}"),
            ));
        }
        Ok(list)
    }

    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        self.0.get(key).and_then(Value::as_u64)
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        self.0.get(key).and_then(Value::as_bool).unwrap_or_default()
    }

    /// A field of an object field.
    pub(crate) fn nested(&self, key: &str, inner: &str) -> Option<&str> {
        self.0.get(key)?.get(inner)?.as_str()
    }

    /// The page that `maxResults` and `nextToken` ask for, and the token of the next one.
    pub(crate) fn page<T>(
        &self,
        all: Vec<T>,
        default: usize,
        most: usize,
    ) -> Result<(Vec<T>, Option<String>), Refusal> {
        let size = match self.number("maxResults") {
            None => default,
            Some(size) => usize::try_from(size)
                .ok()
                .filter(|size| (1..=most).contains(size))
                .ok_or_else(|| {
                    Refusal::parameter(
                        "maxResults",
                        format!("Member must have value between 1 and {most}"),
                    )
                })?,
        };
        let start = match self.text("nextToken") {
            None => 0,
            Some(token) => {
                read_token(token).ok_or_else(|| Refusal::parameter("nextToken", "Invalid token"))?
            }
        };
        let more = all.len() > start + size;
        let page = all.into_iter().skip(start).take(size).collect();
        Ok((
            page,
            more.then(|| STANDARD.encode(format!("page:{}", start + size))),
        ))
    }
}

fn read_token(token: &str) -> Option<usize> {
    let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    text.strip_prefix("page:")?.parse().ok()
}

/// An object with `nextToken` where there is a next page.
pub(crate) fn with_token(mut value: Value, token: Option<String>) -> Value {
    if let (Some(object), Some(token)) = (value.as_object_mut(), token) {
        object.insert("nextToken".to_owned(), Value::from(token));
    }
    value
}
