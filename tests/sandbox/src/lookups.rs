//! What ecspresso's plugins look up: parameters, secrets, stacks, exports and objects. Each API in its own protocol.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::content::drawn_text;
use crate::input::Input;
use crate::refusal::Refusal;
use crate::state::State;
use crate::world::lookups::Lookups;

/// How many exports one page holds (CloudFormation API Reference, "ListExports").
const PAGE: usize = 100;

/// `ssm:GetParameter`.
pub(crate) fn parameter(state: &State, input: &Input, region: &str) -> Result<Value, Refusal> {
    let name = input.required("Name")?;
    let found = here(state, region).and_then(|known| known.parameters.get(name));
    let Some(parameter) = found else {
        return Err(Refusal::new("ParameterNotFound", ""));
    };
    let (kind, value) = (parameter.kind(), parameter.value());
    // Without decryption the value is what the key service gave out, of no use to anybody.
    let is_plain =
        kind != "SecureString" || input.0.get("WithDecryption") == Some(&Value::Bool(true));
    let value = if is_plain {
        value.to_owned()
    } else {
        drawn_text(&["encrypted", value])
    };
    let path = name.trim_start_matches('/');
    let arn = format!("arn:aws:ssm:{region}:{}:parameter/{path}", state.account);
    Ok(json!({"Parameter": {
        "Name": name, "Type": kind, "Value": value, "Version": 1, "ARN": arn, "DataType": "text",
    }}))
}

/// `secretsmanager:DescribeSecret`, by name or ARN.
pub(crate) fn secret(state: &State, input: &Input, region: &str) -> Result<Value, Refusal> {
    let id = input.required("SecretId")?;
    let known = here(state, region).map(|known| known.secrets.as_slice());
    let mut names = known.unwrap_or_default().iter();
    let found = names.find_map(|name| {
        let arn = state.secret_arn(name);
        (id == name || id == arn).then_some((name, arn))
    });
    let missing = "Secrets Manager can't find the specified secret.";
    let (name, arn) = found.ok_or_else(|| Refusal::new("ResourceNotFoundException", missing))?;
    Ok(json!({"ARN": arn, "Name": name}))
}

/// CloudFormation, the query protocol: `DescribeStacks` of one stack, `ListExports`.
pub(crate) fn cloudformation(
    state: &State,
    operation: &str,
    form: &BTreeMap<String, String>,
    region: &str,
) -> Answer {
    let result = match operation {
        "DescribeStacks" => stack(state, form, region),
        "ListExports" => Ok(exports(state, form, region)),
        _ => Err(Refusal::new(
            "InvalidAction",
            format!("the sandbox does not know CloudFormation's {operation}"),
        )),
    };
    let xmlns = "http://cloudformation.amazonaws.com/doc/2010-05-15/";
    match result {
        Ok(result) => {
            let body = format!(
                "<{operation}Response xmlns=\"{xmlns}\"><{operation}Result>{result}</{operation}Result><ResponseMetadata><RequestId>sandbox</RequestId></ResponseMetadata></{operation}Response>"
            );
            Answer::new(200)
                .header("content-type", "text/xml")
                .body(body)
        }
        Err(refusal) => refused(&refusal),
    }
}

/// An error of the query protocol.
pub(crate) fn refused(refusal: &Refusal) -> Answer {
    let status = if refusal.code.starts_with("AccessDenied") {
        403
    } else {
        400
    };
    let code = refusal.code.trim_end_matches("Exception");
    let body = format!(
        "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{}</Message></Error><RequestId>sandbox</RequestId></ErrorResponse>",
        escaped(&refusal.message)
    );
    let answer = Answer::new(status)
        .header("content-type", "text/xml")
        .body(body);
    Answer {
        error: Some(code.to_owned()),
        ..answer
    }
}

fn stack(state: &State, form: &BTreeMap<String, String>, region: &str) -> Result<String, Refusal> {
    let name = form.get("StackName").map_or("", String::as_str);
    let found = here(state, region).and_then(|known| known.stacks.get(name));
    let missing = || {
        Refusal::new(
            "ValidationError",
            format!("Stack with id {name} does not exist"),
        )
    };
    let outputs = found.ok_or_else(missing)?.iter().map(|(key, value)| {
        let (key, value) = (escaped(key), escaped(value));
        format!("<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>")
    });
    Ok(format!(
        "<Stacks><member><StackName>{}</StackName><CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus><Outputs>{}</Outputs></member></Stacks>",
        escaped(name),
        outputs.collect::<String>()
    ))
}

fn exports(state: &State, form: &BTreeMap<String, String>, region: &str) -> String {
    let nothing = BTreeMap::new();
    let known = here(state, region).map_or(&nothing, |known| &known.exports);
    let start = form
        .get("NextToken")
        .and_then(|token| token.parse().ok())
        .unwrap_or(0);
    let page = known.iter().skip(start).take(PAGE).map(|(name, value)| {
        let (name, value) = (escaped(name), escaped(value));
        format!("<member><ExportingStackId>x</ExportingStackId><Name>{name}</Name><Value>{value}</Value></member>")
    });
    let exports = page.collect::<String>();
    let more = known.len() > start + PAGE;
    let token = if more {
        format!("<NextToken>{}</NextToken>", start + PAGE)
    } else {
        String::new()
    };
    format!("<Exports>{exports}</Exports>{token}")
}

/// `s3:GetObject` of a path `/BUCKET/KEY`. A bucket in another Region says where it is.
pub(crate) fn object(state: &State, path: &str, region: &str) -> Answer {
    let error = |status: u16, code: &str, message: &str| {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        );
        let answer = Answer::new(status)
            .header("content-type", "application/xml")
            .body(body);
        Answer {
            error: Some(code.to_owned()),
            ..answer
        }
    };
    let object = crate::registry::route::decode(path.trim_start_matches('/'));
    let (bucket, _) = object.split_once('/').unwrap_or((&object, ""));
    let known = &state.lookups;
    let home = known.buckets.get(bucket).unwrap_or(&state.region);
    if home != region {
        let message = "The bucket must be addressed using the specified endpoint.";
        return error(301, "PermanentRedirect", message).header("x-amz-bucket-region", home);
    }
    let is_bucket = |object: &String| object.split('/').next() == Some(bucket);
    match known.objects.get(&object) {
        Some(Value::String(text)) => Answer::new(200).body(text.clone()),
        Some(value) => Answer::new(200).body(value.to_string()),
        None if known.objects.keys().any(is_bucket) => {
            error(404, "NoSuchKey", "The specified key does not exist.")
        }
        None => error(404, "NoSuchBucket", "The specified bucket does not exist"),
    }
}

/// An `s3:GetObject` that is not allowed.
pub(crate) fn object_denied() -> Answer {
    let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
    let answer = Answer::new(403)
        .header("content-type", "application/xml")
        .body(body);
    Answer {
        error: Some("AccessDenied".to_owned()),
        ..answer
    }
}

/// The world is in one Region; elsewhere there is nothing.
fn here<'a>(state: &'a State, region: &str) -> Option<&'a Lookups> {
    (state.region == region).then_some(&state.lookups)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
