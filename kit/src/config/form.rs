//! How values are written: sizes and times for people, exact in both directions.

use std::{collections::BTreeSet, time::Duration};

use chrono::TimeDelta;

/// How values of type `T` are written.
pub trait Form<T> {
    /// What is accepted, to be read behind "must be".
    const ACCEPTS: &'static str;
    /// Whether a file writes it with quotation marks.
    const QUOTED: bool = true;

    /// The value of a text; `None` for what is not accepted.
    fn parse(text: &str) -> Option<T>;

    /// The text of a value. Parsed again, it gives the same value.
    fn show(value: &T) -> String;
}

/// A number of bytes: `16 MiB`, `1.5 GB` not, `1048576`.
#[derive(Debug)]
pub struct Size;

const BINARY: [(&str, u64); 4] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
];
const DECIMAL: [(&str, u64); 5] = [
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1000),
    ("B", 1),
];

impl Form<u64> for Size {
    const ACCEPTS: &'static str = "a size, such as \"16 MiB\"";

    fn parse(text: &str) -> Option<u64> {
        let (number, unit) = number_and_unit(text.trim())?;
        let mut units = BINARY.iter().chain(&DECIMAL);
        let (_, bytes) = match unit {
            "" => &("", 1),
            unit => units.find(|(name, _)| name.eq_ignore_ascii_case(unit))?,
        };
        number.checked_mul(*bytes)
    }

    fn show(value: &u64) -> String {
        match BINARY
            .iter()
            .find(|(_, bytes)| value.is_multiple_of(*bytes))
        {
            Some((name, bytes)) if *value > 0 => format!("{} {name}", value / bytes),
            _ => format!("{value} B"),
        }
    }
}

/// A length of time: `500ms`, `30s`, `1h 30m`, `7d`.
#[derive(Debug)]
pub struct Span;

const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

fn milliseconds(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut all = 0_u64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest
            .char_indices()
            .skip_while(|(_, c)| c.is_ascii_digit() || *c == ' ')
            .find(|(_, c)| !c.is_ascii_alphabetic());
        let (part, behind) = rest.split_at(end.map_or(rest.len(), |(at, _)| at));
        let (number, unit) = number_and_unit(part)?;
        let (_, length) = UNITS.iter().find(|(name, _)| *name == unit)?;
        all = all.checked_add(number.checked_mul(*length)?)?;
        rest = behind.trim_start();
    }
    // More than chrono can add to any date is no length of time that anybody means.
    (all < i64::MAX as u64 / 1_000_000).then_some(all)
}

fn span(milliseconds: u64) -> String {
    let unit = UNITS
        .iter()
        .find(|(_, length)| milliseconds.is_multiple_of(*length));
    match unit {
        Some((name, length)) if milliseconds > 0 => format!("{}{name}", milliseconds / length),
        _ => "0s".to_owned(),
    }
}

impl Form<Duration> for Span {
    const ACCEPTS: &'static str =
        "a length of time, such as \"500ms\", \"30s\", \"1h 30m\" or \"7d\"";

    fn parse(text: &str) -> Option<Duration> {
        milliseconds(text).map(Duration::from_millis)
    }

