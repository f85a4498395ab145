// Relay: passes bytes both ways between two streams until both have ended, and is as transparent as
// two sockets allow: a FIN passes on alone (half-close), a reset passes on as a reset after what
// was read before it. A side that does not read stops the other side from being read: per direction
// at most one chunk or one pipe is held, besides the kernel's buffers. Small exchanges are copied
// through one buffer that all relays of a loop share; a direction that has moved much lately is
// spliced through a pipe of the loop's pool (decisions/0100).
//
// Not a thread, and no event loop: RelayPoller tells it what epoll said, edge-triggered, and keeps
// it. It knows nothing of the registry: a stream lives on, whatever the snapshots say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/time.h"
#include "flycast/core/silent_hops.h"
#include "flycast/io/client_bytes.h"
#include "flycast/io/pipe_pool.h"

namespace sixpn::flycast {

// A relay reads at most this much at once, into a buffer shared by all of its loop; it owns only
// what its destination did not take.
inline constexpr std::size_t kRelayChunk = 256 * 1024;
// While the relays of a loop hold more than kMaxHeldBytes together, they read no more than this at
// once.
inline constexpr std::size_t kSmallRelayChunk = 16 * 1024;
inline constexpr std::size_t kMaxHeldBytes = 32 * 1024 * 1024;

// Two streams to be joined.
struct RelayStreams {
  SessionId id{};
  Fd client;
  Fd machine;
  // The host whose proxy is at the other end, HostId{} for none: it is given up when that host is
  // silent for too long, or dead. One of the two at most.
  HostId client_host{};
  HostId machine_host{};
  [[nodiscard]] HostId hop_host() const {
    return client_host != HostId{} ? client_host : machine_host;
  }
  bool machine_is_bare = false;        // opened with Lasting::kLater
  Duration idle_timeout{};             // without a byte in either direction; 0: none
  std::shared_ptr<ClientBytes> bytes;  // passed on from and to the client; null: nobody counts
};

// A machine of this host that acknowledges nothing of what was sent to it for so long, though it
// was sent again, is not there any more.
inline constexpr Duration kSilentMachine = std::chrono::milliseconds(150);
// When that is looked at: so long after the last bytes went to it, and as often after. The kernel
// sends the first of them again after 200 ms.
inline constexpr Duration kSilenceLook = std::chrono::milliseconds(250);
// For so long the same bytes speak against a machine: one stream that died alone must not keep it
// out for ever.
inline constexpr Duration kSilenceTold = std::chrono::seconds(2);

// What the relays of one poller share.
struct RelayShared {
  // `pipes`: how many there may be; 0: the relays copy, whatever they move.
  RelayShared(Duration silence, std::size_t most_pipes) : pipes(most_pipes), hop_silence(silence) {}
  // Of the relay that is running. Not written before it is used: pages that nothing needed yet take
  // no memory.
  std::unique_ptr<char[]> chunk = std::make_unique_for_overwrite<char[]>(kRelayChunk);
  std::size_t held_bytes = 0;  // read but not yet written
  PipePool pipes;
  // How long bytes to another host's proxy may go without any acknowledgement.
  Duration hop_silence{};
  Instant now{};                    // of this turn of the loop
  std::uint64_t bytes = 0;          // passed on since start
  std::uint64_t idle_timeouts = 0;  // streams that were reset for being idle
  std::uint64_t silent_hops = 0;    // streams that were reset because the other host was silent
};

class Relay {
 public:
  // After one side was reset: how long the other may take to receive what came before.
  static constexpr Duration kResetGrace = std::chrono::seconds(2);

  // How events name the two ends of a relay, and whose name that is.
  static std::uint64_t client_name(SessionId id) { return id << 1; }
  static std::uint64_t machine_name(SessionId id) { return id << 1 | 1; }
  static SessionId id_of(std::uint64_t name) { return name >> 1; }

