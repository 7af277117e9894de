//! Plain tables with aligned columns.

/// One column: its heading, and whether numbers stand in it.
pub(crate) type Column = (&'static str, bool);

/// The rows under their headings, columns as wide as they must be and two spaces apart.
pub(crate) fn render(columns: &[Column], rows: &[Vec<String>]) -> String {
    let width = |index: usize| {
        let cells = rows.iter().filter_map(|row| row.get(index));
        let widest = cells.map(|it| it.chars().count()).max().unwrap_or(0);
        widest.max(columns[index].0.len())
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let headings = columns.iter().map(|it| it.0.to_owned()).collect();
    let mut text = String::new();
    for row in std::iter::once(&headings).chain(rows) {
        let cells = row.iter().zip(columns).zip(&widths);
        let line: Vec<String> = cells
            .map(|((cell, (_, is_number)), &width)| match is_number {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            })
            .collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}
