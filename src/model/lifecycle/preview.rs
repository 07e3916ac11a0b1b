//! ECR's own opinion of a policy.

/// What ECR says that a policy would act on now (`StartLifecyclePolicyPreview`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// How many images.
    pub marked: usize,
    /// Some of them, by their tags or else the beginning of their digest.
    pub images: Vec<String>,
}
