"""The contracts leave no room for a file name, a path or a patient: what cannot be said cannot leak."""

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from octcluster_protos.clusterer.v1 import clusterer_pb2
from octcluster_protos.embedder.v1 import embedder_pb2

# Every string that a client may send, and why none of them can name a person or a file.
STRINGS_A_CLIENT_SENDS = {
    "EmbedRequest.model": "checked against the models that are served",
    "RunSpec.run_id": "checked to be 32 hexadecimal digits",
    "NumberColumn.name": "checked to be at most 64 lower-case letters, digits and underscores",
    "WatchRunRequest.run_id": "looked up, never stored",
    "GetFittedRunRequest.run_id": "looked up, never stored",
    "GetRunRequest.run_id": "looked up, never stored",
    "StreamAssignmentsRequest.run_id": "looked up, never stored",
    "AssignRequest.run_id": "looked up, never stored",
    "CancelRunRequest.run_id": "looked up, never stored",
    "DeleteRunRequest.run_id": "looked up, never stored",
}


def strings_within(message: Descriptor, seen: set[str]) -> set[str]:
    if message.full_name in seen:
        return set()
    seen.add(message.full_name)
    found = set()
    for field in message.fields:
        if field.type == FieldDescriptor.TYPE_STRING:
            found.add(f"{message.name}.{field.name}")
        elif field.message_type is not None:
            found |= strings_within(field.message_type, seen)
    return found


def test_a_client_can_send_no_free_text() -> None:
    found = set()
    for file in (embedder_pb2.DESCRIPTOR, clusterer_pb2.DESCRIPTOR):
        for service in file.services_by_name.values():
            for method in service.methods:
                found |= strings_within(method.input_type, set())
    assert found == set(STRINGS_A_CLIENT_SENDS)
