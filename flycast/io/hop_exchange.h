// HopExchange: the owner's side of one HTTP exchange between another host's proxy and a machine of
// this one (exchange_frame.h): the frames' bytes to the machine, the machine's bytes back, until
// the other proxy says that it is over. Then the machine's connection is kept for its client's next
// request (kept_machines.h), and the stream goes back to whoever reads preambles, whether or not
// the machine has taken all.
//
// It reads no HTTP and counts nothing: HopSession, which calls it, holds the ticket. Loop thread.
// Memory: what one side did not take, kMostUntaken or kMostReadOn, and one read.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "flycast/core/exchange_frame.h"
#include "flycast/io/http_stream.h"
#include "flycast/io/kept_machines.h"
#include "flycast/io/proxy_state.h"

namespace sixpn::flycast {

class HopExchange : public std::enable_shared_from_this<HopExchange> {
 public:
  // The stream, at rest, and what was read of the next preamble.
  struct Over {
    std::unique_ptr<HttpStream> hop;
    std::string first;
    std::unique_ptr<HttpStream> untaken;  // the machine's, if it has not taken all
  };
  // Once. Nothing: it was cut, both streams are closed. May destroy the exchange.
  using Done = std::function<void(std::optional<Over>)>;

  // `hop`: to whose proxy the answer went, unless say_first() is called.
  HopExchange(ProxyState& state, std::unique_ptr<HttpStream> hop,
              std::unique_ptr<HttpStream> machine, const KeptMachines::Key& keep_as, Done done);
  HopExchange(const HopExchange&) = delete;
  HopExchange& operator=(const HopExchange&) = delete;

  // Before start(): the answer, which is said with the machine's first bytes. Or before, by say().
  void say_first(std::function<std::string()> answer) { answer_ = std::move(answer); }
  [[nodiscard]] bool has_said() const { return !answer_; }
  void say();
  // `ahead`: what was read of its frames already.
  void start(std::string_view ahead);
  [[nodiscard]] int hop() const { return hop_->fd(); }
  // What is known of the machine's kernel, and when it is to be asked again; kNever: it owes no
  // acknowledgement.
  struct Look {
    bool silent = false;
    Instant next = kNever;
  };
  [[nodiscard]] Look look_at_machine(Instant now) const;

 private:
  void turn();
  bool step();
  void flush_machine();
  bool may_drain();
  bool read_hop();
  void on_hop_bytes(std::string_view bytes);
  bool read_machine();
  void end_behind_bytes();
  void finish(std::string_view first);
  void cut(bool clean);

  ProxyState& state_;
  std::unique_ptr<HttpStream> hop_;
  std::unique_ptr<HttpStream> machine_;
  KeptMachines::Key keep_as_;
  Done done_;
  std::function<std::string()> answer_;  // empty: it is said
  ExchangeReader frames_;
  enum class Machine : std::uint8_t { kOpen, kEnded, kReset };
  Machine said_ = Machine::kOpen;
  Instant asked_at_{};  // when bytes went to the machine last
  bool in_turn_ = false;
  LoopTimer grace_;
  Instant drained_by_ = kNever;  // where the hop ended before the machine took all
  Instant patience_ = kNever;    // with a stream that has not taken all before its reset
};

}  // namespace sixpn::flycast
