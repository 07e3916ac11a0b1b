//! One request and its answer: number it, look for a fault, check permission and quota, carry it out, log it.

use std::convert::Infallible;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use http_body_util::Full;
use http_body_util::combinators::BoxBody;
use hyper::Response;
use hyper::body::Incoming;

use crate::accounts;
use crate::answer::Answer;
use crate::body;
use crate::broken;
use crate::call::Call;
use crate::call::Service;
use crate::faults::Kind;
use crate::log::Request;
use crate::log::milliseconds;
use crate::lookups;
use crate::permissions;
use crate::refusal::Refusal;
use crate::registry;
use crate::server::Connection;
use crate::server::Shared;
use crate::state::State;

/// What a connection sends.
pub(crate) type Body = BoxBody<Bytes, Infallible>;

/// Answers a request; where the script cuts the connection it never does.
pub(crate) async fn exchange(
    shared: &Shared,
    connection: &Connection,
    request: hyper::Request<Incoming>,
) -> Response<Body> {
    let arrived = Instant::now();
    let (head, incoming) = request.into_parts();
    let Ok(body) = incoming
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
    else {
        return connection.cut().await;
    };
    let call = Call::parse(&head, &body);
    let (number, fault) = shared.number(&call);

    let mut record = Request {
        number,
        at: milliseconds(arrived.duration_since(shared.started)),
        connection: connection.id,
        protocol: format!("{:?}", head.version),
        method: head.method.to_string(),
        path: head
            .uri
            .path_and_query()
            .map(ToString::to_string)
            .unwrap_or_default(),
        operation: call.operation.clone(),
        action: call.action.clone(),
        repository: call.repository.clone(),
        reference: call.reference.clone(),
        bytes_in: body.len() as u64,
        write: call.write,
        fault: fault.as_ref().map(|kind| format!("{kind:?}")),
        ..Request::default()
    };
    let is_carried_out = !matches!(
        fault,
        Some(Kind::CutBefore | Kind::CutFrom { carried_out: false })
    );
    let answer = is_carried_out.then(|| {
        carry_out(
            shared,
            &call,
            &head,
            body,
            fault.as_ref(),
            &mut record.caller,
        )
    });
    let answer = match call.service {
        Service::Scheduler(_) => answer.map(Answer::in_rest),
        _ => answer,
    };
    let is_head = head.method == hyper::Method::HEAD;
    let answer = answer.filter(|_| !matches!(fault, Some(Kind::CutAfter | Kind::CutFrom { .. })));
    record.took = milliseconds(arrived.elapsed());
    let Some(answer) = answer else {
        shared.log().add(record);
        return connection.cut().await;
    };
    record.status = answer.status;
    record.error.clone_from(&answer.error);
    record.bytes_out = if is_head { 0 } else { answer.body.len() as u64 };
    shared.log().add(record);
    let answer = answer.header("x-amzn-requestid", format!("sandbox-{number}"));
    respond(answer, is_head, fault, connection)
}

