"""Calls every method of grpc_server.py and holds what comes against what it should be.

  grpc_client.py ADDRESS PORT [CALL...]    says "right" when all is; CALL: some of them only
"""

import queue
import sys

import grpc

PATIENCE = 60  # seconds: of a call that should end by itself
DEADLINE = 3  # long enough for the call to be begun


class Calls:
    def __init__(self, channel):
        self.channel = channel

    def unary(self):
        method = self.channel.unary_unary("/test.Echo/Unary")
        for body in (b"", b"hello", b"x" * 3_000_000):
            answer, call = method.with_call(body, timeout=PATIENCE, metadata=(("x-key", "value"),))
            assert answer == body, len(answer)
            assert ("x-initial", "1") in call.initial_metadata(), call.initial_metadata()
            trailing = dict(call.trailing_metadata())
            assert trailing["x-trailing"] == "2" and trailing["x-binary-bin"] == bytes(range(256)), trailing

    def fail(self):
        try:
            self.channel.unary_unary("/test.Echo/Fail")(b"", timeout=PATIENCE)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
            assert error.details() == "not now: 100 %", error
            assert ("x-trailing", "3") in error.trailing_metadata(), error
            return
        raise AssertionError("no error")

    def absent(self):
        """A response that is trailers alone."""
        try:
            self.channel.unary_unary("/test.Echo/Absent")(b"", timeout=PATIENCE)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error
            return
        raise AssertionError("no error")

    def gather(self):
        answer = self.channel.stream_unary("/test.Echo/Gather")((b"x" * size for size in range(2000)), timeout=PATIENCE)
        assert answer == b"%d" % sum(range(2000)), answer

    def spread(self):
        sizes = [len(each) for each in self.channel.unary_stream("/test.Echo/Spread")(b"2000", timeout=PATIENCE)]
        assert sizes == list(range(2000)), len(sizes)

    def echo(self):
        """Both ways at once: each message is answered before the next is sent."""
        asked = queue.Queue()
        answers = self.channel.stream_stream("/test.Echo/Echo")(iter(asked.get, None), timeout=PATIENCE)
        for count in range(200):
            asked.put(b"%d" % count)
            assert next(answers) == b"%d" % count
        asked.put(None)
        assert not list(answers) and answers.code() == grpc.StatusCode.OK

    def side_by_side(self):
        method = self.channel.unary_unary("/test.Echo/Unary")
        calls = [method.future(b"%d" % count * 1000, timeout=PATIENCE) for count in range(100)]
        assert all(call.result() == b"%d" % count * 1000 for count, call in enumerate(calls))

    def cancel(self):
        answers = self.channel.unary_stream("/test.Echo/Wait")(b"")
        assert next(answers) == b"waiting"
        answers.cancel()

    def deadline(self):
        try:
            list(self.channel.unary_stream("/test.Echo/Wait")(b"", timeout=DEADLINE))
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
            return
        raise AssertionError("no error")


if __name__ == "__main__":
    options = [("grpc.max_receive_message_length", -1), ("grpc.enable_retries", 0)]
    with grpc.insecure_channel(f"[{sys.argv[1]}]:{sys.argv[2]}", options) as channel:
        names = sys.argv[3:] or [name for name in vars(Calls) if not name.startswith("_")]
        for name in names:
            try:
                getattr(Calls(channel), name)()
            except Exception as error:
                sys.exit(f"{name}: {error!r}")
    print("right")
