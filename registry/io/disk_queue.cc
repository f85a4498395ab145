#include "registry/io/disk_queue.h"

#include <fmt/format.h>
#include <malloc.h>

#include <utility>

#include "base/io/clock.h"
#include "base/log.h"

namespace sixpn::registry {
namespace {

std::string seconds(Duration time) {
  return fmt::format("{} s", std::chrono::duration_cast<std::chrono::seconds>(time).count());
}

}  // namespace

DiskQueue::DiskQueue(EventLoop& control, std::unique_ptr<Disk> disk,
                     std::function<void(const Disk::Setback&)> on_setback, Duration patience)
    : control_(control),
      disk_(std::move(disk)),
      thread_("registry-disk"),
      timer_(control, [this] { begin(); }),
      patience_(patience),
      stall_timer_(control, [this] { on_stall(); }),
      on_setback_(std::move(on_setback)),
      file_(disk_->begun_anew()) {
  thread_.start_thread();
  check();
}

void DiskQueue::check() {
  thread_.post([this, weak = std::weak_ptr<bool>(alive_)] {
    Outcome outcome;
    outcome.done = disk_->check();
    outcome.setback = disk_->take_setback();
    outcome.file = disk_->begun_anew();
    ::malloc_trim(0);  // what starting and this needed, and nobody does any more
    control_.post([this, weak, outcome] {
      if (weak.expired()) return;
      if (!outcome.done) log::error("registry", "{}", outcome.done.error().message);
      tell(outcome);
    });
  });
}

// From here on what is put is about the file that is there now.
void DiskQueue::tell(const Outcome& outcome) {
  file_ = outcome.file;
  if (outcome.setback.any()) on_setback_(outcome.setback);
}

DiskQueue::~DiskQueue() {
  alive_.reset();
  thread_.stop();
  thread_.join();
  // What was in flight may or may not have been written: writing it again changes nothing.
  if (in_flight_) waiting_.add_older(*in_flight_);
  if (waiting_.empty()) return;
  if (auto written = write(waiting_); !written)
    log::error("registry", "the last changes are not on disk: {}", written.error().message);
  if (auto setback = disk_->take_setback(); setback.any()) on_setback_(setback);
}

void DiskQueue::put(const Slot& slot, SignedRecordPtr record) {
  bool first = waiting_.empty();
  waiting_.records[slot] = std::move(record);
  if (first && !in_flight_)
    timer_.arm_after(error_ ? Duration(kFlushRetry) : Duration(kFlushInterval));
}

void DiskQueue::put_incarnation(std::uint64_t incarnation) {
  waiting_.incarnation = incarnation;
  if (!in_flight_) timer_.arm_after(kFlushInterval);
}

void DiskQueue::put_whole() {
  waiting_.whole = file_;
  if (!in_flight_) timer_.arm_after(kFlushInterval);
}

void DiskQueue::Batch::add_older(const Batch& older) {
  for (const auto& [slot, record] : older.records) records.emplace(slot, record);
  incarnation = std::max(incarnation, older.incarnation);
  if (!whole) whole = older.whole;
}

void DiskQueue::flush(std::function<void()> done) {
  if (stalled_) return control_.post(std::move(done));
  done_waiting_.push_back(std::move(done));
  if (!in_flight_) begin();
}

void DiskQueue::begin() {
  if (in_flight_) return;
  timer_.cancel();
  in_flight_ = std::make_shared<const Batch>(std::exchange(waiting_, {}));
  done_in_flight_ = std::exchange(done_waiting_, {});
  begun_ = monotonic_now();
  stall_timer_.arm_after(patience_);
  thread_.post([this, batch = in_flight_, weak = std::weak_ptr<bool>(alive_)] {
    Outcome outcome;
    if (!batch->empty()) outcome.done = write(*batch);
    outcome.setback = disk_->take_setback();
    outcome.file = disk_->begun_anew();
    control_.post([this, weak, outcome] {
      if (!weak.expired()) on_written(outcome);
    });
  });
}

// Whoever waits is let go: the records are in force, and are kept until the disk takes them.
void DiskQueue::on_stall() {
  stalled_ = true;
  error_ = Error(fmt::format("a write has not ended for {}, the disk hangs", seconds(patience_)));
  log::error("registry", "changes are kept in memory until the disk takes them: {}",
             error_->message);
  auto waiting = std::exchange(done_in_flight_, {});
  for (auto& each : std::exchange(done_waiting_, {})) waiting.push_back(std::move(each));
  for (auto& each : waiting) each();
}

void DiskQueue::on_written(const Outcome& outcome) {
  auto batch = std::exchange(in_flight_, nullptr);
  stall_timer_.cancel();
  const bool hung = std::exchange(stalled_, false);
  if (hung)
    log::warn("registry", "the disk answers again, after {}", seconds(monotonic_now() - begun_));
  if (!outcome.done) {
    if (!error_ || hung)
      log::error("registry", "changes are kept in memory until the disk takes them: {}",
                 outcome.done.error().message);
    error_ = outcome.done.error();
    waiting_.add_older(*batch);
  } else if ((hung || !batch->empty()) && error_) {
    log::info("registry", "the disk takes changes again");
    error_.reset();
  }
  tell(outcome);
  auto done = std::exchange(done_in_flight_, {});
  if (!done_waiting_.empty()) {
    begin();
  } else if (!waiting_.empty()) {
    timer_.arm_after(error_ ? Duration(kFlushRetry) : Duration(kFlushInterval));
  }
  for (auto& each : done) each();
}

Result<void> DiskQueue::write(const Batch& batch) {
  std::vector<Disk::Write> writes;
  writes.reserve(batch.records.size());
  for (const auto& [slot, record] : batch.records) writes.push_back({slot, record});
  return disk_->apply(writes, batch.incarnation, batch.whole == disk_->begun_anew());
}

}  // namespace sixpn::registry
