#!/usr/bin/env python3
"""Calls the service with no .proto and no stubs at hand, by reflection:

without_proto.py ADDRESS list
without_proto.py ADDRESS caisson.v1.SERVICE/METHOD JSON...

Each JSON is a request, each line that is printed a response.
"""
import json
import sys

import grpc
from google.protobuf import descriptor_pb2 as pb
from google.protobuf import descriptor_pool, json_format, message_factory

REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
STRING, BYTES, MESSAGE = (pb.FieldDescriptorProto.TYPE_STRING,
                          pb.FieldDescriptorProto.TYPE_BYTES,
                          pb.FieldDescriptorProto.TYPE_MESSAGE)
# What is needed of grpc/reflection/v1alpha/reflection.proto.
REFLECTION_MESSAGES = {
    "Request": [("file_containing_symbol", 4, STRING, None),
                ("list_services", 7, STRING, None)],
    "Response": [("files", 4, MESSAGE, "Files"),
                 ("services", 6, MESSAGE, "Services")],
    "Files": [("file", 1, BYTES, "repeated")],
    "Services": [("service", 1, MESSAGE, "Service")],
    "Service": [("name", 1, STRING, None)],
}


def reflection_file():
    file = pb.FileDescriptorProto(name="r.proto", package="r", syntax="proto3")
    for name, fields in REFLECTION_MESSAGES.items():
        message = file.message_type.add(name=name)
        for field_name, number, kind, what in fields:
            field = message.field.add(name=field_name, number=number, type=kind,
                                      label=pb.FieldDescriptorProto.LABEL_OPTIONAL)
            if what == "repeated" or what == "Service":
                field.label = pb.FieldDescriptorProto.LABEL_REPEATED
            if kind == MESSAGE:
                field.type_name = ".r." + what
    return file


class Client:
    def __init__(self, channel):
        self.channel = channel
        self.pool = descriptor_pool.DescriptorPool()
        self.pool.Add(reflection_file())
        self.files = {}

    def message(self, name):
        return message_factory.MessageFactory(self.pool).GetPrototype(
            self.pool.FindMessageTypeByName(name))

    def call(self, path, requests, response_class):
        # On the wire a unary call is a stream of one message.
        method = self.channel.stream_stream(
            path, request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response_class.FromString)
        return method(iter(requests))

    def reflect(self, **what):
        answers = self.call(REFLECTION, [self.message("r.Request")(**what)],
                            self.message("r.Response"))
        return list(answers)[0]

    def services(self):
        return [one.name for one in self.reflect(list_services="*").services.service]

    def add(self, name):
        """Adds a file behind those that it imports."""
        file = self.files.pop(name, None)
        if file is not None:
            for dependency in file.dependency:
                self.add(dependency)
            self.pool.Add(file)

    def method(self, service, name):
        found = self.reflect(file_containing_symbol=service)
        for data in found.files.file:
            file = pb.FileDescriptorProto.FromString(data)
            self.files[file.name] = file
        for file_name in list(self.files):
            self.add(file_name)
        return self.pool.FindServiceByName(service).FindMethodByName(name)


def call(client, what, *texts):
    if what == "list":
        print("\n".join(client.services()))
        return 0
    method = client.method(*what.split("/"))
    request, response = (client.message(kind.full_name) for kind in
                         (method.input_type, method.output_type))
    requests = [json_format.ParseDict(json.loads(text), request())
                for text in texts or ["{}"]]
    try:
        for message in client.call("/" + what, requests, response):
            print(json.dumps(json_format.MessageToDict(message)))
    except grpc.RpcError as error:
        print(f"{error.code().name}: {error.details()}", file=sys.stderr)
        return 1
    return 0


def main(address, what, *texts):
    with grpc.insecure_channel(address) as channel:
        return call(Client(channel), what, *texts)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
