//! A running configuration of `deploy/envoy`: an application, Envoy in front of it and crosstrust beside it, in a folder
//! with a copy of the sample policies.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};

use tempfile::TempDir;

use crate::certificates::Authority;
use crate::client::{self, Answer, Connection};
use crate::proxy::Envoy;
use crate::sidecar::Sidecar;
use crate::substitute::{Swap, substitute, swap};
use crate::tokens;
use crate::upstream::Upstream;

/// A pair of files in `deploy/envoy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deployment {
    Bearer,
    JwtAuthn,
    UnixSocket,
    Mtls,
    Egress,
}

impl Deployment {
    pub const ALL: [Deployment; 5] = [
        Deployment::Bearer,
        Deployment::JwtAuthn,
        Deployment::UnixSocket,
        Deployment::Mtls,
        Deployment::Egress,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Deployment::Bearer => "bearer",
            Deployment::JwtAuthn => "jwt-authn",
            Deployment::UnixSocket => "unix-socket",
            Deployment::Mtls => "mtls",
            Deployment::Egress => "egress",
        }
    }

    /// The port of crosstrust in this configuration.
    pub const fn port(self) -> u16 {
        match self {
            Deployment::Bearer => 50061,
            Deployment::JwtAuthn
            | Deployment::UnixSocket
            | Deployment::Mtls
            | Deployment::Egress => 50051,
        }
    }

    pub fn yaml(self) -> String {
        format!("deploy/envoy/{}.yaml", self.name())
    }

    pub fn toml(self) -> String {
        format!("deploy/envoy/{}.toml", self.name())
    }
}

/// The folder of a deployment, and the address at which its crosstrust listens.
pub struct DeploymentFolder {
    folder: TempDir,
    sidecar: IpAddr,
    pub authority: Authority,
}

