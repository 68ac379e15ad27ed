//! Envoy and crosstrust accept the shipped configurations, and the Kubernetes manifests fail closed.

use std::process::Command;

use crosstrust::config::KEYS;
use yaml_rust2::{Yaml, YamlLoader};

use crate::gateway::{Deployment, DeploymentFolder};
use crate::proxy::validate;
use crate::substitute::{shipped, substitute};

#[test]
fn envoy_accepts_every_shipped_configuration_with_only_file_paths_replaced() {
    let folder = DeploymentFolder::new();
    for deployment in Deployment::ALL {
        let yaml = substitute(&deployment.yaml(), &folder.paths(deployment));
        if let Err(error) = validate(folder.path(), &yaml) {
            panic!("{}: {error}", deployment.yaml());
        }
    }
}

#[test]
fn envoy_refuses_a_configuration_with_a_misspelt_setting() {
    let folder = DeploymentFolder::new();
    let yaml = substitute(&Deployment::Bearer.yaml(), &[]);
    let yaml = yaml.replace("failure_mode_allow", "failure_mode_alow");
    assert!(
        validate(folder.path(), &yaml)
            .unwrap_err()
            .contains("failure_mode_alow")
    );
}

#[test]
fn every_manifest_is_yaml_and_every_object_has_a_kind_and_a_name() {
    for file in [
        "deploy/istio/crosstrust.yaml",
        "deploy/istio/gateway.yaml",
        "deploy/envoy-gateway/crosstrust.yaml",
        "deploy/envoy-gateway/gateway.yaml",
    ] {
        let objects = read(file);
        assert!(!objects.is_empty(), "{file}");
        for object in objects {
            for member in ["apiVersion", "kind"] {
                assert!(object[member].as_str().is_some(), "{file}: {member}");
            }
            assert!(object["metadata"]["name"].as_str().is_some(), "{file}");
        }
    }
}

#[test]
fn no_manifest_allows_a_request_without_an_answer() {
    let mesh = &read("deploy/istio/mesh-config.yaml")[0];
    let provider = &mesh["extensionProviders"][0]["envoyExtAuthzGrpc"];
    assert_eq!(provider["failOpen"].as_bool(), Some(false));
    assert_eq!(provider["statusOnError"].as_str(), Some("503"));
    let policies = read("deploy/envoy-gateway/gateway.yaml");
    let kind = |object: &&Yaml| object["kind"].as_str() == Some("SecurityPolicy");
    let policy = policies.iter().find(kind).unwrap();
    assert_eq!(policy["spec"]["extAuth"]["failOpen"].as_bool(), Some(false));
    let context = policy["spec"]["extAuth"]["contextExtensions"].as_vec();
    let names = context.unwrap().iter().map(|entry| entry["name"].as_str());
    assert_eq!(
        names.collect::<Vec<_>>(),
        [Some("resource_tenant"), Some("app")]
    );
}

/// A replica that cannot write its records does not start, so each has its own persistent volume.
#[test]
fn each_replica_has_a_persistent_volume_for_its_records() {
    for file in [
        "deploy/istio/crosstrust.yaml",
        "deploy/envoy-gateway/crosstrust.yaml",
    ] {
        let objects = read(file);
        let replicas = objects
            .iter()
            .find(|object| object["kind"].as_str() == Some("StatefulSet"))
            .expect(file);
        let claim = &replicas["spec"]["volumeClaimTemplates"][0]["metadata"]["name"];
        let container = &replicas["spec"]["template"]["spec"]["containers"][0];
        let variable = &container["env"][0];
        assert_eq!(variable["name"].as_str(), Some("STATE_DIRECTORY"), "{file}");
        let mounts = container["volumeMounts"].as_vec().unwrap();
        let is_state_mount = |mount: &&Yaml| mount["mountPath"] == variable["value"];
        let mount = mounts.iter().find(is_state_mount).expect(file);
        assert_eq!(&mount["name"], claim, "{file}");
    }
}

/// Kubernetes sends SIGTERM while gateways still have the address of a pod, and SIGKILL after the grace period.
#[test]
fn the_grace_period_covers_pre_stop_and_drain() {
    let drain = KEYS.iter().find(|key| key.name == "drain").unwrap();
    let drain: i64 = drain.default.parse().unwrap();
    for file in [
        "deploy/istio/crosstrust.yaml",
        "deploy/envoy-gateway/crosstrust.yaml",
    ] {
        let objects = read(file);
        let replicas = objects
            .iter()
            .find(|object| object["kind"].as_str() == Some("StatefulSet"))
            .expect(file);
        let pod = &replicas["spec"]["template"]["spec"];
        let sleep = &pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"];
        let sleep = sleep.as_i64().expect(file);
        assert!(sleep >= 5, "{file}: {sleep}");
        // Cut connections have 1 s to end, and records 3 s for their last export.
        let grace = pod["terminationGracePeriodSeconds"].as_i64().expect(file);
        assert!(grace > sleep + drain + 1 + 3, "{file}: {grace}");
    }
}

/// `serve --print-config` reads the complete configuration and starts no server.
#[test]
fn crosstrust_accepts_every_shipped_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let mut files: Vec<(String, String)> = Deployment::ALL
        .iter()
        .map(|deployment| (deployment.toml(), shipped(&deployment.toml())))
        .collect();
    for file in [
        "deploy/istio/crosstrust.yaml",
        "deploy/envoy-gateway/crosstrust.yaml",
    ] {
        let objects = read(file);
        let mut texts = objects
            .iter()
            .filter_map(|object| object["data"]["crosstrust.toml"].as_str());
        files.push((file.to_owned(), texts.next().expect(file).to_owned()));
    }
    for (file, text) in files {
        let path = folder.path().join("crosstrust.toml");
        std::fs::write(&path, text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_crosstrust"))
            .args(["serve", "--print-config", "--config"])
            .arg(&path)
            .env_clear()
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{file}: {error}");
    }
}

fn read(file: &str) -> Vec<Yaml> {
    YamlLoader::load_from_str(&shipped(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}
