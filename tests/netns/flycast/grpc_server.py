"""The machine's side of grpc_test.cc: methods of gRPC over raw bytes.

  grpc_server.py grpc ADDRESS PORT     prints "ready" when it listens, then a line per call that was cancelled
"""

import sys
import threading
from concurrent import futures

import grpc


def unary(request, context):
    context.send_initial_metadata((("x-initial", "1"),))
    context.set_trailing_metadata((("x-trailing", "2"), ("x-binary-bin", bytes(range(256)))))
    return request


def fail(_, context):
    context.set_trailing_metadata((("x-trailing", "3"),))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now: 100 %")


def gather(requests, _):
    return b"%d" % sum(len(each) for each in requests)


def spread(request, _):
    for size in range(int(request)):
        yield b"x" * size


def echo(requests, _):
    """Each answered before the next is asked for."""
    yield from requests


def wait(_, context):
    """Until the client goes."""
    gone = threading.Event()

    # Not told behind the wait: nobody comes back here for a client that goes before it.
    def tell():
        print("gone", flush=True)
        gone.set()

    if not context.add_callback(tell):
        tell()
    yield b"waiting"
    gone.wait()


HANDLERS = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "Gather": grpc.stream_unary_rpc_method_handler(gather),
    "Spread": grpc.unary_stream_rpc_method_handler(spread),
    "Echo": grpc.stream_stream_rpc_method_handler(echo),
    "Wait": grpc.unary_stream_rpc_method_handler(wait),
}

if __name__ == "__main__":
    server = grpc.server(futures.ThreadPoolExecutor(32), options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", HANDLERS),))
    server.add_insecure_port(f"[{sys.argv[2]}]:{sys.argv[3]}")
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()
