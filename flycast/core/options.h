// FlycastOptions: everything the room takes from configuration, with its defaults and their
// reasons. Plain values; filled by config or by a test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/ids.h"
#include "base/time.h"
#include "registry/core/keys.h"

namespace sixpn::flycast {

// How long and how often a connection is tried on machines before its client is refused. Attempts
// stop at the first limit that is reached. 40 attempts is what Fly's own proxy makes (fly.md 4.2).
struct RetryOptions {
  int max_attempts = 40;
  Duration deadline = std::chrono::seconds(30);
  // Once machines refuse because they are full (docs/decisions/0106).
  int max_full_attempts = 5;
  Duration full_deadline = std::chrono::seconds(2);
  // In one round: in the own region, and elsewhere.
  int max_in_region = 3;
  int max_outside = 2;
  // One attempt: from connect to the answer of a machine on this host; and while another machine
  // could be asked instead.
  Duration connect_timeout = std::chrono::seconds(1);
  Duration early_timeout = std::chrono::milliseconds(300);
  // Pauses between rounds, once every machine has been tried: 20 to 40 ms, doubling up to this
  // while nothing answers at all.
  Duration max_pause = std::chrono::seconds(1);
};

// To which apps an app may replay requests (replay_reach.h), by the names of orgs. Nothing set:
// those of its own org and network.
struct ReplayReach {
  // Orgs whose apps may replay to apps in other networks of the same org.
  std::set<std::string> across_networks;
  // Org -> the other orgs whose apps may replay to its apps, whatever the network.
  std::map<std::string, std::set<std::string>> sources;
  friend bool operator==(const ReplayReach&, const ReplayReach&) = default;
};

struct FlycastOptions {
  HostId self;
  std::string region;                // three letters, of this host
  std::uint16_t tproxy_port = 7948;  // [::1], where nftables hands over clients' connections
  std::uint16_t hop_port = 7947;     // [host address], where other hosts' proxies hand theirs over
  RetryOptions retry;
  // Loops that have connections and speak HTTP; 0: one for two processors, as the machines need
  // some too; four at most.
  unsigned loops = 0;
  // Threads that move bytes; 0: one per processor, four at most; each loop has one.
  unsigned relay_threads = 0;
  ReplayReach replay;
  // Proxied connections at once, both kinds together; lowered at start to what RLIMIT_NOFILE
  // carries.
  std::size_t max_sessions = 4096;
  // Of one client address, so that one machine cannot take all of them (Fly: 2048 per app and
  // edge).
  std::size_t max_sessions_per_client = 1024;
  // Hop connections of one host that have not sent their preamble; beyond it the oldest is reset.
  std::size_t max_silent_hops_per_host = 128;
  // The same of those that have served a request and may serve another.
  std::size_t max_resting_hops_per_host = 1024;
  // A machine of a service with autostop that had no connection for so long is not needed (Fly: 5
  // to 7 minutes).
  Duration idle_after = std::chrono::minutes(5);
  // How long a spare link to another host's proxy is kept; zero: none are. Less than
  // preamble_timeout, the other side's patience.
  Duration hop_link_idle = std::chrono::seconds(4);
  // Bytes to another host's proxy that no packet acknowledges for this long mean that it is gone.
  Duration hop_silence = std::chrono::seconds(15);
  // How long what is open goes on, once this proxy departs; then it is reset. Fly: 10 minutes.
  Duration drain = std::chrono::minutes(10);
  // Where proxies of this host find each other while one takes the other's place (departure.h);
  // "": they do not.
  std::string handover_path;
  // How long a hop connection may take to send its preamble.
  Duration preamble_timeout = std::chrono::seconds(5);
  // Of this host's key for TLS (tls_authority.h), and who vouches for its certificates. Nothing:
  // ports that end TLS are reset.
  std::optional<Secret> tls_seed;
  PublicKey root_key{};
  // From the acceptance of a connection until its TLS handshake is done; and how many such there
  // may be at once: beyond it, they are reset.
  Duration tls_handshake_timeout = std::chrono::seconds(10);
  std::size_t max_tls_handshakes = 1024;
};

}  // namespace sixpn::flycast
