//! Query parameters, parsed as by Go's `net/url`.

/// Decoded parameters, in the order of the request. Values are bytes, because object keys need not be UTF-8.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, Vec<u8>)>);

impl Query {
    /// Parses a query string. `+` is a space. Parameters with an invalid escape are ignored.
    pub(super) fn parse(raw: &str) -> Self {
        let pairs = raw.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';')).filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((String::from_utf8_lossy(&unescape(name)?).into_owned(), unescape(value)?))
        });
        Self(pairs.collect())
    }

    pub(super) fn all<'q>(&'q self, name: &'static str) -> impl Iterator<Item = &'q [u8]> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_slice())
    }

    pub(super) fn bytes(&self, name: &'static str) -> &[u8] {
        self.all(name).next().unwrap_or_default()
    }

    pub(super) fn text(&self, name: &'static str) -> String {
        String::from_utf8_lossy(self.bytes(name)).into_owned()
    }

    /// Returns a validated flag; false if it is missing.
    pub(super) fn flag(&self, name: &'static str) -> bool {
        matches!(self.bytes(name), b"true" | b"1" | b"t" | b"T" | b"TRUE" | b"True")
    }
}

/// Decodes `%XX` and `+`. Returns `None` if an escape is invalid.
pub(super) fn unescape(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'%' => {
                let digits = bytes.get(at + 1..at + 3)?;
                decoded.extend(hex::decode(digits).ok()?);
                at += 2;
            }
            b'+' => decoded.push(b' '),
            _ => decoded.push(byte),
        }
        at += 1;
    }
    Some(decoded)
}
