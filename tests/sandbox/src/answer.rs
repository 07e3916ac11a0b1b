//! An HTTP answer, before it is sent.

use bytes::Bytes;
use serde_json::Value;
use serde_json::json;

use crate::refusal::Refusal;

/// Status, headers and body.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
    /// The error code, for the log.
    pub(crate) error: Option<String>,
}

impl Answer {
    pub(crate) fn new(status: u16) -> Answer {
        Answer {
            status,
            ..Answer::default()
        }
    }

    #[must_use]
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Answer {
        self.headers.push((name, value.into()));
        self
    }

    #[must_use]
    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Answer {
        self.body = body.into();
        self
    }

    /// An answer of the AWS JSON protocol.
    pub(crate) fn json(result: Result<Value, Refusal>) -> Answer {
        let kind = "application/x-amz-json-1.1";
        match result {
            Ok(value) => Answer::new(200)
                .header("content-type", kind)
                .body(value.to_string()),
            Err(refusal) => {
                let body = json!({"__type": refusal.code, "message": refusal.message});
                let answer = Answer::new(refusal.json_status())
                    .header("content-type", kind)
                    .body(body.to_string());
                Answer {
                    error: Some(refusal.code.to_owned()),
                    ..answer
                }
            }
        }
    }

    /// The same in the REST JSON protocol: an error has a status of its own, its name is in a header.
    pub(crate) fn in_rest(self) -> Answer {
        let Some(code) = self.error.clone() else {
            return Answer {
                headers: vec![("content-type", "application/json".to_owned())],
                ..self
            };
        };
        let status = match code.as_str() {
            "ResourceNotFoundException" => 404,
            "ThrottlingException" => 429,
            "AccessDeniedException" => 403,
            _ => self.status,
        };
        let told: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let body = json!({"Message": told["message"]}).to_string();
        let mut answer = Answer { status, ..self }
            .header("x-amzn-errortype", code)
            .body(body);
        for (name, value) in &mut answer.headers {
            if *name == "content-type" {
                "application/json".clone_into(value);
            }
        }
        answer
    }

    /// An error of the OCI distribution specification.
    pub(crate) fn registry_error(status: u16, code: &str, message: &str) -> Answer {
        let body = json!({"errors": [{"code": code, "message": message}]});
        let answer = Answer::new(status)
            .header("content-type", "application/json; charset=utf-8")
            .body(body.to_string());
        Answer {
            error: Some(code.to_owned()),
            ..answer
        }
    }
}
