"""The real server on a free port, asked over real sockets."""

import gzip
import http.client
import json
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from base64 import b64encode

import anyio
import bcrypt
import pytest
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families

from exporter.errors import ConfigError, ExporterError
from exporter.exposition.access import Passwords
from exporter.exposition.family import Family
from exporter.exposition.negotiation import OPENMETRICS_TYPE, TEXT_TYPE
from exporter.exposition.snapshot import ModelFamilies
from exporter.exposition.status import ModelStatus, Status


def ask(server, path="/metrics", method="GET", context=None, **headers):
    """Status, headers, body."""
    request = urllib.request.Request(server.url.rstrip("/") + path, method=method)
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def until(is_true):
    """It comes true within half a minute."""
    end = time.monotonic() + 30
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.02)


def publish(rig, value=1.5):
    family = Family("ml_level", "gauge", "Level.", ("model",), [(("m",), value)])
    counter = Family("ml_rows_total", "counter", "Rows.", ("model",), [(("m",), 3.0)])
    rig.publisher.publish([ModelFamilies("m", [family, counter])])


class TestMetrics:
    def test_models_and_the_exporters_own(self, rig, serve):
        publish(rig)
        status, headers, body = ask(serve())
        assert (status, headers["Content-Type"]) == (200, TEXT_TYPE)
        names = {family.name for family in text_string_to_metric_families(body.decode())}
        assert names == {"ml_level", "ml_rows", "ml_exporter_series", "ml_exporter_series_dropped"}

    def test_openmetrics_where_it_is_asked_for(self, rig, serve):
        publish(rig)
        _, headers, body = ask(serve(), Accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
        assert headers["Content-Type"] == OPENMETRICS_TYPE
        families = {family.name: family for family in openmetrics_parser.text_string_to_metric_families(body.decode())}
        assert families["ml_rows"].samples[0].value == 3.0

    def test_gzip_where_it_is_accepted(self, rig, serve):
        publish(rig)
        server = serve()
        plain = ask(server)[2]
        _, headers, body = ask(server, Accept_Encoding="gzip")
        assert (headers["Content-Encoding"], gzip.decompress(body)) == ("gzip", plain)
        assert headers["Vary"] == "Accept, Accept-Encoding"

    def test_a_scrape_finds_the_last_snapshot_and_fresh_numbers(self, rig, serve):
        server = serve()
        publish(rig, 1.0)
        rig.health.set("ml_exporter_start_time_seconds", (), 5)
        assert b'ml_level{model="m"} 1\n' in ask(server)[2]
        publish(rig, 2.0)
        rig.health.set("ml_exporter_start_time_seconds", (), 6)
        body = ask(server)[2]
        assert b'ml_level{model="m"} 2\n' in body
        assert b"ml_exporter_start_time_seconds 6\n" in body

    @pytest.mark.parametrize("size", [(1 << 20) - 100, 1 << 20, 3_500_000])
    def test_a_page_of_many_pieces_arrives_whole(self, rig, serve, size):
        family = Family("ml_level", "gauge", "L" * size, ("model",), [(("m",), 1.5)])
        rig.publisher.publish([ModelFamilies("m", [family])])
        server = serve()
        _, headers, body = ask(server)
        assert body.startswith(rig.publisher.current.text.plain)
        assert body[len(rig.publisher.current.text.plain) :].startswith(b"# HELP ml_exporter_series ")
        assert int(headers["Content-Length"]) == len(body)
        assert int(ask(server, method="HEAD")[1]["Content-Length"]) == len(body)

    def test_the_end_of_an_answer_does_not_wait_for_an_acknowledgement(self, serve):
        (listener,) = serve()._uvicorn.servers[0].sockets
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    def test_before_the_first_cycle_there_are_the_exporters_own(self, rig, serve):
        rig.health.set("ml_exporter_start_time_seconds", (), 5)
        status, _, body = ask(serve())
        assert (status, body.splitlines()[-1]) == (200, b"ml_exporter_start_time_seconds 5")

    def test_a_failing_and_a_slow_part_fail_no_scrape(self, rig, serve):
        publish(rig)
        stop = socket.socketpair()

        def stuck():
            stop[0].recv(1)

        rig.parts = {"gpu": lambda: 1 / 0, "host": stuck}
        status, _, body = ask(serve())
        stop[1].send(b"x")
        for end in stop:
            end.close()
        assert status == 200
        assert b'ml_level{model="m"} 1.5\n' in body
        for name in (b"gpu", b"host"):
            assert b'ml_exporter_collector_success{collector="%s"} 0\n' % name in body

    def test_own_numbers_that_fail_fail_no_scrape(self, rig, serve, monkeypatch):
        publish(rig)
        server = serve()
        monkeypatch.setattr(rig.health, "read", lambda: 1 / 0)
        assert ask(server)[2].endswith(b'ml_rows_total{model="m"} 3\n')
        assert rig.events[-1]["event"] == "own metrics left out of a scrape"

    def test_promtool_and_curl_agree(self, rig, serve):
        publish(rig)
        body = subprocess.run(
            ["curl", "--silent", "--fail", "--compressed", f"{serve().url}metrics"], check=True, capture_output=True
        ).stdout
        done = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")


class TestPages:
    def test_the_landing_page(self, rig, serve):
        rig.status = lambda: Status("9.8.7", 10.0, 0.0, models=(ModelStatus("flight_delay", "ok"),))
        status, headers, body = ask(serve(), "/")
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert "style-src 'sha256-" in headers["Content-Security-Policy"]
        assert b"9.8.7" in body
        assert b"flight_delay" in body

    def test_the_status_as_json(self, rig, serve):
        rig.status = lambda: Status("9.8.7", 10.0, 0.0, models=(ModelStatus("flight_delay", "bad", ("drift",)),))
        status, headers, body = ask(serve(), "/api/v1/status")
        answer = json.loads(body)
        assert (status, headers["Content-Type"], answer["status"]) == (200, "application/json", "success")
        assert answer["data"]["models"][0]["reasons"] == ["drift"]

    @pytest.mark.parametrize("path", ["/", "/api/v1/status"])
    def test_a_name_that_is_no_text_is_told(self, rig, serve, path):
        """A file's name may hold any bytes."""
        rig.status = lambda: Status("1", 10.0, 0.0, config_error="logs/\udcff.jsonl")
        status, _, body = ask(serve(), path)
        assert (status, b"logs/\\udcff.jsonl" in body or b"logs/&lt;U+DCFF&gt;.jsonl" in body) == (200, True)

    @pytest.mark.parametrize("path", ["/", "/api/v1/status"])
    def test_a_status_that_fails_is_a_500_and_logged(self, rig, serve, path):
        rig.status = lambda: 1 / 0
        status, _, body = ask(serve(), path)
        assert (status, b"see the log" in body) == (500, True)
        assert rig.events[-1]["event"] == "status failed"

    def test_healthy_at_once_and_ready_after_the_first_cycle(self, rig, serve):
        server = serve()
        assert [ask(server, path)[0] for path in ("/-/healthy", "/-/ready")] == [200, 503]
        publish(rig)
        assert ask(server, "/-/ready")[0] == 200

    def test_head_is_get_without_a_body(self, rig, serve):
        publish(rig)
        server = serve()
        length = str(len(ask(server)[2]))
        status, headers, body = ask(server, method="HEAD")
        assert (status, headers["Content-Length"], body) == (200, length, b"")

    @pytest.mark.parametrize(
        ("method", "path", "expected"),
        [
            ("POST", "/metrics", 405),
            ("PUT", "/", 405),
            ("GET", "/-/reload", 405),
            ("GET", "/-/quit", 405),
            ("GET", "/nothing", 404),
        ],
    )
    def test_other_methods_and_paths(self, serve, method, path, expected):
        assert ask(serve(), path, method)[0] == expected

    @pytest.mark.parametrize("path", ["/", "/metrics", "/-/ready", "/nothing"])
    def test_every_answer_has_the_security_headers(self, serve, path):
        headers = ask(serve(), path)[1]
        assert (headers["X-Content-Type-Options"], headers["X-Frame-Options"]) == ("nosniff", "DENY")
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Server"] is None


class TestActions:
    def test_reload_and_quit_from_this_machine(self, rig, serve):
        server = serve()
        assert [ask(server, path, "POST")[0] for path in ("/-/reload", "/-/quit")] == [200, 200]
        assert rig.called == ["reload", "quit"]

    def test_a_failed_reload_says_why(self, rig, serve):
        def fail():
            raise ExporterError("ml-exporter.yml:3: models: unknown")

        rig.on_reload = fail
        status, _, body = ask(serve(), "/-/reload", "POST")
        assert (status, body.decode().splitlines()[1]) == (500, "ml-exporter.yml:3: models: unknown")

    def test_a_reload_that_breaks_says_so_and_is_logged(self, rig, serve):
        rig.on_reload = lambda: 1 / 0
        assert ask(serve(), "/-/reload", "POST")[0] == 500
        assert rig.events[-1]["event"] == "reload failed"

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "same-origin"},
            {"X-Forwarded-For": "127.0.0.1"},
            {"X-Real-IP": "127.0.0.1"},
            {"Forwarded": "for=127.0.0.1"},
            {"Via": "1.1 proxy"},
            {"Host": "evil.example"},
            {"Host": "evil_name.example"},
            {"Host": "localhost.evil.example"},
            {"Host": "evil@localhost"},
            {"Host": "localhost/.evil.example"},
            {"Host": "[::1"},
            {"Host": "localhost:x"},
            {"Host": "0.0.0.0"},
            {"Host": ""},
        ],
        ids=lambda headers: str(next(iter(headers.items()))),
    )
    def test_web_pages_and_proxies_are_not_this_machine(self, rig, serve, headers):
        status, _, body = ask(serve(), "/-/quit", "POST", **headers)
        assert (status, rig.called) == (403, [])
        assert b"server.remote_reload: true" in body

    @pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9877", "127.0.0.1", "127.8.9.1:80", "[::1]:9877"])
    def test_all_names_of_this_machine_are_its(self, rig, serve, host):
        assert (ask(serve(), "/-/quit", "POST", Host=host)[0], rig.called) == (200, ["quit"])

    def test_another_machine_may_where_it_is_allowed(self, rig, serve):
        assert ask(serve(remote_reload=True), "/-/reload", "POST", Host="exporter.example")[0] == 200

    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            ({"Origin": "http://evil.example"}, 403),
            ({"Origin": "null"}, 403),
            ({"Sec-Fetch-Site": "cross-site"}, 403),
            ({"Sec-Fetch-Site": "same-site"}, 403),
            ({"Origin": "http://exporter.example", "Sec-Fetch-Site": "same-origin"}, 200),
            ({"Sec-Fetch-Site": "none"}, 200),
        ],
    )
    def test_pages_of_other_sites_never_may(self, rig, serve, headers, expected):
        server = serve(remote_reload=True)
        assert ask(server, "/-/quit", "POST", Host="exporter.example", **headers)[0] == expected
        assert rig.called == ["quit"] * (expected == 200)


