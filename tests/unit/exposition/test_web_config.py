"""The web-config file: what holds, and every mistake in one line."""

import ssl
import subprocess
from pathlib import Path

import pytest

from exporter.errors import ConfigError
from exporter.exposition.web_config import WebConfig, load

HASH = "$2y$04$" + "a" * 53


@pytest.fixture
def folder(tmp_path):
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-keyout",
            tmp_path / "key.pem",
            "-out",
            tmp_path / "cert.pem",
        ],
        check=True,
        capture_output=True,
    )
    return tmp_path


def written(folder, text):
    path = folder / "web.yml"
    path.write_text(text)
    return path


def problems(folder, text):
    with pytest.raises(ConfigError) as caught:
        load(written(folder, text))
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


TLS = "tls_server_config: {cert_file: cert.pem, key_file: key.pem"


def test_an_empty_file_asks_for_nothing(tmp_path):
    assert load(written(tmp_path, "")) == WebConfig()


def test_all_settings(folder):
    web = load(
        written(
            folder,
            TLS + ", client_ca_file: cert.pem, client_auth_type: RequireAndVerifyClientCert, min_version: TLS13}\n"
            f"basic_auth_users: {{prometheus: {HASH}}}\n"
            "http_server_config: {http2: true, headers: {Strict-Transport-Security: max-age=3600}}\n",
        )
    )
    assert (web.tls.cert_file, web.tls.client_auth) == (folder / "cert.pem", ssl.CERT_REQUIRED)
    assert web.tls.context().minimum_version == ssl.TLSVersion.TLSv1_3
    assert web.users == {"prometheus": HASH.encode()}
    assert web.headers == {"Strict-Transport-Security": "max-age=3600"}


def test_the_default_is_tls_1_2(folder):
    assert load(written(folder, TLS + "}")).tls.context().minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a\n", ["web.yml: must be a mapping, not list"]),
        ("a: [\n", ["web.yml:2: not YAML: expected the node content, but found '<stream end>'"]),
        ("\ntls: {}\n", ["web.yml:2: tls: unknown; known are tls_server_config, http_server_config, basic_auth_users"]),
        (
            "tls_server_config:\n  cert_file: cert.pem\n",
            ["web.yml:1: tls_server_config: key_file is missing; name a PEM file"],
        ),
        (
            TLS.replace("key.pem", "no.pem") + "}",
            [
                (
                    "web.yml:1: tls_server_config.key_file: {folder}/no.pem is no file; "
                    "a relative path starts at the folder of this file"
                )
            ],
        ),
        (
            TLS + ", min_version: SSL3}",
            ["web.yml:1: tls_server_config.min_version: SSL3 is unknown; known are TLS10, TLS11, TLS12, TLS13"],
        ),
        (
            TLS + ", client_auth_type: RequireAndVerifyClientCert}",
            ["web.yml:1: tls_server_config.client_auth_type: needs a client_ca_file to verify certificates with"],
        ),
        (
            TLS + ", client_ca_file: cert.pem}",
            [
                (
                    "web.yml:1: tls_server_config.client_auth_type: a client_ca_file is given but no certificate is asked for;"
                    " set RequireAndVerifyClientCert"
                )
            ],
        ),
        (
            TLS + ", client_auth_type: RequireAnyClientCert}",
            [
                (
                    "web.yml:1: tls_server_config.client_auth_type: RequireAnyClientCert takes unverified certificates;"
                    " use VerifyClientCertIfGiven or none"
                )
            ],
        ),
        (
            TLS + ", client_allowed_sans: [a]}",
            [
                (
                    "web.yml:1: tls_server_config.client_allowed_sans: not supported;"
                    " use a client_ca_file that signs only the clients you allow"
                )
            ],
        ),
        (
            "basic_auth_users:\n  me: secret\n  you: 1\n",
            [
                f"web.yml:{line}: basic_auth_users.{name}: must be a bcrypt hash, such as `htpasswd -nBC 10 NAME` prints"
                for line, name in ((2, "me"), (3, "you"))
            ],
        ),
        (
            f"basic_auth_users:\n  me: {HASH}\n  me: {HASH}\n",
            ["web.yml:3: basic_auth_users.me: stands here a second time; remove one"],
        ),
        (
            'http_server_config:\n  headers:\n    X-Frame-Options: "a\\r\\nb"\n',
            ["web.yml:3: http_server_config.headers.X-Frame-Options: must be one line of plain ASCII text"],
        ),
        (
            "http_server_config:\n  headers:\n    Server: me\n",
            [
                (
                    "web.yml:3: http_server_config.headers.Server: unknown; known are Content-Security-Policy,"
                    " Strict-Transport-Security, X-Content-Type-Options, X-Frame-Options, X-XSS-Protection"
                )
            ],
        ),
        (
            TLS + ", min_version: [TLS12]}",
            ["web.yml:1: tls_server_config.min_version: ['TLS12'] is unknown; known are TLS10, TLS11, TLS12, TLS13"],
        ),
        (
            "basic_auth_users:\n  me: !hunter2 x\n",
            ["web.yml:2: not YAML: a tag or a key that this file does not have; quote text that begins with `!`"],
        ),
        ("basic_auth_users: {me: 2026-99-99}\n", ["web.yml: not YAML: month must be in 1..12"]),
        ("a: " + "[" * 1000, ["web.yml:1: not YAML: its aliases or its nesting make it too large"]),
        (
            "\n".join(
                [
                    "a0: &a0 {x: 1}",
                    *(f"a{n}: &a{n} {{{', '.join(f'b{i}: *a{n - 1}' for i in range(9))}}}" for n in range(1, 12)),
                ]
            ),
            [
                f"web.yml:{n + 1}: a{n}: unknown; known are tls_server_config, http_server_config, basic_auth_users"
                for n in range(12)
            ],
        ),
        (
            "basic_auth_users: &a {b: *a}\n",
            ["web.yml:1: basic_auth_users.b: must be a bcrypt hash, such as `htpasswd -nBC 10 NAME` prints"],
        ),
    ],
)
def test_a_mistake_is_told_in_one_line(folder, text, expected):
    assert problems(folder, text) == [line.replace("{folder}", str(folder)) for line in expected]


def test_a_key_that_does_not_belong_to_the_certificate_is_told(folder):
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", folder / "key.pem"],
        check=True,
        capture_output=True,
    )
    [problem] = problems(folder, TLS + "}")
    assert problem.startswith("web.yml:1: tls_server_config.cert_file: certificate, key or client CA cannot be used: [")


def test_an_encrypted_key_is_told_and_nobody_is_asked_for_its_password(folder):
    subprocess.run(
        ["openssl", "ec", "-aes128", "-passout", "pass:x", "-in", folder / "key.pem", "-out", folder / "locked.pem"],
        check=True,
        capture_output=True,
    )
    [problem] = problems(folder, TLS.replace("key.pem", "locked.pem") + "}")
    assert "cannot be used" in problem


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"web\.yml: cannot be read: .*; check server\.web_config_file"):
        load(tmp_path / "web.yml")


def test_no_more_is_read_than_such_a_file_may_have():
    with pytest.raises(ConfigError, match="/dev/zero: is larger than any web-config file"):
        load(Path("/dev/zero"))
