"""The manifests for Kubernetes: they are valid, name what there is, and protect as the compose files do."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import kubernetes_validate
import machine
import pytest
import yaml
from manifests import (
    FOLDER,
    Manifest,
    Pods,
    count_bytes,
    find,
    made_by_operator,
    pods_by_name,
    ports_of,
    read,
    render,
    selects,
    with_operators,
)
from octcluster_clusterer.dask_settings import SchedulerSettings, WorkerSettings
from octcluster_clusterer.settings import Settings as ClustererSettings
from octcluster_embedder.settings import Settings as EmbedderSettings
from octcluster_serving.settings import ProgramSettings

SETS = {name: render(name) for name in ("services", "dask")}
ALL = SETS["dask"]
PODS = [
    pytest.param(pods, id=f"{kustomization}-{name}")
    for kustomization, manifests in SETS.items()
    for name, pods in pods_by_name(manifests).items()
]
README = (FOLDER / "README.md").read_text()
PROGRAMS: dict[str, type[ProgramSettings]] = {
    "embedder": EmbedderSettings,
    "clusterer": ClustererSettings,
    "scheduler": SchedulerSettings,
    "worker": WorkerSettings,
}
DOCKERFILES = {
    "octcluster-embedder": "embedder/Dockerfile",
    "octcluster-clusterer": "clusterer/Dockerfile",
    "octcluster-redis": "clusterer/redis/Dockerfile",
}
SERVICE_OF_COMPOSE = {
    "embedder": "embedder",
    "clusterer": "clusterer",
    "redis": "redis",
    "scheduler": "dask-scheduler",
    "worker": "dask-worker",
}
OLDEST, NEWEST = "1.25", kubernetes_validate.latest_version()
DNS = "k8s-app"
_LONGEST_ANSWER_SECONDS = 15


def of_compose(name: str) -> Manifest:
    """A service of the compose files."""
    file = "docker-compose.dask.yml" if name.startswith("dask-") else "docker-compose.yml"
    service: Manifest = yaml.safe_load((machine.REPOSITORY / file).read_text())["services"][name]
    return service


def image_of(container: Manifest) -> str:
    name: str = container["image"].partition(":")[0]
    return name


def variables_of_image(image: str) -> dict[str, str]:
    text = (machine.REPOSITORY / DOCKERFILES[image]).read_text()
    return dict(
        re.findall(r"\b(OCTCLUSTER_\w+)=(\S+)", "\n".join(re.findall(r"^ENV (.*)$", text, re.MULTILINE)))
    )


def secrets_of_readme() -> set[str]:
    """The secrets that the document tells to make."""
    found: set[str] = set()
    for line in README.splitlines():
        name = re.search(r"create secret generic (\S+)", line)
        parts = re.search(r"for part in ([\w ]+);", line)
        if name:
            found |= {name[1].replace("$part", part) for part in (parts[1].split() if parts else [""])}
    return found


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("kustomization", SETS)
def test_each_manifest_is_valid(kustomization: str, version: str) -> None:
    for manifest in with_operators(SETS[kustomization]):
        if manifest["kind"] != "DaskCluster":
            kubernetes_validate.validate(manifest, version, strict=True)
    assert f"Kubernetes {OLDEST}" in README


def test_the_dask_cluster_is_as_the_operator_reads_it() -> None:
    """The operator's own definition is no part of the tests: this is what it asks, with pods as above."""
    (cluster,) = find(ALL, "DaskCluster")
    assert set(cluster) == {"apiVersion", "kind", "metadata", "spec"}
    assert cluster["apiVersion"] == "kubernetes.dask.org/v1"
    spec = cluster["spec"]
    assert set(spec) == {"scheduler", "worker"}
    assert set(spec["scheduler"]) == {"spec", "service"}
    assert set(spec["worker"]) == {"spec", "replicas"}
    assert isinstance(spec["worker"]["replicas"], int)
    (service,) = find(tuple(made_by_operator(cluster)), "Service")
    assert service["spec"]["selector"] == service["metadata"]["labels"]
    assert [port["name"] for port in service["spec"]["ports"]] == ["tcp-comm"]