class TestAddress:
    def test_a_taken_port_is_told_in_one_line(self, rig, serve):
        taken = serve().port
        with pytest.raises(ExporterError) as caught:
            rig.server(port=taken).start()
        assert str(caught.value) == (
            f"server.listen: 127.0.0.1:{taken} is taken by another program; stop it or set another port in server.listen"
        )

    @pytest.mark.parametrize(
        ("host", "message"),
        [("192.0.2.1", "192.0.2.1:0 is no address of this machine"), ("no host", "no host is no address or name")],
    )
    def test_an_impossible_address_is_told(self, rig, host, message):
        with pytest.raises(ExporterError, match=message):
            rig.server(host=host).start()

    def test_the_port_is_free_after_stop(self, rig):
        server = rig.server()
        server.start()
        server.stop()
        again = rig.server(port=server.port)
        again.start()
        assert ask(again, "/-/healthy")[0] == 200
        again.stop()

    def test_stop_closes_idle_connections(self, rig):
        server = rig.server()
        server.start()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/-/healthy")
        connection.getresponse().read()
        server.stop()
        assert connection.sock.recv(1) == b""
        connection.close()


def basic(user, password):
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def make_certificate(folder, name):
    """cert.pem and key.pem in the folder, for this machine, signed by itself."""
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    about = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run(["openssl", "req", "-x509", *kind, *about, *files], check=True, capture_output=True)


