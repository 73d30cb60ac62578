"""TLS as Dask knows it: each part of the cluster shows a certificate of the cluster's authority."""

from distributed.security import Security

from octcluster_clusterer.engine.scheduler_place import SchedulerPlace


def make_security(place: SchedulerPlace) -> Security:
    """The same for a client, a worker and a scheduler; without TLS if the place has no certificates."""
    if place.ca is None:
        return Security(require_encryption=False)
    own = {
        f"tls_{role}_{kind}": str(file)
        for role in ("client", "worker", "scheduler")
        for kind, file in (("cert", place.cert), ("key", place.key))
    }
    return Security(require_encryption=True, tls_ca_file=str(place.ca), **own)