  // One side.
  struct End {
    std::uint64_t name = 0;
    Fd fd;
    bool readable = true;     // as far as is known: the last read did not empty it
    bool blocked = false;     // the last write filled it
    bool tells_room = false;  // epoll tells when it can be written again
    bool hung_up = false;     // it has sent its FIN, read or not
    bool urgent = false;      // it sent urgent bytes once: short reads tell nothing
    bool reset = false;
    bool is_gone = false;     // its host is: nothing is on its way from it any more
    bool takes_bulk = false;  // its kernel may hold more than kUnsentBytes
    bool is_hop = false;
    bool is_bare = false;  // lacks what make_lasting() gives
    bool owing = false;    // bytes were sent to it, and not seen to be acknowledged
  };

  Relay(RelayStreams streams, RelayShared& shared);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // Registers both ends with an epoll instance, under their names. False: it could not. They vanish
  // from it as they are closed; but while a child that is being started has them too, it may go on
  // to name them.
  bool watch(int epoll);
  // The options that only a relay needs which lasts.
  void make_lasting();
  // Leaves that instance and what it shares there. Not while is_ending(), nor with a pipe. Next is
  // join(), maybe on another thread, then watch() and move_some(); or its end, if nobody takes it.
  void leave();
  void join(RelayShared& shared);

  // What epoll says of the end of that name; then moves what can be moved.
  void on_events(std::uint64_t name, std::uint32_t events);
  void move_some();
  // Once in a while: idle and silent ends.
  void sweep();
  // The host at the other end of its hop is dead: what that sent before is passed on, then the
  // reset.
  void lose_hop();
  // While its machine, of this host, owes an acknowledgement: what is known of it, and when it is
  // to be asked again (kNever: once it owes() again).
  struct Look {
    bool silent = false;
    Instant next = kNever;
  };
  Look look_at_machine();
  [[nodiscard]] bool owes() const { return is_near_ && machine_.owing; }
  // Soon, while is_ending(): whether the other side has all it should have before the reset.
  void check_ending();

  [[nodiscard]] SessionId id() const { return id_; }
  [[nodiscard]] bool wants_turn() const { return wants_turn_; }  // stopped only to be fair
  [[nodiscard]] bool is_ending() const { return grace_until_ != kNever; }
  [[nodiscard]] bool has_ended() const { return ended_; }       // destroy it: that closes the ends
  [[nodiscard]] std::uint32_t reads() const { return reads_; }  // that brought bytes

  // The loop's own marks: on which of its lists this relay is.
  bool is_on_turns = false;
  bool is_on_ending = false;
  bool is_on_lasting = false;
  bool is_on_owing = false;

 private:
  // One direction.
  struct Flow {
    End& from;
    End& to;
    std::string held;           // read, not all of it written
    std::size_t held_from = 0;  // what of it was written
    Pipe pipe;                  // lent while bytes are in it, or more are coming
    std::size_t piped = 0;      // bytes in it
    std::size_t bulk = 0;       // moved since the last small read
    bool ended = false;         // `from` has nothing more
    bool finished = false;      // and `to` has been told
  };

  bool pump(Flow& flow);
  void fill(Flow& flow);
  void block(End& end);
  bool fill_pipe(Flow& flow);
  bool lend_pipe(Flow& flow);
  void on_no_input(Flow& flow, int error);
  void count_read(Flow& flow, std::size_t size);
  void count_sent(Flow& flow, std::size_t size);
  bool flush(Flow& flow);
  bool flush_pipe(Flow& flow);
  bool send_some(Flow& flow, std::string_view bytes, std::size_t& sent, int more = 0);
  void drop_held(Flow& flow);
  void drop_pipe(Flow& flow);
  void finish(Flow& flow);
  bool is_silent(End& end);
  void give_up_hop(End& end);
  void on_reset(End& end);
  void mark_reset(End& end);
  void reset_when_received(End& end);

  RelayShared* shared_;
  SessionId id_;
  int epoll_ = -1;
  std::shared_ptr<ClientBytes> bytes_;
  End client_;
  End machine_;
  Flow up_;
  Flow down_;
  Instant active_at_;
  Duration idle_timeout_;
  std::uint32_t reads_ = 0;
  Instant grace_until_ = kNever;
  Instant asked_at_{};  // when bytes went to the machine last
  End* reset_next_ = nullptr;
  bool is_near_ = false;    // the machine is of this host
  bool was_reset_ = false;  // since this turn began: what the end sent before is to be passed on
  bool wants_turn_ = false;
  bool ended_ = false;
};

}  // namespace sixpn::flycast
