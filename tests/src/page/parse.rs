//! The order of lines: groups them into families and rejects lines in the wrong place.

use std::collections::{BTreeMap, BTreeSet};

use super::lexer::{self, Cursor};
use super::rules::{self, Format};
use super::{Exemplar, Family, Kind, Labels, Sample};

pub(super) fn page(page: &str, format: Format) -> Result<Vec<Family>, String> {
    let body = match format {
        Format::Text => page,
        Format::OpenMetrics => before_eof(page)?,
    };
    if !body.is_empty() && !body.ends_with('\n') {
        return Err("the last line has no line feed".to_owned());
    }
    let mut parser = Parser { format, ..Parser::default() };
    // Not `lines`, which removes carriage returns: in both formats they are part of the line.
    for (number, line) in body.split_terminator('\n').enumerate() {
        parser.line(line).map_err(|error| format!("line {}: {error}\n  {line}", number + 1))?;
    }
    parser.close()?;
    Ok(parser.done)
}

fn before_eof(page: &str) -> Result<&str, String> {
    let body = page.strip_suffix("# EOF\n").or_else(|| page.strip_suffix("# EOF"));
    body.ok_or_else(|| "the last line is not `# EOF`".to_owned())
}

/// The family whose lines are being read.
#[derive(Default)]
struct Open {
    name: String,
    kind: Option<Kind>,
    help: Option<String>,
    unit: Option<String>,
    samples: Vec<Sample>,
    /// The label sets of the metrics so far, and of the current one, without labels such as `le`.
    metrics: BTreeSet<Labels>,
    metric: Option<Labels>,
}

#[derive(Default)]
struct Parser {
    format: Format,
    open: Option<Open>,
    done: Vec<Family>,
    /// Every sample name that the families so far may write, with the name of the family.
    claimed: BTreeMap<String, String>,
    series: BTreeSet<(String, Labels)>,
}

impl Parser {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if line.is_empty() {
            return Err("empty line".to_owned());
        }
        match line.strip_prefix('#') {
            Some(comment) => self.metadata(comment),
            None => self.sample(line),
        }
    }

    /// Reads `# TYPE name kind`, `# HELP name text` or `# UNIT name unit`: each once, before the samples.
    fn metadata(&mut self, comment: &str) -> Result<(), String> {
        let mut cursor = Cursor::new(comment);
        cursor.expect(" ")?;
        let keyword = cursor.word();
        let known = match self.format {
            Format::Text => &["HELP", "TYPE"][..],
            Format::OpenMetrics => &["HELP", "TYPE", "UNIT"],
        };
        if !known.contains(&keyword) {
            return Err(format!("comment {keyword:?} is not one of {known:?}"));
        }
        cursor.expect(" ")?;
        let name = cursor.metric_name()?.to_owned();
        cursor.expect(" ")?;
        let text = cursor.rest();

        if self.open.as_ref().is_none_or(|open| open.name != name) {
            self.close()?;
            if self.done.iter().any(|family| family.name == name) {
                return Err(format!("family {name:?} was described above; its lines belong together"));
            }
            self.open = Some(Open { name: name.clone(), ..Open::default() });
        }
        let open = self.open.as_mut().expect("opened above");
        if !open.samples.is_empty() {
            return Err(format!("{keyword} of {name:?} after its samples"));
        }
        let again = match keyword {
            "HELP" => {
                let quotes = self.format == Format::OpenMetrics;
                open.help.replace(lexer::unescape(text, quotes)?).is_some()
            }
            "UNIT" => open.unit.replace(text.to_owned()).is_some(),
            _ => {
                let kind = rules::kind(text, self.format)?;
                let again = open.kind.replace(kind).is_some();
                if !again {
                    self.claim(&name, kind)?;
                }
                again
            }
        };
        if again { Err(format!("{keyword} of {name:?} appears more than once")) } else { Ok(()) }
    }

    /// Reserves the sample names of a family. Two families must not share one, even if no series collides yet. The name
    /// of a family is not one of them: beside a counter `a`, which can have a sample `a_created`, there may be a counter
    /// `a_created`, which has only `a_created_total` and `a_created_created`.
    fn claim(&mut self, family: &str, kind: Kind) -> Result<(), String> {
        for suffix in rules::suffixes(kind, self.format) {
            let name = format!("{family}{suffix}");
            if let Some(other) = self.claimed.insert(name.clone(), family.to_owned()) {
                return Err(format!("family {family:?} clashes with {other:?}: both own the name {name:?}"));
            }
        }
        Ok(())
    }

    /// Reads `name{labels} value [timestamp] [# {labels} value [timestamp]]`.
    fn sample(&mut self, line: &str) -> Result<(), String> {
        let mut cursor = Cursor::new(line);
        let name = cursor.metric_name()?.to_owned();
        let labels = if line[name.len()..].starts_with('{') { cursor.labels()? } else { Labels::new() };
        cursor.expect(" ")?;
        let text = cursor.word().to_owned();
        let value = lexer::number(&text)?;
        let exemplar_follows = |cursor: &mut Cursor<'_>| self.format == Format::OpenMetrics && cursor.eat(" # ");
        let mut exemplar = exemplar_follows(&mut cursor);
        let mut timestamp = None;
        if !exemplar && cursor.eat(" ") {
            timestamp = Some(rules::timestamp(cursor.word(), self.format)?);
            exemplar = exemplar_follows(&mut cursor);
        }
        let exemplar = if exemplar { Some(read_exemplar(&mut cursor)?) } else { None };
        if !cursor.at_end() {
            return Err(format!("{:?} after the end of the sample", cursor.rest()));
        }
        self.add(Sample { name, labels, text, value, timestamp, exemplar })
    }

    fn add(&mut self, sample: Sample) -> Result<(), String> {
        let owner = self.claimed.get(&sample.name);
        let open = self.open.as_mut().filter(|open| owner == Some(&open.name) && open.kind.is_some());
        let Some(open) = open else {
            return Err(match owner {
                Some(family) => format!("sample of {family:?} away from its family's lines"),
                None => format!("sample {:?} without a TYPE line that covers it", sample.name),
            });
        };
        let kind = open.kind.expect("filtered above");
        let suffix = &sample.name[open.name.len()..];
        rules::check_sample(&open.name, kind, suffix, &sample, self.format)?;

        // Prometheus treats an empty label value as a missing label.
        let mut identity = sample.labels.clone();
        identity.retain(|_, value| !value.is_empty());
        if !self.series.insert((sample.name.clone(), identity)) {
            return Err("this series appears more than once".to_owned());
        }

        let metric = rules::metric_of(&open.name, kind, &sample.labels);
        if open.metric.as_ref() != Some(&metric) {
            if !open.metrics.insert(metric.clone()) {
                return Err("the samples of one metric are not together".to_owned());
            }
            open.metric = Some(metric);
        }
        open.samples.push(sample);
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let Some(kind) = open.kind else {
            return Err(format!("family {:?} has no TYPE", open.name));
        };
        let family = Family { name: open.name, kind, help: open.help, unit: open.unit, samples: open.samples };
        rules::check_family(&family, self.format).map_err(|error| format!("family {:?}: {error}", family.name))?;
        self.done.push(family);
        Ok(())
    }
}

fn read_exemplar(cursor: &mut Cursor<'_>) -> Result<Exemplar, String> {
    let labels = cursor.labels()?;
    cursor.expect(" ")?;
    let value = lexer::number(cursor.word())?;
    let timestamp = if cursor.eat(" ") { Some(rules::timestamp(cursor.word(), Format::OpenMetrics)?) } else { None };
    Ok(Exemplar { labels, value, timestamp })
}
