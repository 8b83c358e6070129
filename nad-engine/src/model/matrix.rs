//! Rows of numbers in one piece of memory.

/// A matrix of `f32`, one row after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    values: Vec<f32>,
    columns: usize,
}

impl Matrix {
    /// A matrix without rows.
    ///
    /// # Panics
    ///
    /// When `columns` is 0: its rows could not be told apart.
    pub fn new(columns: usize) -> Self {
        assert!(columns > 0, "a matrix has at least one column");
        Self { values: Vec::new(), columns }
    }

    /// Adds a row at the end.
    ///
    /// # Panics
    ///
    /// When the row has not as many values as the matrix has columns.
    pub fn push(&mut self, row: &[f32]) {
        assert_eq!(row.len(), self.columns, "a row has as many values as its matrix has columns");
        self.values.extend_from_slice(row);
    }

    /// The row at `index`, from 0.
    ///
    /// # Panics
    ///
    /// When there is no such row.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.columns..][..self.columns]
    }

    /// Replaces the row at `index`.
    ///
    /// # Panics
    ///
    /// When there is no such row, or the new one has another width.
    pub fn set_row(&mut self, index: usize, row: &[f32]) {
        self.values[index * self.columns..][..self.columns].copy_from_slice(row);
    }

    /// The rows, first to last.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, f32> {
        self.values.chunks_exact(self.columns)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.values.len() / self.columns
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// How many values a row has.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Takes all rows out and keeps their memory.
    pub fn clear(&mut self) {
        self.values.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_went_in() {
        let mut matrix = Matrix::new(3);
        assert!(matrix.is_empty() && matrix.rows().next().is_none());
        matrix.push(&[1.0, 2.0, 3.0]);
        matrix.push(&[4.0, 5.0, 6.0]);
        assert_eq!((matrix.len(), matrix.columns()), (2, 3));
        assert_eq!(matrix.row(1), [4.0, 5.0, 6.0]);
        assert_eq!(matrix.rows().collect::<Vec<_>>(), [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        matrix.clear();
        assert_eq!(matrix.len(), 0);
    }

    #[test]
    #[should_panic(expected = "as many values")]
    fn a_row_of_another_width_is_refused() {
        Matrix::new(3).push(&[1.0, 2.0]);
    }
}
