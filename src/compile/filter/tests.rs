//! The rule language: precedence, every operator, quoting, errors and depth.

use super::*;
use crate::request::DeviceProperty as P;
use crate::snapshot::{Attribute, Comparison, FilterRule};

fn device(rule: &str) -> FilterRule {
    device_rule(rule).unwrap_or_else(|error| panic!("{rule}: {error}"))
}

fn refused(rule: &str) -> String {
    device_rule(rule).expect_err(rule).to_string()
}

fn compare(property: P, comparison: Comparison) -> FilterRule {
    FilterRule::Compare {
        attribute: Attribute::Device(property),
        comparison,
        negated: false,
    }
}

fn model(value: &str) -> FilterRule {
    compare(P::Model, Comparison::Equals(value.to_owned()))
}

#[test]
fn and_binds_tighter_than_or_and_not_tighter_than_both() {
    let rule = "-not device.model -eq \"a\" -and device.model -eq \"b\" -or device.model -eq \"c\"";
    let not_a = FilterRule::Not(Box::new(model("a")));
    let expected = FilterRule::Or(vec![FilterRule::And(vec![not_a, model("b")]), model("c")]);
    assert_eq!(device(rule), expected);
}

#[test]
fn parentheses_override_the_precedence() {
    let rule =
        "-not (device.model -eq \"a\" -and (device.model -eq \"b\" -or device.model -eq \"c\"))";
    let either = FilterRule::Or(vec![model("b"), model("c")]);
    let both = FilterRule::And(vec![model("a"), either]);
    assert_eq!(device(rule), FilterRule::Not(Box::new(both)));
}

#[test]
fn a_chain_is_one_list_and_redundant_parentheses_have_no_effect() {
    let rule = "(device.model -eq \"a\") -or device.model -eq \"b\" -or ((device.model -eq \"c\"))";
    assert_eq!(
        device(rule),
        FilterRule::Or(vec![model("a"), model("b"), model("c")])
    );
}

#[test]
fn every_operator_parses_with_and_without_hyphen_and_in_any_case() {
    let text = |test: fn(String) -> Comparison| test(String::from("x"));
    let list = Comparison::In(vec![String::from("x")]);
    for (name, value, comparison, negated) in [
        ("eq", "\"X\"", text(Comparison::Equals), false),
        ("ne", "\"X\"", text(Comparison::Equals), true),
        ("startsWith", "\"X\"", text(Comparison::StartsWith), false),
        ("notStartsWith", "\"X\"", text(Comparison::StartsWith), true),
        ("endsWith", "\"X\"", text(Comparison::EndsWith), false),
        ("notEndsWith", "\"X\"", text(Comparison::EndsWith), true),
        ("contains", "\"X\"", text(Comparison::Contains), false),
        ("notContains", "\"X\"", text(Comparison::Contains), true),
        ("in", "[\"X\"]", list.clone(), false),
        ("notIn", "[\"X\"]", list.clone(), true),
        ("eq", "null", Comparison::IsNull, false),
        ("ne", "NULL", Comparison::IsNull, true),
    ] {
        let expected = FilterRule::Compare {
            attribute: Attribute::Device(P::Model),
            comparison,
            negated,
        };
        for operator in [
            format!("-{name}"),
            name.to_owned(),
            format!("-{}", name.to_uppercase()),
        ] {
            let rule = format!("device.model {operator} {value}");
            assert_eq!(device(&rule), expected, "{rule}");
        }
    }
}

#[test]
fn every_property_parses_in_any_case() {
    let mut properties: Vec<String> = P::NAMES.iter().map(|name| (*name).to_owned()).collect();
    properties.pop();
    properties.extend((1..=15).map(|n| format!("extensionAttribute{n}")));
    for name in properties {
        let collection = ["physicalIds", "systemLabels"].contains(&name.as_str());
        let operator = if collection { "contains" } else { "eq" };
        for name in [name.clone(), name.to_lowercase(), name.to_uppercase()] {
            device(&format!("DEVICE.{name} -{operator} \"a\""));
        }
    }
    for name in ["extensionAttribute0", "extensionAttribute16", "mdmId", ""] {
        let error = refused(&format!("device.{name} -eq \"a\""));
        assert!(error.contains("at column 1 "), "{error}");
        assert!(error.contains("extensionAttribute15"), "{error}");
    }
}

#[test]
fn an_operator_that_the_property_does_not_allow_is_refused_and_the_allowed_ones_are_listed() {
    for (rule, column, allowed) in [
        (
            "device.deviceId -contains \"a\"",
            17,
            "-eq, -ne, -in, -notIn",
        ),
        (
            "device.mdmAppId -startsWith \"a\"",
            17,
            "-eq, -ne, -in, -notIn",
        ),
        ("device.isCompliant -in [\"True\"]", 20, "-eq or -ne"),
        ("device.trustType -contains \"a\"", 18, "-eq or -ne"),
        ("device.profileType -notIn [\"a\"]", 20, "-eq or -ne"),
        ("device.deviceOwnership -endsWith \"a\"", 24, "-eq or -ne"),
        (
            "device.physicalIds -eq \"a\"",
            20,
            "-contains or -notContains",
        ),
        (
            "device.systemLabels -in [\"a\"]",
            21,
            "-contains or -notContains",
        ),
        ("device.model -match \"a\"", 14, "-startsWith"),
        ("device.model \"a\"", 14, "-startsWith"),
    ] {
        let error = refused(rule);
        assert!(error.contains(&format!("at column {column} ")), "{error}");
        assert!(error.contains(allowed), "{error}");
    }
}