@pytest.fixture
def folder(tmp_path):
    make_certificate(tmp_path, "localhost")
    return tmp_path


def web_file(folder, text):
    path = folder / "web.yml"
    path.write_text(text)
    return path


class TestBasicAuth:
    def users(self, folder, **passwords):
        hashes = {name: bcrypt.hashpw(word.encode(), bcrypt.gensalt(4)).decode() for name, word in passwords.items()}
        return web_file(folder, "basic_auth_users:\n" + "".join(f"  {name}: {it}\n" for name, it in hashes.items()))

    def test_only_the_right_password_opens(self, tmp_path, serve):
        server = serve(web_config_file=self.users(tmp_path, prometheus="päss:word"))
        attempts = [
            {},
            {"Authorization": basic("prometheus", "wrong")},
            {"Authorization": basic("somebody", "päss:word")},
            {"Authorization": basic("prometheus", "päss:word\0")},
            {"Authorization": "Basic nonsense!"},
            {"Authorization": "Bearer x"},
            {"Authorization": basic("prometheus", "päss:word")},
        ]
        assert [ask(server, **headers)[0] for headers in attempts] == [401] * 6 + [200]
        assert ask(server)[1]["WWW-Authenticate"] == 'Basic realm="ml-exporter"'
        assert ask(server)[1]["X-Content-Type-Options"] == "nosniff"

    def test_a_right_password_is_hashed_once(self, tmp_path, serve, monkeypatch):
        calls = []
        check = bcrypt.checkpw
        monkeypatch.setattr(bcrypt, "checkpw", lambda *args: calls.append(1) or check(*args))
        server = serve(web_config_file=self.users(tmp_path, prometheus="secret"))
        for _ in range(3):
            assert ask(server, Authorization=basic("prometheus", "secret"))[0] == 200
        assert calls == [1]

    def test_names_cannot_be_told_by_the_time_an_answer_takes(self, tmp_path, serve, monkeypatch):
        """Whoever is unknown is compared with a hash that costs as much as a user's."""
        costs = []
        monkeypatch.setattr(bcrypt, "checkpw", lambda _, stored: costs.append(stored[4:6]) or False)
        server = serve(web_config_file=self.users(tmp_path, prometheus="secret"))
        assert [ask(server, Authorization=basic(name, "x"))[0] for name in ("prometheus", "nobody")] == [401, 401]
        assert costs == [b"04", b"04"]

    def test_a_guesser_does_not_hold_up_who_is_known(self, tmp_path, serve, monkeypatch):
        """While a wrong password is being hashed, a client that was let in before is answered."""
        server = serve(web_config_file=self.users(tmp_path, prometheus="secret"))
        assert ask(server, Authorization=basic("prometheus", "secret"))[0] == 200
        hashing, go_on = threading.Event(), threading.Event()
        monkeypatch.setattr(bcrypt, "checkpw", lambda *_: hashing.set() or not go_on.wait(10))
        answers = []
        guesser = threading.Thread(
            target=lambda: answers.append(ask(server, Authorization=basic("prometheus", "x"))[0])
        )
        guesser.start()
        assert hashing.wait(10)
        assert ask(server, Authorization=basic("prometheus", "secret"))[0] == 200
        assert answers == []
        go_on.set()
        guesser.join()
        assert answers == [401]

    def test_a_guesser_waits_for_himself(self):
        """Of each address one password at a time is hashed: who comes from elsewhere is next."""
        order = []

        async def scene():
            passwords = Passwords({"u": bcrypt.hashpw(b"secret", bcrypt.gensalt(4))})

            async def one(name, client):
                await passwords.accepts(basic(name, "wrong"), client)
                order.append(client)

            async with anyio.create_task_group() as group:
                for number in range(5):
                    group.start_soon(one, f"u{number}", "192.0.2.66")
                group.start_soon(one, "u", "192.0.2.1")

        anyio.run(scene)
        assert order.index("192.0.2.1") <= 1

    def test_reload_takes_up_new_passwords(self, tmp_path, serve):
        server = serve(web_config_file=self.users(tmp_path, prometheus="old"))
        assert ask(server, Authorization=basic("prometheus", "old"))[0] == 200
        self.users(tmp_path, prometheus="new")
        server.reload_web_config()
        assert [ask(server, Authorization=basic("prometheus", word))[0] for word in ("old", "new")] == [401, 200]

    def test_a_bad_reload_changes_nothing(self, tmp_path, serve):
        path = self.users(tmp_path, prometheus="old")
        server = serve(web_config_file=path)
        path.write_text("basic_auth_users: {prometheus: plain}\n")
        with pytest.raises(ConfigError, match="must be a bcrypt hash"):
            server.reload_web_config()
        assert ask(server, Authorization=basic("prometheus", "old"))[0] == 200

    def test_headers_of_the_file_replace_ours(self, tmp_path, serve):
        text = "http_server_config: {headers: {X-Frame-Options: SAMEORIGIN, Content-Security-Policy: sandbox}}\n"
        headers = ask(serve(web_config_file=web_file(tmp_path, text)), "/")[1]
        assert (headers["X-Frame-Options"], headers.get_all("Content-Security-Policy")) == ("SAMEORIGIN", ["sandbox"])


