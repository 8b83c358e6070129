//! What all views see of one subject.

use super::View;
use crate::context::Subject;

/// The vectors of the views that judge a subject, in their order. The memory is used again for the next subject.
#[derive(Debug, Default)]
pub struct Vectors {
    /// One vector after the other.
    values: Vec<f32>,
    /// Whose each vector is, and where it ends.
    views: Vec<(View, usize)>,
}

impl Vectors {
    /// Reads those of a subject.
    pub fn read(&mut self, subject: &Subject<'_>) {
        self.values.clear();
        self.views.clear();
        for view in View::of(subject) {
            if view.append(subject, &mut self.values) {
                self.views.push((*view, self.values.len()));
            }
        }
    }

    /// Each view with its vector.
    pub fn iter(&self) -> impl Iterator<Item = (View, &[f32])> {
        let mut begin = 0;
        self.views.iter().map(move |(view, end)| {
            let values = &self.values[begin..*end];
            begin = *end;
            (*view, values)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::example::source;

    #[test]
    fn every_view_of_a_subject_and_no_other_has_the_vector_that_it_reads() {
        let mut host = source(1, 2);
        (host.opened_10, host.half_open_10) = (50.0, 7.0);
        let mut vectors = Vectors::default();
        for subject in [Subject::Source(&host), Subject::Target(&host), Subject::Source(&host)] {
            vectors.read(&subject);
            let mut vector = Vec::new();
            let mut seen = vectors.iter();
            for view in View::ALL {
                if view.read(&subject, &mut vector) {
                    assert_eq!(seen.next(), Some((view, &vector[..])));
                }
            }
            assert_eq!(seen.next(), None);
        }
    }
}
