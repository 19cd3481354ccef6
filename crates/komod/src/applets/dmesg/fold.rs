//! The same record again and again, shown once.

use super::record::Record;

/// Holds a record back until another one comes.
#[derive(Debug, Default)]
pub struct Fold(Option<(Record, usize)>);

impl Fold {
    /// Takes a record; gives the one before, if it is another one.
    pub fn next(&mut self, record: Record) -> Option<Record> {
        match &mut self.0 {
            Some((held, times)) if held.priority == record.priority && held.text == record.text => {
                *times += 1;
                None
            }
            _ => told(self.0.replace((record, 1))),
        }
    }

    /// The last one.
    pub fn end(&mut self) -> Option<Record> {
        told(self.0.take())
    }
}

fn told(held: Option<(Record, usize)>) -> Option<Record> {
    let (mut record, times) = held?;
    if times > 1 && !record.text.is_empty() {
        record.text.extend_from_slice(format!(" ({times} times)").as_bytes());
    }
    Some(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated() {
        let mut fold = Fold::default();
        let records = Record::of_buffer(b"<6>a\n<6>a\n<4>a\n<6>b\n<6>b\n<6>b\n");
        let mut shown: Vec<_> = records.into_iter().filter_map(|r| fold.next(r)).collect();
        shown.extend(fold.end());
        let texts: Vec<_> = shown.iter().map(|r| String::from_utf8_lossy(&r.text)).collect();
        assert_eq!(texts, ["a (2 times)", "a", "b (3 times)"]);
        assert_eq!(fold.end(), None);
    }
}
