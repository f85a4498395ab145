#include "flycast/io/stream_connector.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>

#include "flycast/io/frame_reader.h"

namespace sixpn::flycast {

using boost::asio::posix::stream_descriptor;

struct StreamConnector::Impl : std::enable_shared_from_this<StreamConnector::Impl> {
  Impl(EventLoop& event_loop, Done on_done)
      : loop(event_loop),
        stream(event_loop.context()),
        deadline(event_loop, [this] { finish(ETIMEDOUT); }),
        done(std::move(on_done)) {}

  void start(const ConnectRequest& request) {
    greeting = request.greeting;
    auto opened = open_stream(request.source, request.source_kind);
    if (!opened) {
      finish_later(opened.error().code);
      return;
    }
    int error = begin_connect(opened->get(), request.remote);
    if (error != EINPROGRESS) {
      connected = std::move(*opened);
      finish_later(error != 0 ? error : greet(connected.get()));
      return;
    }
    boost::system::error_code not_watched;
    stream.assign(opened->get(), not_watched);
    if (not_watched) {
      finish_later(not_watched.value());
      return;
    }
    static_cast<void>(opened->release());
    deadline.arm_after(request.timeout);
    stream.async_wait(stream_descriptor::wait_write,
                      [weak = weak_from_this()](const boost::system::error_code& failed) {
                        auto self = weak.lock();
                        if (failed || !self) return;
                        int fd = self->stream.native_handle();
                        int refused = take_error(fd);
                        self->finish(refused != 0 ? refused : self->greet(fd));
                      });
  }

  void finish_later(int error) {
    boost::asio::post(loop.context(), [weak = weak_from_this(), error] {
      if (auto self = weak.lock()) self->finish(error);
    });
  }

  int greet(int fd) { return greeting.empty() || send_frame(fd, greeting) ? 0 : ECONNRESET; }

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

StreamConnector::~StreamConnector() {
  impl_->done = nullptr;
}

}  // namespace sixpn::flycast
