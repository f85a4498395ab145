#include "flycast/io/stream_connector.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>

#include "flycast/io/sockets.h"

namespace sixpn::flycast {

using boost::asio::posix::stream_descriptor;

namespace {

// An errno.
int greet(int stream, const std::string& greeting) {
  return greeting.empty() || send_whole(stream, greeting) ? 0 : ECONNRESET;
}

}  // namespace

BegunConnect begin_connect(const ConnectRequest& request) {
  auto opened = open_stream(request.source, request.source_kind, request.lasting);
  if (!opened) return {Fd(), opened.error().code};
  int stream = opened->get();
  if (request.speaks_at_once || !request.greeting.empty()) speak_at_once(stream);
  int error = begin_connect(stream, request.remote);
  if (error == 0) error = greet(stream, request.greeting);
  return {std::move(*opened), error};
}

struct StreamConnector::Impl : std::enable_shared_from_this<StreamConnector::Impl> {
  Impl(EventLoop& event_loop, Done on_done)
      : loop(event_loop),
        stream(event_loop.context()),
        deadline(event_loop, [this] { finish(ETIMEDOUT); }),
        done(std::move(on_done)) {}

  void start(const ConnectRequest& request) {
    BegunConnect begun = begin_connect(request);
    if (begun.error == EINPROGRESS) return await(request, std::move(begun.stream));
    connected = std::move(begun.stream);
    finish_later(begun.error);
  }

  void await(const ConnectRequest& request, Fd connecting) {
    greeting = request.greeting;
    boost::system::error_code not_watched;
    stream.assign(connecting.get(), not_watched);
    if (not_watched) {
      finish_later(not_watched.value());
      return;
    }
    static_cast<void>(connecting.release());
    deadline.arm_after(request.timeout);
    stream.async_wait(stream_descriptor::wait_write,
                      [weak = weak_from_this()](const boost::system::error_code& failed) {
                        auto self = weak.lock();
                        if (failed || !self) return;
                        int fd = self->stream.native_handle();
                        int refused = take_error(fd);
                        self->finish(refused != 0 ? refused : greet(fd, self->greeting));
                      });
  }

  void finish_later(int error) {
    boost::asio::post(loop.context(), [weak = weak_from_this(), error] {
      if (auto self = weak.lock()) self->finish(error);
    });
  }

  // Last: the callback may destroy the connector.
  void finish(int error) {
    if (!done) return;
    deadline.cancel();
    Done call = std::exchange(done, nullptr);
    ConnectOutcome outcome;
    outcome.error = error;
    if (error == 0) outcome.stream = connected ? std::move(connected) : Fd(stream.release());
    call(std::move(outcome));
  }

  EventLoop& loop;
  stream_descriptor stream;
  LoopTimer deadline;
  Done done;
  std::string greeting;
  Fd connected;  // at once, never watched
};

StreamConnector::StreamConnector(EventLoop& loop, const ConnectRequest& request, Done done)
    : impl_(std::make_shared<Impl>(loop, std::move(done))) {
  impl_->start(request);
}

StreamConnector::StreamConnector(EventLoop& loop, const ConnectRequest& request, Fd connecting,
                                 Done done)
    : impl_(std::make_shared<Impl>(loop, std::move(done))) {
  impl_->await(request, std::move(connecting));
}

StreamConnector::~StreamConnector() {
  impl_->done = nullptr;
}

}  // namespace sixpn::flycast
