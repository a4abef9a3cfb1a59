//! lakeport.
fn main() {}
