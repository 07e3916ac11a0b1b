//! What belongs to the registry as a whole: the token and the account settings.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::json;

use crate::input::Input;
use crate::refusal::Refusal;
use crate::state::State;

pub(super) fn authorization_token(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let registries = match input.list("registryIds") {
        [] => vec![state.caller.clone()],
        ids if ids.len() > 10 => {
            return Err(Refusal::parameter(
                "registryIds",
                "Member must have length between 1 and 10",
            ));
        }
        ids => ids
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
    };
    let (password, expires) = state.mint_password();
    let token = STANDARD.encode(format!("AWS:{password}"));
    let data: Vec<Value> = registries
        .iter()
        .map(|registry| {
            json!({
                "authorizationToken": token,
                "expiresAt": expires.json(),
                "proxyEndpoint": format!("https://{registry}.dkr.ecr.{}.amazonaws.com", state.region),
            })
        })
        .collect();
    Ok(json!({ "authorizationData": data }))
}

pub(super) fn setting(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let name = known_setting(input)?;
    // What a world says of settings is about its own account.
    let own = state.caller == state.account;
    match state.settings.get(name).filter(|_| own) {
        Some(value) => Ok(json!({"name": name, "value": value})),
        None if state.undocumented.setting_never_put_is_an_error => Err(Refusal::new(
            "ValidationException",
            format!("The account setting {name} has not been set"),
        )),
        None => {
            let value = match name {
                "REGISTRY_POLICY_SCOPE" => "V1",
                "BASIC_SCAN_TYPE_VERSION" => "AWS_NATIVE",
                _ => "DISABLED",
            };
            Ok(json!({"name": name, "value": value}))
        }
    }
}

pub(super) fn put_setting(state: &mut State, input: &Input) -> Result<Value, Refusal> {
    let name = known_setting(input)?;
    let value = input.required("value")?;
    let allowed: &[&str] = match name {
        "BLOB_MOUNTING" => &["ENABLED", "DISABLED"],
        "REGISTRY_POLICY_SCOPE" => &["V1", "V2"],
        _ => &["AWS_NATIVE", "CLAIR"],
    };
    if !allowed.contains(&value) {
        return Err(Refusal::new(
            "ValidationException",
            format!("{value} is not a value of {name}"),
        ));
    }
    state.settings.insert(name.to_owned(), value.to_owned());
    state.clock.tick();
    Ok(json!({"name": name, "value": value}))
}

fn known_setting(input: &Input) -> Result<&str, Refusal> {
    let name = input.required("name")?;
    if [
        "BLOB_MOUNTING",
        "REGISTRY_POLICY_SCOPE",
        "BASIC_SCAN_TYPE_VERSION",
    ]
    .contains(&name)
    {
        Ok(name)
    } else {
        Err(Refusal::new(
            "ValidationException",
            format!("{name} is not an account setting"),
        ))
    }
}
