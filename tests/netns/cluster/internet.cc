#include "tests/netns/cluster/internet.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <queue>
#include <set>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/io/clock.h"
#include "base/rng.h"

namespace sixpn::testing {
namespace {

constexpr std::size_t kMaxInFlight = 4096;
constexpr std::size_t kMaxPacket = 2048;
constexpr int kIpv4Destination = 16;  // offset in an IPv4 header

struct Attached {
  std::string name;
  std::uint32_t address = 0;  // network order
  Fd tun;
};

struct Packet {
  Instant due;
  std::uint64_t order = 0;  // keeps packets of equal time in order
  std::size_t to = 0;
  std::string bytes;
};
struct Later {
  bool operator()(const Packet& a, const Packet& b) const {
    return std::tie(a.due, a.order) > std::tie(b.due, b.order);
  }
};

using Pair = std::pair<std::string, std::string>;
Pair pair_of(const std::string& a, const std::string& b) {
  return a < b ? Pair(a, b) : Pair(b, a);
}

Result<void> set_interface(int control, const ifreq& base, std::uint32_t address) {
  ifreq request = base;
  auto* in = reinterpret_cast<sockaddr_in*>(&request.ifr_addr);
  in->sin_family = AF_INET;
  in->sin_addr.s_addr = address;
  if (ioctl(control, SIOCSIFADDR, &request) != 0) return Error::from_errno("SIOCSIFADDR");
  in->sin_addr.s_addr = htonl(0xffffff00);
  if (ioctl(control, SIOCSIFNETMASK, &request) != 0) return Error::from_errno("SIOCSIFNETMASK");
  request = base;
  request.ifr_mtu = 1500;
  if (ioctl(control, SIOCSIFMTU, &request) != 0) return Error::from_errno("SIOCSIFMTU");
  request = base;
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (ioctl(control, SIOCSIFFLAGS, &request) != 0) return Error::from_errno("SIOCSIFFLAGS");
  std::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
  if (ioctl(control, SIOCSIFFLAGS, &request) != 0) return Error::from_errno("lo up");
  return {};
}

// Runs on a thread that has entered the namespace.
Result<Fd> make_tun(std::uint32_t address) {
  Fd tun(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!tun) return Error::from_errno("/dev/net/tun");
  ifreq request{};
  std::strncpy(request.ifr_name, "eth0", IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (ioctl(tun.get(), TUNSETIFF, &request) != 0) return Error::from_errno("TUNSETIFF eth0");
  Fd control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (auto done = set_interface(control.get(), request, address); !done) return done.error();
  return tun;
}

Result<Fd> make_tun_in(const std::string& netns_path, std::uint32_t address) {
  Result<Fd> made = Error("not run");
  std::thread([&] {
    Fd netns(open(netns_path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!netns) {
      made = Error::from_errno(netns_path);
    } else if (setns(netns.get(), CLONE_NEWNET) != 0) {
      made = Error::from_errno("setns " + netns_path);
    } else {
      made = make_tun(address);
    }
  }).join();
  return made;
}

}  // namespace

struct Internet::Impl {
  explicit Impl(std::uint64_t seed) : rng(seed), wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  void run() {
    std::vector<pollfd> watched;
    for (const auto& host : hosts) watched.push_back({host.tun.get(), POLLIN, 0});
    watched.push_back({wake.get(), POLLIN, 0});
    while (!stopping) {
      timespec wait = until_next();
      ppoll(watched.data(), watched.size(), &wait, nullptr);
      for (std::size_t i = 0; i < hosts.size(); ++i)
        if (watched[i].revents & POLLIN) receive(i);
      deliver();
    }
  }

  timespec until_next() {
    constexpr auto kLongest = Duration(std::chrono::milliseconds(200));
    Duration wait = kLongest;
    if (!in_flight.empty())
      wait = std::clamp(in_flight.top().due - monotonic_now(), Duration(0), kLongest);
    return {0, static_cast<long>(wait.count() * 1000)};
  }

  void receive(std::size_t from) {
    char buffer[kMaxPacket];
    ssize_t length;
    while ((length = read(hosts[from].tun.get(), buffer, sizeof buffer)) > 0)
      route(from, std::string(buffer, static_cast<std::size_t>(length)));
  }

  void route(std::size_t from, std::string bytes) {
    if (bytes.size() < 20 || (bytes[0] & 0xf0) != 0x40) return;  // IPv4 only
    std::uint32_t destination = 0;
    std::memcpy(&destination, bytes.data() + kIpv4Destination, sizeof destination);
    for (std::size_t to = 0; to < hosts.size(); ++to) {
      if (hosts[to].address != destination || to == from) continue;
      std::lock_guard lock(mutex);
      auto path = pair_of(hosts[from].name, hosts[to].name);
      if (cuts.contains(path) || rng.chance(loss)) return;
      if (in_flight.size() >= kMaxInFlight) {
        ++dropped;
        return;
      }
      auto delay = delays.find(path);
      auto due = monotonic_now() + (delay == delays.end() ? Duration(0) : delay->second);
      in_flight.push({due, ++order, to, std::move(bytes)});
      return;
    }
  }

  void deliver() {
    while (!in_flight.empty() && in_flight.top().due <= monotonic_now()) {
      const Packet& packet = in_flight.top();
      ssize_t written = write(hosts[packet.to].tun.get(), packet.bytes.data(), packet.bytes.size());
      ++(written > 0 ? delivered : dropped);
      in_flight.pop();
    }
  }

  std::vector<Attached> hosts;
  std::mutex mutex;  // guards what the control methods change
  std::map<Pair, Duration> delays;
  std::set<Pair> cuts;
  double loss = 0;
  Rng rng;
  std::priority_queue<Packet, std::vector<Packet>, Later> in_flight;  // packet thread only
  std::uint64_t order = 0;
  std::atomic<std::uint64_t> delivered = 0;
  std::atomic<std::uint64_t> dropped = 0;
  std::atomic<bool> stopping = false;
  Fd wake;
  std::thread thread;
};

Internet::Internet(std::uint64_t seed) : impl_(std::make_unique<Impl>(seed)) {}

Internet::~Internet() {
  impl_->stopping = true;
  std::uint64_t one = 1;
  static_cast<void>(!write(impl_->wake.get(), &one, sizeof one));
  if (impl_->thread.joinable()) impl_->thread.join();
}

Result<void> Internet::add_host(const std::string& name, const std::string& netns_path,
                                const std::string& address) {
  in_addr parsed{};
  if (inet_pton(AF_INET, address.c_str(), &parsed) != 1)
    return Error(address + " is not an IPv4 address");
  auto tun = make_tun_in(netns_path, parsed.s_addr);
  if (!tun) return std::move(tun).error().within("host " + name);
  impl_->hosts.push_back({name, parsed.s_addr, std::move(tun).value()});
  return {};
}

void Internet::set_delay(const std::string& a, const std::string& b, Duration one_way) {
  std::lock_guard lock(impl_->mutex);
  impl_->delays[pair_of(a, b)] = one_way;
}

void Internet::set_loss(double probability) {
  std::lock_guard lock(impl_->mutex);
  impl_->loss = probability;
}

void Internet::cut(const std::string& a, const std::string& b) {
  std::lock_guard lock(impl_->mutex);
  impl_->cuts.insert(pair_of(a, b));
}

void Internet::cut_off(const std::string& name) {
  for (const auto& host : impl_->hosts)
    if (host.name != name) cut(host.name, name);
}

void Internet::heal() {
  std::lock_guard lock(impl_->mutex);
  impl_->cuts.clear();
}

void Internet::start() {
  impl_->thread = std::thread([this] { impl_->run(); });
}

std::uint64_t Internet::delivered() const {
  return impl_->delivered;
}

std::uint64_t Internet::dropped() const {
  return impl_->dropped;
}

Duration region_delay(const std::string& a, const std::string& b) {
  static const std::map<Pair, Duration> kDelays = {
      {{"fra", "iad"}, std::chrono::milliseconds(45)},
      {{"iad", "nrt"}, std::chrono::milliseconds(80)},
      {{"fra", "nrt"}, std::chrono::milliseconds(115)},
  };
  if (a == b) return std::chrono::microseconds(200);
  auto found = kDelays.find(pair_of(a, b));
  return found == kDelays.end() ? Duration(std::chrono::milliseconds(60)) : found->second;
}

}  // namespace sixpn::testing
