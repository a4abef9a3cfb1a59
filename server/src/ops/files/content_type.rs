//! MIME types by file extension.

/// Formats of data files that `mime_guess` does not know. Source: IANA's registry of media types, and the documentation
/// of each format.
const DATA_FORMATS: [(&str, &str); 8] = [
    ("arrow", "application/vnd.apache.arrow.file"),
    ("arrows", "application/vnd.apache.arrow.stream"),
    ("feather", "application/vnd.apache.arrow.file"),
    ("geojson", "application/geo+json"),
    ("jsonl", "application/jsonl"),
    ("ndjson", "application/x-ndjson"),
    ("parquet", "application/vnd.apache.parquet"),
    ("toml", "application/toml"),
];

/// The type of an object without a known extension.
const DEFAULT: &str = "application/octet-stream";

/// Guesses the MIME type of an object from the extension of its path; `application/octet-stream` if it is unknown.
pub(in crate::ops) fn guessed_type(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or_default();
    let Some((stem, extension)) = name.rsplit_once('.') else { return DEFAULT };
    if stem.is_empty() {
        return DEFAULT;
    }
    let extension = extension.to_ascii_lowercase();
    match DATA_FORMATS.iter().find(|(known, _)| *known == extension) {
        Some((_, content_type)) => content_type,
        None => mime_guess::from_ext(&extension).first_raw().unwrap_or(DEFAULT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_decides_and_unknown_extensions_are_octet_streams() {
        for (path, expected) in [
            ("a/b.csv", "text/csv"),
            ("a.JSON", "application/json"),
            ("a.txt", "text/plain"),
            ("part-0.parquet", "application/vnd.apache.parquet"),
            ("x.tar.gz", "application/gzip"),
            ("README", DEFAULT),
            (".csv", DEFAULT),
            ("a.csv/", DEFAULT),
            ("a.unknown", DEFAULT),
            ("a.", DEFAULT),
        ] {
            assert_eq!(guessed_type(path), expected, "{path}");
        }
    }

    #[test]
    fn every_guess_is_a_valid_content_type() {
        for (_, content_type) in DATA_FORMATS {
            assert!(content_type.is_ascii() && !content_type.contains(' '));
        }
    }
}
