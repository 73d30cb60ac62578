"""The manifests of ``deploy/kubernetes`` as ``kubectl kustomize`` makes them, and what they hold."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from machine import REPOSITORY

FOLDER = REPOSITORY / "deploy/kubernetes"
Manifest = dict[str, Any]

# By what the elements of lists are merged, as Kubernetes declares it.
_MERGED_BY = {"containers": "name", "env": "name", "volumes": "name", "volumeMounts": "mountPath"}


@dataclass(frozen=True)
class Pods:
    """Pods of one kind.

    Attributes:
        labels: What policies and services select them by.
        spec: Their specification.
        claims: Names of volumes that are made for each of them.
    """

    labels: dict[str, str]
    spec: Manifest
    claims: tuple[str, ...] = ()

    @property
    def container(self) -> Manifest:
        (only,) = self.spec["containers"]
        return dict(only)

    @property
    def environment(self) -> dict[str, str]:
        return {entry["name"]: entry["value"] for entry in self.container["env"]}

    @property
    def listening(self) -> dict[str, int]:
        return {port["name"]: port["containerPort"] for port in self.container.get("ports", [])}


@cache
def render(name: str) -> tuple[Manifest, ...]:
    """What ``kubectl apply -k`` would send of a folder; fails on what this reader of kustomize lacks."""
    return tuple(_render(FOLDER / name))


def _render(folder: Path) -> list[Manifest]:
    build: Manifest = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert set(build) <= {"apiVersion", "kind", "namespace", "resources", "patches"}, (
        "teach it to this reader"
    )
    found: list[Manifest] = []
    for resource in build["resources"]:
        path = folder / resource
        found += _render(path.resolve()) if path.is_dir() else read(path)
    for patch in build.get("patches", []):
        for change in read(folder / patch["path"]):
            (target,) = (index for index, known in enumerate(found) if _identity(known) == _identity(change))
            found[target] = _merge(found[target], change)
    for manifest in found:
        if manifest["kind"] != "Namespace":
            manifest["metadata"]["namespace"] = build["namespace"]
    return found


def read(file: Path) -> list[Manifest]:
    """The manifests of one file."""
    return [manifest for manifest in yaml.safe_load_all(file.read_text()) if manifest]


def _identity(manifest: Manifest) -> tuple[str, str, str]:
    return manifest["apiVersion"], manifest["kind"], manifest["metadata"]["name"]


def _merge(known: Any, change: Any, key: str = "") -> Any:
    if isinstance(known, dict) and isinstance(change, dict):
        merged = {name: _merge(known.get(name), value, name) for name, value in change.items()}
        return {**known, **merged}
    if isinstance(known, list) and isinstance(change, list) and key in _MERGED_BY:
        by = _MERGED_BY[key]
        changes = {element[by]: element for element in change}
        kept = [_merge(element, changes.pop(element[by], {})) for element in known]
        return [*changes.values(), *kept]
    return change


def find(manifests: tuple[Manifest, ...], *kinds: str) -> list[Manifest]:
    """The manifests of some kinds."""
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def made_by_operator(cluster: Manifest) -> list[Manifest]:
    """What the Dask operator makes of a DaskCluster: deployments and a service (dask-kubernetes 2026.3)."""
    name, parts = cluster["metadata"]["name"], cluster["spec"]
    labels = {
        part: {"dask.org/cluster-name": name, "dask.org/component": part} for part in ("scheduler", "worker")
    }
    deployments = [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": f"{name}-{part}"},
            "spec": {
                "selector": {"matchLabels": labels[part]},
                "template": {"metadata": {"labels": labels[part]}, "spec": parts[part]["spec"]},
            },
        }
        for part in ("scheduler", "worker")
    ]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"{name}-scheduler", "labels": labels["scheduler"]},
        "spec": parts["scheduler"]["service"],
    }
    return [*deployments, service]


def pods_by_name(manifests: tuple[Manifest, ...]) -> dict[str, Pods]:
    """All pods, by the name of their container."""
    owners = find(with_operators(manifests), "Deployment", "StatefulSet")
    found = {}
    for owner in owners:
        template = owner["spec"]["template"]
        claims = tuple(claim["metadata"]["name"] for claim in owner["spec"].get("volumeClaimTemplates", []))
        pods = Pods(template["metadata"]["labels"], template["spec"], claims)
        found[pods.container["name"]] = pods
    return found


def with_operators(manifests: tuple[Manifest, ...]) -> tuple[Manifest, ...]:
    """The manifests with what the operator adds to them."""
    return (
        *manifests,
        *(made for cluster in find(manifests, "DaskCluster") for made in made_by_operator(cluster)),
    )


def selects(selector: Manifest, labels: dict[str, str]) -> bool:
    """Whether a selector of labels takes pods with these."""
    assert set(selector) <= {"matchLabels"}, "teach it to this reader"
    wanted: dict[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()


def count_bytes(quantity: str) -> int:
    """The bytes of a quantity of Kubernetes (2Gi), of compose (2g) or of a program (1536MiB)."""
    found = re.fullmatch(r"(\d+)([KMGkmg])i?B?", quantity, re.ASCII)
    assert found, quantity
    return int(int(found[1]) * 1024 ** (1 + "kmg".index(found[2].lower())))


def ports_of(rules: list[Manifest]) -> Iterator[tuple[Manifest, int, int]]:
    """Each peer of rules of a policy with the first and the last port."""
    for rule in rules:
        for peer in rule.get("from", []) + rule.get("to", []):
            for port in rule["ports"]:
                yield peer, port["port"], port.get("endPort", port["port"])
