"""One unary call with raw bytes by gRPC's C core: TARGET, AUTHORITY or "", METHOD, REQUEST in hexadecimal."""

import sys

import grpc

target, authority, method, request = sys.argv[1:]
options = [("grpc.default_authority", authority)] if authority else []
with grpc.insecure_channel(target, options=options) as channel:
    call = channel.unary_unary(method)
    try:
        print("OK", call(bytes.fromhex(request), timeout=30, wait_for_ready=True).hex())
    except grpc.RpcError as error:
        print(error.code().name, error.details())
