//! The proto contract follows buf's STANDARD and COMMENTS rules: names, prefixes, comments.

use std::collections::HashSet;

use crosstrust::rpc::FILE_DESCRIPTOR_SET;
use prost::Message as _;
use prost_types::{EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};

fn own_files() -> Vec<FileDescriptorProto> {
    let all = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let is_own = |file: &FileDescriptorProto| file.package() == "crosstrust.v1";
    let own_files: Vec<_> = all.file.into_iter().filter(is_own).collect();
    assert_eq!(own_files.len(), 2);
    own_files
}

/// `AccessType` → `ACCESS_TYPE_`
fn prefix(name: &str) -> String {
    let mut prefix = String::new();
    for (index, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && index > 0 {
            prefix.push('_');
        }
        prefix.extend(letter.to_uppercase());
    }
    prefix + "_"
}

fn check_enum(one: &EnumDescriptorProto) {
    let prefix = prefix(one.name());
    assert_eq!(one.value[0].name(), format!("{prefix}UNSPECIFIED"));
    for (number, value) in one.value.iter().enumerate() {
        assert!(value.name().starts_with(&prefix), "{}", value.name());
        assert_eq!(usize::try_from(value.number()), Ok(number));
    }
}

#[test]
fn enum_values_carry_their_prefix_and_zero_is_unspecified() {
    for file in own_files() {
        file.enum_type.iter().for_each(check_enum);
    }
}

#[test]
fn every_method_has_its_own_request_and_response() {
    let mut used = HashSet::new();
    for method in own_files()
        .iter()
        .flat_map(|file| &file.service)
        .flat_map(|one| &one.method)
    {
        let [request, response] =
            ["Request", "Response"].map(|end| format!(".crosstrust.v1.{}{end}", method.name()));
        assert_eq!(
            (method.input_type(), method.output_type()),
            (&*request, &*response)
        );
        assert!(used.insert(request) && used.insert(response));
    }
    assert_eq!(used.len(), 12);
}

#[test]
fn every_element_of_the_contract_has_a_comment() {
    for file in own_files() {
        let locations = &file.source_code_info.as_ref().unwrap().location;
        let commented: HashSet<&[i32]> = locations
            .iter()
            .filter(|one| one.leading_comments().trim_end().ends_with(['.', ':', '?']))
            .map(|one| one.path.as_slice())
            .collect();
        let number = |index: usize| i32::try_from(index).unwrap();
        let mut paths = Vec::new();
        for (at, message) in file.message_type.iter().enumerate() {
            paths.push(vec![4, number(at)]);
            paths.extend(
                (0..message.field.len()).map(|field| vec![4, number(at), 2, number(field)]),
            );
        }
        for (at, one) in file.enum_type.iter().enumerate() {
            paths.push(vec![5, number(at)]);
            paths.extend((0..one.value.len()).map(|value| vec![5, number(at), 2, number(value)]));
        }
        for (at, service) in file.service.iter().enumerate() {
            paths.push(vec![6, number(at)]);
            paths
                .extend((0..service.method.len()).map(|call| vec![6, number(at), 2, number(call)]));
        }
        for path in paths {
            assert!(
                commented.contains(path.as_slice()),
                "{}: {path:?}",
                file.name()
            );
        }
    }
}
