//! Names of gRPC's status codes.

use tonic::Code;

/// Returns the name of a code, as gRPC writes it, for example `NOT_FOUND`.
pub fn code_name(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}
