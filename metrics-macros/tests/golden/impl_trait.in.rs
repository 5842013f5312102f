#[track]
fn numbers(limit: u8) -> Result<impl Iterator<Item = u8>, Error> {
    Ok(0..limit)
}
