// Sync sessions over virtual streams: reliable, in order, cut by partitions and crashes.
#include <stdexcept>

#include "tests/sim/simulator_node.h"

namespace sixpn::sim {

using registry::SyncSession;

namespace {

constexpr Duration kStreamTimeout = 5s;  // a stream whose peer is gone

}  // namespace

void Simulator::open_stream(Node& from, HostId to) {
  Node& peer = *nodes_[to.value - host_id(0).value];
  if (!reachable(from.index, peer.index)) {
    deliver(now_ + kStreamTimeout, from.index, [this, to](Node& self) {
      perform(self, self.gossip->on_sync_finished(clocks(self), to, false));
    });
    return;
  }
  auto stream = std::shared_ptr<Stream>(new Stream{
      from.index, peer.index, from.life, peer.life,
      SyncSession(SyncSession::Role::kInitiator, from.gossip->store()),
      SyncSession(SyncSession::Role::kResponder, peer.gossip->store()), now_, now_, false});
  deliver(now_ + kStreamTimeout, from.index, [this, stream](Node&) { close_stream(stream); });
  pump(stream);
}

void Simulator::pump(const std::shared_ptr<Stream>& stream) {
  auto drain = [&](SyncSession& session, unsigned from, unsigned to, Instant& last,
                   bool to_initiator) {
    for (std::string chunk = session.take_output(); !chunk.empty(); chunk = session.take_output()) {
      record_effect(from, chunk);
      stream_bytes_ += chunk.size();
      last = std::max(last, now_ + network_.delay(from, to, rng_));
      deliver(last, to, [this, stream, to_initiator, chunk](Node&) {
        receive_chunk(stream, to_initiator, chunk);
      });
    }
  };
  drain(stream->near, stream->initiator, stream->responder, stream->far_last, false);
  drain(stream->far, stream->responder, stream->initiator, stream->near_last, true);
}

void Simulator::receive_chunk(const std::shared_ptr<Stream>& stream, bool to_initiator,
                              const std::string& chunk) {
  bool alive = nodes_[stream->initiator]->life == stream->initiator_life &&
               nodes_[stream->responder]->life == stream->responder_life;
  if (stream->closed || !alive || !reachable(stream->initiator, stream->responder)) return;
  Node& node = *nodes_[to_initiator ? stream->initiator : stream->responder];
  HostId peer = nodes_[to_initiator ? stream->responder : stream->initiator]->identity.id;
  auto records = (to_initiator ? stream->near : stream->far).on_bytes(chunk);
  if (!records) throw std::logic_error(records.error().message + "; " + replay_hint());
  perform(node, node.gossip->on_sync_records(clocks(node), peer, *records));
  pump(stream);
  if (to_initiator && stream->near.finished()) close_stream(stream);
}

// The initiator's end: the exchange is over, or its time is.
void Simulator::close_stream(const std::shared_ptr<Stream>& stream) {
  if (std::exchange(stream->closed, true)) return;
  Node& node = *nodes_[stream->initiator];
  if (node.life != stream->initiator_life) return;
  HostId peer = nodes_[stream->responder]->identity.id;
  perform(node, node.gossip->on_sync_finished(clocks(node), peer, stream->near.settled()));
}

}  // namespace sixpn::sim
