#include "agent/watch_stream.h"

#include <utility>

#include "base/encoding.h"
#include "base/io/clock.h"
#include "base/rng.h"

namespace sixpn::agent {

class WatchHub::Stream : public ApiStream {
 public:
  Stream(std::shared_ptr<WatchFeed> feed, WatchCursor cursor)
      : feed_(std::move(feed)), cursor_(std::move(cursor)) {}
  ~Stream() override { feed_->detach(monotonic_now()); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  std::string next(std::size_t budget) override {
    std::string text = cursor_.next(budget);
    if (text.empty() && std::exchange(beat_due_, false)) text = cursor_.heartbeat();
    return text;
  }
  [[nodiscard]] bool ended() const override { return cursor_.ended(); }
  void on_more(std::function<void()> wake) override { wake_ = std::move(wake); }

  void beat() {
    beat_due_ = true;
    wake();
  }
  void wake() {
    if (wake_) wake_();
  }

 private:
  std::shared_ptr<WatchFeed> feed_;
  WatchCursor cursor_;
  std::function<void()> wake_;
  bool beat_due_ = false;
};

namespace {

// Of this life of the agent.
std::string make_epoch() {
  std::uint64_t random = random_u64();
  std::string bytes;
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(random >> shift);
  return to_hex(bytes);
}

}  // namespace

WatchHub::WatchHub(EventLoop& loop)
    : feed_(std::make_shared<WatchFeed>(make_epoch())), heartbeat_(loop, [this] { beat(); }) {}

WatchHub::~WatchHub() = default;

void WatchHub::publish(SnapshotPtr snapshot) {
  feed_->publish(monotonic_now(), std::move(snapshot));
  wake_all();
}

Result<std::shared_ptr<ApiStream>> WatchHub::watch(const WatchCursor::Options& options) {
  if (feed_->full())
    return Error(std::to_string(kMaxWatchers) + " programs watch already, which is the most", 503);
  feed_->attach(monotonic_now());
  auto cursor = WatchCursor::open(*feed_, options);
  if (!cursor) {
    feed_->detach(monotonic_now());
    return std::move(cursor).error();
  }
  auto stream = std::make_shared<Stream>(feed_, std::move(*cursor));
  if (streams_.empty()) heartbeat_.arm_after(kWatchHeartbeat);
  streams_.push_back(stream);
  return std::shared_ptr<ApiStream>(std::move(stream));
}

void WatchHub::wake_all() {
  auto streams = streams_;  // a woken stream may end, and another come
  for (const auto& weak : streams)
    if (auto stream = weak.lock()) stream->wake();
}

void WatchHub::beat() {
  std::erase_if(streams_, [](const auto& weak) { return weak.expired(); });
  auto streams = streams_;
  for (const auto& weak : streams)
    if (auto stream = weak.lock()) stream->beat();
  if (!streams_.empty()) heartbeat_.arm_after(kWatchHeartbeat);
}

}  // namespace sixpn::agent
