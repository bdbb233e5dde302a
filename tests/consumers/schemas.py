"""Holds the pipelines of examples/ci to the schemas of the systems that read them: GitHub's and GitLab's as check-jsonschema ships them,
Kubernetes' strict ones of its oldest and newest releases that kubernetes-validate knows and that have every field."""

import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import yaml

ROOT = Path(__file__).resolve().parents[2]
CI = ROOT / "examples" / "ci"
failures = 0


def check(schema: str, *paths: Path, transform: tuple[str, ...] = ()) -> None:
    global failures
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *transform, *map(str, paths)]
    ended = subprocess.run(words, capture_output=True, text=True)
    if ended.returncode:
        failures += 1
        print(f"FAIL {schema}: {ended.stdout}{ended.stderr}")


check("github-workflows", *sorted((CI / "github").glob("*.yml")))
check("github-actions", ROOT / "action.yml")
check("gitlab-ci", CI / "gitlab" / ".gitlab-ci.yml", transform=("--data-transform", "gitlab-ci"))

manifests = 0
for path in sorted((CI / "kubernetes").glob("*.yaml")):
    for document in yaml.safe_load_all(path.read_text()):
        manifests += 1
        document["metadata"].setdefault("name", document["metadata"].get("generateName"))
        for version in ("1.29", "1.33", "1.37"):
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                failures += 1
                print(f"FAIL {path} ({document['kind']}), Kubernetes {version}: {error.message}")
assert manifests == 2, manifests
print(f"{failures} failures" if failures else "Schemas: GitHub's, GitLab's and Kubernetes' find nothing")
sys.exit(bool(failures))
