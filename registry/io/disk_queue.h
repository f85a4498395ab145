// DiskQueue: writes to Disk off the control loop, on a thread of its own, one transaction per
// kFlushInterval. Only the newest record of a slot waits, so the queue is bounded by the store
// itself. A failed transaction is kept and tried again: a full disk loses nothing once there is
// room. A disk that hangs is told of, and nobody waits for it any longer: what changes meanwhile is
// kept as if the disk were full. The file is checked for damage once, on that thread, after the
// start: reading every page takes longer than coming up from it may.
//
// All methods on the control loop.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/io/event_loop.h"
#include "base/result.h"
#include "registry/io/disk.h"

namespace sixpn::registry {

inline constexpr std::chrono::milliseconds kFlushInterval{250};
inline constexpr std::chrono::seconds kFlushRetry{5};
// Of one transaction, and of what the disk's thread does before it.
inline constexpr std::chrono::seconds kDiskPatience{10};

class DiskQueue {
 public:
  // `on_setback`: the file was damaged and begun anew, and what this process knows must be put
  // again. Called on the control loop, from a task of its own.
  DiskQueue(EventLoop& control, std::unique_ptr<Disk> disk,
            std::function<void(const Disk::Setback&)> on_setback,
            Duration patience = kDiskPatience);
  ~DiskQueue();  // flushes what waits

  void put(const Slot& slot, SignedRecordPtr record);  // null: removed
  void put_incarnation(std::uint64_t incarnation);
  // With what was put before, the file holds all that the registry had once.
  void put_whole();
  // Writes what waits now; `done` after the attempt, whatever its outcome (see error()), or without
  // one when the disk hangs.
  void flush(std::function<void()> done);
  // Why the last attempt failed, or that the present one hangs; nothing when neither.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  struct Batch {
    std::map<Slot, SignedRecordPtr> records;
    std::uint64_t incarnation = 0;
    std::optional<std::uint64_t> whole;  // the file of this number (Disk::begun_anew) is, with it
    [[nodiscard]] bool empty() const { return records.empty() && incarnation == 0 && !whole; }
    // Of an earlier one that was not written.
    void add_older(const Batch& older);
  };
  // What one visit to the disk thread brings back.
  struct Outcome {
    Result<void> done;
    Disk::Setback setback;
    std::uint64_t file = 0;  // Disk::begun_anew
  };
  void check();
  void begin();
  void on_written(const Outcome& outcome);
  void on_stall();
  Result<void> write(const Batch& batch);  // on the disk's thread, or once it has ended
  void tell(const Outcome& outcome);

  EventLoop& control_;
  std::unique_ptr<Disk> disk_;
  EventLoop thread_;
  LoopTimer timer_;
  Duration patience_;
  LoopTimer stall_timer_;
  Instant begun_{};       // the batch in flight
  bool stalled_ = false;  // it has taken longer than patience_
  std::function<void(const Disk::Setback&)> on_setback_;
  std::uint64_t file_;  // as far as was told
  Batch waiting_;
  std::shared_ptr<const Batch> in_flight_;
  std::vector<std::function<void()>> done_waiting_;    // for `waiting_`
  std::vector<std::function<void()>> done_in_flight_;  // for `in_flight_`
  std::optional<Error> error_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sixpn::registry
