//! The recorded exchanges that the embedded lake answers otherwise on purpose, each with its reason.

/// (scenario, step, reason)
const LEFT_OUT: &[(&str, u32, &str)] = &[];

/// Why an exchange is left out, if it is.
pub(crate) fn reason(scenario: &str, step: u32) -> Option<&'static str> {
    LEFT_OUT.iter().find(|(s, n, _)| *s == scenario && *n == step).map(|(_, _, reason)| *reason)
}

/// All that is left out.
pub(crate) fn all() -> impl Iterator<Item = (String, u32)> {
    LEFT_OUT.iter().map(|(scenario, step, _)| ((*scenario).to_owned(), *step))
}
