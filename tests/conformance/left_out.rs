//! Recorded exchanges for which the embedded lake intentionally responds differently, each with the reason.

/// Hooks run scripts and call URLs of users. The embedded lake does not support hooks and responds like a lakeFS without hooks.
const NO_HOOKS: &str = "no hooks";
/// The embedded lake reads only files in its own directory, so it cannot import data.
const NO_IMPORT: &str = "no import";

/// (scenario, step, reason)
const LEFT_OUT: &[(&str, u32, &str)] = &[
    ("commits/commits", 28, "ranges are stored in the database, so a metarange has no address"),
    ("config/config", 3, NO_IMPORT),
    ("config/config", 5, NO_IMPORT),
    ("errors/validation-before-authentication", 24, "the error text of Go's JSON parser"),
    ("hooks/hooks", 7, NO_HOOKS),
    ("hooks/hooks", 8, NO_HOOKS),
    ("hooks/hooks", 9, NO_HOOKS),
    ("hooks/hooks", 13, NO_HOOKS),
    ("hooks/hooks", 14, NO_HOOKS),
    ("hooks/hooks", 15, NO_HOOKS),
    ("staging/staging", 6, "an address has the same spelling when it is issued and when it is displayed"),
    ("staging/staging", 20, NO_IMPORT),
    ("staging/staging", 21, NO_IMPORT),
];

/// Returns the reason why an exchange is left out, or `None` if it is not.
pub(crate) fn reason(scenario: &str, step: u32) -> Option<&'static str> {
    LEFT_OUT.iter().find(|(s, n, _)| *s == scenario && *n == step).map(|(_, _, reason)| *reason)
}

/// Returns all exchanges that are left out, as scenario and step.
pub(crate) fn all() -> impl Iterator<Item = (String, u32)> {
    LEFT_OUT.iter().map(|(scenario, step, _)| ((*scenario).to_owned(), *step))
}