    fn show(value: &Duration) -> String {
        span(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Form<TimeDelta> for Span {
    const ACCEPTS: &'static str = <Self as Form<Duration>>::ACCEPTS;

    fn parse(text: &str) -> Option<TimeDelta> {
        TimeDelta::try_milliseconds(i64::try_from(milliseconds(text)?).ok()?)
    }

    fn show(value: &TimeDelta) -> String {
        span(u64::try_from(value.num_milliseconds()).unwrap_or(0))
    }
}

/// A length of time, or a plain number of seconds.
#[derive(Debug)]
pub struct Seconds;

impl Form<Duration> for Seconds {
    const ACCEPTS: &'static str =
        "a length of time, such as \"30s\" or \"1m\", or a number of seconds";

    fn parse(text: &str) -> Option<Duration> {
        let seconds = text.trim().parse().map(Duration::from_secs);
        seconds.ok().or_else(|| Span::parse(text))
    }

    fn show(value: &Duration) -> String {
        Span::show(value)
    }
}

/// A whole number.
#[derive(Debug)]
pub struct Count;

macro_rules! counts {
    ($($ty:ty),*) => {
        $(impl Form<$ty> for Count {
            const ACCEPTS: &'static str = concat!("a whole number that fits into a ", stringify!($ty));
            const QUOTED: bool = false;

            fn parse(text: &str) -> Option<$ty> {
                text.trim().parse().ok()
            }

            fn show(value: &$ty) -> String {
                value.to_string()
            }
        })*
    };
}
counts!(u8, u16, u32, u64, usize);

/// How many things are done at a time: a number, or `auto` for the number of processor cores.
#[derive(Debug)]
pub struct Cores;

impl Form<usize> for Cores {
    const ACCEPTS: &'static str = "a whole number from 1, or \"auto\" for the number of cores";

    fn parse(text: &str) -> Option<usize> {
        match text.trim() {
            "auto" => Some(std::thread::available_parallelism().map_or(2, usize::from)),
            number => number.parse().ok().filter(|number| *number > 0),
        }
    }

    fn show(value: &usize) -> String {
        value.to_string()
    }
}

/// `true` or `false`.
#[derive(Debug)]
pub struct Flag;

impl Form<bool> for Flag {
    const ACCEPTS: &'static str = "true or false";
    const QUOTED: bool = false;

    fn parse(text: &str) -> Option<bool> {
        text.trim().parse().ok()
    }

    fn show(value: &bool) -> String {
        value.to_string()
    }
}

/// Any text but the empty one.
#[derive(Debug)]
pub struct Text;

impl Form<String> for Text {
    const ACCEPTS: &'static str = "a text";

    fn parse(text: &str) -> Option<String> {
        (!text.trim().is_empty()).then(|| text.to_owned())
    }

    fn show(value: &String) -> String {
        value.clone()
    }
}

/// Names, separated by commas.
#[derive(Debug)]
pub struct List;

impl Form<BTreeSet<String>> for List {
    const ACCEPTS: &'static str = "names, separated by commas";

    fn parse(text: &str) -> Option<BTreeSet<String>> {
        let names = text.split(',').map(str::trim);
        Some(
            names
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
        )
    }

    fn show(value: &BTreeSet<String>) -> String {
        value.iter().cloned().collect::<Vec<_>>().join(",")
    }
}

/// `("16", "MiB")` of `16 MiB`.
fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_shown() {
        for (text, bytes) in [
            ("64 GiB", 64 << 30),
            ("16MiB", 16 << 20),
            ("16 mib", 16 << 20),
            ("1 kB", 1000),
            ("1536 KiB", 1_572_864),
            ("7", 7),
            ("0", 0),
        ] {
            assert_eq!(Size::parse(text), Some(bytes), "{text}");
            assert_eq!(Size::parse(&Size::show(&bytes)), Some(bytes), "{text}");
        }
        assert_eq!(Size::show(&(64 << 30)), "64 GiB");
        assert_eq!(Size::show(&1001), "1001 B");
        for wrong in [
            "",
            "MiB",
            "lots",
            "1.5 MiB",
            "-1",
            "16 MiBs",
            "16 MiB 2",
            "17000000 TiB",
        ] {
            assert_eq!(Size::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn lengths_of_time_are_read_as_they_are_shown() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("30 s", 30_000),
            ("1h 30m", 5_400_000),
            ("1h30m", 5_400_000),
            ("7d", 604_800_000),
            ("0s", 0),
        ] {
            let value = Duration::from_millis(milliseconds);
            assert_eq!(Span::parse(text), Some(value), "{text}");
            assert_eq!(Span::parse(&Span::show(&value)), Some(value), "{text}");
            let delta: Option<TimeDelta> = Span::parse(text);
            assert_eq!(
                delta.map(|delta| Span::show(&delta)),
                Some(Span::show(&value))
            );
        }
        assert_eq!(Span::show(&Duration::from_secs(5400)), "90m");
        for wrong in [
            "",
            "30",
            "s",
            "1.5h",
            "-1s",
            "30 seconds",
            "1h30",
            "99999999999d",
        ] {
            let value: Option<Duration> = Span::parse(wrong);
            assert_eq!(value, None, "{wrong}");
        }
    }
}
