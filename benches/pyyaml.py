#!/usr/bin/env python3
"""10,000 instances as single blocks: how long PyYAML with libyaml (what Ansible reads with) needs to load the file, and how long
meshform needs to read and check it, and to plan it as a whole against an empty controller. Prints all, the best of five.

    pip install pyyaml && cargo build --release && benches/pyyaml.py
"""
import os
import subprocess
import sys
import tempfile
import time

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MESHFORM = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "target", "release", "meshform")


def best(run):
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return min(times)


def load(path):
    with open(path, encoding="utf-8") as file:
        yaml.load(file, Loader=yaml.CSafeLoader)


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "mesh.yaml")
    with open(path, "w", encoding="utf-8") as file:
        # As `single_blocks` in reading.rs.
        file.write("instances:\n  - {hostname: hop-1.mesh.example.com, node_type: hop, listener_port: 27199}\n")
        for i in range(10_000):
            file.write(f"  - hostname: exec-{i:06}.mesh.example.com\n    node_type: execution\n    enabled: true\n"
                       "    capacity_adjustment: 0.75\n    peers: [hop-1.mesh.example.com]\n")
    python = best(lambda: load(path))
    size = os.path.getsize(path) / 1e6
    print(f"10,000 single blocks, {size:.1f} MB: PyYAML {yaml.__version__} with libyaml loads them in {python * 1000:.0f} ms")
    # Against a controller in another process, as it is with a real one.
    sandbox = subprocess.Popen([MESHFORM, "sandbox"], stdout=subprocess.PIPE, text=True)
    url = sandbox.stdout.readline().split()[-1]
    environment = dict(os.environ, CONTROLLER_HOST=url, CONTROLLER_USERNAME="admin", CONTROLLER_PASSWORD="password")
    for command in ["validate", "plan"]:
        run = lambda: subprocess.run([MESHFORM, command, path], stdout=subprocess.DEVNULL, check=True, env=environment)
        rust = best(run)
        print(f"  meshform {command} takes {rust * 1000:.0f} ms ({rust / python:.2f} of it), its start included")
    sandbox.terminate()
