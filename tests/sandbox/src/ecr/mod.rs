//! The ECR JSON API: one function per operation, by its name.

use serde_json::Value;

use crate::accounts;
use crate::input::Input;
use crate::refusal::Refusal;
use crate::state::State;

mod deletion;
mod describe;
mod images;
mod layers;
mod lifecycle;
mod registry;
mod repositories;
mod resource_tags;

/// Answers an operation.
pub(crate) fn answer(state: &mut State, operation: &str, input: &Input) -> Result<Value, Refusal> {
    let named = input.text("repositoryName").into_iter();
    for name in named.chain(input.texts("repositoryNames")) {
        accounts::check_registry(state, operation, name, input.text("registryId"))?;
    }
    match operation {
        "GetAuthorizationToken" => registry::authorization_token(state, input),
        "GetAccountSetting" => registry::setting(state, input),
        "PutAccountSetting" => registry::put_setting(state, input),
        "BatchGetImage" => images::batch_get(state, input),
        "PutImage" => images::put(state, input),
        "ListImageReferrers" => images::referrers(state, input),
        "DescribeImages" => describe::images(state, input),
        "ListImages" => describe::list(state, input),
        "BatchDeleteImage" => deletion::batch(state, input),
        "UpdateImageStorageClass" => deletion::storage_class(state, input),
        "BatchCheckLayerAvailability" => layers::availability(state, input),
        "GetDownloadUrlForLayer" => layers::download_url(state, input),
        "InitiateLayerUpload" => layers::initiate(state, input),
        "UploadLayerPart" => layers::part(state, input),
        "CompleteLayerUpload" => layers::complete(state, input),
        "DescribeRepositories" => repositories::describe(state, input),
        "DescribePullThroughCacheRules" => repositories::pull_through_rules(state),
        "CreateRepository" => repositories::create(state, input),
        "DeleteRepository" => repositories::delete(state, input),
        "PutImageTagMutability" => repositories::put_mutability(state, input),
        "SetRepositoryPolicy" => repositories::set_policy(state, input),
        "GetRepositoryPolicy" => repositories::policy(state, input),
        "DeleteRepositoryPolicy" => repositories::delete_policy(state, input),
        "PutLifecyclePolicy" => lifecycle::put(state, input),
        "GetLifecyclePolicy" => lifecycle::get(state, input),
        "DeleteLifecyclePolicy" => lifecycle::delete(state, input),
        "StartLifecyclePolicyPreview" => lifecycle::start_preview(state, input),
        "GetLifecyclePolicyPreview" => lifecycle::preview(state, input),
        "TagResource" => resource_tags::add(state, input),
        "UntagResource" => resource_tags::remove(state, input),
        "ListTagsForResource" => resource_tags::list(state, input),
        _ => Err(Refusal::new(
            "UnknownOperationException",
            format!("the sandbox does not know ECR's {operation}"),
        )),
    }
}
