#include "flycast/io/inheritance.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "base/log.h"
#include "flycast/io/handover_socket.h"
#include "flycast/io/sockets.h"

namespace sixpn::flycast {
namespace {

bool listens_on(const Fd& socket, const IpEndpoint& wanted) {
  int listening = 0;
  socklen_t size = sizeof listening;
  return getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 &&
         listening == 1 && local_endpoint(socket.get()) == wanted;
}

}  // namespace

bool Inheritance::meet(const std::string& path, const IpEndpoint& clients, const IpEndpoint& hops) {
  predecessor_ = find_predecessor(path);
  if (!predecessor_) return false;
  auto packet = receive_packet(predecessor_.get(), true);
  auto message = packet ? decode_handover(packet->bytes) : Result<HandoverMessage>(packet.error());
  if (!message || message->kind != HandoverKind::kListeners) {
    log::warn("flycast", "the agent before this one hands nothing over: {}",
              message ? "it speaks of something else" : message.error().message);
    predecessor_.close();
    return false;
  }
  for (Fd& socket : packet->sockets) {
    if (listens_on(socket, clients))
      listeners_.clients = std::move(socket);
    else if (listens_on(socket, hops))
      listeners_.hops = std::move(socket);
  }
  await_counts(message->open);
  return true;
}

// In the queues of those sockets clients wait already. A predecessor that dies meanwhile has none
// open.
void Inheritance::await_counts(std::uint32_t expected) {
  for (; expected > 0; --expected) {
    auto packet = receive_packet(predecessor_.get(), true);
    auto message =
        packet ? decode_handover(packet->bytes) : Result<HandoverMessage>(packet.error());
    if (!message || message->kind != HandoverKind::kOpen) {
      log::warn("flycast", "the agent before this one did not tell all that it has open: {}",
                message ? "it speaks of something else" : message.error().message);
      return;
    }
    count(message->key, message->open);
  }
}

void Inheritance::follow(Heirs heirs) {
  if (!predecessor_) return;
  heirs_ = std::move(heirs);
  send_packet(predecessor_.get(), encode_handover({HandoverKind::kServing, {}, 0}), {});
  watch_.emplace(loop_, predecessor_.get(), [this] { on_readable(); });
  on_readable();
}

void Inheritance::on_readable() {
  while (true) {
    auto packet = receive_packet(predecessor_.get(), false);
    if (!packet && packet.error().code == EAGAIN) return;
    if (!packet) return stop();
    if (auto message = decode_handover(packet->bytes))
      on_packet(*message, std::move(packet->sockets));
  }
}

void Inheritance::on_packet(const HandoverMessage& message, std::vector<Fd> sockets) {
  switch (message.kind) {
    case HandoverKind::kClient:
      for (Fd& client : sockets) heirs_.on_client(std::move(client));
      return;
    case HandoverKind::kHop:
      for (Fd& hop : sockets) heirs_.on_hop(std::move(hop));
      return;
    case HandoverKind::kOpen:
      return count(message.key, message.open);
    case HandoverKind::kListeners:
    case HandoverKind::kServing:
      return;
  }
}

void Inheritance::count(const ServiceKey& key, std::uint32_t open) {
  auto& tickets = open_[key];
  while (tickets.size() > open) tickets.pop_back();
  while (tickets.size() < open) {
    auto ticket = counts_.admit(key, 0);
    if (!ticket) break;  // about to be put to sleep
    tickets.push_back(std::move(*ticket));
  }
  if (tickets.empty()) open_.erase(key);
}

// What it had open is closed with it.
void Inheritance::stop() {
  watch_.reset();
  predecessor_.close();
  open_.clear();
}

}  // namespace sixpn::flycast