class TestTls:
    text = "tls_server_config: {cert_file: cert.pem, key_file: key.pem"

    def test_connections_are_encrypted(self, rig, folder, serve):
        publish(rig)
        server = serve(web_config_file=web_file(folder, self.text + "}"))
        context = ssl.create_default_context(cafile=folder / "cert.pem")
        assert server.url.startswith("https://")
        assert ask(server, context=context)[0] == 200
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            ask(server, context=ssl.create_default_context())

    def test_a_client_without_certificate_is_refused(self, folder, serve):
        more = ", client_ca_file: cert.pem, client_auth_type: RequireAndVerifyClientCert}"
        server = serve(web_config_file=web_file(folder, self.text + more))
        context = ssl.create_default_context(cafile=folder / "cert.pem")
        with pytest.raises((OSError, http.client.HTTPException)):
            ask(server, "/-/healthy", context=context)
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        assert ask(server, "/-/healthy", context=context)[0] == 200

    def test_the_lowest_version_holds(self, folder, serve):
        context = ssl.create_default_context(cafile=folder / "cert.pem")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        lax = serve(web_config_file=web_file(folder, self.text + "}"))
        assert ask(lax, "/-/healthy", context=context)[0] == 200
        strict = serve(web_config_file=web_file(folder, self.text + ", min_version: TLS13}"))
        with pytest.raises(urllib.error.URLError, match="SSL"):
            ask(strict, "/-/healthy", context=context)

    def test_reload_takes_up_a_new_certificate(self, folder, serve):
        server = serve(web_config_file=web_file(folder, self.text + "}"))
        before = ssl.get_server_certificate(("127.0.0.1", server.port))
        subprocess.run(
            ["openssl", "req", "-x509", "-key", folder / "key.pem", "-subj", "/CN=new", "-out", folder / "cert.pem"],
            check=True,
            capture_output=True,
        )
        server.reload_web_config()
        assert ssl.get_server_certificate(("127.0.0.1", server.port)) != before

    def test_a_renewed_certificate_is_taken_without_reload(self, rig, folder, serve):
        """Renewed file by file: with the new certificate and the old key, the old pair goes on."""
        server = serve(web_config_file=web_file(folder, self.text + "}"))
        before = ssl.get_server_certificate(("127.0.0.1", server.port))
        new = folder / "new"
        new.mkdir()
        make_certificate(new, "renewed")
        (new / "cert.pem").replace(folder / "cert.pem")
        until(
            lambda: (
                [event["event"] for event in rig.events] == ["changed web-config files not taken, the old ones stay"]
            )
        )
        assert ssl.get_server_certificate(("127.0.0.1", server.port)) == before
        (new / "key.pem").replace(folder / "key.pem")
        until(lambda: rig.events[-1]["event"] == "changed web-config files taken")
        assert ssl.get_server_certificate(("127.0.0.1", server.port)) == (folder / "cert.pem").read_text()

    def test_other_files_are_taken_once(self, rig, folder, serve):
        """Also where the web-config names files that were not looked at before; their changes count from then on."""
        server = serve(web_config_file=web_file(folder, self.text + "}"))
        server.stop()  # nobody but us looks at the files
        new = folder / "new"
        new.mkdir()
        make_certificate(new, "renamed")
        web_file(folder, self.text.replace("cert.pem", "new/cert.pem").replace("key.pem", "new/key.pem") + "}")
        for _ in range(3):
            server._take_changed_files()
        assert [event["event"] for event in rig.events] == ["changed web-config files taken"]
        make_certificate(new, "renewed")
        for _ in range(2):
            server._take_changed_files()
        assert [event["event"] for event in rig.events] == ["changed web-config files taken"] * 2

    def test_who_is_no_longer_trusted_does_not_get_in(self, folder, serve):
        """A client authority that was taken out of its file is forgotten, also for sessions of before."""
        for name in ("old", "new"):
            (folder / name).mkdir()
            make_certificate(folder / name, name)
        trusted = folder / "clients.pem"
        trusted.write_bytes((folder / "old" / "cert.pem").read_bytes())
        more = ", client_ca_file: clients.pem, client_auth_type: RequireAndVerifyClientCert}"
        server = serve(web_config_file=web_file(folder, self.text + more))
        contexts = {}
        for name in ("old", "new"):
            contexts[name] = ssl.create_default_context(cafile=folder / "cert.pem")
            contexts[name].load_cert_chain(folder / name / "cert.pem", folder / name / "key.pem")

        def is_let_in(name):
            try:
                return ask(server, "/-/healthy", context=contexts[name])[0] == 200
            except (OSError, http.client.HTTPException):
                return False

        assert [is_let_in("old"), is_let_in("new")] == [True, False]
        trusted.write_bytes((folder / "new" / "cert.pem").read_bytes())
        server.reload_web_config()
        assert [is_let_in("old"), is_let_in("new")] == [False, True]

    def test_tls_does_not_come_or_go_while_it_runs(self, folder, serve):
        path = web_file(folder, self.text + "}")
        server = serve(web_config_file=path)
        path.write_text("")
        with pytest.raises(ExporterError, match="TLS came or went; restart the exporter"):
            server.reload_web_config()
