//! Limits on the numbers, the strings and the file of a configuration.

use std::process::Command;

use crosstrust::config::{Config, ConfigOverrides, KEYS, NumberRange, ValueOrigin};

use super::{ISSUER, ROUTE, print, read};

fn read_flag(key: &'static str, value: &str) -> Result<Config, String> {
    let given = ConfigOverrides {
        values: vec![(key, value.to_owned(), ValueOrigin::Flag)],
        ..ConfigOverrides::default()
    };
    Config::read(None, given).map_err(|error| error.to_string())
}

#[test]
fn every_number_is_rejected_one_past_either_end_of_its_range() {
    let units = ["NUMBER", "BYTES", "SECONDS", "MILLISECONDS", "DAYS"];
    for key in KEYS {
        let is_number = units.contains(&key.value_name) || key.default.parse::<f64>().is_ok();
        assert_eq!(key.range.is_some(), is_number, "{} needs a range", key.name);
        let Some(range) = key.range else { continue };
        let (good, bad) = match range {
            NumberRange::Whole { min, max } => {
                let below = i128::from(min) - 1;
                let above = i128::from(max) + 1;
                (
                    [min.to_string(), max.to_string()],
                    [below, above].map(|n| n.to_string()),
                )
            }
            NumberRange::Seconds { max } | NumberRange::SecondsOrZero { max } => (
                ["0.001".to_owned(), max.to_string()],
                ["0.0009".to_owned(), format!("{max}.001")],
            ),
        };
        for good in good {
            assert!(read_flag(key.name, &good).is_ok(), "{} = {good}", key.name);
        }
        let huge = ["9223372036854775807", "7e18", "1e400", "NaN", "-1", "x"].map(str::to_owned);
        for bad in bad.into_iter().chain(huge) {
            let error = read_flag(key.name, &bad).expect_err(key.name);
            let expected = format!("flag: {} = `{bad}`: expected {range}", key.name);
            assert_eq!(error, expected);
        }
    }
}

#[test]
fn a_duration_that_overflows_a_clock_is_rejected_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    for (text, expected) in [
        (
            "[keys]\nmax_stale = 9223372036854775807\n",
            "c.toml:2: keys.max_stale = `9223372036854775807`: expected a number of seconds from 0.001 to 31622400",
        ),
        (
            "[reload]\nrescan = 7e18\n",
            "c.toml:2: reload.rescan = `7e18`: expected a number of seconds from 0.001 to 86400",
        ),
    ] {
        let (is_good, printed) = print(folder.path(), text);
        assert!(!is_good && printed.contains(expected), "{text}\n{printed}");
    }
}

/// Each file takes seconds if parsing is linear, and minutes if it is quadratic in the number of values or tables.
#[test]
fn a_file_of_a_megabyte_is_read() {
    let fill = |table: &dyn Fn(usize) -> String| {
        let mut text = String::new();
        let mut number = 0;
        while text.len() < 1_000_000 {
            text.push_str(&table(number));
            number += 1;
        }
        (text, number)
    };
    let (text, count) = fill(&|number| ROUTE.replace("wiki", &format!("wiki-{number}")));
    assert_eq!(read(&text).unwrap().routes.len(), count);
    let (text, count) = fill(&|number| {
        let path = format!("path = \"/docs/{number}\"\napp = ");
        ROUTE.replace("app = ", &path)
    });
    assert_eq!(read(&text).unwrap().routes.len(), count);
    // Five lines each.
    let line = count * 5 + 1;
    let covered = ROUTE.replace("app = ", "path = \"/docs/7/a\"\napp = ");
    let text = format!("{text}{covered}");
    let error = read(&text).unwrap_err();
    assert!(
        error.contains(&format!("c.toml:{line}: ")) && error.contains("c.toml:36"),
        "{error}"
    );
    let (text, count) = fill(&|number| ISSUER.replace("login", &format!("login-{number}")));
    assert_eq!(read(&text).unwrap().issuers.len(), count);
    let (text, _) = fill(&|number| format!("# {number}\n\n"));
    assert!(read(&format!("{text}\n[limits]\ngroups = 7\n")).is_ok());
}

#[test]
fn an_oversized_file_is_rejected_without_reading_all_of_it() {
    let error = read(&"#\n".repeat(600_000)).unwrap_err();
    let expected = "c.toml: found more than 1048576 bytes";
    assert!(error.contains(expected), "{error}");
    let output = Command::new(env!("CARGO_BIN_EXE_crosstrust"))
        .args(["serve", "--print-config", "--config", "/dev/zero"])
        .env_clear()
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("/dev/zero: found more than 1048576 bytes"),
        "{stderr}"
    );
}

#[test]
fn a_value_of_seventy_thousand_characters_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let wide = "x".repeat(70_000);
    let (is_good, printed) = print(folder.path(), &format!("[challenge]\nrealm = \"{wide}\"\n"));
    assert!(
        is_good && printed.contains(&wide),
        "{}",
        &printed[..200.min(printed.len())]
    );
}

#[test]
fn the_record_timeout_is_shorter_than_the_timeouts_of_envoy_and_of_a_call() {
    let folder = tempfile::tempdir().unwrap();
    let print_limits = |wait: &str, budget: &str| {
        let text = format!("[log]\nwait = {wait}\n[limits]\nhandler_ms = {budget}\n");
        print(folder.path(), &text)
    };
    for wait in ["0", "9223372036854775807", "-1"] {
        let (is_good, printed) = print_limits(wait, "60");
        assert!(
            !is_good && printed.contains("log.wait"),
            "{wait}: {printed}"
        );
    }
    for (budget, most) in [("60", 160), ("300", 280)] {
        let (_, refused) = print_limits(&(most + 1).to_string(), budget);
        let expected = format!("expected 1 to {most} milliseconds");
        assert!(refused.contains(&expected), "{refused}");
        let (is_good, printed) = print_limits(&most.to_string(), budget);
        assert!(is_good, "{printed}");
    }
}