def test_each_file_is_part_of_a_kustomization() -> None:
    named = {
        (folder / entry).resolve()
        for folder in (FOLDER / name for name in SETS)
        for build in read(folder / "kustomization.yaml")
        for entry in [*build["resources"], *(patch["path"] for patch in build.get("patches", []))]
    }
    assert {file for file in FOLDER.rglob("*.yaml") if file.name != "kustomization.yaml"} <= named


@pytest.mark.parametrize("pods", PODS)
def test_the_programs_take_their_settings(
    pods: Pods, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each variable is a setting, and the program starts with all of them, given the files of the secrets."""
    name, environment = pods.container["name"], pods.environment
    if name == "redis":
        start = (machine.REPOSITORY / "clusterer/redis/start").read_text()
        assert all(f"${{{variable}:-}}" in start for variable in environment)
        return
    settings = PROGRAMS[name]
    prefix = settings.model_config["env_prefix"]
    known = {prefix + field.upper() for field in settings.model_fields}
    assert set(environment) <= known
    for variable, value in {**variables_of_image(image_of(pods.container)), **environment}.items():
        if value.startswith("/run/"):
            file = tmp_path / value.removeprefix("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("made for this test")
            file.chmod(0o600)
        monkeypatch.setenv(variable, value.replace("/run/", f"{tmp_path}/run/"))
    listen = getattr(settings.load([]), "listen", "")
    assert [f"0.0.0.0:{port}" for port in pods.listening.values()] == ([listen] if listen else [])


@pytest.mark.parametrize("pods", PODS)
def test_what_a_container_runs_is_there(pods: Pods) -> None:
    container = pods.container
    image = image_of(container)
    project = tomllib.loads((machine.REPOSITORY / "clusterer/pyproject.toml").read_text())["project"]
    assert container["image"] == f"{image}:{project['version']}"
    assert f"docker build -f {DOCKERFILES[image]} -t REGISTRY/{container['image']} ." in README
    dockerfile = (machine.REPOSITORY / DOCKERFILES[image]).read_text()
    commands = [probe["exec"]["command"] for probe in probes(container).values() if "exec" in probe]
    commands += [container["command"]] if "command" in container else []
    for command in commands:
        # As the image itself checks its health, or a script of the package.
        assert json.dumps(command) in dockerfile or command[0] in project["scripts"]


def probes(container: Manifest) -> dict[str, Manifest]:
    return {kind: container[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness")}


@pytest.mark.parametrize("pods", PODS)
def test_each_container_is_probed_and_none_is_ended_because_it_is_busy(pods: Pods) -> None:
    container = pods.container
    found = probes(container)
    for kind, probe in found.items():
        assert probe["timeoutSeconds"] >= 2 * _LONGEST_ANSWER_SECONDS, kind
        if "exec" in probe:
            command = probe["exec"]["command"]
            assert command[-1] in ("--check-health", "octcluster-redis-healthy")
            assert (container["name"] == "redis") or "check_health" in PROGRAMS[
                container["name"]
            ].model_fields
        else:
            assert probe["tcpSocket"]["port"] in pods.listening
    assert "exec" in found["startup"]
    assert found["readiness"]["exec"] == found["startup"]["exec"]
    patience = {kind: probe["periodSeconds"] * probe["failureThreshold"] for kind, probe in found.items()}
    assert patience["startup"] >= 300
    assert patience["liveness"] >= 600


def test_a_clusterer_is_not_ended_because_redis_or_the_vectors_are_away() -> None:
    for manifests in SETS.values():
        assert "exec" not in pods_by_name(manifests)["clusterer"].container["livenessProbe"]


@pytest.mark.parametrize("pods", PODS)
def test_pods_are_hardened_as_in_compose(pods: Pods) -> None:
    pod, container = pods.spec, pods.container
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    # Kubernetes would make OCTCLUSTER_... of services' names, and the programs read those.
    assert pod["enableServiceLinks"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(pod)
    user = re.search(
        r"^USER (\d+)", (machine.REPOSITORY / DOCKERFILES[image_of(container)]).read_text(), re.M
    )
    assert pod["securityContext"]["runAsUser"] == (int(user[1]) if user else 999)
    grace = of_compose(SERVICE_OF_COMPOSE[container["name"]]).get("stop_grace_period", "30s")
    if container["name"] in ("embedder", "clusterer"):
        assert pod["terminationGracePeriodSeconds"] == int(grace.removesuffix("s"))


def test_the_namespace_refuses_other_pods() -> None:
    (namespace,) = find(ALL, "Namespace")
    assert namespace["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}
    assert {manifest["metadata"].get("namespace") for manifest in ALL} == {
        None,
        namespace["metadata"]["name"],
    }


@pytest.mark.parametrize("pods", PODS)
def test_memory_is_that_of_compose_and_above_the_limits_of_the_programs(pods: Pods) -> None:
    container = pods.container
    service = of_compose(SERVICE_OF_COMPOSE[container["name"]])
    resources = container["resources"]
    limit = count_bytes(resources["limits"]["memory"])
    assert resources["requests"]["memory"] == resources["limits"]["memory"]
    assert resources["requests"]["cpu"]
    assert limit == count_bytes(service["mem_limit"].rpartition(":-")[2].rstrip("}"))
    of_program = [value for name, value in pods.environment.items() if name.endswith("_MEMORY_LIMIT")]
    assert all(count_bytes(value) <= 0.8 * limit for value in of_program)
    if container["name"] == "worker":
        assert of_program
    in_memory = {
        mount["mountPath"]: volume["emptyDir"]["sizeLimit"]
        for volume in pods.spec["volumes"]
        for mount in container["volumeMounts"]
        if mount["name"] == volume["name"] and volume.get("emptyDir", {}).get("medium") == "Memory"
    }
    ((path, size),) = in_memory.items()
    assert [f"{path}:size={count_bytes(size) // 2**20}m"] == service["tmpfs"]


@pytest.mark.parametrize("pods", PODS)
def test_each_mount_has_a_volume_and_each_file_a_mount(pods: Pods) -> None:
    claims = {claim["metadata"]["name"]: claim["spec"] for claim in find(ALL, "PersistentVolumeClaim")}
    volumes = {volume["name"]: volume for volume in pods.spec["volumes"]}
    mounts = {mount["mountPath"]: mount for mount in pods.container["volumeMounts"]}
    assert {mount["name"] for mount in mounts.values()} == {*volumes, *pods.claims}
    for volume in volumes.values():
        if "secret" in volume:
            assert (
                volume["secret"]["defaultMode"] == 0o440
            )  # nothing for others: the programs refuse such files
        if "persistentVolumeClaim" in volume:
            assert claims[volume["persistentVolumeClaim"]["claimName"]]["accessModes"] == ["ReadWriteMany"]
    for value in pods.environment.values():
        file = re.match(r"(?:file://)?(/(?:run|var)/.*)|.*ssl_ca_certs=(/.*)", value)
        if file:
            assert str(Path(file[1] or file[2]).parent) in mounts
    writable = {path for path, mount in mounts.items() if not mount.get("readOnly")}
    assert writable <= {"/tmp", "/data", "/var/lib/octcluster/vectors"}
    assert pods.container["name"] != "worker" or "/var/lib/octcluster/vectors" not in writable


def test_the_secrets_are_those_that_the_document_tells_to_make() -> None:
    named = {
        volume["secret"]["secretName"]
        for pods in pods_by_name(ALL).values()
        for volume in pods.spec["volumes"]
        if "secret" in volume
    }
    assert named == secrets_of_readme()


def test_no_secret_is_in_a_manifest() -> None:
    assert find(ALL, "Secret") == []
    for file in FOLDER.rglob("*.yaml"):
        assert not re.search(r"-----BEGIN|secretGenerator|stringData|token:", file.read_text()), file


@pytest.mark.heavy
def test_scripts_certificates_makes_each_file_of_the_secrets(tmp_path: Path) -> None:
    machine.need(machine.openssl(), "openssl", "install it")
    script = machine.REPOSITORY / "scripts/certificates"
    subprocess.run([script, str(tmp_path)], check=True, capture_output=True)
    folders = {f"octcluster-{part.name}-tls": part for part in tmp_path.iterdir() if part.is_dir()}
    assert "--from-file=certificates/$part" in README
    n_files = 0
    for pods in pods_by_name(ALL).values():
        volumes = {volume["name"]: volume for volume in pods.spec["volumes"]}
        for mount in pods.container["volumeMounts"]:
            secret = volumes.get(mount["name"], {}).get("secret", {}).get("secretName", "")
            if secret in folders:
                asked = set(re.findall(rf"{mount['mountPath']}/([\w.]+)", str(pods.environment)))
                assert asked <= {file.name for file in folders[secret].iterdir()}
                n_files += len(asked)
    assert n_files == 3 + 3 + 3 + 3 + 3  # embedder, clusterer and its Dask part, scheduler, worker


@pytest.mark.parametrize("kustomization", SETS)
def test_services_lead_to_pods_and_settings_to_services(kustomization: str) -> None:
    manifests = with_operators(SETS[kustomization])
    pods = pods_by_name(SETS[kustomization])
    reached = set()
    for service in find(manifests, "Service"):
        (behind,) = [
            one for one in pods.values() if service["spec"]["selector"].items() <= one.labels.items()
        ]
        for port in service["spec"]["ports"]:
            assert behind.listening[port["targetPort"]] == port["port"]
            reached.add(f"{service['metadata']['name']}:{port['port']}")
    asked = {
        address
        for one in pods.values()
        for value in one.environment.values()
        for address in re.findall(r"://(?:\w+@)?([a-z-]+:\d+)", value)
    }
    assert asked <= reached
    assert len(asked) == (2 if kustomization == "dask" else 1)


def flows(manifests: tuple[Manifest, ...], direction: str) -> set[tuple[str, str, int, int]]:
    """Who may speak with whom on which ports, by the policies of one direction; clients by their label."""
    pods = pods_by_name(manifests)
    found = set()
    for policy in find(manifests, "NetworkPolicy"):
        own = [name for name, one in pods.items() if selects(policy["spec"]["podSelector"], one.labels)]
        assert own or policy["spec"]["podSelector"] == {}
        for peer, first, last in ports_of(policy["spec"].get(direction, [])):
            assert set(peer) <= {"namespaceSelector", "podSelector"}
            if "namespaceSelector" in peer:
                others = sorted(peer["podSelector"]["matchLabels"])
            else:
                others = [name for name, one in pods.items() if selects(peer["podSelector"], one.labels)]
            assert others
            pairs = [
                (name, other) if direction == "egress" else (other, name) for name in own for other in others
            ]
            found |= {(*pair, first, last) for pair in pairs}
    return found


@pytest.mark.parametrize("kustomization", SETS)
def test_nothing_is_allowed_but_what_is_needed(kustomization: str) -> None:
    manifests = SETS[kustomization]
    pods = pods_by_name(manifests)
    (wall,) = [policy for policy in find(manifests, "NetworkPolicy") if policy["spec"]["podSelector"] == {}]
    assert wall["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    ports = {name: tuple(one.listening.values()) * 2 for name, one in pods.items()}
    wanted = {("clusterer", "redis", *ports["redis"])}
    names = {("clusterer", DNS, 53, 53)}
    if kustomization == "dask":
        wanted |= {(name, "scheduler", *ports["scheduler"]) for name in ("clusterer", "worker")}
        wanted |= {(name, "worker", 1024, 65535) for name in ("scheduler", "worker")}
        names |= {("worker", DNS, 53, 53)}
    clients = {("octcluster-client", name, *ports[name]) for name in ("embedder", "clusterer")}
    assert flows(manifests, "egress") == wanted | names
    assert flows(manifests, "ingress") == wanted | clients
