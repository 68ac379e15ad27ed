//! What is shipped can be read by whom it is for.

use crate::gateway::{Deployment, Place};
use crate::proxy::validate;
use crate::substitute::substitute;

#[test]
fn envoy_takes_every_shipped_configuration_with_nothing_but_the_paths_of_files_changed() {
    let place = Place::new();
    for deployment in Deployment::ALL {
        let yaml = substitute(&deployment.yaml(), &place.paths(deployment));
        if let Err(said) = validate(place.path(), &yaml) {
            panic!("{}: {said}", deployment.yaml());
        }
    }
}

#[test]
fn envoy_refuses_a_configuration_with_a_misspelt_setting() {
    let place = Place::new();
    let yaml = substitute(&Deployment::Bearer.yaml(), &[]);
    let yaml = yaml.replace("failure_mode_allow", "failure_mode_alow");
    assert!(
        validate(place.path(), &yaml)
            .unwrap_err()
            .contains("failure_mode_alow")
    );
}
