"""What the reports are made from: a sandbox, the users who change things on it, and a proxy through which a server says hostile names."""

import atexit
import base64
import json
import os
import shutil
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote


def folder() -> Path:
    """A new folder, which goes when the check ends."""
    made = Path(tempfile.mkdtemp(prefix="meshform-reports-"))
    if not os.environ.get("KEEP"):
        atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


class Bench:
    """A sandbox, and the program in a folder of its own and a clean environment."""

    def __init__(self, meshform: Path, *words: str, hostile: dict[str, str] | None = None):
        self.meshform, self.folder = meshform, folder()
        command = [meshform, "sandbox", "--listen", "127.0.0.1:0", *words]
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=self.environment())
        atexit.register(self.child.kill)
        self.sandbox = self.child.stdout.readline().strip().removeprefix("listening on ")
        self.url = proxy(self.sandbox, hostile) if hostile else self.sandbox

    def environment(self, **more: str) -> dict[str, str]:
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.folder), "LC_ALL": "C.UTF-8", **more}

    def ask(self, method: str, path: str, body=None, user: str = "admin"):
        request = urllib.request.Request(self.sandbox + path, method=method, data=None if body is None else json.dumps(body).encode())
        request.add_header("Content-Type", "application/json")
        request.add_header("Authorization", "Basic " + base64.b64encode(f"{user}:password".encode()).decode())
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def user(self, name: str) -> None:
        self.ask("POST", "/api/v2/users/", {"username": name, "password": "password", "is_superuser": True})

    def change(self, hostname: str, user: str, **fields) -> None:
        row = self.ask("GET", f"/api/v2/instances/?hostname={hostname}")["results"][0]
        self.ask("PATCH", f"/api/v2/instances/{row['id']}/", fields, user)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run(self, *words: str, code: int = 0, user: str = "admin", url: str | None = None, **more: str):
        """Runs the program with what its stdout and the files of its forms hold, by form."""
        variables = {"CONTROLLER_HOST": url or self.url, "CONTROLLER_USERNAME": user, "CONTROLLER_PASSWORD": "password", **more}
        ended = subprocess.run([self.meshform, *words], cwd=self.folder, env=self.environment(**variables), capture_output=True, text=True)
        assert ended.returncode == code, f"meshform {' '.join(words)}: ends with {ended.returncode}, not {code}\n{ended.stdout}\n{ended.stderr}"
        return ended

    def reports(self, *words: str, forms: str, code: int = 0, user: str = "admin", url: str | None = None, **more: str) -> dict[str, str]:
        """ONE run that gives all these forms: text and github on stdout, the others in files, and the summary of the job."""
        given = ["--format", "text", "--format", "github"]
        kept = {form: self.folder / f"report.{form}" for form in forms.split()}
        for form, path in kept.items():
            given += ["--format", f"{form}={path}"]
        summary = self.folder / "summary.md"
        summary.unlink(missing_ok=True)
        for path in kept.values():
            path.unlink(missing_ok=True)
        ended = self.run(*words, *given, code=code, user=user, url=url, GITHUB_STEP_SUMMARY=str(summary), **more)
        found = {form: path.read_text() for form, path in kept.items()}
        return {"log": ended.stdout, "stderr": ended.stderr, "summary": summary.read_text(), **found}

    def stop(self) -> None:
        self.child.terminate()
        self.child.wait()


def proxy(sandbox: str, hostile: dict[str, str]) -> str:
    """A server that answers as the sandbox does, but says other names; it understands them, too."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            path = self.path
            for mild, wild in hostile.items():
                body = body.replace(json.dumps(wild)[1:-1], mild)
                for safe in ("", "/", ":", "()*'!~", "$()/:;,@"):
                    path = path.replace(quote(wild, safe), mild).replace(quote(wild, safe).replace("%20", "+"), mild)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "content-length", "accept-encoding")}
            request = urllib.request.Request(sandbox + path, method=self.command, data=body.encode() if body else None, headers=headers)
            try:
                answer = urllib.request.build_opener(Unredirected).open(request)
            except urllib.error.HTTPError as error:
                answer = error
            text = answer.read().decode()
            for mild, wild in hostile.items():
                text = text.replace(mild, json.dumps(wild)[1:-1])
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in ("content-length", "connection", "transfer-encoding", "date"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_PATCH = do_DELETE = do_OPTIONS = do

        def log_message(self, *_: object) -> None:
            pass

    class Unredirected(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"
