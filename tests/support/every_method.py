"""All methods of a service, out of its descriptor: a test over them holds for each that comes, too."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import grpc
from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

# Field 15 is said to have 100 bytes, and has none: no message of any type.
NO_MESSAGE = b"\x7a\x64"
# Field 1, of two bytes, which are no UTF-8: no message where that field is a string or a message.
NOT_UTF8 = b"\x0a\x02\xff\xfe"


@dataclass(frozen=True)
class Method:
    """One method, called with bytes so that anything can be sent."""

    descriptor: MethodDescriptor

    @property
    def name(self) -> str:
        return self.descriptor.name

    @property
    def streams_requests(self) -> bool:
        return bool(self.descriptor.client_streaming)

    @property
    def streams_answers(self) -> bool:
        return bool(self.descriptor.server_streaming)

    def new_request(self) -> Any:
        return GetMessageClass(self.descriptor.input_type)()

    def call(self, channel: grpc.Channel, requests: Iterator[bytes], timeout: float = 20) -> Any:
        """Starts the call; the answer, or all of them, by ``finish``."""
        path = f"/{self.descriptor.containing_service.full_name}/{self.name}"
        kinds: dict[tuple[bool, bool], Any] = {
            (False, False): channel.unary_unary,
            (False, True): channel.unary_stream,
            (True, False): channel.stream_unary,
            (True, True): channel.stream_stream,
        }
        start = kinds[self.streams_requests, self.streams_answers](path)
        sent = requests if self.streams_requests else next(requests)
        return start(sent, timeout=timeout) if self.streams_answers else start.future(sent, timeout=timeout)

    def finish(self, call: Any) -> list[bytes]:
        return list(call) if self.streams_answers else [call.result()]

    def refusal(self, channel: grpc.Channel, *requests: bytes) -> tuple[grpc.StatusCode, str]:
        """Sends requests and returns status and details; OK if the call succeeded."""
        try:
            self.finish(self.call(channel, iter(requests)))
        except grpc.RpcError as error:
            return error.code(), error.details() or ""
        return grpc.StatusCode.OK, ""


def list_methods(service: ServiceDescriptor) -> list[Method]:
    return [Method(descriptor) for descriptor in service.methods]


def fill_field(message: Message, name: str, value: object) -> bool:
    """Sets each field of this name in a message and the messages in it; says whether there was one."""
    found = False
    for field in message.DESCRIPTOR.fields:
        if field.name == name and not field.is_repeated:
            setattr(message, name, value)
            found = True
        elif field.message_type is not None and not field.is_repeated:
            inner = GetMessageClass(cast("Descriptor", field.message_type))()
            if fill_field(inner, name, value):
                getattr(message, field.name).MergeFrom(inner)
                found = True
    return found
