pub fn run(_table: &mut crate::table::Table, _quick: bool) {}
