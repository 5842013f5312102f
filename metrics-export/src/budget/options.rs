//! The options of the command `budget`.

use std::ffi::OsString;
use std::path::PathBuf;

use super::drops::Relabel;
use super::worst::Values;
use crate::fetch::is_url;
use crate::option::once;

/// The option that says how many values a label has.
pub(crate) const VALUES: &str = "--values";

/// The options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) instances: Option<usize>,
    pub(crate) budget: Option<usize>,
    pub(crate) page: Option<PathBuf>,
    pub(crate) prometheus: Option<String>,
    pub(crate) values: Values,
    pub(crate) drops: Vec<String>,
    pub(crate) relabel: Option<Relabel>,
    /// The size of a sample, in thousandths of a byte.
    pub(crate) sample_size: Option<u64>,
    pub(crate) since: Option<PathBuf>,
}

impl Options {
    /// The names, each with that of its value.
    pub(crate) const ALL: [(&str, &str); 9] = [
        ("--instances", "N"),
        ("--budget", "N"),
        ("--page", "FILE|URL"),
        ("--prometheus", "URL"),
        (VALUES, "LABEL=N"),
        ("--drop", "SERIES"),
        ("--relabel", "FORM"),
        ("--sample-bytes", "BYTES"),
        ("--since", "FILE"),
    ];

    /// Returns the name of the first option that is set, without the numbers of values if they are of use elsewhere.
    pub(crate) fn first(&self, except_values: bool) -> Option<&'static str> {
        let Self { instances, budget, page, prometheus, values, drops, relabel, sample_size, since } = self;
        let set = [
            instances.is_some(),
            budget.is_some(),
            page.is_some(),
            prometheus.is_some(),
            !values.is_empty() && !except_values,
            !drops.is_empty(),
            relabel.is_some(),
            sample_size.is_some(),
            since.is_some(),
        ];
        Self::ALL.iter().zip(set).find(|(_, set)| *set).map(|((name, _), _)| *name)
    }

    pub(crate) fn has(option: &str) -> bool {
        Self::ALL.iter().any(|(name, _)| *name == option)
    }

    /// Sets an option.
    ///
    /// # Errors
    /// Returns the problem if the value is not valid, or if the option is given twice.
    pub(crate) fn set(&mut self, option: &str, value: OsString) -> Result<(), String> {
        match option {
            "--page" => return once(option, &mut self.page, value.into()),
            "--since" => return once(option, &mut self.since, value.into()),
            _ => {}
        }
        let value = value.into_string().map_err(|_| format!("{option} takes a text in UTF-8"))?;
        let expected = |expected: &str| format!("{option} is `{value}`; expected {expected}");
        match option {
            "--instances" => once(option, &mut self.instances, count(&value).ok_or_else(|| expected(COUNT))?),
            "--budget" => once(option, &mut self.budget, count(&value).ok_or_else(|| expected(COUNT))?),
            "--prometheus" if !is_url(&value) => Err(expected("an address such as `http://127.0.0.1:9090`")),
            "--prometheus" => once(option, &mut self.prometheus, value),
            VALUES => {
                let pair = value.split_once('=').and_then(|(label, number)| Some((label, count(number)?)));
                let (label, number) = pair.ok_or_else(|| expected("a label and a number, such as `endpoint=20`"))?;
                match self.values.insert(label.to_owned(), number) {
                    None => Ok(()),
                    Some(_) => Err(format!("{option} is given twice for `{label}`")),
                }
            }
            "--drop" => {
                self.drops.push(value);
                Ok(())
            }
            "--relabel" => {
                let form = Relabel::named(&value).ok_or_else(|| expected("`prometheus` or `vmagent`"))?;
                once(option, &mut self.relabel, form)
            }
            "--sample-bytes" => {
                let size = thousandths(&value)
                    .ok_or_else(|| expected("a number of bytes from 0.001 to 1000, such as `1.7`"))?;
                once(option, &mut self.sample_size, size)
            }
            _ => Err(format!("unknown option `{option}`")),
        }
    }

    /// Returns the problem if options exclude or need each other.
    pub(crate) fn checked(&self) -> Result<(), &'static str> {
        if self.page.is_some() && self.prometheus.is_some() {
            return Err("--page and --prometheus exclude each other; expected one of them");
        }
        if self.relabel.is_some() && self.drops.is_empty() {
            return Err("--relabel needs --drop, the series that its rules drop");
        }
        Ok(())
    }
}

const COUNT: &str = "a whole number from 1 to 1,000,000,000,000";

/// The largest number. With it, the products in a report do not exceed their types.
const LARGEST: usize = 1_000_000_000_000;

fn count(text: &str) -> Option<usize> {
    text.parse().ok().filter(|number| (1..=LARGEST).contains(number))
}

/// Reads a number with up to three decimals.
fn thousandths(text: &str) -> Option<u64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(decimals) || decimals.len() > 3 {
        return None;
    }
    let number = whole.parse::<u64>().ok()?.checked_mul(1_000)?.checked_add(format!("{decimals:0<3}").parse().ok()?)?;
    (1..=1_000_000).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(option: &str, value: &str) -> String {
        Options::default().set(option, value.into()).unwrap_err()
    }

    #[test]
    fn options_are_numbers_and_addresses() {
        let mut options = Options::default();
        for (option, value) in
            [("--instances", "1000"), ("--values", "a=2"), ("--values", "b=3"), ("--sample-bytes", "1.37")]
        {
            options.set(option, value.into()).unwrap();
        }
        assert_eq!((options.instances, options.values.len(), options.sample_size), (Some(1_000), 2, Some(1_370)));
        assert_eq!(options.set("--instances", "1".into()), Err("--instances is given twice".to_owned()));
        assert_eq!(options.set("--values", "a=3".into()), Err("--values is given twice for `a`".to_owned()));
        assert_eq!(
            problem("--instances", "0"),
            "--instances is `0`; expected a whole number from 1 to 1,000,000,000,000"
        );
        for budget in ["-1", "1e3", "1000000000001", "18446744073709551616"] {
            let expected = format!("--budget is `{budget}`; expected a whole number from 1 to 1,000,000,000,000");
            assert_eq!(problem("--budget", budget), expected);
        }
        assert_eq!(problem("--values", "a"), "--values is `a`; expected a label and a number, such as `endpoint=20`");
        assert_eq!(problem("--relabel", "x"), "--relabel is `x`; expected `prometheus` or `vmagent`");
        for size in ["0", "1.", ".5", "1.2345", "-1", "1e3", "NaN", "1000.001"] {
            let expected =
                format!("--sample-bytes is `{size}`; expected a number of bytes from 0.001 to 1000, such as `1.7`");
            assert_eq!(problem("--sample-bytes", size), expected);
        }
        let address = "--prometheus is `localhost:9090`; expected an address such as `http://127.0.0.1:9090`";
        assert_eq!(problem("--prometheus", "localhost:9090"), address);
    }
}
