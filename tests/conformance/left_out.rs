//! The recorded exchanges that the embedded lake answers otherwise on purpose, each with its reason.

/// Hooks run scripts and call URLs of the lake's users; a lake for one process has none, and answers as without them.
const NO_HOOKS: &str = "no hooks";
/// Nothing outside the lake's own folder can be read, so nothing can be imported.
const NO_IMPORT: &str = "no import";

/// (scenario, step, reason)
const LEFT_OUT: &[(&str, u32, &str)] = &[
    ("commits/commits", 28, "ranges are kept in the database, so a metarange has no address"),
    ("config/config", 3, NO_IMPORT),
    ("config/config", 5, NO_IMPORT),
    ("errors/validation-before-authentication", 24, "the text of Go's JSON parser"),
    ("hooks/hooks", 7, NO_HOOKS),
    ("hooks/hooks", 8, NO_HOOKS),
    ("hooks/hooks", 9, NO_HOOKS),
    ("hooks/hooks", 13, NO_HOOKS),
    ("hooks/hooks", 14, NO_HOOKS),
    ("hooks/hooks", 15, NO_HOOKS),
    ("staging/staging", 6, "an address is spelled alike when it is given out and when it is shown"),
    ("staging/staging", 20, NO_IMPORT),
    ("staging/staging", 21, NO_IMPORT),
];

/// Why an exchange is left out, if it is.
pub(crate) fn reason(scenario: &str, step: u32) -> Option<&'static str> {
    LEFT_OUT.iter().find(|(s, n, _)| *s == scenario && *n == step).map(|(_, _, reason)| *reason)
}

/// All that is left out.
pub(crate) fn all() -> impl Iterator<Item = (String, u32)> {
    LEFT_OUT.iter().map(|(scenario, step, _)| ((*scenario).to_owned(), *step))
}
