#!/usr/bin/env python3
"""A plan without changes: how long it takes, how many requests, how much memory. By differences, as a full list, and what asking for
each instance with the password takes, as a playbook with a task for each does.

    cargo build --release && benches/no_op_plan.py                      a sandbox that costs what AWX does, 700 and 5,000 instances
    benches/no_op_plan.py --controller URL --instances 600              a real controller: it makes 600 instances there, and removes them

A real one takes CONTROLLER_USERNAME and CONTROLLER_PASSWORD. Of three runs the best counts.
"""
import argparse
import base64
import json
import os
import re
import subprocess
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MESHFORM = os.path.join(ROOT, "target", "release", "meshform")
ONE_BY_ONE = 25
RUNS = 3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--controller")
    parser.add_argument("--instances", type=int, nargs="+", default=[700, 5000])
    arguments = parser.parse_args()
    print(f"{'instances':>9}  {'odd':<10}{'way':<24}{'login':<10}{'requests':>9}{'seconds':>9}{'MiB':>6}")
    for count in arguments.instances:
        with tempfile.TemporaryDirectory() as folder:
            if arguments.controller:
                real(arguments.controller, count, folder)
            else:
                for odd in ("none", "1 of 100", "every one"):
                    simulated(count, odd, folder)


def name(i):
    return f"bench-{i:05}.mesh.example.com"


def declare(path, count, odd, state="installed"):
    """With `every one` nothing is said of what every instance has unlike others."""
    capacity = "" if odd == "every one" else "capacity_adjustment: 0.75, "
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"defaults: {{{capacity}enabled: true, managed_by_policy: true}}\ninstances:\n")
        for i in range(count):
            own = ", capacity_adjustment: 0.5" if odd == "1 of 100" and i % 100 == 99 else ""
            own = ", node_state: deprovisioning" if state == "deprovisioning" else own
            file.write(f"  - {{hostname: {name(i)}{own}}}\n")


def simulated(count, odd, folder):
    mesh, state = os.path.join(folder, "mesh.yaml"), os.path.join(folder, f"{odd[:1]}.json")
    login = {"CONTROLLER_USERNAME": "admin", "CONTROLLER_PASSWORD": "password"}
    with Sandbox(state) as url:
        declare(mesh, count, "none" if odd == "every one" else odd)
        run(["apply", mesh, "--yes", "-q"], {**login, "CONTROLLER_HOST": url})
    declare(mesh, count, odd)
    with Sandbox(state, "--cost-model", "awx") as url:
        login["CONTROLLER_HOST"] = url
        for way, more in (("by differences", []), ("full list", ["--read", "full"])):
            measure(count, odd, way, "password", ["plan", mesh, *more], login)
        if odd == "none":
            one_by_one(url, count, odd)


def real(url, count, folder):
    mesh = os.path.join(folder, "mesh.yaml")
    login = {"CONTROLLER_HOST": url, **{key: os.environ[key] for key in ("CONTROLLER_USERNAME", "CONTROLLER_PASSWORD")}}
    declare(mesh, count, "none")
    run(["apply", mesh, "--yes", "-q"], login)
    token = ask(url, "/api/v2/tokens/", {"scope": "read", "description": "benches/no_op_plan.py"})
    try:
        for way, more in (("by differences", []), ("full list", ["--read", "full"])):
            measure(count, "none", way, "password", ["plan", mesh, *more], login)
            measure(count, "none", way, "token", ["plan", mesh, *more], {"CONTROLLER_HOST": url, "CONTROLLER_OAUTH_TOKEN": token["token"]})
        one_by_one(url, count, "none")
    finally:
        ask(url, f"/api/v2/tokens/{token['id']}/", method="DELETE")
        declare(mesh, count, "none", "deprovisioning")
        run(["apply", mesh, "--yes", "-q", "--max-removals", "100%", "--allow-empty"], login)


def measure(count, odd, way, login, arguments, environment):
    best = min((run(arguments, environment) for _ in range(RUNS)), key=lambda result: result[0])
    seconds, requests, memory = best
    print(f"{count:>9}  {odd:<10}{way:<24}{login:<10}{requests:>9}{seconds:>9.2f}{memory:>6.0f}", flush=True)


def run(arguments, environment):
    """Seconds, requests without those of the login, and the peak of memory in MiB."""
    with tempfile.TemporaryFile() as log:
        begin = time.perf_counter()
        environment = {**environment, "MESHFORM_LOG": "meshform=debug", "NO_PROXY": "*"}
        child = subprocess.Popen([MESHFORM, *arguments], env=environment, stdout=subprocess.DEVNULL, stderr=log)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        lines = log.read().decode(errors="replace")
    if child.returncode:
        raise SystemExit(f"meshform {' '.join(arguments)} ended with {child.returncode}:\n{lines}")
    asked = [line for line in lines.splitlines() if re.search(r'path="?/api', line) and not re.search(r"/(login|logout|tokens)/", line)]
    return seconds, len(asked), usage.ru_maxrss / 1024


def one_by_one(url, count, odd):
    begin = time.perf_counter()
    for i in range(ONE_BY_ONE):
        ask(url, f"/api/v2/instances/?hostname={name(i)}")
    seconds = (time.perf_counter() - begin) / ONE_BY_ONE * count
    print(f"{count:>9}  {odd:<10}{f'one by one (from {ONE_BY_ONE})':<24}{'password':<10}{count:>9}{seconds:>9.2f}", flush=True)


def ask(url, path, body=None, method=None):
    login = f"{os.environ.get('CONTROLLER_USERNAME', 'admin')}:{os.environ.get('CONTROLLER_PASSWORD', 'password')}"
    headers = {"Authorization": "Basic " + base64.b64encode(login.encode()).decode(), "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data=data, headers=headers, method=method)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
        text = answer.read()
        return json.loads(text) if text else None


class Sandbox:
    """A sandbox of its own, which keeps its rows in a file."""

    def __init__(self, state, *more):
        self.arguments = [MESHFORM, "sandbox", "--state", state, *more]

    def __enter__(self):
        self.child = subprocess.Popen(self.arguments, stdout=subprocess.PIPE, text=True)
        return self.child.stdout.readline().split()[-1]

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait()


if __name__ == "__main__":
    main()
