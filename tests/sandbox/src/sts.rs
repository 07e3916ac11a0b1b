//! STS, the query protocol: who the caller is, and credentials for another role.

use std::collections::BTreeMap;

use crate::accounts;
use crate::answer::Answer;
use crate::content::drawn_text;
use crate::state::State;

pub(crate) fn answer(
    state: &mut State,
    operation: &str,
    form: &BTreeMap<String, String>,
) -> Answer {
    let account = &state.caller;
    let result = match operation {
        "GetCallerIdentity" => format!(
            "<Arn>arn:aws:sts::{account}:assumed-role/deploy/ci</Arn><UserId>AROASANDBOX:ci</UserId><Account>{account}</Account>"
        ),
        "AssumeRole" => {
            let role = form.get("RoleArn").cloned().unwrap_or_default();
            let session = form.get("RoleSessionName").cloned().unwrap_or_default();
            let name = role.rsplit('/').next().unwrap_or_default().to_owned();
            let account = role.split(':').nth(4).unwrap_or(account);
            let key = accounts::key_of(account);
            let token = drawn_text(&["session", &role, &session]);
            // SDKs compare with the real time, which the virtual clock does not follow.
            let expiration = "2099-01-01T00:00:00Z";
            format!(
                "<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>sandbox</SecretAccessKey><SessionToken>{token}</SessionToken><Expiration>{expiration}</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>AROASANDBOX:{session}</AssumedRoleId><Arn>arn:aws:sts::{account}:assumed-role/{name}/{session}</Arn></AssumedRoleUser>"
            )
        }
        _ => {
            let body = format!(
                "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>InvalidAction</Code><Message>the sandbox does not know STS's {operation}</Message></Error></ErrorResponse>"
            );
            let answer = Answer::new(400)
                .header("content-type", "text/xml")
                .body(body);
            return Answer {
                error: Some("InvalidAction".to_owned()),
                ..answer
            };
        }
    };
    let body = format!(
        "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{operation}Result>{result}</{operation}Result><ResponseMetadata><RequestId>sandbox</RequestId></ResponseMetadata></{operation}Response>"
    );
    Answer::new(200)
        .header("content-type", "text/xml")
        .body(body)
}
