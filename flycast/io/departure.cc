#include "flycast/io/departure.h"

#include <utility>
#include <vector>

#include "flycast/io/handover_socket.h"
#include "flycast/io/sockets.h"

namespace sixpn::flycast {

Result<void> Departure::begin(const std::string& path, Fd clients, Fd hops,
                              std::function<void()> on_successor) {
  clients_ = std::move(clients);
  hops_ = std::move(hops);
  on_successor_ = std::move(on_successor);
  if (path.empty()) return {};
  auto listener = listen_for_successor(path);
  if (!listener) return std::move(listener).error();
  listener_ = std::move(*listener);
  calls_.emplace(loop_, listener_.get(), [this] { on_call(); });
  return {};
}

void Departure::on_call() {
  Fd caller = accept_successor(listener_.get());
  if (!caller) return;
  successor_watch_.reset();
  successor_ = std::move(caller);
  if (!greet()) return lose_successor();
  successor_watch_.emplace(loop_, successor_.get(), [this] { on_successor_speaks(); });
}

// Everything that has gathered here.
bool Departure::greet() {
  std::vector<int> listeners;
  if (clients_ && hops_) listeners = {clients_.get(), hops_.get()};
  auto open = open_.all();
  auto counts = static_cast<std::uint32_t>(open.size());
  if (!send({HandoverKind::kListeners, {}, counts}, listeners)) return false;
  clients_.close();  // the successor's now
  hops_.close();
  told_.clear();
  tell_counts(std::move(open));  // that many, before those whom they may keep out
  for (; successor_ && !left_.empty(); left_.pop_front())
    if (!send({left_.front().kind, {}, 0}, {left_.front().socket.get()})) return false;
  return static_cast<bool>(successor_);
}

void Departure::on_successor_speaks() {
  auto said = receive_packet(successor_.get(), false);
  if (!said) {
    if (said.error().code != EAGAIN) lose_successor();
    return;
  }
  auto message = decode_handover(said->bytes);
  if (message && message->kind == HandoverKind::kServing) on_successor_();
}

void Departure::pass(HandoverKind kind, Fd socket) {
  if (successor_ && send({kind, {}, 0}, {socket.get()})) return;
  lose_successor();
  left_.push_back({kind, std::move(socket)});
}

// Connections on which nothing is under way end cleanly.
void Departure::stop_waiting() {
  clients_.close();
  hops_.close();
  for (Left& left : left_) allow_clean_close(left.socket.get());
  left_.clear();
}

void Departure::tell_counts() {
  if (successor_) tell_counts(open_.all());
}

void Departure::tell_counts(std::map<ServiceKey, std::uint32_t> open) {
  std::map<ServiceKey, std::uint32_t> now = open;
  for (const auto& [key, before] : told_) now.try_emplace(key, 0);
  for (const auto& [key, count] : now) {
    auto known = told_.find(key);
    if (known != told_.end() && known->second == count) continue;
    if (!send({HandoverKind::kOpen, key, count}, {})) return lose_successor();
  }
  told_ = std::move(open);
}

bool Departure::send(const HandoverMessage& message, const std::vector<int>& sockets) {
  return send_packet(successor_.get(), encode_handover(message), sockets);
}

void Departure::lose_successor() {
  successor_watch_.reset();
  successor_.close();
}

}  // namespace sixpn::flycast