impl DeploymentFolder {
    pub fn new() -> DeploymentFolder {
        let folder = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        copy(&root.join("policies"), &folder.path().join("policies"));
        fs::write(folder.path().join("keys.json"), tokens::jwks()).unwrap();
        let tls = folder.path().join("tls");
        fs::create_dir(&tls).unwrap();
        let authority = Authority::new();
        authority.write(&tls);
        authority.issue(&tls, "envoy", "spiffe://contoso.example/envoy");
        authority.issue(&tls, "server", "spiffe://contoso.example/crosstrust");
        authority.issue(&tls, "inspection", "spiffe://contoso.example/inspection");
        DeploymentFolder {
            folder,
            sidecar: own_loopback_address(),
            authority,
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn text(&self, name: &str) -> String {
        self.path().join(name).to_str().unwrap().to_owned()
    }

    /// Replaces only the paths in Envoy's configuration.
    pub fn paths(&self, deployment: Deployment) -> Vec<Swap> {
        let tls = |times| vec![swap("/etc/envoy/tls", self.text("tls")).times(times)];
        match deployment {
            Deployment::Bearer | Deployment::JwtAuthn => Vec::new(),
            Deployment::UnixSocket => {
                vec![swap("/run/crosstrust/crosstrust.sock", self.text("socket"))]
            }
            Deployment::Mtls => tls(4),
            Deployment::Egress => tls(2),
        }
    }

    /// Envoy's configuration, with the application at the port `upstream`.
    pub fn envoy(&self, deployment: Deployment, upstream: u16) -> String {
        let sidecar = |host: &str| {
            let address = format!("{{address: {}, port_value: 50051}}", self.sidecar);
            let port = deployment.port();
            swap(format!("{{address: {host}, port_value: {port}}}"), address)
        };
        let port = if deployment == Deployment::Egress {
            8443
        } else {
            8080
        };
        let mut swaps = vec![swap(
            format!("{{address: 0.0.0.0, port_value: {port}}}"),
            "{address: 127.0.0.1, port_value: 0}",
        )];
        match deployment {
            Deployment::Bearer | Deployment::Egress => swaps.push(sidecar("127.0.0.1")),
            Deployment::JwtAuthn => swaps.extend([
                sidecar("127.0.0.1"),
                swap(
                    REMOTE_KEYS,
                    format!("local_jwks: {{filename: {}}}", self.text("keys.json")),
                )
                .times(2),
                // Then Envoy fetches no keys and resolves no name.
                swap(
                    "{address: login.microsoftonline.com, port_value: 443}",
                    "{address: 127.0.0.1, port_value: 1}",
                ),
            ]),
            Deployment::UnixSocket => {}
            Deployment::Mtls => swaps.push(sidecar("crosstrust.contoso.example")),
        }
        let application = format!("{{address: 127.0.0.1, port_value: {upstream}}}");
        if deployment == Deployment::Egress {
            swaps.push(swap(INSPECTION, "    - filters:\n"));
            swaps.push(swap(OUTSIDE, format!("{INSIDE}{application}}}}}}}]}}]\n")));
        } else {
            swaps.push(swap("{address: 127.0.0.1, port_value: 8081}", application));
            swaps.extend(self.paths(deployment));
        }
        substitute(&deployment.yaml(), &swaps)
    }

    /// crosstrust's configuration.
    pub fn sidecar(&self, deployment: Deployment) -> String {
        let mut swaps = vec![swap(
            "discovery = \"https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration\"",
            "keys = \"keys.json\"",
        )];
        let address = format!("{}:50051", self.sidecar);
        match deployment {
            Deployment::Bearer | Deployment::JwtAuthn | Deployment::Egress => {
                swaps.push(swap(format!("127.0.0.1:{}", deployment.port()), address));
            }
            Deployment::UnixSocket => {
                let uid = rustix::process::getuid().as_raw();
                swaps.push(swap("/run/crosstrust/crosstrust.sock", self.text("socket")));
                swaps.push(swap("uids = [101]", format!("uids = [{uid}]")));
            }
            Deployment::Mtls => {
                swaps.push(swap("0.0.0.0:50051", address));
                swaps.push(swap("/etc/crosstrust/tls", self.text("tls")).times(3));
            }
        }
        substitute(&deployment.toml(), &swaps)
    }
}

pub struct Gateway {
    // Dropped in this order.
    pub envoy: Envoy,
    sidecar: Option<Sidecar>,
    pub upstream: Upstream,
    configuration: PathBuf,
    pub folder: DeploymentFolder,
}

impl Gateway {
    /// Starts Envoy and crosstrust.
    pub fn start(deployment: Deployment) -> Gateway {
        let mut gateway = Gateway::start_without_sidecar(deployment);
        gateway.start_sidecar();
        gateway
    }

    /// Starts Envoy without crosstrust.
    pub fn start_without_sidecar(deployment: Deployment) -> Gateway {
        Gateway::start_in(DeploymentFolder::new(), deployment)
    }

    /// Starts Envoy without crosstrust in a prepared folder.
    pub fn start_in(folder: DeploymentFolder, deployment: Deployment) -> Gateway {
        let upstream = Upstream::start();
        let configuration = folder.path().join("crosstrust.toml");
        fs::write(&configuration, folder.sidecar(deployment)).unwrap();
        let yaml = folder.envoy(deployment, upstream.address.port());
        Gateway {
            envoy: Envoy::start(folder.path(), &yaml),
            sidecar: None,
            upstream,
            configuration,
            folder,
        }
    }

    pub fn start_sidecar(&mut self) {
        self.sidecar = Some(Sidecar::start(self.folder.path(), &self.configuration));
    }

    pub fn kill_sidecar(&mut self) {
        self.sidecar.take().expect("a running crosstrust");
    }

    pub fn sidecar(&self) -> &Sidecar {
        self.sidecar.as_ref().expect("a running crosstrust")
    }

    pub fn connect(&self) -> Connection {
        Connection::open(self.envoy.address)
    }

    /// A GET on a new connection.
    pub fn get(&self, host: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.connect().get(host, path, headers)
    }

    /// A GET of `/` with this `authorization`.
    pub fn request(&self, host: &str, bearer: &str) -> Answer {
        self.get(host, "/", &[("authorization", bearer)])
    }

    pub fn grpc(&self, host: &str, headers: &[(&str, &str)]) -> Answer {
        client::grpc(self.envoy.address, host, "/app.v1.App/Call", headers)
    }

    pub fn policy(&self, path: &str) -> PathBuf {
        self.folder.path().join("policies").join(path)
    }
}

/// A loopback address that no other test uses, so that the port is free and stays free while crosstrust is down.
fn own_loopback_address() -> IpAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    let number = NEXT.fetch_add(1, Ordering::SeqCst);
    assert!(
        number < 255,
        "no more than 254 gateways in one test process"
    );
    IpAddr::V4(Ipv4Addr::new(127, high | 0x80, low, number))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// `jwt-authn.yaml`: the remote key set.
const REMOTE_KEYS: &str = r#"remote_jwks:
                    http_uri: {uri: "https://login.microsoftonline.com/organizations/discovery/v2.0/keys", cluster: entra, timeout: 3s}
                    cache_duration: 600s
                    async_fetch: {}"#;

/// `egress.yaml`: TLS of the listener.
const INSPECTION: &str = "    - transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            alpn_protocols: [h2, http/1.1]
            tls_certificates:
            - certificate_chain: {filename: /etc/envoy/tls/inspection.pem}
              private_key: {filename: /etc/envoy/tls/inspection.key}
      filters:
";

/// `egress.yaml`: the cluster of all external hosts.
const OUTSIDE: &str = "    lb_policy: CLUSTER_PROVIDED
    cluster_type:
      name: envoy.clusters.dynamic_forward_proxy
      typed_config:
        \"@type\": type.googleapis.com/envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig
        dns_cache_config: {name: outside, dns_lookup_family: V4_PREFERRED}
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        # The certificate must be for the host that the client requested.
        upstream_http_protocol_options: {auto_sni: true, auto_san_validation: true}
        auto_config: {http_protocol_options: {}, http2_protocol_options: {}}
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        common_tls_context:
          validation_context: {trusted_ca: {filename: /etc/ssl/certs/ca-certificates.crt}}
";

/// Its replacement: the test's application.
const INSIDE: &str = "    load_assignment:
      cluster_name: outside
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: ";