#[test]
fn text_is_unquoted_and_lowercased() {
    for (rule, value) in [
        ("device.model -eq \"Surface Pro\"", "surface pro"),
        ("device.model -eq \"\"", ""),
        ("device.model -eq \"a `\"b`\" c\"", "a \"b\" c"),
        ("device.model -eq \"O''Neill\"", "o'neill"),
        ("device.model -eq \"O'Neill\"", "o'neill"),
        ("device.model -eq \"(-and) [x], `` É\"", "(-and) [x], ` é"),
        ("device.model -eq True", "true"),
        ("device.model-eq\"x\"", "x"),
    ] {
        assert_eq!(device(rule), model(value), "{rule}");
    }
}

#[test]
fn a_list_is_a_set() {
    let rule = "device.model -in [\"b\", \"A\" ,\"b\"]";
    let values = vec![String::from("a"), String::from("b")];
    assert_eq!(device(rule), compare(P::Model, Comparison::In(values)));
}

#[test]
fn an_invalid_rule_is_refused_at_its_first_invalid_token() {
    for (rule, column, found) in [
        ("", 1, "the end"),
        ("device.model", 13, "the end"),
        ("device.model -eq", 17, "the end"),
        ("device.model -eq \"a", 20, "the end"),
        ("device.model -eq \"a`n\"", 21, "'n'"),
        ("device.model -eq 'a'", 18, "'\\''"),
        ("device.model -eq a", 18, "`a`"),
        ("device.model -eq 5", 18, "`5`"),
        ("device.model -eq [\"a\"]", 18, "`[`"),
        ("device.model -in \"a\"", 18, "\"a\""),
        ("device.model -in []", 19, "`]`"),
        ("device.model -in [\"a\",]", 23, "`]`"),
        ("device.model -in [null]", 19, "`null`"),
        ("device.model -in [\"a\" \"b\"]", 23, "\"b\""),
        ("device.model -startsWith null", 26, "`null`"),
        (
            "device.model -eq \"a\" device.model -eq \"b\"",
            22,
            "`device.model`",
        ),
        ("device.model -eq \"a\" -and", 26, "the end"),
        ("-and device.model -eq \"a\"", 1, "`-and`"),
        ("(device.model -eq \"a\"", 22, "the end"),
        ("device.model -eq \"a\")", 21, "`)`"),
        ("()", 2, "`)`"),
        ("-not", 5, "the end"),
        ("user.department -eq \"a\"", 1, "`user.department`"),
        ("model -eq \"a\"", 1, "`model`"),
        ("device.model == \"a\"", 14, "'='"),
        ("É device.model", 1, "`É`"),
        ("\"é\" -eq device.model", 1, "\"é\""),
    ] {
        let error = refused(rule);
        let expected = format!("found {found} at column {column} of the rule, expected ");
        assert!(error.starts_with(&expected), "{rule}: {error}");
    }
}

#[test]
fn the_length_of_a_rule_is_bounded_in_characters() {
    let rule_of = |length: usize| {
        let rule = "device.model -eq \"\"";
        rule.replace("\"\"", &format!("\"{}\"", "é".repeat(length - rule.len())))
    };
    device(&rule_of(MAX_CHARACTERS));
    let error = refused(&rule_of(MAX_CHARACTERS + 1));
    assert!(
        error.contains("3073") && error.contains("at most 3072"),
        "{error}"
    );
}

#[test]
fn the_depth_of_a_rule_is_bounded() {
    let comparison = "device.model -eq \"a\"";
    let within = |depth| format!("{}{comparison}{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(device(&within(MAX_DEPTH)), model("a"));
    assert!(refused(&within(MAX_DEPTH + 1)).contains("at most 32"));

    let negated = |depth| format!("{}{comparison}", "-not ".repeat(depth));
    device(&negated(MAX_DEPTH));
    assert!(refused(&negated(MAX_DEPTH + 1)).contains("at most 32"));

    // A long chain is not deep.
    device(&vec![comparison; 100].join(" -or "));
    device(&vec![format!("-not ({comparison})"); 80].join(" -and "));
}

#[test]
fn an_application_filter_takes_custom_security_attributes_and_every_operator() {
    for (rule, name) in [
        (
            "CustomSecurityAttribute.Engineering_Project -eq \"x\"",
            "engineering_project",
        ),
        ("customsecurityattribute.A_B_C -notIn [\"x\"]", "a_b_c"),
        (
            "CustomSecurityAttribute.A_B -contains \"requireMFA\"",
            "a_b",
        ),
        ("CustomSecurityAttribute.A_B -ne null", "a_b"),
    ] {
        let read = application_rule(rule).unwrap();
        let FilterRule::Compare { attribute, .. } = read else {
            panic!("{rule}")
        };
        assert_eq!(attribute, Attribute::Application(name.to_owned()));
    }
    for rule in [
        "CustomSecurityAttribute.Project -eq \"x\"",
        "CustomSecurityAttribute._Project -eq \"x\"",
        "CustomSecurityAttribute.Set_ -eq \"x\"",
        "CustomSecurityAttribute.Set.Name_x -eq \"x\"",
        "device.model -eq \"x\"",
    ] {
        let error = application_rule(rule).unwrap_err().to_string();
        assert!(
            error.contains("CustomSecurityAttribute.Set_Name"),
            "{error}"
        );
    }
    assert!(refused("CustomSecurityAttribute.A_B -eq \"x\"").contains("device.isCompliant"));
}
