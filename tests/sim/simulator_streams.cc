// Sync sessions over virtual streams: reliable, in order, cut by partitions and crashes, and under
// the bounds of registry/io/sync_endpoint.cc: so many bytes a second, so many served at one time.
// Several first syncs at once all go at the pace that the daemon gives to one.
#include <algorithm>
#include <stdexcept>

#include "registry/io/sync_endpoint.h"
#include "tests/sim/simulator_node.h"

namespace sixpn::sim {

using registry::SyncSession;

void Simulator::fail_stream(Node& from, HostId to, Duration after) {
  deliver(now_ + after, from.index, [this, to](Node& self) {
    perform(self, self.gossip->on_sync_finished(clocks(self), to, false));
  });
}

void Simulator::open_stream(Node& from, HostId to) {
  Node& peer = *nodes_[reached_as(from, to).value()];
  bool reached = reachable(from.index, peer.index) && has_tunnel(peer, from);
  if (!reached) return fail_stream(from, to, registry::kSyncIdleTimeout);
  Duration round_trip =
      network_.delay(from.index, peer.index, rng_) + network_.delay(peer.index, from.index, rng_);
  // One for each peer, the newest.
  if (auto old = peer.served.find(from.index); old != peer.served.end())
    close_stream(std::shared_ptr<Stream>(old->second));
  if (peer.served.size() >= registry::kMaxSyncsServed) return fail_stream(from, to, 2 * round_trip);
  registry::SyncOptions options;
  options.first = from.gossip->is_filling();
  options.selection = from.gossip->to_compare(to);
  auto stream = std::shared_ptr<Stream>(
      new Stream{{from.index,
                  from.life,
                  SyncSession(SyncSession::Role::kInitiator, from.gossip->store(), options),
                  {},
                  now_},
                 {peer.index,
                  peer.life,
                  SyncSession(SyncSession::Role::kResponder, peer.gossip->store()),
                  {},
                  now_},
                 now_,
                 now_});
  peer.served[from.index] = stream;
  watch_stream(stream);
  deliver(now_ + round_trip, from.index, [this, stream](Node&) { pump(stream, true); });
}

// Silence and a total time both end it.
void Simulator::watch_stream(const std::shared_ptr<Stream>& stream) {
  at(registry::kSyncIdleTimeout, [this, stream] {
    bool silent = now_ - stream->heard >= registry::kSyncIdleTimeout;
    if (silent || now_ - stream->begin >= registry::kSyncDeadline) return close_stream(stream);
    if (!stream->closed) watch_stream(stream);
  });
}

// As fast as it may.
void Simulator::pump(const std::shared_ptr<Stream>& stream, bool initiator) {
  Stream::End& end = initiator ? stream->near : stream->far;
  Node& node = *nodes_[end.host];
  while (!stream->closed && !end.waiting && node.life == end.life) {
    bool first = end.session.is_first();
    Duration wait = end.pace.wait(now_);
    if (!first) wait = std::max(wait, node.sync_pace.wait(now_));
    if (wait > Duration::zero()) {
      end.waiting = true;
      return deliver(now_ + wait, end.host, [this, stream, &end, initiator](Node&) {
        end.waiting = false;
        pump(stream, initiator);
      });
    }
    std::string chunk = end.session.take_output();
    if (chunk.empty()) return;
    end.pace.take(now_, chunk.size(),
                  first ? registry::kFirstSyncRate : registry::kSyncRatePerPeer);
    if (!first) node.sync_pace.take(now_, chunk.size(), registry::kSyncRateInAll);
    record_effect(end.host, chunk);
    stream_bytes_ += chunk.size();
    unsigned to = initiator ? stream->far.host : stream->near.host;
    end.last = std::max(end.last, now_ + network_.delay(end.host, to, rng_));
    deliver(end.last, to,
            [this, stream, initiator, chunk](Node&) { receive_chunk(stream, !initiator, chunk); });
  }
}

void Simulator::receive_chunk(const std::shared_ptr<Stream>& stream, bool to_initiator,
                              const std::string& chunk) {
  Stream::End& near = stream->near;
  Stream::End& far = stream->far;
  bool alive = nodes_[near.host]->life == near.life && nodes_[far.host]->life == far.life;
  if (stream->closed || !alive || !reachable(near.host, far.host)) return;
  stream->heard = now_;
  Stream::End& end = to_initiator ? near : far;
  Node& node = *nodes_[end.host];
  HostId peer = nodes_[to_initiator ? far.host : near.host]->identity.id;
  auto records = end.session.on_bytes(chunk);
  if (!records) throw std::logic_error(records.error().message + "; " + replay_hint());
  perform(node, metered(node, [&] {
            return node.gossip->on_sync_records(clocks(node), peer, *records);
          }));
  pump(stream, true);
  pump(stream, false);
  if (to_initiator && near.session.finished()) close_stream(stream);
}

// The initiator's end: the exchange is over, or its time is.
void Simulator::close_stream(const std::shared_ptr<Stream>& stream) {
  if (std::exchange(stream->closed, true)) return;
  Node& peer = *nodes_[stream->far.host];
  if (peer.life == stream->far.life) peer.served.erase(stream->near.host);
  Node& node = *nodes_[stream->near.host];
  if (node.life != stream->near.life) return;
  HostId id = nodes_[stream->far.host]->identity.id;
  perform(node, node.gossip->on_sync_finished(clocks(node), id, stream->near.session.settled()));
}

}  // namespace sixpn::sim
