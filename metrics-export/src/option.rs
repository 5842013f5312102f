//! Options of commands.

/// Sets an option that is given once.
///
/// # Errors
/// Returns the problem if it is given a second time.
pub(crate) fn once<T>(option: &str, place: &mut Option<T>, value: T) -> Result<(), String> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("{option} is given twice")),
    }
}