fn carry_out(
    shared: &Shared,
    call: &Call,
    head: &hyper::http::request::Parts,
    body: Bytes,
    fault: Option<&Kind>,
    caller: &mut Option<String>,
) -> Answer {
    let mut state = shared.state();
    let state = &mut *state;
    let on_registry = matches!(call.service, Service::Registry(_) | Service::Storage { .. });
    if let Some(answer) = fault.and_then(|fault| broken::instead(state, call, fault, on_registry)) {
        return answer;
    }
    if matches!(fault, Some(Kind::LostBlobs)) {
        let names: Vec<String> = state.repositories.keys().cloned().collect();
        names.iter().for_each(|name| state.drop_unreferenced(name));
    }
    if !shared.allows(call) {
        return broken::failed(
            429,
            shared.retry_after.map(|time| time.as_secs().max(1)),
            on_registry,
        );
    }
    let authorization = head
        .headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    *caller = authorization.and_then(|text| accounts::caller(state, text));
    state.caller = caller.clone().unwrap_or_else(|| state.account.clone());
    let asked = registry::Asked {
        method: head.method.as_str(),
        headers: &head.headers,
        body,
    };
    let mut answer = match &call.service {
        Service::Storage { name, digest } => {
            registry::storage::answer(state, name, digest, head.uri.query(), &asked)
        }
        Service::Registry(route) => match registry::token::check(state, authorization) {
            Err(answer) => answer,
            Ok(account) => {
                state.caller.clone_from(&account);
                *caller = Some(account);
                match permitted(state, call) {
                    Ok(()) => registry::answer(state, route, call, &asked),
                    Err(refusal) => registry::refused(state, &refusal, call),
                }
            }
        },
        Service::Ecr(_)
        | Service::Ecs(_)
        | Service::Parameters(_)
        | Service::Secrets(_)
        | Service::Events(_)
        | Service::Scheduler(_)
        | Service::Other
            if authorization.is_none() =>
        {
            Answer::json(Err(Refusal::new(
                "MissingAuthenticationTokenException",
                "Missing Authentication Token",
            )))
        }
        Service::Ecr(input) => Answer::json(
            permitted(state, call).and_then(|()| crate::ecr::answer(state, &call.operation, input)),
        ),
        Service::Ecs(input) => Answer::json(
            permitted(state, call).and_then(|()| crate::ecs::answer(state, &call.operation, input)),
        ),
        Service::Parameters(input) => {
            Answer::json(
                permitted(state, call).and_then(|()| match call.operation.as_str() {
                    "GetParameter" => lookups::parameter(state, input, &call.region),
                    _ => Err(unknown(call)),
                }),
            )
        }
        Service::Secrets(input) => {
            Answer::json(
                permitted(state, call).and_then(|()| match call.operation.as_str() {
                    "DescribeSecret" => lookups::secret(state, input, &call.region),
                    _ => Err(unknown(call)),
                }),
            )
        }
        Service::Events(input) => Answer::json(
            permitted(state, call)
                .and_then(|()| crate::schedules::events::answer(state, &call.operation, input)),
        ),
        Service::Scheduler(asked) => Answer::json(
            permitted(state, call).and_then(|()| crate::schedules::scheduler::answer(state, asked)),
        ),
        Service::Stacks(form) => match permitted(state, call) {
            Ok(()) => lookups::cloudformation(state, &call.operation, form, &call.region),
            Err(refusal) => lookups::refused(&refusal),
        },
        Service::Object(path) => match permitted(state, call) {
            Ok(()) => lookups::object(state, path, &call.region),
            Err(_) => lookups::object_denied(),
        },
        Service::Sts(form) => match permitted(state, call) {
            Ok(()) => crate::sts::answer(state, &call.operation, form),
            Err(refusal) => lookups::refused(&refusal),
        },
        Service::Other => Answer::json(Err(unknown(call))),
    };
    match fault {
        Some(Kind::WrongDigest) => body::alter_manifest(&mut answer),
        Some(Kind::WrongBytes) => body::alter_byte(&mut answer),
        Some(Kind::TruncatedBody) => answer.body.truncate(answer.body.len() / 2),
        _ => {}
    }
    answer
}

fn unknown(call: &Call) -> Refusal {
    Refusal::new(
        "UnknownOperationException",
        format!("the sandbox does not know {}", call.operation),
    )
}

/// Permission, and the delay with which a created repository becomes visible.
fn permitted(state: &mut State, call: &Call) -> Result<(), Refusal> {
    let repository = call.repository.as_deref();
    if let Some(action) = &call.action {
        permissions::check(state, action, repository)?;
        // "The caller must have ecr:BatchGetImage" (ListImageReferrers).
        if action == "ecr:ListImageReferrers" {
            permissions::check(state, "ecr:BatchGetImage", repository)?;
        }
    }
    let Some(name) = repository.filter(|_| call.operation != "CreateRepository") else {
        return Ok(());
    };
    let missing = state.not_found(name);
    match state.repositories.get_mut(name) {
        Some(repository) if repository.hidden_for > 0 => {
            repository.hidden_for -= 1;
            Err(missing)
        }
        _ => Ok(()),
    }
}

fn respond(
    answer: Answer,
    is_head: bool,
    fault: Option<Kind>,
    connection: &Connection,
) -> Response<Body> {
    let mut length = answer.body.len();
    if matches!(fault, Some(Kind::LongLength)) && !is_head {
        length = (2 * length).max(1);
    }
    let mut response = Response::builder()
        .status(answer.status)
        .header("content-length", length);
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    let body = match fault {
        _ if is_head => Full::new(Bytes::new()).boxed(),
        Some(Kind::CutBody) => body::cut_half_way(answer.body, connection),
        Some(Kind::LongLength) => body::cut_at_end(answer.body, connection),
        Some(Kind::SlowBody(time)) => body::slow(answer.body, time),
        _ => Full::new(answer.body).boxed(),
    };
    response.body(body).unwrap_or_else(|_| {
        let mut broken = Response::new(
            Full::new(Bytes::from_static(
                b"the sandbox made a header that is not one",
            ))
            .boxed(),
        );
        *broken.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
        broken
    })
}
