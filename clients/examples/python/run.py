#!/usr/bin/env python3
"""Runs a command in a container: run.py ADDRESS ROOTFS COMMAND [ARGUMENT...]
Sends stdin, half-closes, prints every byte, exits with the command's status.
The stubs are what "protoc --python_out --grpc_python_out" makes of the .proto.
"""
import sys

import grpc
from caisson.v1 import container_service_pb2 as pb
from caisson.v1 import container_service_pb2_grpc as pb_grpc
from caisson.v1 import process_pb2, stream_pb2


def requests(rootfs, command):
    first = pb.RunRequest()
    spec = first.start.spec
    spec.rootfs.host_directory.path = rootfs
    spec.process.args.extend(command)
    spec.process.stdin = process_pb2.STDIN_MODE_OPEN
    spec.delete_after_exit.SetInParent()  # zero: as soon as it was told
    yield first
    while chunk := sys.stdin.buffer.read(65536):
        yield pb.RunRequest(stdin=stream_pb2.StdinData(data=chunk))


def main(address, rootfs, *command):
    stub = pb_grpc.ContainerServiceStub(grpc.insecure_channel(address))
    for response in stub.Run(requests(rootfs, command)):
        if response.HasField("output"):
            is_err = response.output.stream == stream_pb2.STD_STREAM_STDERR
            stream = sys.stderr.buffer if is_err else sys.stdout.buffer
            stream.write(response.output.data)
            stream.flush()
        elif response.HasField("exited"):
            return response.exited.status
    return 125


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
